"""`server.client_credentials`: the client speaks for itself (RFC 6749 §4.4)."""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow import Flow, Grant, Order, Request, Secret, body_of, grant_of, now, secret, send

CREDENTIALS_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "auth": {
            "enum": ["basic", "post"],
            "description": "How the client shows its secret (RFC 6749 §2.3.1).",
        },
        "scope_separator": {
            "enum": [" ", ","],
            "description": "Between the names of a scope; else the issuer's `requests.scope_separator`.",
        },
        "audience": {"type": "string", "description": "Who the token is for, at issuers that ask."},
    },
}


def client_credentials(order: Order) -> Flow[Grant]:
    """Get a token for the client itself, e.g. an app access token.

    Issuers differ in where the secret goes: in the form (`auth: post`, the default, as Facebook
    documents it) or in HTTP Basic. Raises SecretNotFound, IssuerRefused or AnswerNotUnderstood.
    """
    client_secret = yield from lent(order)
    wants, shape = order.issuer.requests, order.issuer.response
    form: dict[str, str | Secret] = {**wants.client_credentials, "grant_type": "client_credentials"}
    separator = order.options.get("scope_separator", wants.scope_separator)
    if order.scope:
        form["scope"] = separator.join(sorted(order.scope))
    if "audience" in order.options:
        form["audience"] = order.options["audience"]
    basic = None
    if _shown_by(order) == "basic":
        basic = (order.issuer.client_id, client_secret)
    else:
        form |= {"client_id": order.issuer.client_id, "client_secret": client_secret}
    url = order.issuer.endpoint("token_endpoint")
    # Before the call: a lifetime counted from here is never longer than the issuer meant it.
    asked_at = yield from now()
    response = yield from send(
        Request(method="POST", url=url, form=form, basic=basic, encoding=wants.body, headers=wants.headers)
    )
    return grant_of(body_of(response, shape), asked_at, shape, ahead=response.ahead)


def lent(order: Order) -> Flow[Secret]:
    """Return the client's secret: `app_secret` where the spec lends it, else `client_secret`."""
    return (yield from secret(order, "app_secret" if "app_secret" in order.secrets else "client_secret"))


def _shown_by(order: Order) -> str:
    registered = order.issuer.client.get("token_endpoint_auth_method", "client_secret_post")
    return str(order.options.get("auth", registered.removeprefix("client_secret_")))
