"""Token locks: one at a time works on a token's value, over the threads and processes of a host (ruling 6).

The operating system's own lock on a file (flock), which dies with whoever holds it: no clock, lease or
clean-up has to be believed. A fixed set of stripes is made on demand and never removed; two tokens that
fall on one stripe wait for each other, which costs time and nothing else.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol
from weakref import WeakSet

import attrs

from tokenflow.core.errors import StoreUnreadable
from tokenflow.engine.folders import make_private, stands_at
from tokenflow.engine.forks import ForkLock

STRIPES: Final = 4096


class TokenLock(Protocol):
    """A lock that is held."""

    @property
    def stripe(self) -> str:
        """What it covers: two tokens of one stripe have one lock."""

    def still(self) -> bool:
        """Whether it is held yet, by this process."""

    def release(self) -> None:
        """Let go of it; a second time nothing happens."""


class TokenLocks(Protocol):
    """Where token locks are taken. What a store offers of its own (advisory locks, say) is one, too."""

    @property
    def firm(self) -> bool:
        """Whether one that is taken keeps every other process out, too."""

    def stripe(self, tenant: str, key: str) -> str:
        """Return the name of the stripe a token falls on."""

    def take(self, tenant: str, key: str) -> TokenLock | None:
        """Take a token's lock now, or return None while it is held; raises StoreUnreadable."""


class _FileLock:
    """An flock on an open file; a forked child closes it and never unlocks it: it is the parent's."""

    __slots__ = ("__weakref__", "_descriptor", "_path", "_pid", "stripe")

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self._path, self._pid = descriptor, path, os.getpid()
        self.stripe = path.name
        _HELD.add(self)

    def still(self) -> bool:
        return self._descriptor >= 0 and self._pid == os.getpid() and stands_at(self._descriptor, self._path)

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            if self._pid == os.getpid():  # a child forked before this object was made may have it open, too
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)


class ProcessLocks:
    """Locks of one engine's own errands, for a store that offers none: elsewhere only leases tell."""

    firm: Final = False

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._held: set[tuple[int, str, str]] = set()
        """By process: what a forked child inherits is its parent's."""

    def stripe(self, tenant: str, key: str) -> str:
        """Return the name of the stripe a token falls on: its own."""
        return f"{len(tenant)}:{tenant}{key}"

    def take(self, tenant: str, key: str) -> TokenLock | None:
        """Take a token's lock now, or return None while it is held."""
        name = os.getpid(), tenant, key
        with self._lock:
            if name in self._held:
                return None
            self._held.add(name)
        return _ProcessLock(self.stripe(tenant, key), lambda: self._held.discard(name))


@attrs.define
class _ProcessLock:
    stripe: str
    _let_go: Callable[[], None] | None

    def still(self) -> bool:
        return self._let_go is not None

    def release(self) -> None:
        let_go, self._let_go = self._let_go, None
        if let_go is not None:
            let_go()


class FileLocks:
    """Stripes as files in a private folder. Calls may come from any thread."""

    firm: Final = True

    def __init__(self, folder: Path) -> None:
        """*folder* is made, and seen to be private, when the first lock is taken."""
        self._folder, self._private = folder, False

    def stripe(self, tenant: str, key: str) -> str:
        """Return the name of the stripe a token falls on."""
        digest = hashlib.blake2b(f"{len(tenant)}:{tenant}{key}".encode(), digest_size=8).digest()
        return f"{int.from_bytes(digest, 'big') % STRIPES:03x}"

    def take(self, tenant: str, key: str) -> TokenLock | None:
        """Take a token's lock now, or return None while it is held; raises StoreUnreadable."""
        path = self._folder / self.stripe(tenant, key)
        try:
            while True:
                if not self._private:
                    make_private(self._folder)
                    self._private = True
                descriptor = _opened(path)
                if not _locked(descriptor):
                    return None
                if stands_at(descriptor, path):
                    return _FileLock(descriptor, path)
                os.close(descriptor)  # somebody cleared the folder meanwhile: lock what is there
        except OSError as error:
            raise StoreUnreadable(
                f"the lock of a token cannot be taken in {self._folder}: {error.strerror}",
                mend="check the folder's rights and the disk; nothing was sent",
            ) from None


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        make_private(path.parent)
    return os.open(path, flags, 0o600)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return False
        raise
    return True


_HELD: WeakSet[_FileLock] = WeakSet()


def _close_inherited() -> None:
    for lock in list(_HELD):
        lock.release()


os.register_at_fork(after_in_child=_close_inherited)
