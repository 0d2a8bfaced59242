"""What the installed plugins offer, as far as a spec may name it."""

from collections.abc import Iterable

import attrs


def _frozen(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


@attrs.frozen(kw_only=True)
class Names:
    """Names by kind; None is unknown, and then nothing is said about it."""

    acquirers: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    commands: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    """Commands and code exchanges."""
    derivers: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    guards: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    stores: frozenset[str] | None = attrs.field(default=None, converter=_frozen)
    secret_schemes: frozenset[str] | None = attrs.field(default=None, converter=_frozen)

    def kind_of(self, name: str) -> str | None:
        """Return what *name* is: an acquirer, a command, a deriver, a store; None when nobody offers it."""
        kinds = {
            "acquirer": self.acquirers,
            "command": self.commands,
            "deriver": self.derivers,
            "store": self.stores,
        }
        return next((kind for kind, names in kinds.items() if names and name in names), None)
