"""A token for a longer one, by a server with the app secret."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import (
    NEVER,
    Flow,
    Grant,
    Order,
    Request,
    Secret,
    body_of,
    by_our_clock,
    epoch,
    now,
    secret,
    send,
)
from tokenflow_facebook.answers import grant, shape_of
from tokenflow_facebook.calls import held
from tokenflow_facebook.data_access import data_access

EXTEND_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "set_token_expires_in_60_days": {
            "type": "boolean",
            "description": "Refresh a system user's token of 60 days (facebook.md §1.10).",
        }
    },
}

_SIXTY_DAYS: Final = "set_token_expires_in_60_days"


def extend(order: Order) -> Flow[Grant]:
    """Exchange a short-lived user token for a long-lived one (`fb_exchange_token`).

    The answer may name no end: then it is silence, and the lifecycle's own lifetime decides;
    `expires_in: 0` is never. Raises IssuerRefused: 190/463 for a token that has ended already.
    """
    form: dict[str, str | Secret] = {
        "grant_type": "fb_exchange_token",
        "client_id": order.issuer.client_id,
        "client_secret": (yield from secret(order, "app_secret")),
        "fb_exchange_token": held(order),
    }
    if order.options.get(_SIXTY_DAYS):
        form[_SIXTY_DAYS] = "true"
    return (yield from _granted(order, form))


def _granted(order: Order, form: Mapping[str, str | Secret]) -> Flow[Grant]:
    # Before the call: a lifetime counted from here is never longer than the issuer meant it.
    asked_at = yield from now()
    response = yield from send(Request(method="POST", url=order.issuer.endpoint("token_endpoint"), form=form))
    fields = body_of(response, shape_of(order.issuer.response))
    longer = grant(fields, asked_at, ahead=response.ahead)
    named = epoch(fields.get("data_access_expiration_time"), zero=NEVER)
    ends = by_our_clock(named, asked_at, response.ahead)
    return attrs.evolve(longer, attributes={**longer.attributes, **data_access(order, ends)})
