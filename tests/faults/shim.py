"""The disk's faults, from Python: shim.c is compiled once, loaded before libc, and told what to do.

A process has the shim when it was started with `environment()`; there, `Shim()` speaks to it. Forks
inherit it with everything else, and each says for itself what is to fail.
"""

import ctypes
import errno
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

READ, WRITE, SYNC, NAME, SIZE = 1, 2, 4, 8, 16
"""Kinds of operations: read and pread; write and pwrite; fsync and fdatasync; open, unlink, rename, link
and mkdir; ftruncate and posix_fallocate."""
CHANGES: Final = WRITE | SYNC | NAME | SIZE
ANY: Final = READ | CHANGES
_HEAD: Final = struct.Struct("<c3xIqq")


@attrs.frozen
class Fault:
    """What fails, and how."""

    name: str
    kinds: int
    code: int = errno.EIO
    lasts: bool = False
    """From that operation on, or once."""
    torn: bool = False
    """Half of what was to be written is."""


FAULTS: Final = (
    Fault("a read fails", READ),
    Fault("reads fail from then on", READ, lasts=True),
    Fault("a change fails", CHANGES),
    Fault("changes fail from then on", CHANGES, lasts=True),
    Fault("everything fails from then on", ANY, lasts=True),
    Fault("the disk is full from then on", WRITE | SIZE, errno.ENOSPC, lasts=True),
    Fault("a write is short", WRITE, errno.ENOSPC, torn=True),
    Fault("a write is short and the disk full", WRITE, errno.ENOSPC, lasts=True, torn=True),
    Fault("an fsync fails, the next succeeds", SYNC),
    Fault("every fsync fails from then on", SYNC, lasts=True),
)


def library() -> Path:
    """Return the compiled shim, compiling it if need be; raises RuntimeError where no compiler is."""
    source = Path(__file__).with_name("shim.c")
    content = source.read_bytes()
    made = Path(sys.prefix) / "faults" / f"shim-{hashlib.sha256(content).hexdigest()[:16]}.so"
    if not made.exists():
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise RuntimeError("no C compiler is here to make the disk fail with: python3 dev.py tools")
        made.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as folder:
            fresh = Path(folder) / made.name
            flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra"]
            subprocess.run([compiler, *flags, "-o", fresh, source, "-ldl", "-pthread"], check=True)
            fresh.replace(made)
    return made


def environment() -> dict[str, str]:
    """Return this process's environment, and the shim in it."""
    return {**os.environ, "LD_PRELOAD": str(library())}


class Shim:
    """The shim that this process was started with."""

    def __init__(self) -> None:
        self._c = ctypes.CDLL(None)
        for asked in ("faults_seen", "faults_fired"):
            getattr(self._c, asked).restype = ctypes.c_long

    def watch(self, folder: Path) -> None:
        """Meddle with what is below *folder*, and nothing else."""
        self._c.faults_watch(str(folder).encode())

    def arm(self, fault: Fault, when: int) -> None:
        """Let operation number *when* among those of *fault* fail, counted from now; 0: none does."""
        self._c.faults_arm(ctypes.c_long(when), fault.kinds, fault.code, fault.lasts, fault.torn)

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._c.faults_arm(ctypes.c_long(0), 0, 0, False, False)

    @property
    def seen(self) -> int:
        """How many operations there were that could have failed, since it was armed."""
        return int(self._c.faults_seen())

    @property
    def fired(self) -> int:
        """How many of them did."""
        return int(self._c.faults_fired())

    def record(self, descriptor: int) -> None:
        """Write down what is done below the folder, to an open file."""
        self._c.faults_record(descriptor)

    def note(self, text: str) -> None:
        """Put a line of the test's own among the operations: what was acknowledged by now."""
        self._c.faults_note(text.encode())


@attrs.frozen
class Operation:
    """One operation that succeeded, as the kernel was asked for it."""

    op: str
    """O made, W written, T cut or grown to, G grown to at least, S synced, F a sync that failed, U unlinked,
    R renamed, L linked, M a folder made, A a note of the test's."""
    path: str
    offset: int = 0
    data: bytes = b""


def read_record(content: bytes) -> Iterator[Operation]:
    """Yield what was written down, in order."""
    at = 0
    while at < len(content):
        op, name, offset, size = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        path, at = content[at : at + name].decode(), at + name
        carries = op in b"WRL"
        data, at = (content[at : at + size], at + size) if carries else (b"", at)
        yield Operation(op.decode(), path, offset, data)
