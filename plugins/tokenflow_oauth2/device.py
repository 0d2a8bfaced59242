"""`oauth2.device`: the device authorization grant (RFC 8628)."""

from typing import Final

from tokenflow import (
    SECOND,
    AnswerNotUnderstood,
    ConsentDenied,
    Flow,
    Grant,
    IssuerRefused,
    Later,
    Order,
    PromptExpired,
    Secret,
    body_of,
    grant_of,
    now,
    polled,
    shown_of,
)
from tokenflow_oauth2.client import post

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER: Final = 5 * SECOND
"""What `slow_down` adds, for this question and all that follow (RFC 8628 §3.5)."""


def device(order: Order) -> Flow[Grant]:
    """Show the person where to go and which code to enter, and ask until they have decided.

    Raises ConsentDenied, PromptExpired, IssuerRefused or AnswerNotUnderstood.
    """
    wants, shape = order.issuer.requests, order.issuer.response
    asked: dict[str, str | Secret] = {}
    if order.scope:
        asked[wants.scope_parameter] = wants.scope_separator.join(sorted(order.scope))
    began = yield from now()
    fields = body_of((yield from post(order, "device_authorization_endpoint", asked)), shape)
    code = fields.get("device_code")
    if not isinstance(code, str) or not code:
        raise AnswerNotUnderstood("the issuer's device authorization holds no device_code")
    form: dict[str, str | Secret] = {"grant_type": GRANT_TYPE, "device_code": Secret(code)}

    def look(interval: int) -> Flow[Grant | Later]:
        asked_at = yield from now()
        response = yield from post(order, "token_endpoint", form)
        try:
            found = body_of(response, shape)
        except IssuerRefused as refused:
            no = refused
        else:
            return grant_of(found, asked_at, shape, ahead=response.ahead)
        return _later(no, interval)

    return (yield from polled(shown_of(fields, began), look))


def _later(no: IssuerRefused, interval: int) -> Later:
    """Return when to ask again; raises what ends the login (RFC 8628 §3.5)."""
    match no.facts.get("error"):
        case "authorization_pending":
            return Later(interval)
        case "slow_down":
            return Later(interval + _SLOWER)
        case "access_denied":
            raise ConsentDenied("the person said no on their other device")
        case "expired_token":
            raise PromptExpired("nobody decided in time", mend="begin the login again: it shows a new code")
    if "error" not in no.facts or no.status >= 500 or no.status == 429:  # not the token endpoint's own word
        return Later(2 * interval)
    raise no
