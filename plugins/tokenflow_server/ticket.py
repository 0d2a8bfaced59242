"""`server.ticket`: a token that another server hands over, fetched with the ticket it gave out for it."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from tokenflow import (
    AnswerNotUnderstood,
    Flow,
    Grant,
    Order,
    PayloadError,
    Refused,
    Request,
    Response,
    Secret,
    grant_of,
    now,
    payload_fields,
    send,
)

TICKET_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["from", "audience"],
    "properties": {
        "from": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": "^https://[^/?#@]+$"},
            "description": "Origins of the servers that may hand a token over; nobody else is asked.",
        },
        "audience": {
            "type": "string",
            "pattern": "^https://[^/?#@]+$",
            "description": "The origin of this server, which tickets for it are made for.",
        },
    },
}


def ticket(order: Order) -> Flow[Grant]:
    """Redeem `{ticket, redeem_uri}`, a mapping or JSON, and return what it brought.

    It is shown in the body of a POST over HTTPS, to an origin of the spec's list only. What the sender says
    of the token is taken for a claim: the spec's `verify` asks the issuer. Raises PayloadError (malformed),
    Refused (foreign_host, transport_not_allowed, ticket_refused), AnswerNotUnderstood.
    """
    payload = payload_fields(order.payload)
    shown, uri = payload.get("ticket"), payload.get("redeem_uri")
    if not isinstance(shown, str) or not shown or not isinstance(uri, str):
        raise PayloadError("malformed", "the payload holds no ticket and redeem_uri")
    giver = _giver(order, uri)
    audience = order.options["audience"]
    asked_at = yield from now()
    response = yield from send(
        Request(
            method="POST",
            url=uri,
            form={"ticket": Secret(shown), "audience": audience},
            headers={"origin": audience},
        )
    )
    found = _answer(response, giver)
    # Whom it is expected to be of is its claim, which the issuer's answer is held against.
    claims = {name: order.attributes[name] for name in ("user_id",) if name in order.attributes}
    return attrs.evolve(grant_of(found, asked_at), attributes=claims, handed_by=giver)


def _giver(order: Order, uri: str) -> str:
    """Return the origin of *uri*; raises Refused when it is not to be asked (security.md C11)."""
    parts = urlsplit(uri)
    if parts.scheme != "https":
        raise Refused("transport_not_allowed", f"{order.key}: a ticket is redeemed over HTTPS only")
    origin = f"https://{parts.netloc}"
    if origin not in order.options["from"]:
        raise Refused(
            "foreign_host",
            f"{order.key}: the spec does not take tokens from there",
            mend="list the origin: `with: {from: [https://...]}`",
        )
    return origin


def _answer(response: Response, giver: str) -> Mapping[str, Any]:
    """Return the fields of the answer; a no and a code in the token's place are none of it."""
    if response.status >= 400:
        raise Refused("ticket_refused", f"{giver} gave nothing for the ticket", mend="ask it for a new one")
    found = response.json() if response.status == 200 else None
    if not isinstance(found, Mapping) or not isinstance(found.get("access_token"), str):
        raise AnswerNotUnderstood(f"{giver} answered the ticket with no token")
    return found
