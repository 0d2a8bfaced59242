"""What Facebook sends to an app by itself (facebook.md §1.12): a person removed it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

from tokenflow import DAY, SECOND, Flow, News, Order, PayloadError, now, secret, signed_payload
from tokenflow_facebook.answers import text

LARGEST: Final = 32 * 1024
"""Bytes of a form above which it is not looked at."""

AHEAD: Final = 5 * 60 * SECOND
"""How far Facebook's clock may be before ours."""


def deauthorize(order: Order) -> Flow[Sequence[News]]:
    """Verify a deauthorize callback with the app secret: the person's tokens are over.

    The payload is the form as it was posted (bytes or text), or a mapping with `signed_request`. Raises
    PayloadError: malformed, forged, expired.
    """
    sent = _signed(order.payload)
    payload = signed_payload(sent, (yield from secret(order, "app_secret")))
    until = _until(payload, (yield from now()))
    user_id = text(payload.get("user_id"))
    if user_id is None:
        raise PayloadError("malformed", "the callback does not say who removed the app")
    news = News(
        event="invalidate",
        about={"app_id": order.issuer.client_id, "user_id": user_id},
        payload={"reason": "app_removed"},
        event_id=f"deauthorize:{hashlib.sha256(sent.rstrip('=').encode()).hexdigest()}",
        until=until,
    )
    return (news,)


def _until(payload: Mapping[str, Any], instant: int) -> int:
    """Return when the message is a day old; raises PayloadError when it is, or was not issued yet."""
    issued_at = payload.get("issued_at")
    if type(issued_at) is not int or not 0 < issued_at < 1 << 40:
        raise PayloadError("malformed", "the callback does not say when it was issued")
    if issued_at * SECOND > instant + AHEAD:
        raise PayloadError("malformed", "the callback was issued in the future")
    if issued_at * SECOND + DAY < instant:
        raise PayloadError("expired", "the callback is too old to be taken")
    return issued_at * SECOND + DAY


def _signed(payload: Any) -> str:
    """Return the one signed_request of a form."""
    found: Any = None
    if isinstance(payload, Mapping):
        found = payload.get("signed_request")
    elif isinstance(payload, bytes | str) and len(payload) <= LARGEST:
        form = payload.decode("latin-1") if isinstance(payload, bytes) else payload
        values = parse_qs(form, max_num_fields=None).get("signed_request", [])
        found = values[0] if len(values) == 1 else None
    if not isinstance(found, str):
        raise PayloadError("malformed", "the callback is no form with one signed_request")
    return found
