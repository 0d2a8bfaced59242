"""What the tests of rings stand on: stores that stay, rings over them, rows and blobs sealed in them."""

from pathlib import Path
from typing import Any

import attrs

from tokenflow import Row, Secret
from tokenflow.engine.ciphers import binding, shelved
from tokenflow.engine.keyfiles import write_key_file
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.rings import Ring
from tokenflow.engine.stores import Store, Write
from tokenflow.testing.store_rows import row


class DurableStore(MemoryStore):
    """A memory store that says it stays, to be given a key that stays."""

    capabilities = frozenset({"leases", "durable"})  # type: ignore[misc]


def key_at(path: Path) -> str:
    """Return the reference of a new key file."""
    return f"file:{write_key_file(path)}"


def sealed_row(ring: Ring, key: str, **changes: Any) -> Row:
    """Return a row as the engine saves it, its values `<key>'s access` and `<key>'s refresh`."""
    bare = row(key, **changes)
    access, refresh = Secret(f"{key}'s access"), Secret(f"{key}'s refresh")
    return attrs.evolve(
        bare,
        access_token=ring.seal(access, place(bare, "access_token")),
        refresh_token=ring.seal(refresh, place(bare, "refresh_token")),
        fingerprint=ring.fingerprint(access, bare.tenant),
    )


def place(of: Row, field: str) -> bytes:
    """Return the identity of a value of a row."""
    return binding(of.tenant, of.id, field, of.generation)


def fill(ring: Ring, rows: int, blobs: int) -> None:
    """Save so many rows, and put so many blobs on two shelves."""
    ring.store.save([Write(row=sealed_row(ring, f"k{n:05}"), expected=0) for n in range(rows)], mark=1)
    for number in range(blobs):
        shelf = ("parked", "journal")[number % 2]
        name, identity = shelved(shelf, "acme", f"b{number}/{number}")
        ring.store.put(shelf, name, ring.seal(Secret(f"blob {number}"), identity))


def readable(store: Store, ring: Ring, rows: int, blobs: int) -> bool:
    """Return whether everything that `fill` kept is there, and opens as what it was."""
    held = store.rows(None, rows + 1)
    values = [
        (ring.open(one.access_token or b"", place(one, "access_token")).reveal(), one.refresh_token)
        for one in held
    ]
    refreshed = [ring.open(one.refresh_token or b"", place(one, "refresh_token")).reveal() for one in held]
    opened = [value for value, _ in values] == [f"{one.key}'s access" for one in held]
    return (
        opened
        and refreshed == [f"{one.key}'s refresh" for one in held]
        and len(held) == rows
        and all(_blob(store, ring, number) == f"blob {number}" for number in range(blobs))
    )


def _blob(store: Store, ring: Ring, number: int) -> str:
    shelf = ("parked", "journal")[number % 2]
    name, identity = shelved(shelf, "acme", f"b{number}/{number}")
    return ring.open(store.get(shelf, name) or b"", identity).reveal()


def ring_of(store: Store, key: str) -> Ring:
    """Return the ring of a store, as another process would have it."""
    return open_keyed(store, key)
