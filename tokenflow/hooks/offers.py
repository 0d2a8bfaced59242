"""What plugins offer, as data: enough to check a spec by, and nothing to run."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

DISABLE: Final = "TOKENFLOW_DISABLE_PLUGINS"
"""The environment variable that names plugins to leave alone, separated by commas; `1`: all foreign ones."""
FOREIGN: Final = "1"
ALLOW: Final = "TOKENFLOW_ALLOW_PLUGINS"
"""The environment variable that names the foreign distributions whose plugins may be imported, separated by
commas, each with its version if only that one may: `acme-tokens==1.2`. Not set: whatever is installed."""


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
    return tuple(name for name in _named(environ.get(DISABLE, "")) if name != FOREIGN)


def disables_foreign(environ: Mapping[str, str]) -> bool:
    """Return whether the environment leaves alone all that did not come with tokenflow."""
    return FOREIGN in _named(environ.get(DISABLE, ""))


def allowed_by(environ: Mapping[str, str]) -> frozenset[str] | None:
    """Return the distributions (`name`, or `name==version`) the environment allows; None: all."""
    return frozenset(_named(environ[ALLOW])) if ALLOW in environ else None


def _named(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
