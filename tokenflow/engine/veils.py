"""Each person's lines of the audit trail are hidden by a key of their own, so that the person can be erased.

A line cannot be taken from its chain. What is personal in it is sealed under a veil: half of its key is the
trail's, the other is random, one root key's alone, and stands on a shelf. Without that half the line says
nothing of anybody any more, and verifies as before (crypto-erase, security.md A6).

A half is no secret by itself, and no rotation of the store's keys has to touch it.
"""

import secrets
from collections import OrderedDict
from typing import Final

from tokenflow.engine.stores import Store
from tokenflow.engine.witnessing import Veil, Veils, Witness

SHELF: Final = "veils"
_HALF: Final = 32
"""Bytes."""
_FIRST: Final = b"\x02"
"""Before a half: what is sealed begins otherwise, and is sealed anew by rotations."""
_REMEMBERED: Final = 10_000


def own_veils(store: Store, witness: Witness) -> Veils:
    """Return the veil of each root key, made when it is first asked for."""
    made = _Made(witness)

    def veil(tenant: str, root: str) -> Veil:
        name = _name(tenant, root)
        half = store.get(SHELF, name)
        return made.of(half or store.keep(SHELF, name, _FIRST + secrets.token_bytes(_HALF)))

    return veil


def kept_veils(store: Store, witness: Witness) -> Veils:
    """Return the veil of each root key that has one; None: it has none, or it was destroyed."""
    made = _Made(witness)

    def veil(tenant: str, root: str) -> Veil | None:
        half = store.get(SHELF, _name(tenant, root))
        return None if half is None else made.of(half)

    return veil


def veiled(store: Store, tenant: str) -> list[str]:
    """Return the root keys of a tenant that have a veil, also of those that were forgotten."""
    own = _name(tenant, "")
    return [name.removeprefix(own) for name in store.names(SHELF) if name.startswith(own)]


def destroy(store: Store, tenant: str, root: str) -> bool:
    """Destroy a veil, and with it what it hid; False when there was none. Raises StoreError."""
    return store.take(SHELF, _name(tenant, root)) is not None


def _name(tenant: str, root: str) -> str:
    return f"{tenant}/{root}"


class _Made:
    """Veils by their half: making one is four digests."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._veils: OrderedDict[bytes, Veil] = OrderedDict()

    def of(self, half: bytes) -> Veil:
        found = self._veils.get(half)
        if found is None:
            found = self._veils[half] = self._witness.veil_of(half)
            if len(self._veils) > _REMEMBERED:
                self._veils.popitem(last=False)
        return found
