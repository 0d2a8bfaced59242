"""signed_request: a payload and its HMAC, as Facebook signs cookies and callbacks (facebook.md §2).

The signature covers the encoded text exactly as it was sent, so nothing is decoded, let alone
re-encoded, before it is verified.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import DAY, SECOND, Instant, PayloadError, Secret
from tokenflow_javascript.fields import identity, json_object, token
from tokenflow_javascript.fields import seconds as whole_seconds

ALGORITHM: Final = "HMAC-SHA256"
LARGEST: Final = 16 * 1024
"""A signed_request above this many characters is not looked at."""

AHEAD: Final = 5 * 60 * SECOND
"""How far Facebook's clock may be before ours."""

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_END_OF_TIME: Final = 1 << 40
_SECRETS: Final = ("code", "oauth_token")


@attrs.frozen(kw_only=True)
class SignedRequest:
    """A payload whose signature was verified."""

    issued_at: int
    """Seconds since 1970."""
    user_id: str | None = None
    """None when the person has not authorised the app."""
    code: Secret | None = attrs.field(default=None, hash=False)
    """Single use, and bound to an empty redirect_uri."""
    oauth_token: Secret | None = attrs.field(default=None, hash=False)
    fields: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    """The payload without its secrets."""


def parse(text: str, secret: Secret, now: Instant, max_age: int = DAY) -> SignedRequest:
    """Return the payload of *text*, signed with *secret* at most *max_age* microseconds before *now*.

    Raises PayloadError: malformed, forged (another signature or algorithm), expired.
    """
    if not verified(text, secret):
        raise PayloadError("forged", "the signed_request is not signed with this app's secret")
    fields = json_object(_decode(_split(text)[1]))
    if fields.get("algorithm") != ALGORITHM:
        raise PayloadError("forged", f"the signed_request's algorithm is not {ALGORITHM}")
    issued_at = whole_seconds(fields, "issued_at", _END_OF_TIME)
    if issued_at is None:
        raise PayloadError("malformed", "the signed_request does not say when it was issued")
    if issued_at * SECOND > now + AHEAD:
        raise PayloadError("malformed", "the signed_request was issued in the future")
    if issued_at * SECOND < now - max_age:
        raise PayloadError("expired", "the signed_request is too old to be taken")
    return SignedRequest(
        issued_at=issued_at,
        user_id=identity(fields, "user_id"),
        code=token(fields, "code"),
        oauth_token=token(fields, "oauth_token"),
        fields={name: value for name, value in fields.items() if name not in _SECRETS},
    )


def verified(text: str, secret: Secret) -> bool:
    """Return whether *text* is signed with *secret*, whatever it says; raises PayloadError (malformed)."""
    signature, payload = _split(text)
    expected = hmac.new(secret.reveal().encode(), payload.encode("ascii"), hashlib.sha256).digest()
    return hmac.compare_digest(_decode(signature), expected)


def make(payload: Mapping[str, Any], secret: Secret) -> str:
    """Return *payload* signed, unpadded as Facebook writes it; `algorithm` is added."""
    text = json.dumps({"algorithm": ALGORITHM, **payload}, separators=(",", ":"))
    body = base64.urlsafe_b64encode(text.encode()).rstrip(b"=")
    signature = hmac.new(secret.reveal().encode(), body, hashlib.sha256).digest()
    return f"{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}.{body.decode()}"


def _split(text: str) -> tuple[str, str]:
    if len(text) > LARGEST:
        raise PayloadError("malformed", "the signed_request is too large")
    signature, dot, payload = text.partition(".")
    if not dot or not _BASE64URL.fullmatch(signature) or not _BASE64URL.fullmatch(payload):
        raise PayloadError("malformed", "the signed_request is not two base64url texts with a dot between")
    return signature, payload


def _decode(text: str) -> bytes:
    """Decode strictly: with whole padding or none, and no bits to spare (RFC 4648 §3.5)."""
    bare = text.rstrip("=")
    whole = bare + "=" * (-len(bare) % 4)
    if text not in (bare, whole) or len(bare) % 4 == 1:
        raise PayloadError("malformed", "the signed_request's base64url has the wrong length")
    decoded = base64.urlsafe_b64decode(whole)
    if base64.urlsafe_b64encode(decoded).decode() != whole:
        raise PayloadError("malformed", "the signed_request's base64url is not canonical")
    return decoded
