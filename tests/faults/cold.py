"""A process starts over a store with a great many rows, of which few are due: it does the work of those few.

Work is counted as SQLite's virtual machine counts it, so that the figure is the same on any machine.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest import mock

from tests.faults.keeping import LOGIN, NOW, Ground
from tests.faults.report import Report
from tests.faults.soak import Many
from tokenflow import SECOND
from tokenflow_sqlite import database

GATE: Final = 20_000
_FEW: Final = 200
"""Rows of the store that the large one is compared with."""
_DUE: Final = ("ada", "bob", "eve")
_ROOM: Final = 1.25
"""How much more work a store may be that is so much larger: its indexes are a level or two deeper."""
_ROW: Final = (
    "INSERT INTO tokens "
    "(tenant, key, id, revision, generation, state, live, digest, body, due_at, expires_at) "
    "VALUES ('default', ?, ?, 1, 1, 'issued', 1, 'd', '{}', ?, ?)"
)


class Work:
    """What SQLite has done."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> int:
        self.steps += 1
        return 0


@contextmanager
def counted() -> Iterator[Work]:
    """Count the steps of every connection that is opened within."""
    work, open_file = Work(), database._open

    def watched(file: Path) -> database.Connection:
        connection = open_file(file)
        connection.set_progress_handler(work, 1)
        return connection

    with mock.patch.object(database, "_open", watched):
        yield work


def start(folder: Path, rows: int) -> tuple[int, float, int]:
    """Open a store of so many rows, three of them due; return steps, seconds, and how many were renewed."""
    folder.mkdir(mode=0o700)
    ground, issuer = Ground(folder), Many()
    with ground.open(issuer) as engine:
        for key in _DUE:
            engine.acquire(key, **LOGIN)
    with closing(database._open(ground.file)) as connection:
        connection.execute("BEGIN")
        later = NOW + 86_400 * SECOND
        connection.executemany(
            _ROW, ((f"k/{one}", f"id/{one}", later + one, later + one) for one in range(rows))
        )
        connection.execute("COMMIT")
    ground.clock.advance(3300 * SECOND)
    begun = time.perf_counter()
    with counted() as work, ground.open(issuer) as engine:
        attended = engine.sweep().attended
        seconds = time.perf_counter() - begun
    return work.steps, seconds, attended


def campaign(size: int, seed: int) -> Report:
    """Start over *size* rows, and over few: the work is the same."""
    del seed  # nothing is left to chance
    with TemporaryDirectory() as name:
        few, _, _ = start(Path(name) / "few", _FEW)
        many, seconds, attended = start(Path(name) / "many", size)
    figures = {
        "rows": size,
        "steps": many,
        f"steps with {_FEW} rows": few,
        "seconds until the due ones are renewed": seconds,
    }
    failures = [] if many <= few * _ROOM else [f"{many} steps over {size} rows, {few} over {_FEW}"]
    void = [] if attended == len(_DUE) else [f"{attended} of {len(_DUE)} were attended to"]
    return Report("a cold start", figures, void, failures)
