"""The audit trail in the file: lines by chain and number, and where each chain begins and ends."""

from typing import Final

import attrs

from tokenflow import AuditChain, AuditLine, AuditRecord
from tokenflow_sqlite.database import Connection

# A line that somebody put behind the last one is stepped over, not overwritten: it stays for `audit
# verify` to find, and no token is lost because its line has no place.
STANDS: Final = (
    "SELECT chain, max(number, coalesce((SELECT max(number) FROM lines WHERE chain = chains.chain), 0)), "
    "head, base, base_head, seal FROM chains WHERE chain = ?"
)
ADVANCE: Final = (
    "INSERT INTO chains (chain, number, head) VALUES (?, ?, ?) "
    "ON CONFLICT (chain) DO UPDATE SET number = excluded.number, head = excluded.head"
)
APPEND: Final = "INSERT INTO lines (chain, number, body, head) VALUES (?, ?, ?, ?)"
CHAINS: Final = "SELECT chain, number, head, base, base_head, seal FROM chains ORDER BY chain"
LINES: Final = (
    "SELECT chain, number, body, head FROM lines WHERE chain = ? AND number > ? ORDER BY number LIMIT ?"
)
CUT: Final = "UPDATE chains SET base = ?, base_head = ?, seal = ? WHERE chain = ? AND base < ?"
PRUNE: Final = "DELETE FROM lines WHERE chain = ? AND number <= ?"


def append(db: Connection, record: AuditRecord | None) -> None:
    """Append what *record* says, within the transaction that runs."""
    for chain, body in () if record is None else record.said:
        found = db.execute(STANDS, (chain,)).fetchone()
        before = (
            AuditChain(chain=chain) if found is None else AuditChain(**dict(zip(_CHAIN, found, strict=True)))
        )
        line = record.follow(before, body)  # type: ignore[union-attr]  # None says nothing
        db.execute(APPEND, line)
        db.execute(ADVANCE, (line.chain, line.number, line.head))


def chains(db: Connection) -> list[AuditChain]:
    """Return the chains that have begun, by number."""
    found = db.execute(CHAINS).fetchall()
    return [AuditChain(**dict(zip(_CHAIN, values, strict=True))) for values in found]


def lines(db: Connection, chain: int, after: int, limit: int) -> list[AuditLine]:
    """Return up to *limit* lines of a chain beyond number *after*, in order."""
    found = db.execute(LINES, (chain, after, limit)).fetchall()
    return list(map(AuditLine._make, found))


def prune(db: Connection, last: AuditLine, seal: bytes) -> bool:
    """Remove the lines of a chain up to *last*; False when it was pruned there or further already."""
    cut = (last.number, last.head, seal, last.chain, last.number)
    if not db.execute(CUT, cut).rowcount:
        return False
    db.execute(PRUNE, (last.chain, last.number))
    return True


_CHAIN: Final = tuple(field.name for field in attrs.fields(AuditChain))
