"""Who may use the connection, and when: one thread at a time, one process each, looked at twice.

One connection under a lock, not one a thread: SQLite lets one writer in anyway, a reading
connection of our own would keep our own writer from committing, and short-lived threads would leave
open files behind. Calls are short, and a waiting caller waits for at most the call in progress.

A connection does not survive a fork: POSIX locks are not inherited, but SQLite's own list of them
is, so a child would believe in locks it does not hold. The parent therefore lets go of the file
before it forks, and each side opens it again when it next needs it. A fork that Python does not see
leaves the child with an inherited connection, which it never touches, not even to close it.
"""

import ctypes
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TypeVar
from weakref import WeakValueDictionary

from tokenflow import Closed, StoreUnreadable
from tokenflow_sqlite.database import (
    PATIENCE,
    TROUBLE,
    Connection,
    DatabaseError,
    connect,
    explain,
    is_busy,
    is_doubtful,
)
from tokenflow_sqlite.files import identify
from tokenflow_sqlite.settings import Settings

T = TypeVar("T")


class _Session:
    """One process's connection, and the file it leads to."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.connection: Connection | None = None
        self.file = (0, 0)

    def drop(self) -> None:
        """Let go of the file."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class Link:
    """Reads from and writes to the store at a path. Calls may come from any thread and any fork."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path, self._settings = path, settings
        self._sessions: dict[int, _Session] = {}
        """By process id: what a child inherits stays under its parent's number."""
        self._closed = False
        _LINKS[next(_NUMBERS)] = self

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what *work*, a single SELECT, finds; raises StoreError."""
        return self._patiently(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in one transaction and return its result once that is durable; raises StoreError."""
        return self._patiently(lambda connection: self._transaction(connection, work))

    def close(self) -> None:
        """Let go of the file for good."""
        session = self.session()
        with session.lock:
            self._closed = True
            session.drop()

    def session(self) -> _Session:
        """Return this process's session."""
        known = self._sessions.get(os.getpid())
        if known is not None:
            return known
        for inherited in self._sessions.values():
            _abandon(inherited)
        return self._sessions.setdefault(os.getpid(), _Session())

    def _patiently(self, work: Callable[[Connection], T]) -> T:
        """Run *work*: wait while the file is in use, and look twice at what seems to be damage.

        A read that failed once shows as a damaged file (measured: 210 of 210), and what was not
        committed may be tried again, over a new connection. A COMMIT is not: `_commit` waits alone.
        """
        session = self.session()
        doubted = False
        with session.lock:
            deadline = monotonic() + PATIENCE
            while True:
                try:
                    return work(self._connection(session))
                except TROUBLE as error:
                    if is_busy(error) and monotonic() < deadline:
                        continue
                    session.drop()
                    if doubted or not is_doubtful(error):
                        raise explain(error, self.path) from error
                    doubted = True

    def _connection(self, session: _Session) -> Connection:
        if self._closed:
            raise Closed(f"the store {self.path} was closed")
        file = identify(self.path)
        if session.connection is None:
            session.connection, session.file = connect(self.path, self._settings), file
        if session.file != file:
            raise StoreUnreadable(
                f"{self.path} was replaced while it was open",
                mend="stop every process that uses it, then start again",
            )
        return session.connection

    def _transaction(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
        except BaseException:
            _roll_back(connection)
            raise
        self._commit(connection)
        return result

    def _commit(self, connection: Connection) -> None:
        deadline = monotonic() + PATIENCE
        while connection.in_transaction:
            try:
                connection.execute("COMMIT")
            except DatabaseError as error:
                # Readers of other processes are still inside; none comes in any more.
                if is_busy(error) and monotonic() < deadline:
                    continue
                _roll_back(connection)
                raise explain(error, self.path) from error


def _roll_back(connection: Connection) -> None:
    # After some errors SQLite has rolled back by itself.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _abandon(session: _Session) -> None:
    """Keep an inherited connection from ever being closed, even at exit: its journal is the parent's."""
    if session.connection is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session.connection))


_NUMBERS = count()
_LINKS: WeakValueDictionary[int, Link] = WeakValueDictionary()
_PAUSED: list[_Session] = []


def _before_fork() -> None:
    # Always in the order they were made, so that two forking threads cannot wait for each other.
    for reference in _LINKS.valuerefs():
        link = reference()
        if link is not None:
            session = link.session()
            session.lock.acquire()
            session.drop()
            _PAUSED.append(session)


def _after_fork() -> None:
    while _PAUSED:
        _PAUSED.pop().lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
