"""Stores that look right and are not: one planted bug each, to see that the kit finds it."""

from collections.abc import Callable, Sequence

import attrs

from tokenflow.core.errors import AlreadyLive, RevisionConflict
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.stores import Entry, Place, Reseal, Row, Write
from tokenflow.engine.trails import AuditChain, AuditLine, AuditRecord


class NoCompareAndSwap(MemoryStore):
    """Takes a write whatever revision it expects."""

    def save(self, writes: Sequence[Write], *, mark: int, record: AuditRecord | None = None) -> None:
        for write in writes:
            stood = self.load(write.row.tenant, write.row.key)
            expected = 0 if stood is None else stood.revision
            super().save([attrs.evolve(write, expected=expected)], mark=mark)
        super().save([], mark=mark, record=record)


class NoIdentityCheck(MemoryStore):
    """Lets two live rows have one identity."""

    def save(self, writes: Sequence[Write], *, mark: int, record: AuditRecord | None = None) -> None:
        super().save(
            [attrs.evolve(one, row=attrs.evolve(one.row, identity=None)) for one in writes],
            mark=mark,
            record=record,
        )
        for write in writes:
            self._rows[write.row.tenant, write.row.key] = write.row


class DueOneTooLate(MemoryStore):
    """Says < where the contract says <=."""

    def due(self, tenant: str, before: int, limit: int, after: Place | None = None) -> list[Row]:
        return super().due(tenant, before - 1, limit, after)


class DueInAnyOrder(MemoryStore):
    """Gives what is due the last first."""

    def due(self, tenant: str, before: int, limit: int, after: Place | None = None) -> list[Row]:
        return super().due(tenant, before, 1_000, after)[::-1][:limit]


class DueFromTheStart(MemoryStore):
    """Begins a walk anew where it is asked to go on."""

    def due(self, tenant: str, before: int, limit: int, after: Place | None = None) -> list[Row]:
        return super().due(tenant, before, limit)


class DueWithTombstones(MemoryStore):
    """Finds work to do for the dead."""

    def due(self, tenant: str, before: int, limit: int, after: Place | None = None) -> list[Row]:
        rows = [row for row in self._rows.values() if row.tenant == tenant]
        ripe = [row for row in rows if row.due_at is not None and row.due_at <= before]
        return sorted(ripe, key=lambda row: (row.due_at or 0, row.key))[:limit]


class DueOfAnybody(MemoryStore):
    """Gives one tenant what another has to do."""

    def due(self, tenant: str, before: int, limit: int, after: Place | None = None) -> list[Row]:
        tenants = {row.tenant for row in self._rows.values()}
        found = [row for one in tenants for row in MemoryStore.due(self, one, before, limit, after)]
        return sorted(found, key=lambda row: (row.due_at or 0, row.key))[:limit]


class LeaseWithoutEnd(MemoryStore):
    """Keeps a lease that nobody gave back."""

    def claim(self, tenant: str, key: str, owner: str, *, now: int, until: int) -> bool:
        return super().claim(tenant, key, owner, now=now, until=2**60)


class LastEventStands(MemoryStore):
    """Remembers the last entry of an event id, not the first."""

    def _remember(self, entry: Entry) -> None:
        self._seen.pop((entry.tenant, entry.token_id, entry.event_id or ""), None)
        super()._remember(entry)


class TakenTwice(MemoryStore):
    """Hands a blob out and keeps it."""

    def take(self, shelf: str, name: str) -> bytes | None:
        return self.get(shelf, name)


class MarkFalls(MemoryStore):
    """Follows the clock down."""

    def save(self, writes: Sequence[Write], *, mark: int, record: AuditRecord | None = None) -> None:
        super().save(writes, mark=mark, record=record)
        self._mark = mark


class HalfABatch(MemoryStore):
    """Saves the writes before the bad one."""

    def save(self, writes: Sequence[Write], *, mark: int, record: AuditRecord | None = None) -> None:
        for write in writes:
            try:
                super().save([write], mark=mark)
            except (RevisionConflict, AlreadyLive):
                raise
        super().save([], mark=mark, record=record)


class HistoryByInstant(MemoryStore):
    """Sorts what happened by a clock that may have gone back."""

    def history(self, tenant: str, key: str) -> list[Entry]:
        return sorted(super().history(tenant, key), key=lambda entry: entry.at)


class FindsTheDead(MemoryStore):
    """Finds a tombstone by the identity it had."""

    def find(self, tenant: str, identity: str) -> Row | None:
        rows = self._rows.values()
        return next((row for row in rows if (row.tenant, row.identity) == (tenant, identity)), None)


class KeysOfEverybody(MemoryStore):
    """Shows one tenant the keys of the others."""

    def keys(self, tenant: str) -> list[str]:
        return sorted(key for _, key in self._rows)


class ForgetsTheLiving(MemoryStore):
    """Removes a live row as gladly as a dead one."""

    def forget(self, tenant: str, key: str, *, record: AuditRecord | None = None) -> bool:
        live = self._rows.pop((tenant, key), None)
        return live is not None or super().forget(tenant, key, record=record)


class LastKeepStands(MemoryStore):
    """Gives every caller its own id of the store."""

    def keep(self, shelf: str, name: str, value: bytes) -> bytes:
        self.put(shelf, name, value)
        return value


class ToldAlready(MemoryStore):
    """Takes what it hands out for delivered."""

    def pending(self, tenant: str, limit: int) -> list[Entry]:
        found = super().pending(tenant, limit)
        self.delivered(found)
        return found


class TellsForEver(MemoryStore):
    """Never learns that something was told."""

    def delivered(self, entries: Sequence[Entry]) -> None:
        return


class TellsInAnyOrder(MemoryStore):
    """Tells what happened last first."""

    def pending(self, tenant: str, limit: int) -> list[Entry]:
        return super().pending(tenant, 1_000)[::-1][:limit]


class OneIsAll(MemoryStore):
    """Takes all of a token's for told when one is."""

    def delivered(self, entries: Sequence[Entry]) -> None:
        ids = {entry.token_id for entry in entries}
        self._pending = [one for one in self._pending if one.token_id not in ids]


class TellsWhatWasNotSaved(MemoryStore):
    """Puts into the outbox what a refused save would have told."""

    def save(self, writes: Sequence[Write], *, mark: int, record: AuditRecord | None = None) -> None:
        waiting = list(self._pending)
        try:
            super().save(writes, mark=mark, record=record)
        except (RevisionConflict, AlreadyLive):
            new = [line for write in writes for line in write.entries if line.delivery is not None]
            self._pending = waiting + new
            raise


class NotesWithoutEnd(MemoryStore):
    """Keeps every note."""

    def note(self, entry: Entry, bound: int, *, record: AuditRecord | None = None) -> None:
        super().note(entry, 2**30, record=record)


class NotesForgottenWhole(MemoryStore):
    """Drops a note's line and goes on remembering its event id."""

    def _let_go(self, entry: Entry) -> None:
        lines = self._history[entry.tenant, entry.key]
        del lines[next(number for number, line in enumerate(lines) if line is entry)]


class FoundByEverybody(MemoryStore):
    """Names the key of another tenant's token."""

    def whose(self, tenant: str, fingerprint: bytes) -> Row | None:
        found = [row for row in self._rows.values() if row.fingerprint == fingerprint]
        return min(found, key=lambda row: row.key, default=None)


class RowsFromTheStart(MemoryStore):
    """Begins a walk over all rows anew where it is asked to go on."""

    def rows(self, after: tuple[str, str] | None, limit: int) -> list[Row]:
        return super().rows(None, limit)


class ResealsWhatMoved(MemoryStore):
    """Puts sealed values back over those that came meanwhile."""

    def reseal(self, changes: Sequence[Reseal]) -> int:
        stood = [(self.load(one.row.tenant, one.row.key), one) for one in changes]
        return super().reseal([attrs.evolve(one, row=row) for row, one in stood if row is not None])


class ResealsTheWholeRow(MemoryStore):
    """Puts the row back as it was read, with its new values."""

    def reseal(self, changes: Sequence[Reseal]) -> int:
        done = 0
        for one in changes:
            if super().reseal([one]):
                self._rows[one.row.tenant, one.row.key] = attrs.evolve(
                    one.row,
                    access_token=one.access_token,
                    refresh_token=one.refresh_token,
                    fingerprint=one.fingerprint,
                )
                done += 1
        return done


class SwapsAnyway(MemoryStore):
    """Swaps a blob that is another already."""

    def swap(self, shelf: str, name: str, old: bytes, new: bytes) -> bool:
        stood = self.get(shelf, name)
        return stood is not None and super().swap(shelf, name, stood, new)


class EmptyShelves(MemoryStore):
    """Names shelves that nothing is on."""

    def shelves(self) -> list[str]:
        return sorted(self._shelves)


class LineWithoutChange(MemoryStore):
    """Writes down what was refused as if it had been done."""

    def save(self, writes: Sequence[Write], *, mark: int, record: AuditRecord | None = None) -> None:
        super().save([], mark=0, record=record)
        super().save(writes, mark=mark)


class ChangeWithoutLine(MemoryStore):
    """Writes down what was done when it stands already."""

    def save(self, writes: Sequence[Write], *, mark: int, record: AuditRecord | None = None) -> None:
        super().save(writes, mark=mark)
        super().save([], mark=0, record=record)


class ForgetsSilently(MemoryStore):
    """Has no line for what it forgets."""

    def forget(self, tenant: str, key: str, *, record: AuditRecord | None = None) -> bool:
        return super().forget(tenant, key)


class NotesSilently(MemoryStore):
    """Has no line for what changed nothing."""

    def note(self, entry: Entry, bound: int, *, record: AuditRecord | None = None) -> None:
        super().note(entry, bound)


class LinesFromTheStart(MemoryStore):
    """Begins a walk over a chain anew where it is asked to go on."""

    def lines(self, chain: int, after: int, limit: int) -> list[AuditLine]:
        return super().lines(chain, 0, limit)


class PrunesWithoutASeal(MemoryStore):
    """Forgets where a chain begins once it is pruned."""

    def chains(self) -> list[AuditChain]:
        return [attrs.evolve(one, base=0, base_head=b"", seal=b"") for one in super().chains()]


class PrunesEveryChain(MemoryStore):
    """Takes a number for one of all chains."""

    def prune(self, last: AuditLine, seal: bytes) -> bool:
        pruned = super().prune(last, seal)
        for chain, lines in self._trail._lines.items():
            self._trail._lines[chain] = [line for line in lines if line.number > last.number]
        return pruned


class BeginsAnew(MemoryStore):
    """Binds a batch of lines to the first of them."""

    def save(self, writes: Sequence[Write], *, mark: int, record: AuditRecord | None = None) -> None:
        said = () if record is None else record.said
        for one in said[1:]:
            super().save([], mark=0, record=attrs.evolve(record, said=(one,)) if record else None)
        super().save(writes, mark=mark, record=attrs.evolve(record, said=said[:1]) if record else None)


FLAWED: tuple[Callable[[], MemoryStore], ...] = (
    NoCompareAndSwap,
    NoIdentityCheck,
    FindsTheDead,
    DueOneTooLate,
    DueInAnyOrder,
    DueFromTheStart,
    DueWithTombstones,
    DueOfAnybody,
    LeaseWithoutEnd,
    LastEventStands,
    TakenTwice,
    MarkFalls,
    HalfABatch,
    HistoryByInstant,
    KeysOfEverybody,
    ForgetsTheLiving,
    LastKeepStands,
    ToldAlready,
    TellsForEver,
    TellsInAnyOrder,
    OneIsAll,
    TellsWhatWasNotSaved,
    NotesWithoutEnd,
    NotesForgottenWhole,
    FoundByEverybody,
    RowsFromTheStart,
    ResealsWhatMoved,
    ResealsTheWholeRow,
    SwapsAnyway,
    EmptyShelves,
    LineWithoutChange,
    ChangeWithoutLine,
    ForgetsSilently,
    NotesSilently,
    LinesFromTheStart,
    PrunesWithoutASeal,
    PrunesEveryChain,
    BeginsAnew,
)
