"""`facebook.device`: a screen without a keyboard shows a code, and the person has a phone (facebook.md §1.7).

Asked in the name of the app's client token, which may ship with the device: no app secret is near.
"""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow import (
    AnswerNotUnderstood,
    ConsentDenied,
    Flow,
    Grant,
    IssuerRefused,
    Later,
    Order,
    PromptExpired,
    Request,
    Response,
    Secret,
    body_of,
    now,
    polled,
    send,
    shown_of,
)
from tokenflow_facebook.answers import grant, shape_of
from tokenflow_facebook.calls import client_token

DEVICE_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "redirect_uri": {"type": "string", "description": "Where the person's own browser goes afterwards."},
        "device_info": {"type": "string", "description": "JSON that describes the device."},
    },
}

_PENDING, _TOO_FAST, _DECLINED, _EXPIRED = 1349174, 1349172, 1349173, 1349152
"""Subcodes: they say it; the code beside them differs."""
_PASSING: Final = frozenset({1, 2, 4, 9, 17, 341, 613})
"""Codes that say: not now (facebook.md §4.6, §6)."""


def device(order: Order) -> Flow[Grant]:
    """Show the person where to go and which code to enter, and ask until they have decided.

    Its pace is iOS's: the issuer's interval, 5 s at least, doubled whenever it says that this is too fast.
    Raises SecretNotFound without `client_token`, ConsentDenied, PromptExpired or IssuerRefused.
    """
    form: dict[str, str | Secret] = {
        **{name: str(value) for name, value in order.options.items()},
        "scope": ",".join(sorted(order.scope)),
    }
    began = yield from now()
    fields = body_of((yield from _post(order, "device/login", form)), shape_of(order.issuer.response))
    code = fields.get("code")
    if not isinstance(code, str) or not code:
        raise AnswerNotUnderstood("the issuer's device login names no code to ask with")
    asked_with = {"code": Secret(code)}

    def look(interval: int) -> Flow[Grant | Later]:
        asked_at = yield from now()
        response = yield from _post(order, "device/login_status", asked_with)
        try:
            found = body_of(response, shape_of(order.issuer.response))
        except IssuerRefused as refused:
            no = refused
        else:
            return grant(found, asked_at, ahead=response.ahead)
        return _later(no, interval)

    return (yield from polled(shown_of(fields, began), look))


def _post(order: Order, path: str, form: Mapping[str, str | Secret]) -> Flow[Response]:
    fields = {**form, "access_token": (yield from client_token(order))}
    url = f"{order.issuer.endpoint('graph').rstrip('/')}/{path}"
    return (yield from send(Request(method="POST", url=url, form=fields)))


def _later(no: IssuerRefused, interval: int) -> Later:
    """Return when to ask again; raises what ends the login."""
    subcode, code = no.facts.get("subcode"), no.facts.get("code")
    if subcode == _PENDING:
        return Later(interval)
    if subcode == _DECLINED:
        raise ConsentDenied("the person said no on their other device")
    if subcode == _EXPIRED:
        raise PromptExpired("nobody decided in time", mend="begin the login again: it shows a new code")
    # Without a code it is not the Graph API that speaks.
    if subcode == _TOO_FAST or code is None or code in _PASSING or no.status >= 500 or no.status == 429:
        return Later(2 * interval)
    raise no
