"""What a platform or an application hands in: a mapping, or the JSON of one."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tokenflow.core.errors import PayloadError

LARGEST: Final = 16 * 1024
"""A payload above this many characters holds no code and no ticket, and is not read."""


def payload_fields(payload: Any) -> Mapping[str, Any]:
    """Return the fields of a payload, a mapping or up to 16 KiB of JSON; raises PayloadError (malformed)."""
    if isinstance(payload, bytes | str):
        if len(payload) > LARGEST:
            raise PayloadError("malformed", f"the payload has more than {LARGEST} characters")
        payload = _json(payload)
    if not isinstance(payload, Mapping):
        raise PayloadError("malformed", "the payload is neither a mapping nor the JSON of one")
    return payload


def _json(text: bytes | str) -> Any:
    """Return *text* read, None when it is not JSON: the reader's exception would hold what it read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
