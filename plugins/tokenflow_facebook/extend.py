"""A token for a longer one, by a server with the app secret."""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow import Flow, Grant, Order, Request, Secret, body_of, now, secret, send
from tokenflow_facebook.answers import grant, shape_of
from tokenflow_facebook.calls import held

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
    return grant(body_of(response, shape_of(order.issuer.response)), asked_at, ahead=response.ahead)
