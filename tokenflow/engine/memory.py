"""A store that lives as long as its process: for tests, trials, and engines that keep nothing."""

from collections import ChainMap, Counter, deque
from collections.abc import MutableMapping, Sequence
from heapq import nsmallest
from typing import Final

import attrs

from tokenflow.core.errors import AlreadyLive, RevisionConflict
from tokenflow.core.tokens import Instant
from tokenflow.engine.forks import ForkLock
from tokenflow.engine.stores import Entry, Place, Reseal, Row, Write
from tokenflow.engine.trails import AuditChain, AuditLine, AuditRecord, MemoryTrail

_Name = tuple[str, str]


class MemoryStore:
    """The contract over dictionaries; one lock makes each call atomic."""

    capabilities: Final = frozenset({"leases", "outbox", "audit"})

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._rows: dict[_Name, Row] = {}
        self._holders: dict[_Name, _Name | None] = {}
        """Which key holds a live identity of a tenant."""
        self._history: dict[_Name, list[Entry]] = {}
        self._seen: dict[tuple[str, str, str], Entry] = {}
        self._noted: dict[_Name, deque[Entry]] = {}
        self._pending: list[Entry] = []
        self._leases: dict[_Name, tuple[str, Instant]] = {}
        self._shelves: dict[str, dict[str, bytes]] = {}
        self._trail = MemoryTrail()
        self._mark: Instant = 0

    def load(self, tenant: str, key: str) -> Row | None:
        """Return the row, live or tombstone, or None."""
        with self._lock:
            return self._rows.get((tenant, key))

    def save(self, writes: Sequence[Write], *, mark: Instant, record: AuditRecord | None = None) -> None:
        """Save all *writes* and lines, or nothing; raises RevisionConflict, AlreadyLive."""
        with self._lock:
            rows, holders = ChainMap({}, self._rows), ChainMap({}, self._holders)
            for write in writes:
                _stage(write, rows, holders)
            self._trail.append(self._trail.following(record))
            self._rows.update(rows.maps[0])
            self._holders.update(holders.maps[0])
            for write in writes:
                for entry in write.entries:
                    self._remember(entry)
                    if entry.delivery is not None:
                        self._pending.append(entry)
            self._mark = max(self._mark, mark)

    def due(self, tenant: str, before: Instant, limit: int, after: Place | None = None) -> list[Row]:
        """Return live rows of the tenant with due_at <= *before*, by (due_at, key), beyond *after*."""
        with self._lock:
            ripe = [
                (row.due_at, row.key, row)
                for row in self._rows.values()
                if row.tenant == tenant and row.live and row.due_at is not None and row.due_at <= before
            ]
        if after is not None:
            ripe = [one for one in ripe if one[:2] > after]
        return [row for *_, row in nsmallest(limit, ripe)]

    def children(self, tenant: str, parent: str) -> list[Row]:
        """Return the rows whose parent is that key, by key."""
        with self._lock:
            found = [row for row in self._rows.values() if (row.tenant, row.parent) == (tenant, parent)]
        return sorted(found, key=lambda row: row.key)

    def find(self, tenant: str, identity: str) -> Row | None:
        """Return the live row of the tenant that has the identity, or None."""
        with self._lock:
            holder = self._holders.get((tenant, identity))
            return None if holder is None else self._rows[holder]

    def keys(self, tenant: str) -> list[str]:
        """Return the tenant's keys, sorted."""
        with self._lock:
            return sorted(key for owner, key in self._rows if owner == tenant)

    def whose(self, tenant: str, fingerprint: bytes) -> Row | None:
        """Return the row of the tenant that has the fingerprint, the first by key, or None."""
        with self._lock:
            found = [
                row for row in self._rows.values() if (row.tenant, row.fingerprint) == (tenant, fingerprint)
            ]
        return min(found, key=lambda row: row.key, default=None)

    def rows(self, after: _Name | None, limit: int) -> list[Row]:
        """Return rows of all tenants by (tenant, key), beyond *after*."""
        with self._lock:
            further = [(name, row) for name, row in self._rows.items() if after is None or name > after]
        return [row for _, row in nsmallest(limit, further)]

    def reseal(self, changes: Sequence[Reseal]) -> int:
        """Put other sealed values where those that were read still are; return into how many rows."""
        with self._lock:
            done = 0
            for change in changes:
                name = change.row.tenant, change.row.key
                row = self._rows.get(name)
                if row is not None and _sealed(row) == _sealed(change.row):
                    self._rows[name] = attrs.evolve(
                        row,
                        access_token=change.access_token,
                        refresh_token=change.refresh_token,
                        fingerprint=change.fingerprint,
                    )
                    done += 1
            return done

    def history(self, tenant: str, key: str) -> list[Entry]:
        """Return the key's entries in the order they were saved."""
        with self._lock:
            return list(self._history.get((tenant, key), ()))

    def seen(self, tenant: str, token_id: str, event_id: str) -> Entry | None:
        """Return the entry first saved with an event id, or None."""
        with self._lock:
            return self._seen.get((tenant, token_id, event_id))

    def note(self, entry: Entry, bound: int, *, record: AuditRecord | None = None) -> None:
        """Add a line that changed no row to its key's history; a key keeps the last *bound* of such lines."""
        with self._lock:
            self._trail.append(self._trail.following(record))
            noted = self._noted.setdefault((entry.tenant, entry.key), deque())
            noted.append(entry)
            self._remember(entry)
            while len(noted) > bound:
                self._let_go(noted.popleft())

    def pending(self, tenant: str, limit: int) -> list[Entry]:
        """Return what is still to be told, the one saved first first."""
        with self._lock:
            return [entry for entry in self._pending if entry.tenant == tenant][:limit]

    def delivered(self, entries: Sequence[Entry]) -> None:
        """Note that entries were told."""
        told = {(entry.tenant, entry.delivery) for entry in entries}
        with self._lock:
            self._pending = [one for one in self._pending if (one.tenant, one.delivery) not in told]

    def mark(self) -> Instant:
        """Return the highest instant a save has named."""
        with self._lock:
            return self._mark

    def census(self, after: Instant, until: Instant, tenant: str | None = None) -> tuple[int, int]:
        """Return how many rows are live, and how many of them expire in (*after*, *until*]."""
        with self._lock:
            live = [
                row.expires_at for row in self._rows.values() if row.live and tenant in (None, row.tenant)
            ]
        return len(live), sum(1 for end in live if end is not None and after < end <= until)

    def counted(self, tenant: str, now: Instant) -> dict[str, int]:
        """Return how many of the tenant's live rows count after *now*, by the name they are counted under."""
        with self._lock:
            rows = [row for row in self._rows.values() if row.tenant == tenant and row.live]
        return dict(
            Counter(
                row.counted
                for row in rows
                if row.counted is not None and (row.counted_until is None or row.counted_until > now)
            )
        )

    def claim(self, tenant: str, key: str, owner: str, *, now: Instant, until: Instant) -> bool:
        """Lease a key to *owner*; False while another owner's lease runs."""
        with self._lock:
            holder, end = self._leases.get((tenant, key), (owner, now))
            if holder != owner and now < end:
                return False
            self._leases[tenant, key] = owner, until
            return True

    def release(self, tenant: str, key: str, owner: str) -> None:
        """Give back *owner*'s lease."""
        with self._lock:
            if self._leases.get((tenant, key), ("", 0))[0] == owner:
                del self._leases[tenant, key]

    def forget(self, tenant: str, key: str, *, record: AuditRecord | None = None) -> bool:
        """Remove a tombstone with its history; a live row stays, and the audit trail."""
        with self._lock:
            row = self._rows.get((tenant, key))
            if row is None or row.live:
                return False
            self._trail.append(self._trail.following(record))
            self._remove(tenant, key)
            return True

    def erase(self, tenant: str, keys: Sequence[str], *, record: AuditRecord | None = None) -> int:
        """Remove rows, live or not, with history, leases and what was to be told."""
        with self._lock:
            self._trail.append(self._trail.following(record))
            for key in keys:
                self._leases.pop((tenant, key), None)
            return sum(self._remove(tenant, key) for key in keys)

    def _remove(self, tenant: str, key: str) -> bool:
        row = self._rows.pop((tenant, key), None)
        if row is not None and row.live and row.identity is not None:
            self._holders[tenant, row.identity] = None
        for entry in self._history.pop((tenant, key), ()):
            self._seen.pop((entry.tenant, entry.token_id, entry.event_id or ""), None)
        self._noted.pop((tenant, key), None)
        self._pending = [one for one in self._pending if (one.tenant, one.key) != (tenant, key)]
        return row is not None

    def chains(self) -> list[AuditChain]:
        """Return the chains of the audit trail that have begun, by number."""
        with self._lock:
            return self._trail.chains()

    def lines(self, chain: int, after: int, limit: int) -> list[AuditLine]:
        """Return up to *limit* lines of a chain beyond number *after*, in order."""
        with self._lock:
            return self._trail.lines(chain, after, limit)

    def prune(self, last: AuditLine, seal: bytes) -> bool:
        """Remove a chain's lines up to *last*, of which its head stays, with *seal*."""
        with self._lock:
            return self._trail.prune(last, seal)

    def put(self, shelf: str, name: str, value: bytes) -> None:
        """Keep a named blob."""
        with self._lock:
            self._shelves.setdefault(shelf, {})[name] = value

    def keep(self, shelf: str, name: str, value: bytes) -> bytes:
        """Put a blob unless the name is taken; return the one that stands."""
        with self._lock:
            return self._shelves.setdefault(shelf, {}).setdefault(name, value)

    def get(self, shelf: str, name: str) -> bytes | None:
        """Return a blob, or None."""
        with self._lock:
            return self._shelves.get(shelf, {}).get(name)

    def take(self, shelf: str, name: str) -> bytes | None:
        """Return a blob and remove it, at once."""
        with self._lock:
            return self._shelves.get(shelf, {}).pop(name, None)

    def swap(self, shelf: str, name: str, old: bytes, new: bytes) -> bool:
        """Put *new* where *old* still is."""
        with self._lock:
            blobs = self._shelves.get(shelf, {})
            if blobs.get(name) != old:
                return False
            blobs[name] = new
            return True

    def names(self, shelf: str) -> list[str]:
        """Return the names on a shelf, sorted."""
        with self._lock:
            return sorted(self._shelves.get(shelf, ()))

    def shelves(self) -> list[str]:
        """Return the shelves with something on them, sorted."""
        with self._lock:
            return sorted(shelf for shelf, blobs in self._shelves.items() if blobs)

    def close(self) -> None:
        """Nothing is held; what it kept goes with the object."""

    def _remember(self, entry: Entry) -> None:
        self._history.setdefault((entry.tenant, entry.key), []).append(entry)
        if entry.event_id is not None:
            self._seen.setdefault((entry.tenant, entry.token_id, entry.event_id), entry)

    def _let_go(self, entry: Entry) -> None:
        """Remove one line of a history, and what its event id was remembered for."""
        lines = self._history[entry.tenant, entry.key]
        place = next(number for number, line in enumerate(lines) if line is entry)
        del lines[place]
        if entry.event_id is not None:
            known = entry.tenant, entry.token_id, entry.event_id
            ids = (line for line in lines if (line.tenant, line.token_id, line.event_id) == known)
            first = next(ids, None)
            if first is None:
                self._seen.pop(known, None)
            else:
                self._seen[known] = first


def _sealed(row: Row) -> tuple[int, bytes | None, bytes | None]:
    return row.revision, row.access_token, row.refresh_token


def _stage(
    write: Write, rows: MutableMapping[_Name, Row], holders: MutableMapping[_Name, _Name | None]
) -> None:
    """Judge one write over what stands and what was staged before it, and stage it."""
    row, name = write.row, (write.row.tenant, write.row.key)
    old = rows.get(name)
    if (None if old is None else old.revision) != (write.expected or None):
        raise RevisionConflict(
            f"{row.key!r} is not at revision {write.expected}", mend="load it and decide again"
        )
    if old is not None and old.live and old.identity is not None:
        holders[row.tenant, old.identity] = None
    if row.live and row.identity is not None:
        if holders.get((row.tenant, row.identity)) not in (None, name):
            raise AlreadyLive(f"{row.key!r}: another key holds a live token of the same identity")
        holders[row.tenant, row.identity] = name
    rows[name] = row
