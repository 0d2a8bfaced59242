"""Grants at the token endpoint: a code, and a refresh token (RFC 6749 §4.1.3, §6)."""

from collections.abc import Mapping

from tokenflow import Code, Flow, Grant, Order, Refused, Secret, body_of, grant_of, now
from tokenflow_oauth2.client import post


def exchange(order: Order, code: Code) -> Flow[Grant]:
    """Exchange *code* with its PKCE verifier; raises IssuerRefused or AnswerNotUnderstood."""
    form: dict[str, str | Secret] = {"grant_type": "authorization_code", "code": code.code}
    if code.redirect_uri:
        form["redirect_uri"] = code.redirect_uri
    if code.code_verifier is not None:
        form["code_verifier"] = code.code_verifier
    return (yield from _granted(order, {**order.issuer.requests.exchange, **form}))


def refresh(order: Order) -> Flow[Grant]:
    """Get a new access token by the held refresh token.

    An answer without a refresh token leaves the held one in place (RFC 6749 §6), so the grant's is
    None then. Raises IssuerRefused (invalid_grant, or a 4xx without a word), AnswerNotUnderstood.
    """
    held = order.token.refresh_token if order.token is not None else None
    if held is None:
        raise Refused("not_usable", f"{order.key} holds no refresh token")
    form: dict[str, str | Secret] = {"grant_type": "refresh_token", "refresh_token": held}
    return (yield from _granted(order, {**order.issuer.requests.refresh, **form}))


def _granted(order: Order, form: Mapping[str, str | Secret]) -> Flow[Grant]:
    # Before the call: a lifetime counted from here is never longer than the issuer meant it.
    asked_at = yield from now()
    response = yield from post(order, "token_endpoint", form)
    shape = order.issuer.response
    return grant_of(body_of(response, shape), asked_at, shape, ahead=response.ahead)
