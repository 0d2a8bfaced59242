"""Where the sealing key comes from, and the proof that it is this store's.

By default a key file outside the database's folder, made on first use: whoever copies the database
does not thereby hold its key (security.md A8, ruling 30). Or a reference: env:, file:, keyring:.
"""

import base64
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tokenflow.core.errors import SecretNotFound, StoreUnreadable, WrongKey
from tokenflow.core.secret import Secret
from tokenflow.engine.ciphers import KEY_BYTES, AesGcm, Cipher, binding
from tokenflow.engine.secrets import SecretReader, read_file
from tokenflow.engine.stores import Store

SHELF: Final = "store"
"""The shelf of what a store says of itself: `id`, and `canary`, sealed with its key."""

_CANARY: Final = "tokenflow"
_ID: Final = re.compile(r"[0-9a-f]{32}")
_READ: Final = SecretReader()
_passing: dict[str, bytes] = {}
"""Keys of stores that end with this process, by store id: such a store needs no key that stays."""


def open_keyed(store: Store, reference: str | None, *, read: Callable[[str], Secret] = _READ) -> Cipher:
    """Return the cipher of *store*'s key, proven on its canary.

    *reference* says where the key is; None is the key file of this store, made on first use. Raises
    WrongKey when it is another store's or the file is gone, SecretNotFound when a reference leads
    nowhere or a file is open to others.
    """
    store_id = _id_of(store)
    place, key = _key_for(store, store_id, reference, read)
    cipher = AesGcm(key)
    identity = binding("", store_id, "canary", 0, kind="store")
    canary = store.get(SHELF, "canary")
    if canary is None:
        canary = store.keep(SHELF, "canary", cipher.seal(Secret(_CANARY), identity))
    try:
        cipher.open(canary, identity)
    except WrongKey:
        raise WrongKey(
            f"the key from {place} does not open this store (id {store_id})",
            mend="name the key it was made with; nothing was changed",
        ) from None
    return cipher


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


def write_key_file(path: Path) -> Path:
    """Make a new random key at *path*, 0600 in a folder 0700, unless one is there; return *path*.

    The file appears complete, so that of two processes both read the same key.
    """
    try:
        for folder in reversed([one for one in (path.parent, *path.parent.parents) if not one.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not os.path.lexists(path):
            _write_and_link(path, secrets.token_urlsafe(KEY_BYTES).encode() + b"\n")
    except OSError as error:
        raise SecretNotFound(
            f"no key file can be made at {path}: {error.strerror}", mend="set XDG_DATA_HOME, or name a key"
        ) from None
    return path


def _write_and_link(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
        _settle(path.parent)
    finally:
        fresh.unlink()


def _settle(folder: Path) -> None:
    """Make the new name durable before anything is sealed with the key behind it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _id_of(store: Store) -> str:
    found = store.get(SHELF, "id") or store.keep(SHELF, "id", secrets.token_hex(16).encode())
    store_id = found.decode(errors="replace")
    if not _ID.fullmatch(store_id):  # it becomes a file's name, and a store is not trusted
        raise StoreUnreadable("the store's id is not an id", mend="it was changed by hand: restore a backup")
    return store_id


def _key_for(
    store: Store, store_id: str, reference: str | None, read: Callable[[str], Secret]
) -> tuple[str, bytes]:
    if reference is not None:
        return reference, _key_in(read(reference), reference)
    if "durable" not in store.capabilities:
        return "this process", _passing.setdefault(store_id, os.urandom(KEY_BYTES))
    path = default_key_file(store_id)
    if not os.path.lexists(path):
        if store.get(SHELF, "canary") is not None:
            raise WrongKey(
                f"the key of this store is gone: {path}",
                mend="bring the file back, or name the key: --key file:/path",
            )
        write_key_file(path)
    _refuse_shared_folder(path.parent)
    return str(path), _key_in(read_file(str(path)), str(path))


def _refuse_shared_folder(folder: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        raise SecretNotFound(f"{folder} is open to others (mode {mode:04o})", mend=f"chmod 700 {folder}")


def _key_in(secret: Secret, place: str) -> bytes:
    text = secret.reveal().translate(str.maketrans("+/", "-_")).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise WrongKey(
            f"{place} holds no sealing key",
            mend=f"a key is {KEY_BYTES} random bytes: openssl rand -base64 32",
        )
    return key
