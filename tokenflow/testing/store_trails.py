"""What the capability `audit` adds to a store's contract: lines that stand and fall with their change."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs
import pytest

from tokenflow.core.errors import RevisionConflict, StoreUnreadable
from tokenflow.engine.stores import Store, Write
from tokenflow.engine.trails import AuditChain, AuditLine, AuditRecord
from tokenflow.testing.store_rows import add, entry, row


def follow(before: AuditChain, body: bytes) -> AuditLine:
    """Bind a line to those before it, as an engine does, with a hash that has no key.

    A body `!` cannot be said: raises StoreUnreadable.
    """
    if body == b"!":
        raise StoreUnreadable("this line cannot be made")
    number = before.number + 1
    head = hashlib.sha256(b"%d %d " % (before.chain, number) + before.head + body).digest()
    return AuditLine(chain=before.chain, number=number, body=body, head=head)


def said(*lines: tuple[int, bytes]) -> AuditRecord:
    """Return a record of *lines*: (chain, body)."""
    return AuditRecord(said=lines, follow=follow)


def linked(chain: int, *bodies: bytes) -> list[AuditLine]:
    """Return the lines that a chain has after *bodies*."""
    stands, lines = AuditChain(chain=chain), []
    for body in bodies:
        line = follow(stands, body)
        stands = AuditChain(chain=chain, number=line.number, head=line.head)
        lines.append(line)
    return lines


@attrs.define
class Trail:
    """What a trail holds, written the plainest way: all that was ever said, and how far it was pruned."""

    ever: dict[int, list[AuditLine]] = attrs.field(factory=dict)
    cuts: dict[int, tuple[AuditLine, bytes]] = attrs.field(factory=dict)

    def say(self, record: AuditRecord | None) -> None:
        """Append what *record* says."""
        for chain, body in () if record is None else record.said:
            lines = self.ever.setdefault(chain, [])
            lines.append(linked(chain, *(line.body for line in lines), body)[-1])

    def prune(self, last: AuditLine, seal: bytes) -> bool:
        """Note that a chain was pruned, and return whether it was not pruned as far before."""
        if last.chain in self.cuts and self.cuts[last.chain][0].number >= last.number:
            return False
        self.cuts[last.chain] = last, seal
        return True

    def chains(self) -> list[AuditChain]:
        """Return where each chain begins and ends."""
        return [self._stands(chain, lines[-1]) for chain, lines in sorted(self.ever.items())]

    def _stands(self, chain: int, last: AuditLine) -> AuditChain:
        stands = AuditChain(chain=chain, number=last.number, head=last.head)
        if chain not in self.cuts:
            return stands
        cut, seal = self.cuts[chain]
        return attrs.evolve(stands, base=cut.number, base_head=cut.head, seal=seal)

    def lines(self, chain: int, after: int) -> list[AuditLine]:
        """Return what is left of a chain beyond a number."""
        base = self.cuts[chain][0].number if chain in self.cuts else 0
        return [line for line in self.ever.get(chain, ()) if line.number > max(base, after)]


def lines_follow_one_another_in_their_chain(store: Store) -> None:
    """What a save, a note and a forgetting say stands in order in its chain, each bound to the one before."""
    dead = row("a", live=False)
    store.save([Write(row=dead, expected=0)], mark=5, record=said((7, b"1"), (0, b"\x00\xff"), (7, b"2")))
    store.note(entry(dead, event_id="e1"), 9, record=said((7, b"3")))
    assert store.forget("acme", "a", record=said((7, b"4")))
    store.save([], mark=0, record=said((7, b"5")))
    assert store.lines(7, 0, 99) == linked(7, b"1", b"2", b"3", b"4", b"5")
    assert store.lines(0, 0, 99) == linked(0, b"\x00\xff")
    assert store.lines(1, 0, 99) == []
    assert store.lines(7, 1, 2) == linked(7, b"1", b"2", b"3")[1:]
    last, other = store.lines(7, 4, 1)[0], store.lines(0, 0, 1)[0]
    assert store.chains() == [
        AuditChain(chain=0, number=1, head=other.head),
        AuditChain(chain=7, number=5, head=last.head),
    ]
    assert store.mark() == 5, "a line alone must not move the mark"


def no_change_no_line(store: Store) -> None:
    """A save that is refused, and a forgetting of what is not there, leave no line."""
    add(store, row("a"))
    with pytest.raises(RevisionConflict):
        store.save([Write(row=row("a"), expected=0)], mark=1, record=said((7, b"1")))
    assert not store.forget("acme", "a", record=said((7, b"1"))), "a live row stays"
    assert not store.forget("acme", "b", record=said((7, b"1")))
    assert (store.chains(), store.lines(7, 0, 9)) == ([], [])


def no_line_no_change(store: Store) -> None:
    """When a line cannot be made, the change it tells of is not made either, nor any other line."""

    broken = said((7, b"1"), (7, b"!"))
    dead = row("a", live=False)
    add(store, dead, mark=5)
    with pytest.raises(StoreUnreadable):
        store.save([Write(row=row("b"), expected=0)], mark=9, record=broken)
    with pytest.raises(StoreUnreadable):
        store.note(entry(dead, event_id="e1"), 9, record=broken)
    with pytest.raises(StoreUnreadable):
        store.forget("acme", "a", record=broken)
    assert store.load("acme", "b") is None, "a change without its line must not stand"
    assert store.history("acme", "a") == [], "a note without its line must not stand"
    assert store.load("acme", "a") == dead, "a forgetting without its line must not stand"
    assert store.mark() == 5
    assert (store.chains(), store.lines(7, 0, 9)) == ([], [])


def the_trail_outlives_what_it_tells_of(store: Store) -> None:
    """Forgetting a token leaves its lines."""
    store.save([Write(row=row("a", live=False), expected=0)], mark=1, record=said((7, b"1")))
    assert store.forget("acme", "a")
    assert store.lines(7, 0, 9) == linked(7, b"1")


def a_chain_is_pruned_from_its_beginning(store: Store) -> None:
    """Lines up to one go, with its head and a seal kept; the chain goes on, and is never pruned backwards."""
    store.save([], mark=0, record=said(*((7, b"%d" % number) for number in range(5)), (8, b"other")))
    lines = store.lines(7, 0, 9)
    assert store.prune(lines[2], b"sealed")
    assert not store.prune(lines[2], b"again"), "it was pruned there already"
    assert not store.prune(lines[0], b"back")
    assert store.lines(7, 0, 9) == lines[3:]
    stands = AuditChain(
        chain=7, number=5, head=lines[4].head, base=3, base_head=lines[2].head, seal=b"sealed"
    )
    assert store.chains()[0] == stands
    assert store.prune(lines[4], b"all")
    store.save([], mark=0, record=said((7, b"on")))
    assert [(line.number, line.body) for line in store.lines(7, 0, 9)] == [(6, b"on")]
    assert store.lines(7, 5, 9)[0].head == follow(stands, b"on").head, "a pruned chain goes on from its head"
    assert store.lines(8, 0, 9) == linked(8, b"other"), "other chains stay"


def of_many_threads_each_line_has_its_place(store: Store) -> None:
    """Lines that many threads append to one chain stand one behind the other, none twice, none lost."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.save([], mark=0, record=said((7, b"%d" % n))), range(32)))
    lines = store.lines(7, 0, 99)
    assert sorted(int(line.body) for line in lines) == list(range(32))
    assert lines == linked(7, *(line.body for line in lines))


def the_trail_survives_a_reopen(reopen: Callable[[], Store]) -> None:
    """Lines, and where a chain begins and ends, stand after a reopen."""
    store = reopen()
    try:
        store.save([], mark=0, record=said((7, b"1"), (7, b"2"), (7, b"3")))
        store.prune(store.lines(7, 0, 1)[0], b"sealed")
        stood = store.chains(), store.lines(7, 0, 9)
    finally:
        store.close()
    store = reopen()
    try:
        assert (store.chains(), store.lines(7, 0, 9)) == stood
    finally:
        store.close()


AUDIT_CHECKS: Final[tuple[Callable[[Store], None], ...]] = (
    lines_follow_one_another_in_their_chain,
    no_change_no_line,
    no_line_no_change,
    the_trail_outlives_what_it_tells_of,
    a_chain_is_pruned_from_its_beginning,
    of_many_threads_each_line_has_its_place,
)
DURABLE_AUDIT_CHECKS: Final[tuple[Callable[[Callable[[], Store]], None], ...]] = (
    the_trail_survives_a_reopen,
)
