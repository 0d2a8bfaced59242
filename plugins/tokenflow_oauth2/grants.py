"""Grants at the token endpoint: a code, and a refresh token (RFC 6749 §4.1.3, §6)."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import (
    AnswerNotUnderstood,
    Code,
    Flow,
    Grant,
    Instant,
    Order,
    Refused,
    Secret,
    body_of,
    grant_of,
    now,
)
from tokenflow_oauth2.client import post

_BOUND: Final = frozenset({"dpop", "mac", "pop"})
"""Token types bound to a key we do not hold. Any other is sent as Bearer: servers name it in any case,
and some leave it out (RFC 6749 §7.1)."""


def exchange(order: Order, code: Code) -> Flow[Grant]:
    """Exchange *code* with its PKCE verifier; raises IssuerRefused or AnswerNotUnderstood."""
    form: dict[str, str | Secret] = {"grant_type": "authorization_code", "code": code.code}
    if code.redirect_uri:
        form["redirect_uri"] = code.redirect_uri
    if code.code_verifier is not None:
        form["code_verifier"] = code.code_verifier
    return (yield from _granted(order, form))


def refresh(order: Order) -> Flow[Grant]:
    """Get a new access token by the held refresh token.

    An answer without a refresh token leaves the held one in place (RFC 6749 §6), so the grant's is
    None then. Raises IssuerRefused (invalid_grant, or a 4xx without a word), AnswerNotUnderstood.
    """
    held = order.token.refresh_token if order.token is not None else None
    if held is None:
        raise Refused("not_usable", f"{order.key} holds no refresh token")
    return (yield from _granted(order, {"grant_type": "refresh_token", "refresh_token": held}))


def _granted(order: Order, form: Mapping[str, str | Secret]) -> Flow[Grant]:
    # Before the call: a lifetime counted from here is never longer than the issuer meant it.
    asked_at = yield from now()
    return understood(body_of((yield from post(order, "token_endpoint", form))), asked_at)


def understood(fields: Mapping[str, Any], asked_at: Instant) -> Grant:
    """Return what the answer grants; raises AnswerNotUnderstood.

    `expires_in` absent, empty or 0 is silence: issuers mean different things by 0.
    """
    if str(fields.get("token_type", "")).lower() in _BOUND:
        raise AnswerNotUnderstood("the issuer's token is bound to a key, and cannot be sent as Bearer")
    return attrs.evolve(grant_of(fields, asked_at), scope=scope_of(fields.get("scope")))


def scope_of(value: Any) -> frozenset[str] | None:
    """Return a scope given with spaces (RFC 6749 §3.3), commas, or as a list; None when there is none."""
    if isinstance(value, str):
        return frozenset(value.replace(",", " ").split())
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return frozenset(value)
    return None
