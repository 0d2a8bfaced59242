"""The webhook: Facebook says what changed, of several people in one body (facebook.md §1.12).

The signature covers the bytes as they were sent, and is compared before any of them is read. What it says
of permissions is only a reason to ask what is granted now; that a person removed the app ends their tokens.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

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
    Secret,
    now,
    secret,
)
from tokenflow_facebook.answers import text
from tokenflow_facebook.callbacks import AHEAD

TAKEN_FOR: Final = 2 * DAY
"""How old news may be: Facebook repeats what was not answered for 36 hours."""

_SIGNATURE: Final = re.compile(r"sha256=([0-9a-f]{64})")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9._~-]{1,256}")


def webhook(order: Order) -> Flow[Heard]:
    """Verify a webhook's message with the app secret, or answer the question that sets a webhook up.

    Raises PayloadError: malformed, forged, expired.
    """
    message: Message = order.payload
    if message.method == "GET":
        return Heard(answer=_challenge(message, (yield from secret(order, "verify_token"))))
    if not is_signed_body(message, (yield from secret(order, "app_secret"))):
        raise PayloadError("forged", "the webhook's body is not signed with this app's secret")
    return _heard(order, message.body, (yield from now()))


def is_signed_body(message: Message, app_secret: Secret) -> bool:
    """Return whether `X-Hub-Signature-256` is *app_secret*'s, over the bytes as received."""
    found = _SIGNATURE.fullmatch(message.headers.get("x-hub-signature-256", ""))
    expected = hmac.new(app_secret.reveal().encode(), message.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(found[1] if found else "", expected)


def _challenge(message: Message, verify_token: Secret) -> str:
    """Return what shows that the app knows the token it was registered with."""
    shown = message.query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(shown, verify_token.reveal().encode()):
        raise PayloadError("forged", "whoever asks does not know the webhook's verify token")
    challenge = message.query.get("hub.challenge", "")
    if message.query.get("hub.mode") != "subscribe" or _CHALLENGE.fullmatch(challenge) is None:
        raise PayloadError("malformed", "the question is no `hub.mode=subscribe` with a plain challenge")
    return challenge


def _heard(order: Order, body: bytes, instant: Instant) -> Heard:
    told = _read(body)
    if told.get("object") != "permissions":
        return Heard(ignored=sum(1 for _ in _changes(told)))
    found: dict[str, News] = {}
    ignored = 0
    mark = hashlib.sha256(body).hexdigest()
    for entry, change in _changes(told):
        news = tuple(_news(order, entry, change, mark, instant))
        ignored += not news
        for one in news:
            user_id = one.about["user_id"]
            if user_id not in found or _weight(one) >= _weight(found[user_id]):
                found[user_id] = one
    return Heard(news=list(found.values()), ignored=ignored)


def _weight(news: News) -> tuple[Instant, bool]:
    """Of several news of a person the last one counts, and of those of one second the end."""
    return news.at or 0, news.event == "invalidate"


def _read(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object. The JSON reader's own error holds the text, so it ends here."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("entry"), list):
        raise PayloadError("malformed", "the webhook's body is no JSON object with a list `entry`")
    return told


def _changes(told: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for entry in told["entry"]:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        for change in changes if isinstance(changes, list) else ():
            yield entry, change if isinstance(change, dict) else {}


def _news(
    order: Order, entry: Mapping[str, Any], change: Mapping[str, Any], mark: str, instant: Instant
) -> Iterator[News]:
    value = change.get("value")
    if not isinstance(value, dict) or (verb := value.get("verb")) not in ("granted", "revoked"):
        return
    at, dated = _dated(entry.get("time"), instant)
    # Without a date it might be an old message sent again: it ends nothing, but the issuer may be asked.
    over = dated and verb == "revoked" and change.get("field") == "connected"
    for user_id in _people(entry, value):
        yield News(
            event="invalidate" if over else "check_permissions",
            about={"app_id": order.issuer.client_id, "user_id": user_id},
            payload={"reason": "app_removed"} if over else {},
            event_id=f"webhook:{mark}:{user_id}",
            at=at if dated else None,
            until=at + TAKEN_FOR,
        )


def _dated(told: Any, instant: Instant) -> tuple[Instant, bool]:
    """Return when an entry was written, and whether it says so; raises PayloadError (expired, malformed)."""
    if told is None:
        return instant, False
    if type(told) is not int or not 0 < told * SECOND <= instant + AHEAD:
        raise PayloadError("malformed", "the webhook's entry has a time that is none, or is to come")
    if told * SECOND + TAKEN_FOR < instant:
        raise PayloadError("expired", "the webhook's message is too old to be taken")
    return told * SECOND, True


def _people(entry: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[str]:
    """Yield whom a change is about: its entry's person; where that names nobody, the change's targets."""
    person = text(entry.get("uid")) or text(entry.get("id"))
    targets = value.get("target_ids")
    several = [person] if person else targets if isinstance(targets, list) else []
    yield from (found for one in several if (found := text(one)) is not None)
