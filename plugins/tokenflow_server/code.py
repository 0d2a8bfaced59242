"""`server.code`: the application's own backend received a code, and hands it in."""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow import Code, Flow, Grant, Order, PayloadError, Secret, SpecError, payload_fields

CODE_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["exchange"],
    "properties": {
        "exchange": {"type": "string", "description": "The issuer's code exchange, e.g. facebook.code."}
    },
}


def code(order: Order) -> Flow[Grant]:
    """Exchange a code from `{code, redirect_uri, code_verifier?}`, as a mapping or as JSON.

    `redirect_uri` is the one of the authorization request (RFC 6749 §4.1.3); without it, the
    issuer's registered one. Raises PayloadError (malformed).
    """
    if order.exchange is None:
        raise SpecError("server.code brings a code", mend="say whose it is: `with: {exchange: oauth2.code}`")
    payload = payload_fields(order.payload)
    found = _secret(payload, "code")
    if found is None:
        raise PayloadError("malformed", "the payload holds no code")
    redirect_uri = payload.get("redirect_uri", order.issuer.client.get("redirect_uri", ""))
    if not isinstance(redirect_uri, str):
        raise PayloadError("malformed", "the payload's redirect_uri is not a text")
    verifier = _secret(payload, "code_verifier")
    return (
        yield from order.exchange(order, Code(code=found, redirect_uri=redirect_uri, code_verifier=verifier))
    )


def _secret(payload: Mapping[str, Any], name: str) -> Secret | None:
    if not isinstance(payload.get(name, ""), str):
        raise PayloadError("malformed", f"the payload's {name} is not a text")
    return Secret(payload[name]) if payload.get(name) else None
