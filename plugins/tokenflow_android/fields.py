"""A JSON object from outside, and its fields one by one: each is what it should be, or PayloadError."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tokenflow import PayloadError, Secret

LARGEST: Final = 64 * 1024
"""A payload above this many bytes is no AccessToken."""

_LONG_MAX: Final = (1 << 63) - 1


def json_object(payload: Any) -> Mapping[str, Any]:
    """Return the object in *payload* (bytes, text or a mapping); raises PayloadError."""
    if isinstance(payload, Mapping):
        return payload
    found, flaw = _parsed(as_text(payload))
    if flaw is not None:
        raise PayloadError(flaw, "the payload is not a whole JSON object")
    return found


def as_text(payload: Any) -> str:
    """Return *payload* as text without white space around it; raises PayloadError.

    Bytes that are no UTF-8 stay visible as surrogates, which no field below lets through.
    """
    if not isinstance(payload, bytes | str):
        raise PayloadError("malformed", "the payload is neither text nor a mapping")
    if len(payload) > LARGEST:
        raise PayloadError("malformed", "the payload is too large")
    return (payload.decode("utf-8", "surrogateescape") if isinstance(payload, bytes) else payload).strip()


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


def secret_text(fields: Mapping[str, Any], name: str) -> Secret:
    """Return a secret of visible ASCII, never empty (RFC 6749 appendix A.12)."""
    if not isinstance(fields.get(name), str) or not fields[name]:
        raise PayloadError("malformed", f"{name} is missing or empty")
    if not all(" " <= sign <= "~" for sign in fields[name]):
        raise PayloadError("malformed", f"{name} holds characters that no token has")
    return Secret(fields[name])


def name_of(fields: Mapping[str, Any], name: str) -> str:
    """Return a short text, never empty."""
    value = fields.get(name)
    if not isinstance(value, str) or not value or len(value) > 128 or not value.isprintable():
        raise PayloadError("malformed", f"{name} is missing, empty or not a short text")
    return value


def names(fields: Mapping[str, Any], name: str) -> frozenset[str]:
    """Return a list of permissions as a set."""
    value = fields.get(name)
    if not isinstance(value, list) or not all(
        isinstance(entry, str) and entry.isprintable() for entry in value
    ):
        raise PayloadError("malformed", f"{name} is not a list of permissions")
    return frozenset(value)


def instant(fields: Mapping[str, Any], name: str, absent: int | None = None) -> int:
    """Return milliseconds since 1970 as they stand, *absent* when there are none; raises PayloadError."""
    value = fields.get(name, absent)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONG_MAX:
        raise PayloadError("malformed", f"{name} is not a number of milliseconds")
    return value
