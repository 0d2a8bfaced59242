"""Files in the user's cache folder: each is believed only if it is whole, and its owner's alone.

A cache spares work and no more. What is missing, damaged, another's or writable by others is the same
as none; and where nothing can be written the work is done each time. It stands below all that uses it
and imports nothing of the house, since a start that finds its answer here loads nothing else.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a file that is kept, or read."""


def place(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return where the file *name* is kept: $XDG_CACHE_HOME/tokenflow, or ~/.cache/tokenflow."""
    folder = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(folder):  # the XDG specification: relative paths are ignored
        folder = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(folder, "tokenflow", name)


def read(file: str) -> bytes | None:
    """Return what `write` put in *file*, or None when it cannot be believed."""
    found = read_regular(file)
    if found is None or not _is_ours(found[0]):
        return None
    digest, _, content = found[1].partition(b"\n")
    return content if digest == _digest(content) else None


def write(file: str, content: bytes) -> bool:
    """Put *content* in the place of what was in *file*, whole or not at all; return whether it was."""
    whole = _digest(content) + b"\n" + content
    if len(whole) > LARGEST:
        return False
    beside = f"{file}.{os.getpid()}"
    with suppress(OSError):
        os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(whole)
        os.replace(beside, file)
        return True
    return False


def read_regular(path: str) -> tuple[os.stat_result, bytes] | None:
    """Read a regular file and nothing else, or return None: what was a file may be a pipe by now."""
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as opened:
            status = os.fstat(opened.fileno())
            return (status, opened.read(LARGEST)) if stat.S_ISREG(status.st_mode) else None
    except (OSError, ValueError):
        return None


def _is_ours(status: os.stat_result) -> bool:
    """Return whether only its owner, who is us, may have written it."""
    return not status.st_mode & 0o022 and (not hasattr(os, "getuid") or status.st_uid == os.getuid())


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
