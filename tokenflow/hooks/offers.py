"""What plugins offer, as data: enough to check a spec by, and nothing to run."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

DISABLE: Final = "TOKENFLOW_DISABLE_PLUGINS"
"""The environment variable that names plugins to leave alone, separated by commas."""


@attrs.frozen(kw_only=True)
class Offer:
    """A name that a plugin offers."""

    plugin: str
    kind: str
    """acquirer, callback, command, code_exchange, deriver, format, guard, key_service, secret_source or
    store."""
    name: str
    runs_on: frozenset[str] | None = None
    """client, server; None for a kind that runs nowhere of its own."""
    options: Mapping[str, Any] | None = None
    """JSON Schema of the spec's `with:`; None for a kind that takes none."""
    endpoints: tuple[str, ...] = ()
    """Endpoints of the issuer it calls, sorted."""
    handed: bool = False
    """Whether what it brings was handed over by another, and is to be verified."""


def disabled_by(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the plugins that the environment leaves alone."""
    return tuple(name.strip() for name in environ.get(DISABLE, "").split(",") if name.strip())
