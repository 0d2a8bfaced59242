"""What plugins offer, as the reader of specs wants it. It loads neither plugin nor engine."""

from collections.abc import Iterable
from typing import Final

from tokenflow.hooks.offers import Offer
from tokenflow.spec.names import Names

BUILT_IN_SCHEMES: Final = frozenset({"env", "file", "systemd"})
"""The schemes of secret references that need no plugin."""


def names_of(offers: Iterable[Offer]) -> Names:
    """Return the names a spec may use."""
    found = tuple(offers)
    by_kind: dict[str, set[str]] = {}
    for offer in found:
        by_kind.setdefault(offer.kind, set()).add(offer.name)

    def of(*kinds: str) -> frozenset[str]:
        return frozenset(name for kind in kinds for name in by_kind.get(kind, ()))

    return Names(
        acquirers=of("acquirer"),
        callbacks=of("callback"),
        commands=of("command", "code_exchange"),
        derivers=of("deriver"),
        guards=of("guard"),
        stores=of("store"),
        secret_schemes=of("secret_source") | BUILT_IN_SCHEMES,
        plugins=(offer.plugin for offer in found),
        options={offer.name: offer.options for offer in found if offer.options is not None},
        runs_on={offer.name: offer.runs_on for offer in found if offer.runs_on is not None},
        # A form that tokens are found in may be called as what they come from, and calls nothing.
        endpoints={offer.name: offer.endpoints for offer in found if offer.kind != "format"},
        handed=frozenset(offer.name for offer in found if offer.handed),
    )
