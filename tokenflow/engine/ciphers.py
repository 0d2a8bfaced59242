"""Sealing what a store keeps: AES-256-GCM, bound to the place it belongs to.

A sealed value moved to another row, tenant, field or generation does not open (security.md A2);
neither does a changed one. A store therefore need not be trusted with more than availability.
"""

import os
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenflow.core.errors import WrongKey
from tokenflow.core.secret import Secret

KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_TERM_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEADER_BYTES: Final = len(_VERSION) + _TERM_BYTES


class Cipher(Protocol):
    """Seals secrets for a store and opens them again."""

    def seal(self, plaintext: Secret, identity: bytes) -> bytes:
        """Return *plaintext* sealed for the place that *identity* (see `binding`) names."""

    def open(self, sealed: bytes, identity: bytes) -> Secret:
        """Return what was sealed for *identity*; raises WrongKey: other key, moved, or changed."""


def binding(tenant: str, token_id: str, field: str, generation: int, *, kind: str = "token") -> bytes:
    """Return the associated data of one value: where it belongs, in one unambiguous text.

    Every part carries its length, so that no two places share a text. *generation* changes only
    with the secret, *kind* is the sort of record that holds it (ruling 8, security.md A2).
    """
    parts = (tenant, token_id, kind, field, str(generation))
    encoded = (part.encode() for part in parts)
    return b"|".join((b"tokenflow/1", *(b"%d:%b" % (len(part), part) for part in encoded)))


class AesGcm:
    """AES-256-GCM under one key.

    A sealed value is `version | key term | nonce | ciphertext and tag`; version and term are
    authenticated with the identity. Nonces are random, from the operating system: one key may seal
    2**32 values (NIST SP 800-38D), and a fork cannot repeat one.
    """

    def __init__(self, key: bytes, *, term: int = 1) -> None:
        if len(key) != KEY_BYTES:
            raise WrongKey(f"a sealing key has {KEY_BYTES} bytes, not {len(key)}")
        self._aead = AESGCM(key)
        self._header = _VERSION + term.to_bytes(_TERM_BYTES, "big")

    def seal(self, plaintext: Secret, identity: bytes) -> bytes:
        """Return *plaintext* sealed for the place that *identity* names."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, plaintext.reveal().encode(), self._header + identity)
        return self._header + nonce + sealed

    def open(self, sealed: bytes, identity: bytes) -> Secret:
        """Return what was sealed for *identity*; raises WrongKey: other key, moved, or changed."""
        if len(sealed) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES or sealed[:1] != _VERSION:
            raise WrongKey("this is not a sealed value of a version that is known", mend=_MEND)
        if sealed[:_HEADER_BYTES] != self._header:
            term = int.from_bytes(sealed[len(_VERSION) : _HEADER_BYTES], "big")
            raise WrongKey(f"a value was sealed by the key of term {term}", mend=_MEND)
        nonce, ciphertext = sealed[_HEADER_BYTES:][:_NONCE_BYTES], sealed[_HEADER_BYTES + _NONCE_BYTES :]
        try:
            return Secret(self._aead.decrypt(nonce, ciphertext, self._header + identity).decode())
        except InvalidTag:
            raise WrongKey("a sealed value does not open: other key, moved, or changed", mend=_MEND) from None


_MEND: Final = "open the store with the key it was made with; a changed row needs a backup"
