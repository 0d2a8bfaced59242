"""The file that tokens are exported into: encrypted, streamed part by part, and whole or nothing.

    magic      "tokenflow export 1\\n"
    header     4 bytes of length, JSON: who holds the key, and a random salt of this file's
    part       4 bytes of length, AES-256-GCM of one JSON object; as many as there are
    last part  the same, and marked as the last: how many parts there were

The file's key is derived from the holder's (HKDF, RFC 5869) or from a passphrase (scrypt, RFC 7914), with the
salt: no two files share one. A part's nonce is its number and whether it is the last (STREAM, Hoang et al.
2015), and its associated data is the digest of what stands before the parts. So a part that is changed, left
out, put elsewhere or taken from another file does not open, and a file that was cut has no last part.
"""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tokenflow.core.errors import PayloadError, SecretNotFound, WrongKey
from tokenflow.core.secret import Secret
from tokenflow.engine.ciphers import KEY_BYTES, bytes_of
from tokenflow.engine.holders import Holder

MAGIC: Final = b"tokenflow export 1\n"
COST: Final = 17
"""Scrypt's n is two to this: 128 MiB and some tenths of a second for each guess."""
SHORTEST: Final = 12
"""Characters of a passphrase."""
LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a part."""
_COSTS: Final = range(14, 21)
_LENGTH: Final = 4


@attrs.frozen
class Lock:
    """What opens a file: a holder's key, or a passphrase."""

    holder: Holder | None = None
    passphrase: Secret | None = attrs.field(default=None, repr=False)


@contextmanager
def written(path: Path, lock: Lock, store_id: str) -> "Iterator[Writer]":
    """Yield a writer to a new file 0600, which appears complete at *path* when the block ends without error.

    Raises FileExistsError when something is there, OSError, SecretNotFound, WrongKey.
    """
    if os.path.lexists(path):
        raise FileExistsError(17, "a file is there already, and is not overwritten", str(path))
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            writer = Writer(file, lock, store_id)
            yield writer
            writer.finish()
            file.flush()
            os.fsync(descriptor)
        os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


class Writer:
    """Writes parts to a file."""

    def __init__(self, file: IO[bytes], lock: Lock, store_id: str) -> None:
        self._file, self.parts = file, 0
        salt = os.urandom(32)
        key, told = _fresh(lock, salt, store_id)
        header = json.dumps({"salt": _text(salt), "key": told}).encode()
        before = MAGIC + len(header).to_bytes(_LENGTH, "big") + header
        file.write(before)
        self._seal = _Sealing(key, salt, before)

    def put(self, part: Mapping[str, Any]) -> None:
        """Write one part."""
        self._write(part, last=False)

    def finish(self) -> None:
        """Write the last part."""
        self._write({"parts": self.parts}, last=True)

    def _write(self, part: Mapping[str, Any], *, last: bool) -> None:
        sealed = self._seal.seal(json.dumps(part).encode(), self.parts, last=last)
        self._file.write(len(sealed).to_bytes(_LENGTH, "big") + sealed)
        self.parts += 1


def read(file: IO[bytes], lock: Lock) -> Iterator[dict[str, Any]]:
    """Yield the parts of a file, each once it was authenticated, but for the last.

    Raises PayloadError for what is no such file, was changed, or ends too soon, WrongKey when the key is
    another. What came before such an end is whole, and in its place.
    """
    before = _exactly(file, len(MAGIC))
    if before != MAGIC:
        raise PayloadError("not_an_export", "this is not a file that tokenflow exported", mend="name another")
    length = _exactly(file, _LENGTH)
    header = _exactly(file, min(int.from_bytes(length, "big"), LARGEST))
    salt, told = _told(header)
    data = before + length + header
    opening: Sequence[_Sealing] = [_Sealing(key, salt, data) for key in _again(lock, salt, told)]
    number = 0
    while True:
        sealed = _exactly(file, _size(file))
        content, last, opening = _opened(opening, sealed, number)
        number += 1
        if last:
            break
        yield json.loads(content)
        del content  # it holds values, and an error about the next part may be shown with locals
    if file.read(1):
        raise PayloadError("not_an_export", "something was put behind the file's last part", mend=_MEND)


_MEND: Final = "it was cut or changed on its way: export again"


def _opened(
    opening: Sequence["_Sealing"], sealed: bytes, number: int
) -> tuple[bytes, bool, Sequence["_Sealing"]]:
    """Return a part, whether it is the last, and the key that it opened with."""
    for one in opening:
        for last in (False, True):
            content = one.open(sealed, number, last=last)
            if content is not None:
                return content, last, [one]
    if number == 0:
        raise WrongKey("the file does not open: another key or passphrase, or it was changed", mend=_MEND)
    raise PayloadError("not_an_export", f"part {number + 1} of the file was changed or moved", mend=_MEND)


class _Sealing:
    """The key of one file, and what stands before its parts."""

    def __init__(self, key: bytes, salt: bytes, before: bytes) -> None:
        self._aead = AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"tokenflow/1 export").derive(key))
        self._data = hashlib.sha256(before).digest()

    def seal(self, content: bytes, number: int, *, last: bool) -> bytes:
        return self._aead.encrypt(_nonce(number, last), content, self._data)

    def open(self, sealed: bytes, number: int, *, last: bool) -> bytes | None:
        try:
            return self._aead.decrypt(_nonce(number, last), sealed, self._data)
        except InvalidTag:
            return None


def _nonce(number: int, last: bool) -> bytes:  # it is a byte of the nonce
    return number.to_bytes(11, "big") + bytes([last])


def _fresh(lock: Lock, salt: bytes, store_id: str) -> tuple[bytes, dict[str, Any]]:
    if lock.holder is not None:
        key, wrapped = lock.holder.fresh(store_id)
        told = {"by": lock.holder.scheme, "store": store_id}
        return bytes_of(key), told if wrapped is None else told | {"wrapped": _text(wrapped)}
    passphrase = lock.passphrase or Secret("")
    if len(passphrase.reveal()) < SHORTEST:
        raise SecretNotFound(f"a passphrase has at least {SHORTEST} characters", mend="take several words")
    return _scrypt(passphrase, salt, COST), {"by": "passphrase", "cost": COST}


def _again(lock: Lock, salt: bytes, told: Mapping[str, Any]) -> list[bytes]:
    if told["by"] == "passphrase":
        if lock.passphrase is None:
            raise WrongKey("the file was locked with a passphrase", mend="leave --lock out, and say it")
        if told["cost"] not in _COSTS:
            raise PayloadError("not_an_export", "the file's header was changed", mend=_MEND)
        return [_scrypt(lock.passphrase, salt, told["cost"])]
    if lock.holder is None:
        raise WrongKey(f"the file was locked with a key ({told['by']}:)", mend="say which: --lock REFERENCE")
    wrapped = base64.b64decode(told["wrapped"]) if "wrapped" in told else None
    return [bytes_of(key) for key in lock.holder.again(str(told["store"]), wrapped)]


def _scrypt(passphrase: Secret, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=2**cost, r=8, p=1).derive(passphrase.reveal().encode())


def _told(header: bytes) -> tuple[bytes, dict[str, Any]]:
    try:
        told = json.loads(header)
        key = dict(told["key"])
        if "by" in key and ("cost" in key if key["by"] == "passphrase" else "store" in key):
            return base64.b64decode(told["salt"], validate=True), key
    except (ValueError, KeyError, TypeError):
        return _no_header()
    return _no_header()


def _no_header() -> tuple[bytes, dict[str, Any]]:
    raise PayloadError("not_an_export", "the file's header cannot be read", mend=_MEND)


def _size(file: IO[bytes]) -> int:
    size = int.from_bytes(_exactly(file, _LENGTH), "big")
    if size > LARGEST:
        raise PayloadError("not_an_export", "a part of the file is too large to be one", mend=_MEND)
    return size


def _exactly(file: IO[bytes], size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise PayloadError("not_an_export", "the file ends before its last part", mend=_MEND)
    return found


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
