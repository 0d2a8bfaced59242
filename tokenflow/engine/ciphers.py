"""Sealing what a store keeps: AES-256-GCM, bound to the place it belongs to.

A sealed value moved to another row, tenant, field or generation does not open (security.md A2);
neither does a changed one. A store therefore need not be trusted with more than availability.
"""

import base64
import os
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenflow.core.errors import WrongKey
from tokenflow.core.secret import Secret

KEY_BYTES: Final = 32
LOOK: Final = 0.5
"""Seconds an engine goes on with the keys it saw last."""
UNHURRIED: Final = 60.0
"""The same for what has to be durable before anything else is waited for; far below the hour a term stays."""
_VERSION: Final = b"\x01"
_TERM_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEADER_BYTES: Final = len(_VERSION) + _TERM_BYTES
_SHORTEST: Final = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES


class Cipher(Protocol):
    """Seals secrets for a store and opens them again."""

    def seal(self, plaintext: Secret, identity: bytes, *, within: float = LOOK) -> bytes:
        """Return *plaintext* sealed for the place that *identity* (see `binding`) names.

        *within*: for how many seconds what was known of the keys will do, before the store is asked again.
        """

    def open(self, sealed: bytes, identity: bytes) -> Secret:
        """Return what was sealed for *identity*; raises WrongKey: other key, moved, or changed."""

    def fingerprint(self, value: Secret, tenant: str) -> bytes:
        """Return what a tenant's access token is found by, and nobody without the key can make."""

    def vouch(self, text: bytes) -> bytes:
        """Return what says that a row's *text* is ours, and nobody without the key can make."""

    @property
    def held(self) -> bool:
        """Whether every row has that; else some may be from before."""


def binding(tenant: str, token_id: str, field: str, generation: int, *, kind: str = "token") -> bytes:
    """Return the associated data of one value: where it belongs, in one unambiguous text.

    Every part carries its length, so that no two places share a text. *generation* changes only
    with the secret, *kind* is the sort of record that holds it (ruling 8, security.md A2).
    """
    whose, which, what, where = tenant.encode(), token_id.encode(), kind.encode(), field.encode()
    when = b"%d" % generation
    return b"tokenflow/1|%d:%b|%d:%b|%d:%b|%d:%b|%d:%b" % (
        *(len(whose), whose, len(which), which, len(what), what),
        *(len(where), where, len(when), when),
    )


def shelved(shelf: str, tenant: str, name: str) -> tuple[str, bytes]:
    """Return what a tenant's sealed blob is called on a shelf, and the identity it is sealed for.

    All sealed blobs are kept so, and `rekeying` finds each one's identity in its name.
    """
    return f"{tenant}/{name}", binding(tenant, name, shelf, 0)


def term_of(sealed: bytes) -> int | None:
    """Return the term whose key a value was sealed with; None for what is no sealed value."""
    if len(sealed) < _SHORTEST or not sealed.startswith(_VERSION):
        return None
    return int.from_bytes(sealed[len(_VERSION) : _HEADER_BYTES], "big")


def fresh_key() -> Secret:
    """Return a new random key, in base64: keys are carried as secrets, so that nothing shows them."""
    return text_of(os.urandom(KEY_BYTES))


def text_of(key: bytes) -> Secret:
    """Return a key as it is carried."""
    return Secret(base64.urlsafe_b64encode(key).decode())


def bytes_of(key: Secret) -> bytes:
    """Return the bytes of a key that is carried so. Keep them out of locals."""
    return base64.urlsafe_b64decode(key.reveal())


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

    def seal(self, content: bytes, identity: bytes) -> bytes:
        """Return *content* sealed for the place that *identity* names."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._header + nonce + self._aead.encrypt(nonce, content, self._header + identity)

    def open(self, sealed: bytes, identity: bytes) -> bytes:
        """Return what was sealed for *identity*; raises WrongKey: other key, moved, or changed."""
        if not sealed.startswith(self._header) or len(sealed) < _SHORTEST:
            term = term_of(sealed)
            if term is None:
                raise WrongKey("this is not a sealed value of a version that is known", mend=MEND)
            raise WrongKey(f"a value was sealed by the key of term {term}", mend=MEND)
        nonce = sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        try:
            return self._aead.decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], self._header + identity)
        except InvalidTag:
            raise WrongKey("a sealed value does not open: other key, moved, or changed", mend=MEND) from None


MEND: Final = "open the store with the key it was made with; a changed row needs a backup"
