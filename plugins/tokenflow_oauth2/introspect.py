"""`oauth2.introspect`: what the issuer says of a token (RFC 7662)."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import (
    SILENT,
    AnswerNotUnderstood,
    At,
    Flow,
    Inspection,
    Order,
    Refused,
    Secret,
    body_of,
    by_our_clock,
    epoch,
    now,
    scope_of,
)
from tokenflow_oauth2.client import post

_KEPT: Final = ("username", "iss", "aud", "token_type")


def introspect(order: Order) -> Flow[Inspection]:
    """Ask about what arrived (a `verify` step) or what is held, and report it as it stands.

    Raises IssuerRefused when the client may not ask, AnswerNotUnderstood.
    """
    source = order.grant if order.grant is not None else order.token
    if source is None or source.access_token is None:
        raise Refused("not_usable", f"{order.key} holds no access token to ask about")
    form: dict[str, str | Secret] = {"token": source.access_token, "token_type_hint": "access_token"}
    asked_at = yield from now()
    response = yield from post(order, "introspection_endpoint", form)
    found = inspection(body_of(response, order.issuer.response))
    return attrs.evolve(found, expires=by_our_clock(found.expires, asked_at, response.ahead))


def inspection(fields: Mapping[str, Any]) -> Inspection:
    """Return what an introspection answer says (RFC 7662 §2.2), by the issuer's clock.

    Raises AnswerNotUnderstood.
    """
    active = fields.get("active")
    if not isinstance(active, bool):
        raise AnswerNotUnderstood(
            "the issuer's introspection answer does not say whether the token is active"
        )
    issued = epoch(fields.get("iat"), zero=SILENT)
    return Inspection(
        active=active,
        app_id=_text(fields, "client_id"),
        subject=_text(fields, "sub"),
        scope=scope_of(fields.get("scope")),
        expires=epoch(fields.get("exp"), zero=SILENT),
        issued_at=issued.instant if isinstance(issued, At) else None,
        attributes={name: fields[name] for name in _KEPT if isinstance(fields.get(name), str)},
    )


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
