"""`facebook.debug_token`: what Facebook says of a token (facebook.md §1.3)."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import (
    NEVER,
    AnswerNotUnderstood,
    At,
    Expiry,
    Flow,
    Inspection,
    Order,
    Secret,
    body_of,
    by_our_clock,
    epoch,
    now,
    scope_of,
)
from tokenflow_facebook.answers import shape_of, text
from tokenflow_facebook.calls import app_token, call, held
from tokenflow_facebook.data_access import data_access

_FACTS: Final = ("code", "subcode")
"""Of `data.error`: here the second is `subcode`, in a Graph error it is `error_subcode`."""


def debug_token(order: Order) -> Flow[Inspection]:
    """Inspect what arrived (a `verify` step) or what is held, and report it as Facebook says it.

    Judging it (whose app, whose user, which scope) is the caller's. Raises IssuerRefused when the
    inspecting app token is refused; a bad inspected token is an answer, not an error. Raises
    AnswerNotUnderstood where what arrived is called valid without a word of whose or what it is.
    """
    found = yield from inspect(order, held(order))
    if order.grant is not None and found.active and None in (found.app_id, found.kind):
        raise AnswerNotUnderstood(
            "the issuer calls the token valid, and does not say whose app's and what it is"
        )
    return found


def inspect(order: Order, token: Secret) -> Flow[Inspection]:
    """Ask Facebook about *token*, in the app's own name."""
    inspector = yield from app_token(order)
    asked_at = yield from now()
    response = yield from call(order, "get", "debug_token", inspector, {"input_token": token})
    found = inspection(body_of(response, shape_of(order.issuer.response)))
    ends = by_our_clock(found.data_access_expires, asked_at, response.ahead)
    return attrs.evolve(
        found,
        expires=by_our_clock(found.expires, asked_at, response.ahead),
        data_access_expires=ends,
        attributes={**found.attributes, **data_access(order, ends)},
    )


def inspection(fields: Mapping[str, Any]) -> Inspection:
    """Return what a debug_token answer says, by Facebook's clock; raises AnswerNotUnderstood."""
    data = fields.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("is_valid"), bool):
        raise AnswerNotUnderstood("the issuer's debug_token answer does not say whether the token is valid")
    error = data.get("error")
    issued: Expiry = epoch(data.get("issued_at"), zero=NEVER)
    kind = data.get("type")
    return Inspection(
        active=data["is_valid"],
        app_id=text(data.get("app_id")),
        subject=text(data.get("user_id")),
        kind=kind.lower() if isinstance(kind, str) else None,
        scope=scope_of(data.get("scopes")),
        expires=epoch(data.get("expires_at"), zero=NEVER),
        data_access_expires=epoch(data.get("data_access_expires_at"), zero=NEVER),
        issued_at=issued.instant if isinstance(issued, At) else None,
        attributes=_attributes(data),
        facts={name: error[name] for name in _FACTS if isinstance(error.get(name), int)}
        if isinstance(error, Mapping)
        else {},
    )


def _auth_nonce(metadata: Any) -> str | None:
    """Return the nonce of a login for which the password was entered again."""
    return text(metadata.get("auth_nonce")) if isinstance(metadata, Mapping) else None


def _attributes(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the facts a token may be kept with: its user, its page, and which assets a scope covers.

    The user id is the issuer's, not one that a client named (security.md D2).
    """
    found: dict[str, Any] = {
        "user_id": text(data.get("user_id")),
        "page_id": text(data.get("profile_id")),
        "application": data.get("application"),
        "auth_nonce": _auth_nonce(data.get("metadata")),
    }
    granular = data.get("granular_scopes")
    if isinstance(granular, list):
        found["granular_scopes"] = [dict(entry) for entry in granular if isinstance(entry, Mapping)]
    return {name: value for name, value in found.items() if value is not None}
