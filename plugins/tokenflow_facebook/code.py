"""`facebook.code`: a code becomes a user token (facebook.md §1.1)."""

from tokenflow import Code, Flow, Grant, Order, Request, Secret, body_of, now, secret, send
from tokenflow_facebook.answers import grant


def exchange(order: Order, code: Code) -> Flow[Grant]:
    """Exchange *code*; a code from a signed cookie has an empty redirect_uri, and it is sent so.

    With the app secret where it is lent; an app without one (a native app) shows its PKCE verifier
    alone. Raises IssuerRefused: 100/36007 expired, 36008 another redirect_uri, 36009 used.
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
    return grant(body_of(response), asked_at)
