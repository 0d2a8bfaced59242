"""What the SQLite tests stand on: rows, a look into the file, scripts in processes of their own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from tokenflow import Entry, Row, Write
from tokenflow_sqlite import SqliteStore
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.settings import Settings

PAGE: Final = 4096
NOBODY: Final = 65534


def row(key: str = "reports", **changes: Any) -> Row:
    given: dict[str, Any] = {
        "tenant": "acme",
        "key": key,
        "id": f"id-{key}",
        "revision": 1,
        "generation": 1,
        "state": "issued",
        "live": True,
    }
    return Row(**(given | changes))


def new(one: Row, *entries: Entry) -> Write:
    return Write(row=one, expected=0, entries=entries)


@contextmanager
def opened(path: Path, **options: str) -> Iterator[SqliteStore]:
    store = SqliteStore(path, options=options)
    try:
        yield store
    finally:
        store.close()


def kept(folder: Path) -> Path:
    """Return the path of a store with one row, closed."""
    with opened(folder / "store" / "tokens.db") as store:
        store.save([new(row(access_token=b"sealed"))], mark=7)
    return folder / "store" / "tokens.db"


def ask(path: Path, sql: str) -> Any:
    """Return one value from a store that nobody in this process has open."""
    connection = connect(path, Settings())
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


def overwrite(path: Path, place: int, content: bytes) -> None:
    """Write into a store that nobody in this process has open."""
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def run(script: str, *arguments: object) -> str:
    """Run *script* in a Python of its own and return what it printed; its failure is ours."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def folder_of_an_ordinary_user() -> Iterator[Path]:
    """Give a folder that the user of `as_ordinary_user` owns and reaches, also when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="tokenflow-") as outer:
        Path(outer).chmod(0o711)
        folder = Path(outer) / "own"
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder
        folder.chmod(0o700)


AS_ORDINARY_USER: Final = f"""
import os, sys, tempfile
from pathlib import Path
from tokenflow import StoreError
from tokenflow_sqlite import SqliteStore
with tempfile.TemporaryDirectory() as warm:  # everything is imported before the user changes
    SqliteStore(Path(warm) / "warm.db").close()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
path = Path(sys.argv[1])
"""

Sabotage: TypeAlias = Callable[[Path], None]
