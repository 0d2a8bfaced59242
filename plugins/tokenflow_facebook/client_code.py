"""A token for each device: the server has a code made, and the device redeems it without the secret.

The server's own token stays where it is, and as it is (facebook.md §1.1, §1.6).
"""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow import (
    AnswerNotUnderstood,
    Code,
    Flow,
    Grant,
    Order,
    PayloadError,
    Request,
    Secret,
    body_of,
    now,
    payload_fields,
    secret,
    send,
)
from tokenflow_facebook.answers import grant, shape_of
from tokenflow_facebook.calls import call, held

CLIENT_CODE_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "redirect_uri": {
            "type": "string",
            "description": "Bound to the code; without it, the issuer's registered one.",
        }
    },
}


def client_code(order: Order) -> Flow[Code]:
    """Have a code made for one device, from the held long-lived token and the app secret.

    A device redeems it with the same redirect_uri, once. Raises SecretNotFound, IssuerRefused (a
    short-lived token has none) or AnswerNotUnderstood.
    """
    registered = order.issuer.client.get("redirect_uri", "")
    redirect_uri = str(order.options.get("redirect_uri", registered))
    form: dict[str, str | Secret] = {
        "client_id": order.issuer.client_id,
        "client_secret": (yield from secret(order, "app_secret")),
        "redirect_uri": redirect_uri,
    }
    response = yield from call(order, "get", "oauth/client_code", held(order), form)
    code = body_of(response, shape_of(order.issuer.response)).get("code")
    if not isinstance(code, str) or not code:
        raise AnswerNotUnderstood("the issuer's answer holds no code")
    return Code(code=Secret(code), redirect_uri=redirect_uri)


def redeem(order: Order) -> Flow[Grant]:
    """Redeem `{code, redirect_uri?, machine_id?}`, as a mapping or as JSON, without a secret.

    Facebook names the device (`machine_id`) with its answer; a device that has a name already shows it.
    Raises PayloadError (malformed), or IssuerRefused: 100/36009 for a code that was used.
    """
    fields = payload_fields(order.payload)
    form: dict[str, str | Secret] = {
        "client_id": order.issuer.client_id,
        "redirect_uri": _text(fields, "redirect_uri", order.issuer.client.get("redirect_uri", "")),
        "code": Secret(_text(fields, "code")),
    }
    if "machine_id" in fields:
        form["machine_id"] = _text(fields, "machine_id")
    # Before the call: a lifetime counted from here is never longer than the issuer meant it.
    asked_at = yield from now()
    response = yield from send(Request(method="POST", url=order.issuer.endpoint("token_endpoint"), form=form))
    return grant(body_of(response, shape_of(order.issuer.response)), asked_at, ahead=response.ahead)


def _text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or (not value and name == "code"):
        raise PayloadError("malformed", f"the payload's {name} is not a text")
    return value
