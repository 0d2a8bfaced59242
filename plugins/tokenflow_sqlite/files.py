"""What the file system must grant: a private file, made privately, and never replaced.

Nothing here opens an existing database file. Closing any descriptor of it drops the POSIX locks of
the whole process, and another process then commits into our open transaction (measured: an
acknowledged row vanished). An existing file is only looked at with `stat`.
"""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from tokenflow import StoreUnreadable


def identify(path: Path) -> tuple[int, int]:
    """Return which file stands at *path* (device, inode); raises StoreUnreadable when it may not be used."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise StoreUnreadable(
            f"no store at {path}", mend="check the path; a store is made on first use"
        ) from None
    except PermissionError:
        raise StoreUnreadable(
            f"{path.parent} may not be entered by this user",
            mend=f"run as its owner, or: chmod u+rwx {path.parent}",
        ) from None
    _refuse_foreign(path, found)
    _refuse_closed(path, found)
    return found.st_dev, found.st_ino


def _refuse_foreign(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise StoreUnreadable(
            f"{path} is a symbolic link", mend=f"name the file itself: {os.path.realpath(path)}"
        )
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnreadable(
            f"{path} is not a file", mend="name a file inside a folder, e.g. sqlite:tokens.db"
        )
    if found.st_uid != os.geteuid():
        raise StoreUnreadable(
            f"{path} belongs to user {found.st_uid}, not to {os.geteuid()}",
            mend="run as its owner, or change the owner",
        )
    if found.st_mode & 0o077:
        raise StoreUnreadable(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o})", mend=f"chmod 600 {path}"
        )
    if found.st_size == 0:
        raise StoreUnreadable(
            f"{path} is empty: a store is never made empty, so it was cut off",
            mend="restore a backup; or, if nothing was ever kept in it, remove the file yourself",
        )


def _refuse_closed(path: Path, found: os.stat_result) -> None:
    if not os.access(path, os.R_OK | os.W_OK):
        raise StoreUnreadable(
            f"{path} may not be read and written (mode {stat.S_IMODE(found.st_mode):04o})",
            mend=f"chmod 600 {path}",
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreUnreadable(
            f"{path.parent} is read-only for this user: SQLite keeps its journal beside the file",
            mend=f"chmod u+rwx {path.parent}, or move the store to a folder of your own",
        )


def make(path: Path, build: Callable[[Path], None]) -> None:
    """Make a store at *path* unless one stands there; it appears complete, 0600, in a folder 0700.

    It is built under another name and then linked, so a crash leaves no half of a store, and of
    two processes one wins and the other finds its work.
    """
    if _stands(path):
        return
    try:
        _refuse_leftovers(path)
        _make_folder(path.parent)
        _build_and_link(path, build)
    except OSError as error:
        raise StoreUnreadable(
            f"no store can be made at {path}: {error.strerror}",
            mend="name a folder of your own on a local disk",
        ) from error


def make_new(path: Path, build: Callable[[Path], None]) -> None:
    """Make a file at *path* as `make` does; raises StoreUnreadable when something stands there."""
    taken = StoreUnreadable(
        f"{path} is there already", mend="name a file that is not: nothing is overwritten"
    )
    if _stands(path):
        raise taken
    try:
        _make_folder(path.parent)
        if not _build_and_link(path, build):
            raise taken
    except OSError as error:
        raise StoreUnreadable(
            f"{path} cannot be made: {error.strerror}", mend="name a folder of your own with room in it"
        ) from error


def _stands(path: Path) -> bool:
    """Whether something is there, or may be: in a folder that may not be entered nothing is made."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _refuse_leftovers(path: Path) -> None:
    for leftover in (path.with_name(f"{path.name}-journal"), path.with_name(f"{path.name}-wal")):
        if leftover.exists() and leftover.stat().st_size:
            raise StoreUnreadable(
                f"{path} is gone but {leftover.name} is not: a new store would take up the old one's journal",
                mend=f"bring {path.name} back, or move {leftover.name} away",
            )


def _make_folder(folder: Path) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def _build_and_link(path: Path, build: Callable[[Path], None]) -> bool:
    """Return whether the name was free until the end."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    try:
        build(fresh)
        try:
            os.link(fresh, path)
        except FileExistsError:
            return False
        settle(path.parent)
        return True
    finally:
        fresh.unlink()


def settle(folder: Path) -> None:
    """Make new names durable, or raise OSError: a file without its entry is lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_journal(path: Path) -> bool:
    """Make a store's empty journal before SQLite does; return whether there was none. Raises OSError."""
    journal = path.with_name(f"{path.name}-journal")
    if os.path.lexists(journal):
        return False
    os.close(os.open(journal, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    return True
