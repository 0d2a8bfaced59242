"""`web.redirect`: send a person to the authorization endpoint, take the code, have it exchanged."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from tokenflow import Code, Flow, Grant, Order, Prompt, Secret, SpecError, ask, nonce
from tokenflow_web.answer import granted, read_answer
from tokenflow_web.pkce import challenge

OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["exchange"],
    "properties": {
        "exchange": {"type": "string", "description": "The issuer's code exchange, e.g. oauth2.code."},
        "scope_separator": {
            "type": "string",
            "enum": [" ", ","],
            "description": "Between the names of a scope; else the issuer's `requests.scope_separator`.",
        },
        "auth_type": {"type": "string", "description": "Facebook: rerequest, reauthenticate, reauthorize."},
        "display": {"type": "string", "description": "OpenID Connect and Facebook: page, popup, touch."},
        "extra": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
"""The `with:` of `web.redirect`. `extra` adds parameters; it cannot replace those made here."""

_VERIFIER_BYTES: Final = 48
"""Entropy of a code_verifier; as text 64 characters, within RFC 7636's 43 to 128."""


def redirect(order: Order) -> Flow[Grant]:
    """Log a person in by the authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636).

    Raises ConsentDenied when the person says no, IssuerRefused for the issuer's other errors, and
    PayloadError (forged, malformed) for an answer that is not to this login.
    """
    if order.exchange is None:
        raise SpecError(
            "web.redirect brings a code", mend="say who exchanges it: `with: {exchange: oauth2.code}`"
        )
    state = yield from nonce()
    verifier = None
    if order.issuer.requests.pkce != "none":
        verifier = Secret((yield from nonce(_VERIFIER_BYTES)))
    proof = None if verifier is None else challenge(verifier)
    url = authorization_url(order, state=state, code_challenge=proof)
    answer = yield from ask(Prompt(url=url, state=state))
    code = read_answer(answer, state=state, issuer=order.issuer)
    grant = yield from order.exchange(
        order, Code(code=code, redirect_uri=_redirect_uri(order), code_verifier=verifier)
    )
    return attrs.evolve(grant, scope=granted(answer)) if grant.scope is None else grant


def authorization_url(order: Order, *, state: str, code_challenge: str | None) -> str:
    """Return the URL of the authorization request (RFC 6749 §4.1.1); the endpoint's own query stays.

    Without a *code_challenge* there is no PKCE, as an issuer wants that refuses its parameters.
    """
    options, wants = order.options, order.issuer.requests
    parameters = {
        **wants.authorize,
        **dict(options.get("extra", {})),
        **{name: options[name] for name in ("auth_type", "display") if name in options},
        "response_type": "code",
        "client_id": order.issuer.client_id,
        "redirect_uri": _redirect_uri(order),
        "state": state,
    }
    if code_challenge is not None:
        parameters |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
    if order.scope:
        separator = options.get("scope_separator", wants.scope_separator)
        parameters[wants.scope_parameter] = separator.join(sorted(order.scope))
    parts = urlsplit(order.issuer.endpoint("authorization_endpoint"))
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in parameters
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *parameters.items()]), fragment=""))


def _redirect_uri(order: Order) -> str:
    if "redirect_uri" not in order.issuer.client:
        raise SpecError(
            f"issuer {order.issuer.name} declares no redirect_uri",
            mend="add it to the issuer: `client: {redirect_uri: https://...}`, as registered",
        )
    return order.issuer.client["redirect_uri"]
