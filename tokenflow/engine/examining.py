"""Is the audit trail what was written? Each chain is walked, and held against what was signed of it."""

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from tokenflow.engine.anchoring import Anchor, Moorings
from tokenflow.engine.stores import Store
from tokenflow.engine.trails import AuditChain, AuditLine
from tokenflow.engine.witnessing import CHAINS, Witness

_PAGE: Final = 1_000
"""Lines read at once."""


@attrs.frozen(kw_only=True)
class Flaw:
    """The first line of a chain that is not as it was written; those behind it prove nothing."""

    chain: int | None
    """None: it is about an anchor as a whole."""
    number: int | None
    says: str


@attrs.frozen(kw_only=True)
class Verdict:
    """What an examination found."""

    lines: int
    """Lines that were looked at."""
    pruned: int
    """Lines that were pruned before, by whoever has the key."""
    anchors: Mapping[str, Anchor]
    """What it was held against, by name."""
    flaws: tuple[Flaw, ...]
    """Of each chain the first, by chain; the anchors' own before them."""


def examine(moorings: Moorings) -> Verdict:
    """Return what is wrong with a store's trail, while others may go on writing it; raises StoreError."""
    store, witness = moorings.store, moorings.witness
    anchors, flaws = _anchors(moorings)  # before the chains: what is written meanwhile only adds to them
    counted = pruned = 0
    for chain in every_chain(store):
        settled, looked, flaw = _settled(store, witness, chain, anchors)
        counted, pruned = counted + looked, pruned + settled.base
        flaws += [] if flaw is None else [flaw]
    return Verdict(lines=counted, pruned=pruned, anchors=anchors, flaws=tuple(flaws))


def every_chain(store: Store) -> list[AuditChain]:
    """Return where each chain begins and ends, also those that have not begun."""
    begun = {one.chain: one for one in store.chains()}
    return [begun.get(chain, AuditChain(chain=chain)) for chain in range(CHAINS)]


def walk(store: Store, after: AuditLine | AuditChain) -> Iterator[AuditLine]:
    """Yield the lines of a chain behind a line, or from where the chain begins."""
    last = after.number if isinstance(after, AuditLine) else after.base
    while page := store.lines(after.chain, last, _PAGE):
        yield from page
        last = page[-1].number


def _anchors(moorings: Moorings) -> tuple[dict[str, Anchor], list[Flaw]]:
    anchors, flaws = {}, []
    for name, anchor in moorings.stood().items():
        if anchor is None:
            flaws.append(Flaw(chain=None, number=None, says=f"{name} was not signed for this trail"))
        else:
            anchors[name] = anchor
    return anchors, flaws


def _settled(
    store: Store, witness: Witness, chain: AuditChain, anchors: Mapping[str, Anchor]
) -> tuple[AuditChain, int, Flaw | None]:
    """Look at one chain, and again when it was pruned in the meantime."""
    while True:
        looked, flaw = _chain(store, witness, chain, anchors)
        if flaw is None or (now := every_chain(store)[chain.chain]).base == chain.base:
            return chain, looked, flaw
        chain = now


def _chain(
    store: Store, witness: Witness, chain: AuditChain, anchors: Mapping[str, Anchor]
) -> tuple[int, Flaw | None]:
    """Return how many lines of a chain hold, and the first that does not."""
    if not witness.sealed(chain):
        return 0, _flaw(chain, chain.base, "was pruned to by somebody without the key")
    ends = _ends(chain, anchors)
    signed = {end.number: end for end in ends}
    number, head = chain.base, chain.base_head
    for line in walk(store, chain):
        bound = line.number == number + 1 and line.head == witness.head(
            line.chain, line.number, head, line.body
        )
        if not bound or (line.number in signed and _unlike(line, ends)):
            return number - chain.base, _flaw(chain, number + 1, _amiss(line, number, bound, ends))
        number, head = line.number, line.head
    longest = max(ends, key=lambda end: end.number)
    if longest.number > number:
        says = f"is missing, and what came behind it: {longest.signer} counts {longest.number}"
        return number - chain.base, _flaw(chain, number + 1, says)
    return number - chain.base, None


def _amiss(line: AuditLine, number: int, bound: bool, ends: "list[_End]") -> str:
    """Say why a line is not the one that follows the line of that number."""
    if line.number != number + 1:
        return f"is missing: line {line.number} comes next"
    return _unlike(line, ends) or "" if bound else "was changed, moved or put there"


@attrs.frozen
class _End:
    """Who says that a chain once ended at a line."""

    number: int
    head: bytes
    signer: str


def _ends(chain: AuditChain, anchors: Mapping[str, Anchor]) -> list[_End]:
    """Return the ends that are known of a chain; what lies before its base nobody can look at any more."""
    ends = [_End(chain.number, chain.head, "the store's own list")]
    for name, anchor in anchors.items():
        if chain.chain in anchor.ends:
            number, head = anchor.ends[chain.chain]
            ends.append(_End(number, bytes.fromhex(head), name))
    return [end for end in ends if end.number > chain.base] or ends[:1]


def _unlike(line: AuditLine, ends: list[_End]) -> str | None:
    """Return who signed another line in its place."""
    for end in ends:
        if end.number == line.number and end.head != line.head:
            return f"is another than {end.signer} has there"
    return None


def _flaw(chain: AuditChain, number: int, says: str) -> Flaw:
    return Flaw(chain=chain.chain, number=number, says=says)
