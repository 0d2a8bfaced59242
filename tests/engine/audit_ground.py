"""A trail to tamper with: some lines in some chains, anchored in the store and beside it."""

from pathlib import Path
from typing import Any

import attrs

from tokenflow.engine.anchoring import Moorings
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.trails import AuditChain, AuditLine
from tokenflow.engine.witnessing import Witness
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.settings import Settings

KEY = bytes(range(32))
KEYS = ("user/1", "user/2", "page/3")
"""Keys that stand on three chains under KEY."""
STORE_ID = "0" * 32


@attrs.define
class Clocks:
    """A wall clock in microseconds and seconds that tick, both moved by hand."""

    wall: int = 1_000_000
    seconds: float = 0.0

    def __call__(self) -> int:
        return self.wall

    def ticks(self) -> float:
        return self.seconds


def auditor_of(store: Any, file: Path | None = None, clock: Clocks | None = None, **how: Any) -> Auditor:
    """Return an auditor whose key is KEY, with its anchor in *file*."""
    clock, witness = clock or Clocks(), Witness(KEY)
    moorings = Moorings(store=store, witness=witness, store_id=STORE_ID, file=file)
    return Auditor(store, witness, moorings, clock, ticks=clock.ticks, **how)


def written(counts: tuple[int, ...], file: Path | None = None) -> Auditor:
    """Return the auditor of a trail with so many lines about each of KEYS, anchored."""
    auditor = auditor_of(MemoryStore(), file)
    for number in range(max(counts)):
        for key, count in zip(KEYS, counts, strict=True):
            if number < count:
                auditor.write("forget", tenant="acme", key=key, facts={"number": number})
    auditor.anchor()
    return auditor


def chain_of(auditor: Auditor, key: str) -> int:
    """Return the chain of one of KEYS."""
    return auditor.witness.place("acme", key)


def lines_of(auditor: Auditor, chain: int) -> list[AuditLine]:
    """Return a memory store's own list of lines, to tamper with."""
    lines: list[AuditLine] = auditor.store._trail._lines[chain]  # type: ignore[attr-defined]
    return lines


def chains_of(auditor: Auditor) -> dict[int, AuditChain]:
    """Return a memory store's own list of chains, to tamper with."""
    chains: dict[int, AuditChain] = auditor.store._trail._chains  # type: ignore[attr-defined]
    return chains


def edited(path: Path, *statements: str) -> None:
    """Edit a SQLite store that nobody in this process has open."""
    connection = connect(path, Settings())
    try:
        for sql in statements:
            connection.execute(sql)
    finally:
        connection.close()
