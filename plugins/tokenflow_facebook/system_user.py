"""`facebook.system_user`: the token of a system user in Business Manager (seed; facebook.md §1.10)."""

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import AnswerNotUnderstood, Flow, Grant, Order, PayloadError, Secret, body_of, now, secret
from tokenflow_facebook.answers import grant, shape_of
from tokenflow_facebook.calls import call, done, held
from tokenflow_facebook.debug import inspect

SYSTEM_USER_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "set_token_expires_in_60_days": {
            "type": "boolean",
            "description": "Have a token of 60 days made, which is then to be refreshed.",
        },
        "install": {
            "type": "boolean",
            "description": "Install the app for the system user first; without that Facebook makes no token.",
        },
    },
}

_SIXTY_DAYS: Final = "set_token_expires_in_60_days"
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}")


def system_user(order: Order) -> Flow[Grant]:
    """Have a token made for the system user in the attribute (or payload) `system_user_id`.

    Asked for with an admin's token, the secret `admin_token` or the payload's `access_token`, and
    the app secret, without which Facebook refuses. The answer names no end, so the new token is
    inspected. Raises PayloadError, SecretNotFound or IssuerRefused.
    """
    yield from secret(order, "app_secret")
    payload = order.payload if isinstance(order.payload, Mapping) else {}
    user = str(order.attributes.get("system_user_id") or payload.get("system_user_id") or "")
    if not _ID.fullmatch(user):
        raise PayloadError("malformed", "neither the attributes nor the payload name a system_user_id")
    form: dict[str, str | Secret] = {
        "business_app": order.issuer.client_id,
        "scope": ",".join(sorted(order.scope)),
    }
    if order.options.get(_SIXTY_DAYS):
        form[_SIXTY_DAYS] = "true"
    admin = yield from _admin(order, payload)
    if order.options.get("install"):
        app = {"business_app": order.issuer.client_id}
        done(order, (yield from call(order, "post", f"{user}/applications", admin, app)))
    asked_at = yield from now()
    response = yield from call(order, "post", f"{user}/access_tokens", admin, form)
    made = grant(body_of(response, shape_of(order.issuer.response)), asked_at, ahead=response.ahead)
    if made.access_token is None:
        return made
    found = yield from inspect(order, made.access_token)
    if not found.active or found.app_id != order.issuer.client_id or found.kind not in (None, "system_user"):
        raise AnswerNotUnderstood("the issuer gave a token that it does not call valid and this app's")
    return attrs.evolve(made, expires=found.expires, attributes={**made.attributes, "system_user_id": user})


def end_system_user(order: Order) -> Flow[None]:
    """End every token of the system user (`DELETE access_tokens`), the held one too.

    Asked for with the held token and its proof. Raises IssuerRefused, or AnswerNotUnderstood.
    """
    user = str(order.attributes.get("system_user_id") or "")
    if not _ID.fullmatch(user):
        raise AnswerNotUnderstood(f"{order.key} does not say which system user it is of")
    done(order, (yield from call(order, "delete", f"{user}/access_tokens", held(order))))


def _admin(order: Order, payload: Mapping[str, Any]) -> Flow[Secret]:
    token = payload.get("access_token")
    if "admin_token" not in order.secrets and isinstance(token, str) and token:
        return Secret(token)
    return (yield from secret(order, "admin_token"))
