"""Is this store the one that was left here, and as far on? If not, nothing is spent before it is adopted.

A copy, or a backup that was put back, knows nothing of what was refreshed since: the refresh tokens in it may
be spent, and to present one again ends every token of the person. So where a store is behind what was noted
of it beside its key, or lives elsewhere, tokens are read and serve to their end, and nothing is renewed until
`tokenflow adopt` (security.md A3, R25).

What was noted is the anchor of its audit trail: every change leaves a line there, so how long the chains are
says how far the store has come. It is noted at most once a second, and at close (ruling 9).
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Final

import attrs

from tokenflow.core.errors import Refused
from tokenflow.core.tokens import Instant
from tokenflow.engine.anchoring import Anchor, Moorings, anchor_in
from tokenflow.engine.homes import home_of
from tokenflow.engine.stores import Store
from tokenflow.engine.trails import AuditChain

SHELF: Final = "store"
UNADOPTED: Final = "unadopted"
"""What stands there while what is in a store has to be adopted first, whatever its anchor says."""
LOOK: Final = 1.0
"""Seconds for which a look is believed."""
log = logging.getLogger(__name__)


@attrs.frozen
class Suspicion:
    """Why a store is not believed."""

    cause: str
    """behind, elsewhere, unsigned, imported, accepted."""
    says: str


def suspicion(moorings: Moorings) -> Suspicion | None:
    """Return what is suspicious about a store, or None; raises StoreError."""
    return _held(moorings.store) or strayed(moorings)


def strayed(moorings: Moorings) -> Suspicion | None:
    """Return how a store differs from what was noted of it, or None; raises StoreError.

    The note is read before the store: what is written meanwhile only adds to it.
    """
    if moorings.file is None:
        return None
    text = moorings.beside()
    chains = moorings.store.chains()
    if text is None:
        return _without_note(moorings)
    noted = anchor_in(text, moorings.store_id, moorings.witness)
    if noted is None:
        return Suspicion("unsigned", f"{moorings.file} was not written for this store")
    if _lost(moorings.store, noted, chains):
        here = Anchor.of(chains, 0).lines
        return Suspicion(
            "behind", f"the store is at line {here} of its trail, and {moorings.file} counts {noted.lines}"
        )
    return _elsewhere(moorings, noted)


def lives_elsewhere(moorings: Moorings) -> bool:
    """Return whether what is noted beside the store is of another file, or another machine's."""
    text = moorings.beside()
    noted = None if text is None else anchor_in(text, moorings.store_id, moorings.witness)
    return noted is not None and _elsewhere(moorings, noted) is not None


def _without_note(moorings: Moorings) -> Suspicion | None:
    """Judge by what the store says itself: it was just made, its note was lost, or it came from elsewhere."""
    own = moorings.own()
    return None if own is None else _elsewhere(moorings, own)


def _elsewhere(moorings: Moorings, noted: Anchor) -> Suspicion | None:
    here = home_of(moorings.store)
    if here is None or noted.home is None or not here.is_other(noted.home):
        return None
    which = "another file" if here.file != noted.home.file else "another machine"
    return Suspicion("elsewhere", f"this store lived in {which}: it is a copy, or was moved")


def _lost(store: Store, noted: Anchor, chains: list[AuditChain]) -> bool:
    """Return whether a line that was noted is not in the store: it is behind, or went another way."""
    here = {chain.chain: chain for chain in chains}
    for number, (length, head) in noted.ends.items():
        chain = here.get(number, AuditChain(chain=number))
        if length > chain.number or (length > chain.base and _head(store, chain, length) != head):
            return True
    return False


def _head(store: Store, chain: AuditChain, number: int) -> str:
    if number == chain.number:
        return chain.head.hex()
    return "".join(line.head.hex() for line in store.lines(chain.chain, number - 1, 1))


def hold(store: Store, cause: str, says: str, at: Instant) -> None:
    """Have a store adopted before anything in it is spent; raises StoreError."""
    store.put(SHELF, UNADOPTED, json.dumps({"cause": cause, "says": says, "at": at}).encode())


def release(store: Store) -> None:
    """Note that it was adopted."""
    store.take(SHELF, UNADOPTED)


def _held(store: Store) -> Suspicion | None:
    kept = store.get(SHELF, UNADOPTED)
    if kept is None:
        return None
    try:
        told = json.loads(kept)
        return Suspicion(str(told["cause"]), str(told["says"]))
    except (ValueError, KeyError, TypeError):
        return Suspicion("imported", "what it holds was not adopted yet")


class Watch:
    """Looks at most once a second. Any thread may ask."""

    def __init__(self, moorings: Moorings, ticks: Callable[[], float] = time.monotonic) -> None:
        self._moorings, self._ticks = moorings, ticks
        self._looked = float("-inf")
        self._seen: Suspicion | None = None

    def look(self) -> Suspicion | None:
        """Return what is suspicious about the store; raises StoreError."""
        now = self._ticks()
        if now - self._looked >= LOOK:
            seen = suspicion(self._moorings)
            if seen is not None and self._seen is None:
                log.error("nothing is refreshed before `tokenflow adopt`: %s", seen.says)
            self._looked, self._seen = now, seen
        return self._seen

    def again(self) -> Suspicion | None:
        """Look now."""
        self._looked = float("-inf")
        return self.look()

    def demand(self) -> None:
        """Raise Refused("rollback_suspected") while something is; raises StoreError."""
        seen = self.look()
        if seen is not None:
            raise Refused(
                "rollback_suspected",
                f"nothing is refreshed: {seen.says}",
                mend="what is held serves to its end; look: tokenflow adopt --dry-run, then: tokenflow adopt",
            )
