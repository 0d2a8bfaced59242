"""Private folders for what stands beside a store: token locks and response journals."""

import os
import stat
from pathlib import Path

from tokenflow.core.errors import StoreUnreadable


def make_private(folder: Path) -> None:
    """Make *folder*, 0700, unless it is there; raises StoreUnreadable when it is no private folder.

    Its parent, the folder of the data, is made likewise if it is missing.
    """
    for one in (folder.parent, folder):
        one.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StoreUnreadable(f"{folder} is not a folder of this user", mend="move it away; it is made anew")
    if found.st_mode & 0o077:
        raise StoreUnreadable(
            f"{folder} is open to others (mode {stat.S_IMODE(found.st_mode):04o})", mend=f"chmod 700 {folder}"
        )


def settle(folder: Path) -> None:
    """Make a new name in *folder* durable: a file without its entry there is lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stands_at(descriptor: int, path: Path) -> bool:
    """Return whether the file that stands at *path* is the open one."""
    try:
        found, held = path.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)
