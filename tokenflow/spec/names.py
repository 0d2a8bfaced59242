"""What the installed plugins offer, as far as a spec may name it."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs


def _frozen(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


@attrs.frozen(kw_only=True)
class Names:
    """Names by kind; None is unknown, and then nothing is said about it."""

    acquirers: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    callbacks: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    commands: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    """Commands and code exchanges."""
    derivers: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    guards: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    stores: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    secret_schemes: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    plugins: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    """The plugins themselves, by their entry points."""
    options: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, repr=False, hash=False)
    """Capability -> JSON Schema of its `with:`; one that is not here takes anything."""
    runs_on: Mapping[str, frozenset[str]] = attrs.field(factory=dict, repr=False, hash=False)
    """Capability -> client, server, or both; one that is not here runs anywhere."""
    endpoints: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, repr=False, hash=False)
    """Capability -> the endpoints of the issuer it calls."""
    handed: frozenset[str] = frozenset()
    """Acquirers whose token was handed over by another, and is to be verified."""

    def kind_of(self, name: str) -> str | None:
        """Return what *name* is (acquirer, callback, command, deriver, store); None when nobody offers it."""
        kinds = {
            "acquirer": self.acquirers,
            "callback": self.callbacks,
            "command": self.commands,
            "deriver": self.derivers,
            "store": self.stores,
        }
        return next((kind for kind, names in kinds.items() if names and name in names), None)
