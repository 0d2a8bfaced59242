"""What is signed: proofs, signed requests, PKCE and identity tokens."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID


def appsecret_proof(app_secret: str, access_token: str) -> str:
    """Return lower-case hex HMAC-SHA256 of the token under the app's secret (facebook.md §1.9)."""
    return hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()


def signed_request(app_secret: str, payload: Mapping[str, object]) -> str:
    """Return `<sig>.<payload>`, both base64url without padding, signed as sent (facebook.md §2)."""
    body = _base64url(json.dumps({"algorithm": "HMAC-SHA256", **payload}).encode())
    return f"{_base64url(hmac.new(app_secret.encode(), body.encode(), hashlib.sha256).digest())}.{body}"


def s256(code_verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    return _base64url(hashlib.sha256(code_verifier.encode("utf-8", "surrogateescape")).digest())


def same(one: str, other: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(
        one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape")
    )


class Signer:
    """An RS256 key, made on first use: most runs never sign an identity token."""

    __slots__ = ("_key",)

    def __init__(self) -> None:
        self._key: rsa.RSAPrivateKey | None = None

    def jwt(self, claims: Mapping[str, object]) -> str:
        """Return *claims* as a signed JWT (RFC 7519)."""
        key = self._made()
        header = {"alg": "RS256", "typ": "JWT", "kid": self._kid()}
        text = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{text}.{_base64url(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def rotate(self) -> str:
        """Sign with another key from now on, and publish the old one no more; return the new key's id."""
        self._key = None
        return self._kid()

    def jwks(self) -> dict[str, object]:
        """Return the public key as a JWK Set (RFC 7517)."""
        numbers = self._made().public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self._kid()}
        return {"keys": [{**key, "n": _integer(numbers.n), "e": _integer(numbers.e)}]}

    def keys(self) -> dict[str, str]:
        """Return the public key as PEM text under its id, as Android's SDK reads it (facebook.md §5.7)."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = self._made().public_key().public_bytes(serialization.Encoding.PEM, form)
        return {self._kid(): pem.decode()}

    def certificates(self) -> dict[str, str]:
        """Return the public key in a self-signed certificate, as iOS's SDK reads it (facebook.md §5.7)."""
        key = self._made()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
        begin = datetime(2020, 1, 1, tzinfo=UTC)
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin.replace(year=2120))
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        return {self._kid(): made.decode()}

    def _made(self) -> rsa.RSAPrivateKey:
        if self._key is None:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._key

    def _kid(self) -> str:
        return hashlib.sha256(str(self._made().public_key().public_numbers().n).encode()).hexdigest()[:16]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _integer(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))
