"""Opening a store with the key its ring is sealed under, and the proof that it is this store's.

By default that key rests in a file outside the database's folder, made on first use: whoever copies the
database does not thereby hold it (security.md A8, ruling 30). Or a reference says who holds it (`holders`).
"""

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tokenflow.core.errors import StoreUnreadable, WrongKey
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import Instant
from tokenflow.engine.ciphers import AesGcm, binding, bytes_of, fresh_key
from tokenflow.engine.enrolling import enroll
from tokenflow.engine.holders import Holder, Sources, holding
from tokenflow.engine.keyfiles import default_key_file, read_key_file, write_key_file
from tokenflow.engine.rings import RING, SHELF, Keys, Ring, opened_ring, sealed_ring
from tokenflow.engine.stores import Store

__all__ = ["SHELF", "default_key_file", "holder_of", "look_keyed", "open_keyed", "write_key_file"]

CANARY: Final = "canary"
"""What a store kept that had a single key, sealed with it; a ring has taken its place."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_BUILT_IN: Final = Sources()
_passing: dict[str, Secret] = {}
"""Keys of stores that end with this process, by store id: such a store needs no key that stays."""


def open_keyed(store: Store, reference: str | None, sources: Sources = _BUILT_IN) -> Ring:
    """Return the ring of *store*; made when there is none, or of the single key a store of before had.

    *reference* says who holds its key; None is the key file of this store, made on first use. Raises
    WrongKey when it is another store's or the file is gone, SecretNotFound when a reference leads
    nowhere or a file is open to others. Nothing is written before the key is proven.
    """
    store_id = _id_of(store)
    holder = holder_of(store, store_id, reference, sources)
    if holder.path is not None and reference is None:
        _make_default(store, holder.path)
    ring = _look(store, store_id, holder)
    if not ring.is_kept:
        store.keep(SHELF, RING, sealed_ring(ring.keys, holder, store_id))
        store.take(SHELF, CANARY)
        ring = _look(store, store_id, holder)
    enroll(ring)
    return ring


def look_keyed(store: Store, reference: str | None, sources: Sources = _BUILT_IN) -> Ring | None:
    """Return the ring as `open_keyed` does, and change nothing: None for a store that has no key yet."""
    if not _has_key(store):
        return None
    store_id = _id_of(store)
    return _look(store, store_id, holder_of(store, store_id, reference, sources))


def _look(store: Store, store_id: str, holder: Holder) -> Ring:
    """Return the ring that stands, or that would be made."""
    blob = store.get(SHELF, RING)
    if blob is not None:
        return Ring(store, store_id, holder, opened_ring(blob, holder, store_id), blob)
    now: Instant = time.time_ns() // 1000
    canary = store.get(SHELF, CANARY)
    if canary is None and store.rows(None, 1):
        if store.get(SHELF, RING) is not None:  # somebody made it just now
            return _look(store, store_id, holder)
        raise StoreUnreadable(
            "the store's key ring is gone, and no other would open what is in it", mend="restore a backup"
        )
    first = None if canary is None else _single_key(canary, holder, store_id)
    return Ring(store, store_id, holder, Keys.new(now, first), None)


def _single_key(canary: bytes, holder: Holder, store_id: str) -> Secret:
    """Return the key a store of before was sealed with, which becomes that of term 1."""
    identity = binding("", store_id, CANARY, 0, kind="store")
    for key in holder.again(store_id, None):
        with suppress(WrongKey):
            AesGcm(bytes_of(key)).open(canary, identity)
            return key
    raise WrongKey(
        f"the key from {holder.place} does not open this store (id {store_id})",
        mend="name the key it was made with; nothing was changed",
    )


def holder_of(store: Store, store_id: str, reference: str | None, sources: Sources = _BUILT_IN) -> Holder:
    """Return who holds, or is to hold, the key of a store's ring; nobody is asked yet."""
    if reference is not None:
        return sources.holder(reference)
    if "durable" not in store.capabilities:
        return holding("process", "this process", lambda: _passing.setdefault(store_id, fresh_key()))
    path = default_key_file(store_id)
    return holding("file", str(path), lambda: _read_default(path), path, is_own=True)


def _make_default(store: Store, path: Path) -> None:
    if not os.path.lexists(path) and not _has_key(store):
        write_key_file(path)


def _read_default(path: Path) -> Secret:
    if not os.path.lexists(path):
        raise WrongKey(
            f"the key of this store is gone: {path}",
            mend="bring the file back, or name the key: --key file:/path",
        )
    return read_key_file(path)


def _has_key(store: Store) -> bool:
    return store.get(SHELF, RING) is not None or store.get(SHELF, CANARY) is not None


def _id_of(store: Store) -> str:
    found = store.get(SHELF, "id")
    if found is None and _has_key(store) and (found := store.get(SHELF, "id")) is None:
        raise StoreUnreadable("the store's id is gone: it was changed by hand", mend="restore a backup")
    found = found or store.keep(SHELF, "id", secrets.token_hex(16).encode())
    store_id = found.decode(errors="replace")
    if not _ID.fullmatch(store_id):  # it becomes a file's name, and a store is not trusted
        raise StoreUnreadable("the store's id is not an id", mend="it was changed by hand: restore a backup")
    return store_id
