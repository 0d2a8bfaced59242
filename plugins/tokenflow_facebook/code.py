"""`facebook.code`: a code becomes a user token (facebook.md §1.1)."""

from collections.abc import Mapping

import attrs

from tokenflow import (
    AnswerNotUnderstood,
    Code,
    Flow,
    Grant,
    Inspection,
    Order,
    Request,
    Secret,
    Silent,
    body_of,
    now,
    secret,
    send,
)
from tokenflow_facebook.answers import grant, shape_of, text
from tokenflow_facebook.calls import call
from tokenflow_facebook.debug import inspect


def exchange(order: Order, code: Code) -> Flow[Grant]:
    """Exchange *code*; a code from a signed cookie has an empty redirect_uri, and it is sent so.

    With the app secret where it is lent; then the new token is inspected too, for the answer names
    neither the user nor what they granted, which may be less than was asked. An app without a secret
    (a native app) shows its PKCE verifier alone. After `auth_type: reauthenticate` the grant says which
    `auth_nonce` the password was entered for. Raises AnswerNotUnderstood, or IssuerRefused: 100/36007
    expired, 36008 another redirect_uri, 36009 used.
    """
    form: dict[str, str | Secret] = {
        "grant_type": "authorization_code",
        "client_id": order.issuer.client_id,
        "redirect_uri": code.redirect_uri,
        "code": code.code,
    }
    if code.code_verifier is not None:
        form["code_verifier"] = code.code_verifier
    if "app_secret" in order.secrets:
        form["client_secret"] = yield from secret(order, "app_secret")
    # Before the call: a lifetime counted from here is never longer than the issuer meant it.
    asked_at = yield from now()
    response = yield from send(Request(method="POST", url=order.issuer.endpoint("token_endpoint"), form=form))
    granted = grant(body_of(response, shape_of(order.issuer.response)), asked_at, ahead=response.ahead)
    token = granted.access_token
    if token is None:
        return granted
    if "app_secret" in order.secrets:
        found = yield from inspect(order, token)
        granted = _named(granted, found, order.issuer.client_id)
    if order.options.get("auth_type") == "reauthenticate" and "auth_nonce" not in granted.attributes:
        granted = yield from _with_auth_nonce(order, granted, token)
    return granted


def _with_auth_nonce(order: Order, granted: Grant, token: Secret) -> Flow[Grant]:
    """Ask in the token's own name which nonce the password was entered for; no secret is needed."""
    form: Mapping[str, str | Secret] = {"client_id": order.issuer.client_id}
    response = yield from call(order, "get", "oauth/access_token_info", token, form)
    once = text(body_of(response, shape_of(order.issuer.response)).get("auth_nonce"))
    return attrs.evolve(granted, attributes={**granted.attributes, "auth_nonce": once})


def _named(granted: Grant, found: Inspection, client_id: str) -> Grant:
    """Return *granted* with its user, its scope and, where the answer was silent, its end."""
    if not found.active or found.app_id != client_id or found.kind not in (None, "user"):
        raise AnswerNotUnderstood(
            "the issuer gave a token that it does not call valid, a person's and this app's"
        )
    return attrs.evolve(
        granted,
        scope=found.scope if granted.scope is None else granted.scope,
        expires=found.expires if isinstance(granted.expires, Silent) else granted.expires,
        attributes={**granted.attributes, **found.attributes},
    )
