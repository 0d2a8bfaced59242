"""Tokens nobody is asked for: put together from a secret, or kept as one."""

import hmac
from collections.abc import Mapping
from typing import Any, Final

from tokenflow import NEVER, Flow, Grant, Order, Refused, Secret, SpecError, secret
from tokenflow_server.credentials import lent

STATIC_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "secret": {"type": "string", "description": "Which lent secret it is; the only one needs no name."},
        "form": {"enum": ["bare", "composite"], "default": "bare"},
    },
}
"""`composite` is client_id, a bar and the value, as Facebook writes a client token (facebook.md §1.8)."""


def inline(order: Order) -> Flow[Grant]:
    """Assemble the app token that is the app id and the app secret (seed, "There is another method").

    It never ends by time; a reset of the secret ends it. Raises SecretNotFound, or Refused for a secret
    that is none (whole_token, wrong_secret).
    """
    app_secret = yield from lent(order)
    yield from _told_apart(
        order, "app_secret" if "app_secret" in order.secrets else "client_secret", app_secret
    )
    return Grant(access_token=_composite(order, app_secret), expires=NEVER)


def static(order: Order) -> Flow[Grant]:
    """Take a token that is itself kept as a secret, e.g. the client token of the app's dashboard.

    Raises SecretNotFound, SpecError when it is unclear which secret is meant, or, where it is put together,
    Refused for one that is not what it is called (whole_token, wrong_secret).
    """
    name = _which(order)
    value = yield from secret(order, name)
    if order.options.get("form", "bare") != "composite":
        return Grant(access_token=value, expires=NEVER)
    yield from _told_apart(order, name, value)
    return Grant(access_token=_composite(order, value), expires=NEVER)


def _told_apart(order: Order, name: str, value: Secret) -> Flow[None]:
    """Refuse a secret that was given in another's place: an app secret as a client token, or the reverse.

    By their looks they are alike, so it is compared with the other secrets that the step is lent; where it
    is lent no other, nobody can tell.
    """
    if "|" in value.reveal():
        raise Refused(
            "whole_token",
            f"{order.key}: the secret `{name}` has a bar in it, and is a whole token",
            mend="give only what stands after the bar",
        )
    for other in sorted(order.secrets.keys() - {name}):
        if _same(value, (yield from secret(order, other))):
            raise Refused(
                "wrong_secret",
                f"{order.key}: the secrets `{name}` and `{other}` are one text, so one of them is the other",
                mend="copy each from its own place in the app's dashboard; if an app secret was shipped as a "
                "client token, reset it",
            )


def _same(one: Secret, other: Secret) -> bool:
    return hmac.compare_digest(one.reveal().encode(), other.reveal().encode())


def _composite(order: Order, value: Secret) -> Secret:
    return Secret(f"{order.issuer.client_id}|{value.reveal()}")


def _which(order: Order) -> str:
    if "secret" in order.options:
        return str(order.options["secret"])
    if len(order.secrets) != 1:
        raise SpecError(
            f"{order.key}: server.static is lent {len(order.secrets)} secrets",
            mend="lend one, `secrets: [client_token]`, or name it, `with: {secret: client_token}`",
        )
    return next(iter(order.secrets))
