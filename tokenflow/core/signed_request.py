"""signed_request: a JSON payload and its HMAC-SHA256, as Facebook signs cookies and callbacks.

As in facebook.md §2, the signature covers the encoded text as it was sent: nothing is decoded before.
A right signature has one spelling, so it is compared as text, and no forged one is ever decoded.
"""

import hmac
import json
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any, Final

from tokenflow.core.errors import PayloadError
from tokenflow.core.secret import Secret

ALGORITHM: Final = "HMAC-SHA256"
LARGEST: Final = 16 * 1024
"""A signed_request above this many characters is not looked at."""

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]+={0,2}")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_READ: Final = json.JSONDecoder().raw_decode


def signed_payload(text: str, secret: Secret) -> dict[str, Any]:
    """Return the payload of *text*, which *secret* signed; how old it may be is for the caller to say.

    Raises PayloadError: malformed, forged (another signature or algorithm).
    """
    if not is_signed(text, secret):
        raise PayloadError("forged", "the signed_request is not signed with this app's secret")
    payload = _decoded(text[text.index(".") + 1 :].encode("ascii"))
    if not isinstance(payload, dict):
        raise PayloadError("malformed", "the signed_request's payload is not a whole JSON object")
    if payload.get("algorithm") != ALGORITHM:
        raise PayloadError("forged", f"the signed_request's algorithm is not {ALGORITHM}")
    return payload


def is_signed(text: str, secret: Secret) -> bool:
    """Return whether *secret* signed *text*, whatever it says; raises PayloadError (malformed)."""
    signature, _, body = text.partition(".")
    if len(text) <= LARGEST and text.isascii():
        expected = _signature(body.encode("ascii"), secret)
        if hmac.compare_digest(signature.removesuffix("=").encode("ascii"), expected):
            return True
    # Only what is not signed is looked at again, for a word that helps.
    if len(text) > LARGEST or _FORM.fullmatch(text) is None:
        raise PayloadError("malformed", "the signed_request is not two base64url texts with a dot between")
    return False


def sign_request(payload: Mapping[str, Any], secret: Secret) -> str:
    """Return *payload* signed, unpadded as Facebook writes it; `algorithm` is added."""
    text = json.dumps({"algorithm": ALGORITHM, **payload}, separators=(",", ":"))
    body = b2a_base64(text.encode(), newline=False).translate(_URL_SAFE).rstrip(b"=")
    return f"{_signature(body, secret).decode()}.{body.decode()}"


def _signature(body: bytes, secret: Secret) -> bytes:
    """Return the 43 characters that sign *body*."""
    digest = hmac.digest(secret.reveal().encode(), body, "sha256")
    return b2a_base64(digest, newline=False).translate(_URL_SAFE)[:43]


def _decoded(body: bytes) -> Any:
    """Return the JSON value, or None. The JSON reader's own error holds the text, so it ends here."""
    bare = body.rstrip(b"=")
    whole = b"=" * (-len(bare) % 4)
    if body not in (bare, bare + whole) or b"+" in bare or b"/" in bare:
        return None
    try:
        told = a2b_base64(bare.translate(_STANDARD) + whole, strict_mode=True).decode()
        value, end = _READ(told)
    except (ValueError, RecursionError):
        return None
    return value if end == len(told) or told[end:].isspace() else None
