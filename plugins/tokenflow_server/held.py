"""Tokens nobody is asked for: put together from a secret, or kept as one."""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow import NEVER, Flow, Grant, Order, Secret, SpecError, secret
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

    It never ends by time; a reset of the secret ends it. Raises SecretNotFound.
    """
    app_secret = yield from lent(order)
    return Grant(access_token=_composite(order, app_secret), expires=NEVER)


def static(order: Order) -> Flow[Grant]:
    """Take a token that is itself kept as a secret, e.g. the client token of the app's dashboard.

    Raises SecretNotFound, or SpecError when it is unclear which secret is meant.
    """
    value = yield from secret(order, _which(order))
    composite = order.options.get("form", "bare") == "composite"
    return Grant(access_token=_composite(order, value) if composite else value, expires=NEVER)


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
