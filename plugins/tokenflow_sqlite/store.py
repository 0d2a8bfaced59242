"""The contract over one SQLite file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from tokenflow import (
    AlreadyLive,
    AuditChain,
    AuditLine,
    AuditRecord,
    Entry,
    Finding,
    Instant,
    Place,
    Reseal,
    RevisionConflict,
    Row,
    StoreError,
    StoreUnreadable,
    Write,
)
from tokenflow_sqlite import checking, files, statements, trail
from tokenflow_sqlite.database import LINKED, Connection, IntegrityError, build, copy_to
from tokenflow_sqlite.link import Link
from tokenflow_sqlite.settings import settings_of

_NO_OPTIONS: Final[Mapping[str, str]] = {}
_FIRST: Final[Place] = (-(2**63), "")
"""Before every row that is due."""


class SqliteStore:
    """A store in one file, shared by the threads and processes of one host.

    *path* is made on first use, unless *create* is false. Raises StoreUnreadable when the file may
    not or cannot be used, StoreTooNew when a newer tokenflow wrote it, StoreError for a wrong URL.
    """

    capabilities: Final = frozenset({"audit", "durable", "folder", "leases", "outbox"})

    def __init__(
        self, path: str | Path, *, options: Mapping[str, str] = _NO_OPTIONS, create: bool = True
    ) -> None:
        if str(path) in ("", ":memory:"):
            raise StoreError(
                f"sqlite:{path} names no file", mend="write sqlite:tokens.db; to keep nothing: --store memory"
            )
        settings = settings_of(options, LINKED)
        # Absolute, so that a later chdir leads nowhere else.
        self.path: Final = Path(path).absolute()
        self.folder: Final = self.path.with_name(f"{self.path.name}.d")
        if create:
            files.make(self.path, build)
        self._link = Link(self.path, settings)
        self.mark()  # opens it, so that whatever is wrong is said now

    def load(self, tenant: str, key: str) -> Row | None:
        """Return the row, live or tombstone, or None."""
        found = self._link.read(lambda db: db.execute(statements.LOAD, (tenant, key)).fetchone())
        return None if found is None else _row(found)

    def save(self, writes: Sequence[Write], *, mark: Instant, record: AuditRecord | None = None) -> None:
        """Save all *writes* in one transaction, or nothing; raises RevisionConflict, AlreadyLive."""

        def work(db: Connection) -> None:
            for write in writes:
                _save(db, write)
            trail.append(db, record)
            db.execute(statements.RAISE_MARK, (mark, mark))

        self._link.write(work)

    def due(self, tenant: str, before: Instant, limit: int, after: Place | None = None) -> list[Row]:
        """Return live rows of the tenant with due_at <= *before*, by (due_at, key), beyond *after*."""
        wanted = (tenant, before, *(after or _FIRST), limit)
        found = self._link.read(lambda db: db.execute(statements.DUE, wanted).fetchall())
        return [_row(values) for values in found]

    def children(self, tenant: str, parent: str) -> list[Row]:
        """Return the rows whose parent is that key, by key."""
        found = self._link.read(lambda db: db.execute(statements.CHILDREN, (tenant, parent)).fetchall())
        return [_row(values) for values in found]

    def find(self, tenant: str, identity: str) -> Row | None:
        """Return the live row of the tenant that has the identity, or None."""
        found = self._link.read(lambda db: db.execute(statements.FIND, (tenant, identity)).fetchone())
        return None if found is None else _row(found)

    def keys(self, tenant: str) -> list[str]:
        """Return the tenant's keys, sorted."""
        return [
            key for (key,) in self._link.read(lambda db: db.execute(statements.KEYS, (tenant,)).fetchall())
        ]

    def whose(self, tenant: str, fingerprint: bytes) -> Row | None:
        """Return the row of the tenant that has the fingerprint, the first by key, or None."""
        found = self._link.read(lambda db: db.execute(statements.WHOSE, (tenant, fingerprint)).fetchone())
        return None if found is None else _row(found)

    def rows(self, after: tuple[str, str] | None, limit: int) -> list[Row]:
        """Return rows of all tenants by (tenant, key), beyond *after*."""
        wanted = (*(after or ("", "")), limit)
        found = self._link.read(lambda db: db.execute(statements.ROWS, wanted).fetchall())
        return [_row(values) for values in found]

    def reseal(self, changes: Sequence[Reseal]) -> int:
        """Put other sealed values where those that were read still are; return into how many rows."""
        same, other = [], []
        for change in changes:
            row, sealed = change.row, (change.access_token, change.refresh_token)
            still = (row.tenant, row.key, row.revision, row.access_token, row.refresh_token)
            if change.fingerprint == row.fingerprint:
                same.append((*sealed, *still))
            else:
                other.append((*sealed, change.fingerprint, *still))

        def work(db: Connection) -> int:
            done = db.executemany(statements.RESEAL, same).rowcount if same else 0
            return done + (db.executemany(statements.REFINGER, other).rowcount if other else 0)

        return self._link.write(work)

    def history(self, tenant: str, key: str) -> list[Entry]:
        """Return the key's entries in the order they were saved."""
        found = self._link.read(lambda db: db.execute(statements.HISTORY, (tenant, key)).fetchall())
        return [_entry(values) for values in found]

    def seen(self, tenant: str, token_id: str, event_id: str) -> Entry | None:
        """Return the entry first saved with an event id, or None."""
        found = self._link.read(
            lambda db: db.execute(statements.SEEN, (tenant, token_id, event_id)).fetchone()
        )
        return None if found is None else _entry(found)

    def note(self, entry: Entry, bound: int, *, record: AuditRecord | None = None) -> None:
        """Add a line that changed no row to its key's history; a key keeps the last *bound* of such lines."""

        def work(db: Connection) -> None:
            db.execute(statements.REMEMBER, (*attrs.astuple(entry), 0, 1))
            db.execute(statements.PRUNE, (entry.tenant, entry.key, entry.tenant, entry.key, bound))
            trail.append(db, record)

        self._link.write(work)

    def pending(self, tenant: str, limit: int) -> list[Entry]:
        """Return what is still to be told, the one saved first first."""
        found = self._link.read(lambda db: db.execute(statements.PENDING, (tenant, limit)).fetchall())
        return [_entry(values) for values in found]

    def delivered(self, entries: Sequence[Entry]) -> None:
        """Note that entries were told."""
        told = [(entry.tenant, entry.delivery) for entry in entries]
        self._link.write(lambda db: db.executemany(statements.DELIVERED, told))

    def mark(self) -> Instant:
        """Return the highest instant a save has named."""
        found = self._link.read(lambda db: db.execute(statements.MARK).fetchone())
        if found is None:
            raise StoreUnreadable(f"{self.path} has lost its high-water mark", mend="restore a backup")
        return int(found[0])

    def census(self, after: Instant, until: Instant, tenant: str | None = None) -> tuple[int, int]:
        """Return how many rows are live, and how many of them expire in (*after*, *until*]."""
        span = {"after": after, "until": until, "tenant": tenant}
        counted = statements.CENSUS if tenant is None else statements.CENSUS_OF
        live, ending = self._link.read(lambda db: db.execute(counted, span).fetchone())
        return int(live), int(ending)

    def counted(self, tenant: str, now: Instant) -> dict[str, int]:
        """Return how many of the tenant's live rows count after *now*, by the name they are counted under."""
        return dict(self._link.read(lambda db: db.execute(statements.COUNTED, (tenant, now)).fetchall()))

    def claim(self, tenant: str, key: str, owner: str, *, now: Instant, until: Instant) -> bool:
        """Lease a key to *owner*; False while another owner's lease runs."""
        lease = (tenant, key, owner, until, now)
        return bool(self._link.write(lambda db: db.execute(statements.CLAIM, lease).rowcount))

    def release(self, tenant: str, key: str, owner: str) -> None:
        """Give back *owner*'s lease."""
        self._link.write(lambda db: db.execute(statements.RELEASE, (tenant, key, owner)))

    def forget(self, tenant: str, key: str, *, record: AuditRecord | None = None) -> bool:
        """Remove a tombstone with its history; a live row stays, and the audit trail."""

        def work(db: Connection) -> bool:
            if not db.execute(statements.FORGET, (tenant, key)).rowcount:
                return False
            db.execute(statements.FORGET_HISTORY, (tenant, key))
            trail.append(db, record)
            return True

        return self._link.write(work)

    def erase(self, tenant: str, keys: Sequence[str], *, record: AuditRecord | None = None) -> int:
        """Remove rows, live or not, with history and leases, overwritten in the file and in a WAL."""
        named = [(tenant, key) for key in keys]

        def work(db: Connection) -> int:
            gone = db.executemany(statements.ERASE, named).rowcount if named else 0
            for sql in (statements.FORGET_HISTORY, statements.FORGET_LEASES):
                db.executemany(sql, named)
            trail.append(db, record)
            return gone

        gone = self._link.write(work)
        self._link.read(lambda db: db.execute(statements.EMPTY_WAL).fetchone())
        return gone

    def chains(self) -> list[AuditChain]:
        """Return the chains of the audit trail that have begun, by number."""
        return self._link.read(trail.chains)

    def lines(self, chain: int, after: int, limit: int) -> list[AuditLine]:
        """Return up to *limit* lines of a chain beyond number *after*, in order."""
        return self._link.read(lambda db: trail.lines(db, chain, after, limit))

    def prune(self, last: AuditLine, seal: bytes) -> bool:
        """Remove a chain's lines up to *last*, of which its head stays, with *seal*."""
        return self._link.write(lambda db: trail.prune(db, last, seal))

    def put(self, shelf: str, name: str, value: bytes) -> None:
        """Keep a named blob."""
        self._link.write(lambda db: db.execute(statements.PUT, (shelf, name, value)))

    def keep(self, shelf: str, name: str, value: bytes) -> bytes:
        """Put a blob unless the name is taken; return the one that stands."""

        def work(db: Connection) -> bytes:
            db.execute(statements.KEEP, (shelf, name, value))
            return bytes(db.execute(statements.GET, (shelf, name)).fetchone()[0])

        return self._link.write(work)

    def get(self, shelf: str, name: str) -> bytes | None:
        """Return a blob, or None."""
        found = self._link.read(lambda db: db.execute(statements.GET, (shelf, name)).fetchone())
        return None if found is None else bytes(found[0])

    def take(self, shelf: str, name: str) -> bytes | None:
        """Return a blob and remove it, at once."""

        def work(db: Connection) -> bytes | None:
            found = db.execute(statements.GET, (shelf, name)).fetchone()
            db.execute(statements.REMOVE, (shelf, name))
            return None if found is None else bytes(found[0])

        return self._link.write(work)

    def swap(self, shelf: str, name: str, old: bytes, new: bytes) -> bool:
        """Put *new* where *old* still is."""
        wanted = (new, shelf, name, old)
        return bool(self._link.write(lambda db: db.execute(statements.SWAP, wanted).rowcount))

    def names(self, shelf: str) -> list[str]:
        """Return the names on a shelf, sorted."""
        return [
            name for (name,) in self._link.read(lambda db: db.execute(statements.NAMES, (shelf,)).fetchall())
        ]

    def shelves(self) -> list[str]:
        """Return the shelves with something on them, sorted."""
        return [shelf for (shelf,) in self._link.read(lambda db: db.execute(statements.SHELVES).fetchall())]

    def check(self, now: Instant) -> tuple[Finding, ...]:
        """Return what is found when every page is read, for `tokenflow doctor`."""
        return self._link.read(lambda db: checking.check(db, self.path, now))

    def integrity(self) -> tuple[str, ...]:
        """Return what is wrong with pages, tables and indexes when each is read and held to the others."""
        return self._link.read(checking.integrity)

    def copy(self, path: Path) -> str:
        """Copy all of it, as it is at one instant, to a new file 0600 at *path*; return the copy's URL.

        Others go on reading meanwhile, and in WAL writing; else who writes waits. Raises StoreUnreadable when
        something is there, or cannot be written.
        """
        files.make_new(path, lambda fresh: self._link.read(lambda db: copy_to(db, fresh)))
        return f"sqlite:{path}"

    def close(self) -> None:
        """Release the file; a closed store is not used again."""
        self._link.close()


def _save(db: Connection, write: Write) -> None:
    row = write.row
    found = db.execute(statements.REVISION, (row.tenant, row.key)).fetchone()
    if (None if found is None else found[0]) != (write.expected or None):
        raise RevisionConflict(
            f"{row.key!r} is not at revision {write.expected}", mend="load it and decide again"
        )
    try:
        db.execute(statements.UPSERT, attrs.astuple(row))
    except IntegrityError as error:
        # The key was looked at above, so the index that says no is the one of live identities.
        raise AlreadyLive(f"{row.key!r}: another key holds a live token of the same identity") from error
    for entry in write.entries:
        db.execute(statements.REMEMBER, (*attrs.astuple(entry), int(entry.delivery is not None), 0))


def _row(values: tuple[Any, ...]) -> Row:
    facts = dict(zip(_ROW, values, strict=True))
    facts["live"] = bool(facts["live"])
    return Row(**facts)


def _entry(values: tuple[Any, ...]) -> Entry:
    return Entry(**dict(zip(_ENTRY, values, strict=True)))


_ROW: Final = tuple(field.name for field in attrs.fields(Row))
_ENTRY: Final = tuple(field.name for field in attrs.fields(Entry))
