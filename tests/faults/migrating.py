"""A process is killed at each statement of a store's migration, from each older version.

Whoever opens the file next finds the version it had or the newest, whole, with every row in it, and
brings it to the newest; nothing is left half done.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock

import sqlite_utils

from tests.faults.disk import fast_folder
from tests.faults.nursery import Nursery
from tests.faults.report import Report
from tokenflow_sqlite import database
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.schema import APPLICATION_ID, MIGRATIONS
from tokenflow_sqlite.settings import Settings

GATE: Final = 60
_ROWS: Final = 20
_ROW: Final = (
    "INSERT INTO tokens (tenant, key, id, revision, generation, state, live, digest, body) "
    "VALUES ('t', ?, ?, 1, 1, 'issued', 1, 'd', '{}')"
)


def old(path: Path, version: int) -> None:
    """Make the store that a tokenflow of that version made, with rows in it."""
    path.touch(mode=0o600)
    with closing(database._open(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("BEGIN")
        for step in MIGRATIONS[:version]:
            step(sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False))
        connection.executemany(_ROW, [(f"k/{number}", f"id/{number}") for number in range(_ROWS)])
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")


def migrate(path: str, until: int) -> Mapping[str, Any]:
    """Open a store, and die at a statement; with 0, return how many there are."""
    run, open_file = 0, database._open

    def ran(_: str) -> None:
        nonlocal run
        run += 1
        if run == until:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(file: Path) -> database.Connection:
        connection = open_file(file)
        connection.set_trace_callback(ran)
        return connection

    with mock.patch.object(database, "_open", watched), closing(connect(Path(path), Settings())):
        return {"statements": run}


def campaign(size: int, seed: int) -> Report:
    """Kill at *size* statements of all there are from each version, or at all of them."""
    chance, failures, killed = Random(seed), list[str](), 0
    versions = range(1, len(MIGRATIONS))
    with Nursery() as nursery, tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        for version in versions:
            old(Path(name) / f"{version}.db", version)
        points = [
            (version, number)
            for version in versions
            for number in range(1, _statements(nursery, Path(name), version) + 1)
        ]
        chosen = points if size >= len(points) else chance.sample(points, size)
        for version, number in chosen:
            path = Path(name) / "tokens.db"
            shutil.copyfile(Path(name) / f"{version}.db", path)
            path.chmod(0o600)
            killed += "raised" in nursery.call(migrate, path=str(path), until=number)
            failures += [f"from {version}, killed at {number}: {one}" for one in complaints(path, version)]
            path.with_name("tokens.db-journal").unlink(missing_ok=True)
    figures = {"kills": killed, "statements there are": len(points), "versions": len(MIGRATIONS)}
    void = [] if killed == len(chosen) else [f"only {killed} of {len(chosen)} were killed"]
    return Report("migrations", figures, void, failures)


def _statements(nursery: Nursery, folder: Path, version: int) -> int:
    path = folder / "counted.db"
    shutil.copyfile(folder / f"{version}.db", path)
    path.chmod(0o600)
    said = nursery.call(migrate, path=str(path), until=0)
    assert "statements" in said, said
    return int(said["statements"])


def complaints(path: Path, version: int) -> Iterator[str]:
    """Yield what is wrong with a store whose migration from *version* was cut short."""
    with closing(database._open(path)) as connection:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found not in (version, len(MIGRATIONS)):
        yield f"it says that it is of version {found}"
    with closing(connect(path, Settings())) as connection:
        (now,) = connection.execute("PRAGMA user_version").fetchone()
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        (rows,) = connection.execute("SELECT count(*) FROM tokens").fetchone()
    if (now, whole, rows) != (len(MIGRATIONS), "ok", _ROWS):
        yield f"opened again it is of version {now}, {whole}, with {rows} rows of {_ROWS}"
