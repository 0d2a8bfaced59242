"""The file a store's key rests in when nobody names another place: private, and it appears complete.

It holds one key; two, the new one first, while one takes the other's place (`rewrap`).
"""

import os
import secrets
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenflow.core.errors import SecretNotFound
from tokenflow.core.secret import Secret
from tokenflow.engine.ciphers import fresh_key
from tokenflow.engine.secrets import read_file


def default_key_file(store_id: str) -> Path:
    """Return where the key of a store rests: `$XDG_DATA_HOME/tokenflow/keys/<store id>.key`."""
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    try:
        data = base if base.is_absolute() else Path.home() / ".local" / "share"
    except RuntimeError:
        raise SecretNotFound(
            "this user has no home folder to keep a key in", mend="set XDG_DATA_HOME"
        ) from None
    return data / "tokenflow" / "keys" / f"{store_id}.key"


def read_key_file(path: Path) -> Secret:
    """Return what is in a key file of the house; raises SecretNotFound when it or its folder is loose."""
    mode = stat.S_IMODE(path.parent.stat().st_mode)
    if mode & 0o077:
        raise SecretNotFound(
            f"{path.parent} is open to others (mode {mode:04o})", mend=f"chmod 700 {path.parent}"
        )
    return read_file(str(path))


def write_key_file(path: Path) -> Path:
    """Make a new random key at *path*, 0600 in a folder 0700, unless one is there; return *path*.

    The file appears complete, so that of two processes both read the same key.
    """
    try:
        for folder in reversed([one for one in (path.parent, *path.parent.parents) if not one.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not os.path.lexists(path):
            _appear(path, [fresh_key()], _link)
    except OSError as error:
        raise SecretNotFound(
            f"no key file can be made at {path}: {error.strerror}", mend="set XDG_DATA_HOME, or name a key"
        ) from None
    return path


def replace_key_file(path: Path, keys: Sequence[Secret]) -> None:
    """Put *keys*, the newest first, in the place of what is in the file at *path*, at once and durably."""
    try:
        _appear(path, keys, os.replace)
    except OSError as error:
        raise SecretNotFound(
            f"the key file {path} cannot be written: {error.strerror}", mend="nothing was changed"
        ) from None


def _appear(path: Path, keys: Sequence[Secret], put: Callable[[Path, Path], None]) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.writelines(key.reveal().rstrip("=").encode() + b"\n" for key in keys)
            file.flush()
            os.fsync(descriptor)
        put(fresh, path)
        _settle(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def _link(fresh: Path, path: Path) -> None:
    """Give a file its name, unless another has it by now."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        return


def _settle(folder: Path) -> None:
    """Make the new name durable before anything is sealed with the key behind it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
