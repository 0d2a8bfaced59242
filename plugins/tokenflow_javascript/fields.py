"""A JSON object from outside, and its fields one by one: each is what it should be, or PayloadError."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tokenflow import PayloadError, Secret

LARGEST: Final = 64 * 1024
"""A payload above this many bytes is no login."""

LONGEST: Final = 10 * 365 * 86_400
"""A lifetime beyond ten years, in seconds: one page of Facebook's calls `expiresIn` a Unix time."""


def json_object(payload: Any) -> Mapping[str, Any]:
    """Return the object in *payload* (bytes, text or a mapping); raises PayloadError."""
    if isinstance(payload, Mapping):
        return payload
    if not isinstance(payload, bytes | str):
        raise PayloadError("malformed", "the payload is neither text nor a mapping")
    if len(payload) > LARGEST:
        raise PayloadError("malformed", "the payload is too large")
    # Bytes that are no UTF-8 stay visible as surrogates, which no field below lets through.
    text = payload.decode("utf-8", "surrogateescape") if isinstance(payload, bytes) else payload
    found, flaw = _parsed(text.strip())
    if flaw is not None:
        raise PayloadError(flaw, "the payload is not a whole JSON object")
    return found


def _parsed(text: str) -> tuple[dict[str, Any], str | None]:
    """Return the object in *text*, or what is wrong with it.

    Returned, not raised: the exception of the JSON reader holds the text, and would hang on to ours.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        cut = text[:1] in ("", "{") and (not text.endswith("}") or error.pos >= len(text))
        return {}, "truncated" if cut else "malformed"
    except (ValueError, RecursionError):
        return {}, "malformed"
    return (found, None) if isinstance(found, dict) else ({}, "malformed")


def token(fields: Mapping[str, Any], name: str) -> Secret | None:
    """Return a secret of visible ASCII (RFC 6749 appendix A.12), None when absent or empty."""
    if not isinstance(fields.get(name) or "", str):
        raise PayloadError("malformed", f"{name} is not a text")
    if not fields.get(name):
        return None
    if not all(" " <= sign <= "~" for sign in fields[name]):
        raise PayloadError("malformed", f"{name} holds characters that no token has")
    return Secret(fields[name])


def identity(fields: Mapping[str, Any], name: str) -> str | None:
    """Return an id as text; old payloads hold numbers (facebook.md §1.0)."""
    value = fields.get(name)
    if value is None or (isinstance(value, str) and value.isprintable() and len(value) <= 128):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 64:
        return str(value)
    raise PayloadError("malformed", f"{name} is not an id")


def seconds(fields: Mapping[str, Any], name: str, largest: int) -> int | None:
    """Return a whole number of seconds up to *largest*, also given as text; None when absent."""
    value = fields.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        raise PayloadError("malformed", f"{name} is not a number of seconds that can be meant")
    return value


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a short text, None when absent."""
    value = fields.get(name)
    if value is not None and not (isinstance(value, str) and len(value) <= 4096 and value.isprintable()):
        raise PayloadError("malformed", f"{name} is not a short text")
    return value
