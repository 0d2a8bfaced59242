"""HTTP Basic, which both faces read."""

import base64
import binascii
from urllib.parse import unquote

from tokenflow.sandbox.wire import Call


def basic(call: Call) -> tuple[str, str] | None:
    """Return the client credentials of an HTTP Basic header, form-decoded (RFC 6749 §2.3.1)."""
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (unquote(name), unquote(secret)) if colon else None
