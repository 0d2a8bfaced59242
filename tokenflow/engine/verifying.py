"""Does everything that a store keeps open under its name, and agree with the rest? It only reads."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import attrs

from tokenflow.core.errors import StoreUnreadable, TamperedRow, TokenflowError, WrongKey
from tokenflow.core.events import from_json
from tokenflow.core.tokens import Token
from tokenflow.engine.anchoring import Moorings
from tokenflow.engine.ciphers import binding
from tokenflow.engine.examining import examine
from tokenflow.engine.journals import SHELF as JOURNAL
from tokenflow.engine.journals import record_name
from tokenflow.engine.library import SPECS
from tokenflow.engine.rekeying import every_row, every_sealed_blob, identity_of_blob
from tokenflow.engine.rings import Ring
from tokenflow.engine.rollback import lives_elsewhere, suspicion
from tokenflow.engine.sealing import from_row
from tokenflow.engine.segments import every_record
from tokenflow.engine.stores import Row, Store

MOST: Final = 100
"""Faults that are told; more of them are counted."""


@runtime_checkable
class Copyable(Protocol):
    """A store that can be held against itself, and copied while it is used: found by asking."""

    def integrity(self) -> Sequence[str]:
        """Return what is wrong in its files, in words; nothing when pages, tables and indexes agree."""

    def copy(self, path: Path) -> str:
        """Copy all of it as of one instant to a new private file; return its URL. Raises StoreUnreadable."""


@attrs.frozen
class Fault:
    """One thing that is wrong."""

    where: str
    """`row tenant/key`, `blob shelf/name`, `journal file`, `trail chain 3, line 7`, `file`."""
    says: str


@attrs.define
class Verified:
    """What was looked at, and what is wrong."""

    rows: int = 0
    entries: int = 0
    """Lines of history."""
    blobs: int = 0
    """Sealed ones."""
    records: int = 0
    """Answers in response journals that are still to be saved."""
    lines: int = 0
    """Of the audit trail."""
    faults: list[Fault] = attrs.field(factory=list)
    more: int = 0
    """Faults beyond those that are told."""
    suspicion: str | None = None
    """Why it has to be adopted before it is used: of a backup it is no fault."""

    def note(self, where: str, says: str) -> None:
        """Note a fault."""
        if len(self.faults) < MOST:
            self.faults.append(Fault(where, says))
        else:
            self.more += 1


def verify(ring: Ring, moorings: Moorings | None) -> Verified:
    """Return what is wrong in the store of *ring*; others may go on using it. Raises StoreError.

    *moorings* are its audit trail's; None: it keeps none.
    """
    found, store = Verified(), ring.store
    if isinstance(store, Copyable):
        for says in store.integrity():
            found.note("file", says)
    for row in every_row(store):
        found.rows += 1
        for says in _of_row(ring, row):
            if _still(store, row):  # else it was replaced while it was looked at
                found.note(f"row {row.tenant}/{row.key}", says)
        found.entries += _history(store, row, found)
    for shelf, name, blob in every_sealed_blob(store):
        found.blobs += 1
        if identity_of_blob(ring, shelf, name, blob) is None and store.get(shelf, name) == blob:
            found.note(f"blob {shelf}/{name}", "does not open: other key, moved, or changed")
    _journals(ring, found)
    if moorings is not None:
        _trail(moorings, found)
    return found


def _of_row(ring: Ring, row: Row) -> Iterator[str]:
    store = ring.store
    try:
        token = from_row(row, ring)
    except (WrongKey, TamperedRow, StoreUnreadable) as error:
        yield str(error).splitlines()[0]
        return
    yield from _columns(ring, row, token)
    if store.get(SPECS, row.digest) is None:
        yield f"its spec {row.digest} is not kept"
    if row.live and row.identity is not None and (other := store.find(row.tenant, row.identity)) != row:
        yield "is not found by its identity" if other is None else f"its identity is {other.key!r}'s, too"
    if row.fingerprint is not None and store.whose(row.tenant, row.fingerprint) is None:
        yield "is not found by its fingerprint"
    if row.parent is not None and all(row.key != one.key for one in store.children(row.tenant, row.parent)):
        yield f"is not found among what was derived from {row.parent!r}"


def _columns(ring: Ring, row: Row, token: Token) -> Iterator[str]:
    """Yield how the columns a store looks at differ from what the row says, or cannot be."""
    if token.expires_at != row.expires_at:
        yield "says two times when it expires"
    if (json.dumps(list(token.identity)) if token.identity else None) != row.identity:
        yield "says two identities"
    if not 0 <= row.generation <= row.revision or row.revision < 1:
        yield f"cannot be at generation {row.generation} and revision {row.revision}"
    held = row.access_token is not None or row.refresh_token is not None
    if not row.live and row.due_at is not None:
        yield "is over, and due"
    if not row.live and held and token.revoking is None:
        yield "is over, and still holds a value"
    wanted = None if token.access_token is None else ring.fingerprint(token.access_token, row.tenant)
    if row.fingerprint not in (wanted, None):
        yield "has the fingerprint of another token"


def _history(store: Store, row: Row, found: Verified) -> int:
    history = store.history(row.tenant, row.key)
    for entry in history:
        try:
            from_json(entry.happened)
        except (TokenflowError, ValueError, KeyError, TypeError):
            found.note(
                f"row {row.tenant}/{row.key}", f"its history of revision {entry.revision} is unreadable"
            )
        if entry.revision > row.revision and entry.token_id == row.id and _still(store, row):
            found.note(f"row {row.tenant}/{row.key}", f"its history knows revision {entry.revision} already")
    return len(history)


def _still(store: Store, row: Row) -> bool:
    return store.load(row.tenant, row.key) == row


def _journals(ring: Ring, found: Verified) -> None:
    """Open what waits in response journals; a record that nobody's row is the name of cannot be opened."""
    folder = getattr(ring.store, "folder", None)
    if not isinstance(folder, Path):
        return
    records = list(every_record(folder / "journals"))
    owners = {record_name(row.tenant, row.key): row for row in every_row(ring.store)} if records else {}
    for path, name, sealed in records:
        found.records += 1
        row = owners.get(name)
        if sealed is None or row is None:
            continue  # it was being written when its process died, or is dealt with: nobody will read it
        try:
            ring.open(sealed, binding(row.tenant, row.key, JOURNAL, 0))
        except WrongKey as error:
            found.note(f"journal {path.name} of {row.tenant}/{row.key}", str(error).splitlines()[0])


def _trail(moorings: Moorings, found: Verified) -> None:
    seen = suspicion(moorings)
    found.suspicion = None if seen is None else seen.says
    verdict = examine(attrs.evolve(moorings, file=None) if lives_elsewhere(moorings) else moorings)
    found.lines = verdict.lines
    for flaw in verdict.flaws:
        where = "trail" if flaw.chain is None else f"trail chain {flaw.chain}, line {flaw.number}"
        found.note(where, flaw.says)
