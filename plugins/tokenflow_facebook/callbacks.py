"""What Facebook posts to an app when a person removes it, or wants their data deleted (facebook.md §1.12)."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs

from tokenflow import (
    DAY,
    SECOND,
    Flow,
    Heard,
    Instant,
    Message,
    News,
    Order,
    PayloadError,
    Refused,
    confirmation_code,
    now,
    secret,
    signed_payload,
)
from tokenflow_facebook.answers import text

LARGEST: Final = 32 * 1024
"""Bytes of a form above which it is not looked at."""

AHEAD: Final = 5 * 60 * SECOND
"""How far Facebook's clock may be before ours."""

DELETION_OPTIONS: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "status_url": {
            "type": "string",
            "pattern": r"^https://[^\s?#]+(\?[^\s#]*)?$",
            "patternErrorMessage": "Use an https address: https://app.example/deletion.",
            "description": "Page where a person looks up what became of it; `code` is added to its query.",
        }
    },
}


def deauthorize(order: Order) -> Flow[Heard]:
    """Verify a deauthorize callback with the app secret: the person's tokens are over.

    Raises PayloadError: malformed, forged, expired.
    """
    sent = _signed(order.payload)
    payload = signed_payload(sent, (yield from secret(order, "app_secret")))
    issued = issued_at(payload.get("issued_at"), (yield from now()))
    news = _over(order, "deauthorize", sent, payload, issued, "app_removed")
    return Heard(news=[attrs.evolve(news, at=issued)])


def data_deletion(order: Order) -> Flow[Heard]:
    """Verify a data deletion request with the app secret: the person's tokens are over, and it is confirmed.

    Facebook shows the person a link to the status page and the code. It is the same whether anything was
    held of them or not. Raises PayloadError: malformed, forged, expired; Refused (no_status_url).
    """
    sent = _signed(order.payload)
    key = yield from secret(order, "app_secret")
    payload = signed_payload(sent, key)
    instant = yield from now()
    issued = issued_at(payload.get("issued_at"), instant)
    expires = payload.get("expires", 0)
    if type(expires) is not int or 0 < expires * SECOND < instant:
        raise PayloadError("expired", "the request for deletion is over")
    news = _over(order, "data_deletion", sent, payload, issued, "deletion_requested")
    code = confirmation_code(news.event_id, key, issued)
    status = _status_url(order, order.payload)
    mark = "&" if urlsplit(status).query else "?"
    answer = {"url": f"{status}{mark}{urlencode({'code': code})}", "confirmation_code": code}
    return Heard(news=[news], answer=answer, deletion=code)


def issued_at(told: Any, instant: Instant) -> Instant:
    """Return when a message was issued; raises PayloadError when it is a day old, or was not issued yet."""
    if type(told) is not int or not 0 < told < 1 << 40:
        raise PayloadError("malformed", "the callback does not say when it was issued")
    if told * SECOND > instant + AHEAD:
        raise PayloadError("malformed", "the callback was issued in the future")
    if told * SECOND + DAY < instant:
        raise PayloadError("expired", "the callback is too old to be taken")
    return told * SECOND


def _over(
    order: Order, kind: str, sent: str, payload: Mapping[str, Any], issued: Instant, reason: str
) -> News:
    """Return the news that all tokens of the person whom *payload* names are over."""
    user_id = text(payload.get("user_id"))
    if user_id is None:
        raise PayloadError("malformed", "the callback does not say whom it is about")
    return News(
        event="invalidate",
        about={"app_id": order.issuer.client_id, "user_id": user_id},
        payload={"reason": reason},
        event_id=f"{kind}:{hashlib.sha256(sent.rstrip('=').encode()).hexdigest()}",
        until=issued + DAY,
    )


def _status_url(order: Order, message: Message) -> str:
    """Return the status page that the spec names, else the callback's own address."""
    url = order.options.get("status_url") or message.url
    if url is None:
        raise Refused(
            "no_status_url",
            "a person who asks for a deletion is given the address of a status page, and there is none",
            mend="with: {status_url: https://...} beside `use` in the Issuer document",
        )
    return str(url)


def _signed(message: Message) -> str:
    """Return the one signed_request of a form."""
    values: list[str] = []
    if message.method == "POST" and len(message.body) <= LARGEST:
        values = parse_qs(message.body.decode("latin-1")).get("signed_request", [])
    if len(values) != 1:
        raise PayloadError("malformed", "the callback is no form with one signed_request")
    return values[0]
