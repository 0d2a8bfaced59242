"""The key of the audit trail, and all that is made with it.

Each line's head is an HMAC over its place, the head before it and what it says (security.md J): whoever
changes, removes, inserts or moves a line without the key is found out. Whoever has the key can write the
whole trail anew; only an anchor kept elsewhere shows that.
"""

import base64
import hmac
import secrets
import struct
from collections.abc import Callable
from typing import Final, TypeAlias

import attrs
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tokenflow.core.secret import Secret
from tokenflow.engine.ciphers import KEY_BYTES, AesGcm, Cipher, shelved
from tokenflow.engine.stores import Store
from tokenflow.engine.trails import AuditChain, AuditLine

CHAINS: Final = 64
"""Chains of a trail (ruling 9): writers of different tokens seldom meet at one head."""
SHELF: Final = "audit"
"""The trail's own shelf: its key, sealed, and its anchor, signed."""
_PLACE: Final = struct.Struct(">HQ")
"""A chain and a number."""
_NO_HEAD: Final = bytes(32)
"""Before the first line of a chain."""


@attrs.frozen
class Veil:
    """What hides of whom a line tells: without it a line says nothing of a person, and still verifies."""

    cipher: AesGcm = attrs.field(repr=False)
    """Seals what is personal in a line."""
    key: bytes = attrs.field(repr=False)
    """Makes the name under which a line speaks of a token."""

    def name(self, tenant: str, key: str) -> str:
        """Return the pseudonym of a tenant's key: the same each time, and nothing without the veil."""
        return _digest(self.key, _pair(tenant, key)).hex()[:32]


Veils: TypeAlias = Callable[[str, str], Veil | None]
"""The veil of (tenant, root key): of whoever the token under that key, and all derived from it, speak for.

None: it was destroyed, and so is all that it hid. One veil a person is what crypto-erase takes away.
"""


class Witness:
    """Binds lines to one another, and anchors and cuts to the trail. It holds no state but its keys."""

    def __init__(self, key: bytes) -> None:
        """*key* has 32 bytes; each use has a key of its own, derived from it (RFC 5869)."""
        self._line, self._anchor, self._cut, self._place = (
            _derived(key, use) for use in ("line", "anchor", "cut", "place")
        )
        self.veil: Final = Veil(AesGcm(_derived(key, "veil")), _derived(key, "name"))
        """Hides whoever has no veil of their own."""
        self._person, self._erased = _derived(key, "person"), _derived(key, "erased")

    def veil_of(self, half: bytes) -> Veil:
        """Return the veil that is made of the trail's key and *half*, which is random and one person's."""
        return Veil(AesGcm(_digest(self._person, b"veil" + half)), _digest(self._person, b"name" + half))

    def erased(self, tenant: str, key: str) -> bytes:
        """Return the name under which it is remembered that a key was erased: nothing without the key."""
        return _digest(self._erased, _pair(tenant, key))

    def follow(self, before: AuditChain, body: bytes) -> AuditLine:
        """Return the next line of a chain."""
        number = before.number + 1
        head = self.head(before.chain, number, before.head, body)
        return AuditLine(chain=before.chain, number=number, body=body, head=head)

    def head(self, chain: int, number: int, before: bytes, body: bytes) -> bytes:
        """Return the head of a line in its place, after the head *before*."""
        place = _PLACE.pack(chain, number)
        return hmac.digest(self._line, place + (before or _NO_HEAD) + body, "sha256")

    def seal(self, last: AuditLine) -> bytes:
        """Return what shows that a chain was pruned up to *last* by whoever has the key."""
        return _digest(self._cut, _PLACE.pack(last.chain, last.number) + last.head)

    def sealed(self, chain: AuditChain) -> bool:
        """Return whether a chain begins where it was pruned to, or at its first line."""
        cut = AuditLine(chain=chain.chain, number=chain.base, body=b"", head=chain.base_head)
        return chain.base == 0 or hmac.compare_digest(chain.seal, self.seal(cut))

    def sign(self, anchor: bytes) -> bytes:
        """Return the signature of an anchor's text."""
        return _digest(self._anchor, anchor)

    def place(self, tenant: str, key: str) -> int:
        """Return the chain on which a tenant's key stands; it outlives every veil, and tells 6 bits."""
        return _digest(self._place, _pair(tenant, key))[0] % CHAINS


def open_witness(store: Store, cipher: Cipher) -> Witness:
    """Return the witness of *store*, whose key is made on first use; raises StoreError, WrongKey.

    *cipher* is what `open_keyed` returned for the store: the trail's key rests sealed with it.
    """
    found = look_witness(store, cipher)
    if found is None:
        name, identity = shelved(SHELF, "", "key")
        fresh = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        store.keep(SHELF, name, cipher.seal(Secret(fresh), identity))
        found = look_witness(store, cipher)
        assert found is not None, "it was just kept"
    return found


def look_witness(store: Store, cipher: Cipher) -> Witness | None:
    """Return the witness of *store*, or None where there is no trail yet; raises StoreError, WrongKey."""
    name, identity = shelved(SHELF, "", "key")
    sealed = store.get(SHELF, name)
    return None if sealed is None else Witness(base64.b64decode(cipher.open(sealed, identity).reveal()))


def _derived(key: bytes, use: str) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, b"tokenflow/1 audit " + use.encode()).derive(key)


def _digest(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")


def _pair(tenant: str, key: str) -> bytes:
    parts = (tenant.encode("utf-8", "surrogatepass"), key.encode("utf-8", "surrogatepass"))
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)
