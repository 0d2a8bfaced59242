"""The connection, and what SQLite's errors mean. The only module that takes a DB-API.

It is sqlite-utils' own, because two SQLite libraries on one file in one process lose commits.
"""

import os
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

import sqlite_utils
from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined]  # whichever it chose

from tokenflow import StoreError, StoreTooNew, StoreUnreadable
from tokenflow_sqlite.files import make_journal, settle
from tokenflow_sqlite.schema import APPLICATION_ID, MIGRATIONS
from tokenflow_sqlite.settings import Settings

Connection = sqlite3.Connection
DatabaseError = sqlite3.DatabaseError
IntegrityError = sqlite3.IntegrityError
TROUBLE: Final = (DatabaseError, UnicodeDecodeError)
"""What comes of a file that is damaged or in use. SQLite quotes what is damaged in its messages, and where
that is no text, the DB-API raises the second while it makes the first."""
Trouble: TypeAlias = DatabaseError | UnicodeDecodeError
LINKED: Final[tuple[int, ...]] = tuple(sqlite3.sqlite_version_info)

PATIENCE: Final = 5.0
"""Seconds another process may hold the file before that is an error."""

# SQLite looks again after 1, 2, 5, 10 ms ... and soon only every 100 ms, while a process that writes row
# upon row leaves the file free for 0.1 ms between two: others wait in vain (measured: two of two gave up
# after 5 s). Slices of 5 ms, renewed until PATIENCE ends, look every 2 ms.
_SLICE: Final = 5

_BUSY, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 8, 10, 11, 13, 14, 26
_GUARDS: Final = (
    f"PRAGMA busy_timeout = {_SLICE}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",  # a read error would be a SIGBUS
    "PRAGMA temp_store = MEMORY",  # no token data in temporary files
)


def connect(path: Path, settings: Settings) -> Connection:
    """Open the existing store at *path*, and bring it to this version.

    Raises StoreTooNew, StoreUnreadable, and DatabaseError as SQLite says it.
    """
    connection = _open(path)
    try:
        for guard in _GUARDS:
            connection.execute(guard)
        version = _version(connection, path)
        _write_safely(connection, path, settings)
        _settle_journal(connection, path, settings)
        if version < len(MIGRATIONS):
            _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def build(path: Path) -> None:
    """Fill the empty file at *path* with an empty store."""
    connection = _open(path)
    try:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        _migrate(connection)
    except DatabaseError as error:
        raise explain(error, path) from error
    finally:
        connection.close()


def copy_to(connection: Connection, path: Path) -> None:
    """Fill the empty file at *path* with all there is, as of one instant; durable when it returns.

    In one step: a copy that lets writers in between begins anew after each of them, and may never end.
    """
    copy = _open(path)
    try:
        copy.execute("PRAGMA synchronous = EXTRA")
        connection.backup(copy)
        # What was copied from a WAL says that it has one, and a backup is one file.
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()
    finally:
        copy.close()


def _open(path: Path) -> Connection:
    # mode=rw: SQLite itself never makes a file. The link sees to it that one thread at a time uses it.
    uri = f"file:{quote(os.fsencode(path))}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _version(connection: Connection, path: Path) -> int:
    if _value(connection, "PRAGMA application_id") != APPLICATION_ID:
        raise StoreUnreadable(
            f"{path} is a SQLite database, but not one of tokenflow's",
            mend="name another file; this one was left alone",
        )
    version = int(str(_value(connection, "PRAGMA user_version")))
    if version > len(MIGRATIONS):
        raise StoreTooNew(
            f"{path} has version {version}; this tokenflow knows versions up to {len(MIGRATIONS)}",
            mend="upgrade tokenflow; the file was left as it is",
        )
    return version


def _write_safely(connection: Connection, path: Path, settings: Settings) -> None:
    """Set what a commit stands on, and read it back: SQLite ignores a pragma it cannot follow."""
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA synchronous = {settings.synchronous}")
    wanted = {
        "PRAGMA secure_delete": 1,
        "PRAGMA synchronous": {"full": 2, "extra": 3}[settings.synchronous],
        f"PRAGMA journal_mode = {settings.journal}": settings.journal,
    }
    for pragma, value in wanted.items():
        if (answer := _value(connection, pragma)) != value:
            raise StoreUnreadable(
                f"{path}: SQLite answers {answer!r} to {pragma!r}",
                mend="is it open elsewhere with another journal=?",
            )


def _settle_journal(connection: Connection, path: Path, settings: Settings) -> None:
    """Make the journal's name durable. SQLite syncs the folder, and overlooks it when that fails.

    Measured: an acknowledged commit was lost in WAL (339 of 1316 images), a page torn without (14 of 20,000).
    """
    try:
        if settings.journal == "wal":
            _value(connection, "PRAGMA user_version")  # whatever reads first makes the WAL, if there is none
        elif not make_journal(path):
            return
        settle(path.parent)
    except OSError as error:
        raise StoreUnreadable(
            f"{path.parent} could not be written: {error.strerror}", mend="check the disk, then open it again"
        ) from error


def _migrate(connection: Connection) -> None:
    """Run the missing steps in one transaction; another process may have been first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        db = sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False)
        done = int(str(_value(connection, "PRAGMA user_version")))
        for step in MIGRATIONS[done:]:
            step(db)
        connection.execute(f"PRAGMA user_version = {max(done, len(MIGRATIONS))}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _value(connection: Connection, sql: str) -> object:
    return connection.execute(sql).fetchone()[0]


def is_busy(error: Trouble) -> bool:
    """Whether another process was in the way, and waiting may help."""
    return _code(error) == _BUSY


def is_doubtful(error: Trouble) -> bool:
    """Whether a second look may show that nothing is wrong: a failed read shows as damage, too."""
    return _code(error) in (_IOERR, _CORRUPT, _NOTADB)


def _code(error: Trouble) -> int:
    if isinstance(error, UnicodeDecodeError):
        return _CORRUPT
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(error: Trouble, path: Path) -> StoreError:
    """Return what SQLite's error means for whoever owns the file, and the mend."""
    said, mend = {
        _BUSY: ("is locked by another process", "try again; a stopped process may hold it"),
        _READONLY: ("may not be written", f"check the rights of {path} and its folder"),
        _CANTOPEN: ("cannot be opened", f"check the rights of {path} and its folder"),
        _IOERR: ("could not be read or written: the disk failed", "check the disk, then open it again"),
        _CORRUPT: ("is damaged", "it was left as it is: restore a backup, or salvage from a copy"),
        _FULL: ("does not fit: the disk is full", "make room; nothing was changed"),
        _NOTADB: ("is not a SQLite database", "name another file; this one was left alone"),
    }.get(_code(error), ("met an error that tokenflow does not know", "look at the cause above"))
    return StoreUnreadable(f"{path} {said} ({error})", mend=mend)
