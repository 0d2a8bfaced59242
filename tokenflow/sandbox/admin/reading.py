"""Read what the admin sends."""

import json
from collections.abc import Mapping
from typing import Any

from tokenflow.sandbox.errors import AdminError
from tokenflow.sandbox.wire import Call

Body = Mapping[str, Any]


def body_of(call: Call) -> Body:
    """Return the JSON object sent; nothing is an empty one."""
    text = call.get("") or ""
    if not text:
        return {}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise AdminError("the body must be JSON") from None
    if not isinstance(data, dict):
        raise AdminError("the body must be a JSON object")
    return data


def text(body: Body, name: str) -> str:
    """Return a required text."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise AdminError(f"{name} must be a text")
    return value


def texts(body: Body, name: str) -> tuple[str, ...]:
    """Return a list of texts; absent is empty."""
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise AdminError(f"{name} must be a list of texts")
    return tuple(value)


def only(body: Body, names: frozenset[str]) -> None:
    """Refuse a field nobody reads: a typing mistake must not pass for a setting."""
    unknown = sorted(set(body) - names)
    if unknown:
        raise AdminError(f"unknown field {', '.join(unknown)}; known are {', '.join(sorted(names))}")
