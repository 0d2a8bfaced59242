"""`web.redirect`: send a person to the authorization endpoint, take the code, have it exchanged."""

import hmac
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import Code, Flow, Grant, Order, PayloadError, Prompt, Secret, SpecError, ask, nonce
from tokenflow_web.answer import declined, granted, read_code
from tokenflow_web.pkce import challenge
from tokenflow_web.request import OPTIONS, authorization_url, redirect_uri

REDIRECT_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["exchange"],
    "properties": {
        "exchange": {"type": "string", "description": "The issuer's code exchange, e.g. oauth2.code."},
        **OPTIONS,
    },
}

_VERIFIER_BYTES: Final = 48
"""Entropy of a code_verifier; as text 64 characters, within RFC 7636's 43 to 128."""


def redirect(order: Order) -> Flow[Grant]:
    """Log a person in by the authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636).

    Raises ConsentDenied when the person says no, IssuerRefused for the issuer's other errors, and
    PayloadError (forged, malformed) for an answer that is not to this login: with `auth_type:
    reauthenticate` the issuer has to name the nonce that the password was entered for.
    """
    if order.exchange is None:
        raise SpecError(
            "web.redirect brings a code", mend="say who exchanges it: `with: {exchange: oauth2.code}`"
        )
    state = yield from nonce()
    verifier = None
    if order.issuer.requests.pkce != "none":
        verifier = Secret((yield from nonce(_VERIFIER_BYTES)))
    elif order.runs_on == "client":
        raise SpecError(
            f"{order.issuer.name} takes no PKCE, and on a client nothing else binds a code to the app",
            mend="run it on the server, where a secret is",
        )
    proof = None if verifier is None else challenge(verifier)
    again = order.options.get("auth_type") == "reauthenticate"
    once = (yield from nonce()) if again else None
    url = authorization_url(order, state=state, code_challenge=proof, auth_nonce=once)
    answer = yield from ask(Prompt(url=url, state=state))
    code = read_code(answer, state=state, issuer=order.issuer)
    grant = yield from order.exchange(
        order, Code(code=code, redirect_uri=redirect_uri(order), code_verifier=verifier)
    )
    if once is not None and not _entered_for(grant, once):
        raise PayloadError(
            "forged",
            "the issuer does not say that the password was entered again for this login",
            mend="begin the login again",
        )
    attributes = {**declined(answer), **grant.attributes}
    return attrs.evolve(
        grant, scope=granted(answer) if grant.scope is None else grant.scope, attributes=attributes
    )


def _entered_for(grant: Grant, once: str) -> bool:
    return hmac.compare_digest(str(grant.attributes.get("auth_nonce", "")).encode(), once.encode())
