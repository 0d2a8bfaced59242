"""signed_request: a JSON payload and its HMAC-SHA256, as Facebook signs cookies and callbacks.

As in facebook.md §2, the signature covers the encoded text as it was sent: nothing is decoded before.
A right signature has one spelling, so it is compared as text, and no forged one is ever decoded.
"""

import base64
import hmac
import json
import re
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any, Final

from tokenflow.core.errors import PayloadError
from tokenflow.core.secret import Secret

ALGORITHM: Final = "HMAC-SHA256"
LARGEST: Final = 16 * 1024
"""A signed_request above this many characters is not looked at."""

_FORM: Final = re.compile(r"([A-Za-z0-9_-]+)={0,2}\.([A-Za-z0-9_-]+)(={0,2})")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def signed_payload(text: str, secret: Secret) -> dict[str, Any]:
    """Return the payload of *text*, which *secret* signed; how old it may be is for the caller to say.

    Raises PayloadError: malformed, forged (another signature or algorithm).
    """
    found = _split(text)
    if not _matches(found, secret):
        raise PayloadError("forged", "the signed_request is not signed with this app's secret")
    payload = _decoded(found[2], found[3])
    if not isinstance(payload, dict):
        raise PayloadError("malformed", "the signed_request's payload is not a whole JSON object")
    if payload.get("algorithm") != ALGORITHM:
        raise PayloadError("forged", f"the signed_request's algorithm is not {ALGORITHM}")
    return payload


def is_signed(text: str, secret: Secret) -> bool:
    """Return whether *secret* signed *text*, whatever it says; raises PayloadError (malformed)."""
    return _matches(_split(text), secret)


def sign_request(payload: Mapping[str, Any], secret: Secret) -> str:
    """Return *payload* signed, unpadded as Facebook writes it; `algorithm` is added."""
    text = json.dumps({"algorithm": ALGORITHM, **payload}, separators=(",", ":"))
    body = base64.urlsafe_b64encode(text.encode()).rstrip(b"=")
    return f"{_signature(body, secret).decode()}.{body.decode()}"


def _split(text: str) -> re.Match[str]:
    found = None if len(text) > LARGEST else _FORM.fullmatch(text)
    if found is None:
        raise PayloadError("malformed", "the signed_request is not two base64url texts with a dot between")
    return found


def _matches(found: re.Match[str], secret: Secret) -> bool:
    sent = found.string[found.start(2) :].encode("ascii")
    return hmac.compare_digest(found[1].encode("ascii"), _signature(sent, secret))


def _signature(body: bytes, secret: Secret) -> bytes:
    """Return the 43 characters that sign *body*."""
    return base64.urlsafe_b64encode(hmac.digest(secret.reveal().encode(), body, "sha256"))[:43]


def _decoded(bare: str, padding: str) -> Any:
    """Return the JSON value, or None. The JSON reader's own error holds the text, so it ends here."""
    whole = "=" * (-len(bare) % 4)
    if padding and padding != whole:
        return None
    try:
        return json.loads(
            str(a2b_base64((bare + whole).encode().translate(_STANDARD), strict_mode=True), "utf-8")
        )
    except (ValueError, RecursionError):
        return None
