"""The response journal: an issuer's answer, sealed and durable before anything else happens to it (ruling 6).

One file a process, laid out beforehand, so that an answer costs one write and one fdatasync and waits for
nobody's commit. Its name follows from the worker's, which the intent in the token's row names: whoever
holds the token's lock finds it there. A record that was dealt with is zeroed; a file of a process that is
gone is removed when it holds none.

    slot   magic 4 · length 4 · name 16 · checksum 4 · padding 4 · sealed bytes
"""

import fcntl
import hashlib
import logging
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Final
from weakref import WeakSet

from tokenflow.core.errors import StoreUnreadable
from tokenflow.engine.folders import make_private, settle, stands_at
from tokenflow.engine.forks import ForkLock

log = logging.getLogger(__name__)

SLOT: Final = 8 * 1024
SLOTS: Final = 64
_HEADER: Final = Struct(">4sI16sI4x")
_MAGIC: Final = b"TFJ1"
_LOOKS, _LOOK = 20, 0.005
"""How often, and seconds between, to try to own a new file: a remover holds one for less."""
LARGEST: Final = SLOT - _HEADER.size
"""Bytes of a sealed record; a larger one goes into the store."""


def path_of(folder: Path, worker: str) -> Path:
    """Return where a worker's segment stands."""
    return folder / f"{hashlib.blake2b(worker.encode(), digest_size=16).hexdigest()}.journal"


class Segment:
    """A worker's own segment. Calls may come from any thread; a forked child has none."""

    def __init__(self, folder: Path, worker: str) -> None:
        """Nothing is made before the first record."""
        self._folder, self.path = folder, path_of(folder, worker)
        self._lock = ForkLock()
        self._pid = os.getpid()
        _OPEN.add(self)
        self._descriptor: int | None = None
        self._broken = False
        self._next = 0

    def put(self, name: bytes, sealed: bytes) -> bool:
        """Make a record durable in the place of any that has its name; False when it was not.

        A segment that failed once is not believed again: what a second fsync says of the first is nothing.
        """
        if len(sealed) > LARGEST or self._broken or self._pid != os.getpid():
            return False
        with self._lock:
            try:
                descriptor = self._open()
                if descriptor is None:
                    return False
                slots = list(_slots(descriptor))
                taken = [at for at, found in slots if found == name]
                free = next((at for at, found in slots if found is None), None)
                if free is None:
                    return False
                record = _HEADER.pack(_MAGIC, len(sealed), name, zlib.crc32(sealed)) + sealed
                _write(descriptor, record, free)
                os.fdatasync(descriptor)
                for at in taken:
                    _write(descriptor, bytes(_HEADER.size), at)
            except OSError:
                self._broken = True
                return False
            return True

    def close(self) -> None:
        """Let go of the file, and remove it if nothing is in it."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is None:
                return
            try:
                if self._pid == os.getpid() and all(found is None for _, found in _slots(descriptor)):
                    self.path.unlink(missing_ok=True)
            except OSError:
                log.warning("%s could not be read, and is left as it is", self.path.name)
            finally:
                os.close(descriptor)

    def abandon(self) -> None:
        """Let go of the file as it is, such as one a forked child inherited: its lock is the parent's."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> int | None:
        if self._descriptor is not None and not stands_at(self._descriptor, self.path):
            self.abandon()  # somebody cleared the folder: nobody would find what is written there
        if self._descriptor is None:
            make_private(self._folder)
            remove_empty(self._folder)
            self._descriptor = self._made()
        return self._descriptor

    def _made(self) -> int | None:
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                if not _own_in_time(descriptor):  # it is another engine's of this name: use the store
                    self._broken = True
                    break
                if stands_at(descriptor, self.path):  # else somebody took it for a dead one's
                    os.posix_fallocate(descriptor, 0, SLOT * SLOTS)
                    os.fsync(descriptor)
                    settle(self._folder)
                    return descriptor
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)
        os.close(descriptor)
        return None


def kept(folder: Path, worker: str, name: bytes) -> list[bytes]:
    """Return the whole records of a name in a worker's segment; raises StoreUnreadable.

    There are two where the process died, or the power went, before the older one was zeroed.
    """
    with _opened(path_of(folder, worker), os.O_RDONLY) as descriptor:
        if descriptor is None:
            return []
        records = [_record(descriptor, at) for at, found in _slots(descriptor) if found == name]
    return [one for one in records if one is not None]


def erase(folder: Path, worker: str, name: bytes, sealed: bytes) -> None:
    """Zero the record of a name, if it is this one; raises StoreUnreadable."""
    with _opened(path_of(folder, worker), os.O_RDWR) as descriptor:
        if descriptor is None:
            return
        for at, found in _slots(descriptor):
            if found == name and _record(descriptor, at) == sealed:
                _write(descriptor, bytes(_HEADER.size + len(sealed)), at)


@contextmanager
def _opened(path: Path, how: int) -> Iterator[int | None]:
    """Open a segment, None where there is none; whatever its disk refuses within is StoreUnreadable."""
    try:
        descriptor = os.open(path, how | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        yield descriptor
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> StoreUnreadable:
    return StoreUnreadable(
        f"the response journal {path} could not be read or written: {error.strerror}", mend="check the disk"
    )


def wipe(folder: Path, names: frozenset[bytes]) -> int:
    """Zero every record of these names in all segments; return how many there were."""
    wiped = 0
    for path in folder.glob("*.journal"):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for at, found in _slots(descriptor):
                if found in names:
                    _write(descriptor, bytes(SLOT), at)
                    wiped += 1
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return wiped


def every_record(folder: Path) -> Iterator[tuple[Path, bytes, bytes | None]]:
    """Yield (segment, name, sealed bytes) of each record that is kept; None: it was half written."""
    for path in sorted(folder.glob("*.journal")):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            for at, found in _slots(descriptor):
                if found is not None:
                    yield path, found, _record(descriptor, at)
        finally:
            os.close(descriptor)


def records_in(folder: Path) -> int:
    """Return how many records all segments hold."""
    return sum(_count(path) for path in folder.glob("*.journal"))


def sealed_in(folder: Path) -> Iterator[bytes]:
    """Yield every whole record of all segments: their keys are still needed; raises StoreUnreadable."""
    for path in sorted(folder.glob("*.journal")):
        with _opened(path, os.O_RDONLY) as descriptor:
            taken = (
                [] if descriptor is None else [at for at, found in _slots(descriptor) if found is not None]
            )
            records = [_record(descriptor, at) for at in taken if descriptor is not None]
        yield from (record for record in records if record is not None)


def remove_empty(folder: Path) -> None:
    """Remove the segments of processes that are gone and left nothing."""
    for path in folder.glob("*.journal"):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            mine = _own(descriptor) and stands_at(descriptor, path)  # else there is a newer one in its place
            if mine and all(found is None for _, found in _slots(descriptor)):
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _count(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        return sum(1 for _, found in _slots(descriptor) if found is not None)
    finally:
        os.close(descriptor)


def _slots(descriptor: int) -> list[tuple[int, bytes | None]]:
    """Return every slot's place and the name in it, or None for a free one."""
    found: list[tuple[int, bytes | None]] = []
    for at in range(0, os.fstat(descriptor).st_size or SLOT * SLOTS, SLOT):
        header = os.pread(descriptor, _HEADER.size, at)
        magic = header[:4] == _MAGIC and len(header) == _HEADER.size
        found.append((at, _HEADER.unpack(header)[2] if magic else None))
    return found


def _record(descriptor: int, at: int) -> bytes | None:
    _, length, _, checksum = _HEADER.unpack(os.pread(descriptor, _HEADER.size, at))
    sealed = os.pread(descriptor, min(length, LARGEST), at + _HEADER.size)
    return sealed if len(sealed) == length and zlib.crc32(sealed) == checksum else None


def _write(descriptor: int, data: bytes, at: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(descriptor, data[done:], at + done)


def _own(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _own_in_time(descriptor: int) -> bool:
    """Own it, even if somebody else is just looking whether it is a dead one's."""
    for _ in range(_LOOKS):
        if _own(descriptor):
            return True
        time.sleep(_LOOK)
    return False


_OPEN: WeakSet[Segment] = WeakSet()


def _close_inherited() -> None:
    for segment in list(_OPEN):
        segment.abandon()


os.register_at_fork(after_in_child=_close_inherited)
