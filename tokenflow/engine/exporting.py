"""Tokens out of a store into one encrypted file, and out of such a file into another store.

A file holds live values: who has it and its key has the tokens. Both ways leave a line in the audit trail
before anything is written. What was imported is a copy, so the store it came into has to be adopted before
any of it is refreshed (`rollback`).
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from tokenflow.core.errors import AlreadyLive, PayloadError, RevisionConflict
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import Instant
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.ciphers import binding
from tokenflow.engine.containers import Lock, Writer, read, written
from tokenflow.engine.library import SPECS, kept_specs
from tokenflow.engine.rekeying import every_row
from tokenflow.engine.rings import Ring
from tokenflow.engine.rollback import hold
from tokenflow.engine.sealing import opened
from tokenflow.engine.stores import Entry, Row, Write
from tokenflow.engine.vouching import demand_vouched, vouched

_VALUES: Final = ("access_token", "refresh_token")
_SEALED: Final = (*_VALUES, "fingerprint")
_FACTS: Final = tuple(field.name for field in attrs.fields(Row) if field.name not in _SEALED)
_ENTRY: Final = ("token_id", "revision", "at", "event_id", "happened")


@attrs.frozen(kw_only=True)
class Exported:
    """What was written."""

    tokens: int
    specs: int


@attrs.frozen(kw_only=True)
class Conflict:
    """A token that was left out."""

    tenant: str
    key: str
    why: str


@attrs.frozen(kw_only=True)
class Imported:
    """What was taken, and what was not."""

    tokens: int
    conflicts: tuple[Conflict, ...]
    held: bool
    """Whether the store has to be adopted before anything is refreshed."""


def export(ring: Ring, auditor: Auditor, path: Path, lock: Lock, tenant: str | None = None) -> Exported:
    """Write all tokens, or a tenant's, with their history and specs to a new file at *path*.

    Parked logins, tickets, answers in journals and the audit trail stay. Raises StoreError (TamperedRow,
    WrongKey), OSError, SecretNotFound.
    """
    auditor.write("export", facts={"all": tenant is None})
    tokens, specs = 0, kept_specs(ring.store)
    with written(path, lock, ring.store_id) as file:
        _put_specs(file, specs)
        for row in every_row(ring.store, tenant):
            file.put(_plain(ring, row))
            tokens += 1
    auditor.write("exported", facts={"tokens": tokens})
    return Exported(tokens=tokens, specs=len(specs))


def import_(ring: Ring, auditor: Auditor, path: Path, lock: Lock, at: Instant) -> Imported:
    """Take the tokens of a file, each whole or not at all, sealed under this store's own keys.

    A key that is taken, or whose identity another key's live token has, is named and left out. Raises
    PayloadError where the file was cut or changed: what came before that is taken, and being asked again the
    rest is. Raises StoreError, WrongKey, OSError.
    """
    auditor.write("import")
    tokens, conflicts, held = 0, list[Conflict](), False
    with path.open("rb") as file:
        for part in read(file, lock):
            if "spec" in part:
                ring.store.keep(SPECS, str(part["spec"]), json.dumps(part["data"]).encode())
                continue
            row, entries = _sealed(ring, part)
            if row.live and row.refresh_token is not None and not held:
                hold(ring.store, "imported", "tokens were imported, and may be in use elsewhere", at)
                held = True
            why = _take(ring, auditor, row, entries)
            tokens += why is None
            if why is not None:
                conflicts.append(Conflict(tenant=row.tenant, key=row.key, why=why))
    auditor.write("imported", facts={"tokens": tokens, "conflicts": len(conflicts)})
    return Imported(tokens=tokens, conflicts=tuple(conflicts), held=held)


def _put_specs(file: Writer, specs: dict[str, dict[str, Any]]) -> None:
    for digest, data in specs.items():
        file.put({"spec": digest, "data": data})


def _plain(ring: Ring, row: Row) -> dict[str, Any]:
    demand_vouched(row, ring)
    values = {name: None if (it := opened(row, name, ring)) is None else it.reveal() for name in _VALUES}
    history = [[getattr(entry, name) for name in _ENTRY] for entry in ring.store.history(row.tenant, row.key)]
    return {"token": {name: getattr(row, name) for name in _FACTS}, "values": values, "history": history}


def _sealed(ring: Ring, part: dict[str, Any]) -> tuple[Row, tuple[Entry, ...]]:
    """Return a token's row under this store's keys, and its history, of which nothing is told again."""
    try:
        bare = Row(**part["token"])
        told: dict[str, str | None] = {name: part["values"][name] for name in _VALUES}
        values = {name: None if value is None else Secret(value) for name, value in told.items()}
        entries = tuple(_entries(bare, part["history"]))
    except (KeyError, TypeError, ValueError):
        raise PayloadError("not_an_export", "a part of the file is no token", mend="export again") from None
    access, refresh = (
        None if value is None else ring.seal(value, binding(bare.tenant, bare.id, name, bare.generation))
        for name, value in values.items()
    )
    found = values["access_token"]
    fingerprint = None if found is None else ring.fingerprint(found, bare.tenant)
    row = attrs.evolve(bare, access_token=access, refresh_token=refresh, fingerprint=fingerprint)
    return vouched(row, ring), entries


def _entries(row: Row, history: Iterable[list[Any]]) -> Iterator[Entry]:
    for told in history:
        yield Entry(tenant=row.tenant, key=row.key, **dict(zip(_ENTRY, told, strict=True)))


def _take(ring: Ring, auditor: Auditor, row: Row, entries: tuple[Entry, ...]) -> str | None:
    """Save one token; return why that could not be."""
    record = auditor.act("import", tenant=row.tenant, key=row.key)
    try:
        ring.store.save([Write(row=row, expected=0, entries=entries)], mark=0, record=record)
    except RevisionConflict:
        return "the key is taken here"
    except AlreadyLive:
        return "another key here has a live token of the same identity"
    auditor.wrote()
    return None
