"""An ID token: a signed JWT, read only as far as its issuer vouches for it (facebook.md §5.7, RFC 7519).

joserfc verifies the signature, with one algorithm and with keys from one place. What it leaves to its
caller is asked before: size, form, doubled names, and that no header leads elsewhere (security.md D6, §4.2).
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokenflow import DAY, SECOND, Instant, PayloadError, Secret

LARGEST: Final = 8 * 1024
"""A token above this many characters is not read."""
MOST_KEYS: Final = 16
YOUNG: Final = 600 * SECOND
"""A login shows a token of this age at most, as both SDKs do."""

_ISSUERS: Final = frozenset({"https://www.facebook.com", "https://facebook.com"})
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_LEADS_ELSEWHERE: Final = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_MODULUS: Final = range(342, 1367)
"""Characters of a modulus of 2048 to 8192 bits: a shorter one can be guessed, a longer one costs us."""


def kid_of(token: Secret) -> str:
    """Return the name of the key that *token* says it is signed with; raises PayloadError."""
    header, _, _ = _parts(token)
    kid = header.get("kid")
    if header.get("alg") != "RS256" or not isinstance(kid, str) or not kid:
        raise PayloadError("forged", "the ID token is not signed with RS256 and a named key")
    if not _LEADS_ELSEWHERE.isdisjoint(header):
        raise PayloadError("forged", "the ID token's header leads to other keys or another reading")
    return kid


def is_key_set(document: Mapping[str, Any]) -> bool:
    """Return whether *document* is a JWK Set of as many keys as an issuer may have."""
    keys = document.get("keys")
    return isinstance(keys, Sequence) and not isinstance(keys, str) and len(keys) <= MOST_KEYS


def key_in(document: Mapping[str, Any], kid: str) -> Mapping[str, Any] | None:
    """Return the key *kid* of a JWK Set (RFC 7517), None when it is not there."""
    if not is_key_set(document):
        return None
    fits = [key for key in document["keys"] if isinstance(key, Mapping) and key.get("kid") == kid]
    return fits[0] if len(fits) == 1 and _signs(fits[0]) else None


def _signs(key: Mapping[str, Any]) -> bool:
    rsa = key.get("kty") == "RSA" and all(isinstance(key.get(name), str) for name in ("n", "e"))
    return (
        rsa
        and len(key["n"]) in _MODULUS
        and key.get("use", "sig") == "sig"
        and key.get("alg", "RS256") == "RS256"
    )


def claims_of(token: Secret, key: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the claims of *token*, which *key* has signed; raises PayloadError (forged, malformed)."""
    from joserfc import jws  # used by few, and a tenth of a second to load
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    kid_of(token)
    try:
        public = RSAKey.import_key({"kty": "RSA", "n": key["n"], "e": key["e"]})
        jws.deserialize_compact(token.reveal(), public, algorithms=["RS256"])
        genuine = True
    except (JoseError, ValueError, TypeError):
        genuine = False
    if not genuine:  # outside the handler: its error holds the token
        raise PayloadError("forged", "the ID token is not signed by its issuer")
    return _parts(token)[1]


def checked(claims: Mapping[str, Any], *, client_id: str, nonce: str, now: Instant, skew: int) -> Instant:
    """Return when a token with these claims ends; raises PayloadError.

    It has to be of Facebook, for this app alone, for this login (*nonce*), and just made. *skew* is how
    many microseconds the issuer's clock may be ahead of ours.
    """
    if not isinstance(claims.get("iss"), str) or claims["iss"] not in _ISSUERS:
        raise PayloadError("forged", "the ID token is of another issuer")
    if claims.get("aud") != client_id:
        raise PayloadError("other_app", "the ID token is for another app, or for more than this one")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise PayloadError("malformed", "the ID token names no person")
    if claims.get("nonce") != nonce:
        raise PayloadError("forged", "the ID token is of another login", mend="log in again")
    issued, ends = _instant(claims, "iat"), _instant(claims, "exp")
    if issued > now + skew or ends > now + DAY + skew or ends <= issued:
        raise PayloadError("forged", "the ID token's times are not those of a login")
    if "nbf" in claims and _instant(claims, "nbf") > now + skew:
        raise PayloadError("forged", "the ID token does not hold yet")
    if ends <= now or issued < now - YOUNG:
        raise PayloadError("expired", "the ID token is over, or older than a login", mend="log in again")
    return ends


def _instant(claims: Mapping[str, Any], name: str) -> Instant:
    value = claims.get(name)
    if type(value) is not int or not 0 < value < 10**11:
        raise PayloadError("malformed", f"the ID token's {name} is not a time")
    return value * SECOND


def _parts(token: Secret) -> tuple[Mapping[str, Any], Mapping[str, Any], bytes]:
    text = token.reveal()
    parts = text.split(".") if len(text) <= LARGEST else []
    if len(parts) != 3:
        raise PayloadError("malformed", f"this is no ID token of at most {LARGEST} characters")
    header, claims, signature = (_decoded(part) for part in parts)
    return _object(header), _object(claims), signature


def _decoded(part: str) -> bytes:
    """Return the bytes of base64url in its one spelling: another would be another text with one signature."""
    raw = None
    if _PART.fullmatch(part) and len(part) % 4 != 1:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if raw is None or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise PayloadError("malformed", "a part of the ID token is not base64url")
    return raw


def _object(raw: bytes) -> Mapping[str, Any]:
    found: Any = None
    try:
        found = json.loads(raw, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        found = None  # json's own error holds the text
    if not isinstance(found, Mapping):
        raise PayloadError("malformed", "a part of the ID token is not a JSON object without doubled names")
    return found


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
