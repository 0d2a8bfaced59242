"""What the person granted, and taking it back (facebook.md §1.5, §1.6)."""

from collections.abc import Mapping
from typing import Any

from tokenflow import AnswerNotUnderstood, Flow, Inspection, Order, Secret, body_of, secret
from tokenflow_facebook.answers import shape_of
from tokenflow_facebook.calls import app_token, call, done, held


def permissions(order: Order) -> Flow[Inspection]:
    """Report which permissions are granted, declined and expired; an answer at all means it is active.

    Raises IssuerRefused for a token that is not.
    """
    response = yield from call(order, "get", "me/permissions", held(order))
    return read_permissions(body_of(response, shape_of(order.issuer.response)))


def read_permissions(fields: Mapping[str, Any]) -> Inspection:
    """Return what an answer of `me/permissions` says; raises AnswerNotUnderstood."""
    rows = fields.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise AnswerNotUnderstood("the issuer's list of permissions is not a list")
    return Inspection(
        active=True,
        scope=frozenset(_with_status(rows, "granted")),
        attributes={f"{status}_scopes": _with_status(rows, status) for status in ("declined", "expired")},
    )


def _with_status(rows: list[Mapping[str, Any]], status: str) -> list[str]:
    """Return the permissions of that status; `installed` is not one, it only says that the app is there."""
    found = {row.get("permission") for row in rows if row.get("status") == status} - {"installed"}
    return sorted(name for name in found if isinstance(name, str))


def revoke(order: Order) -> Flow[None]:
    """End the token at Facebook: a user token by removing the app, any other by `oauth/revoke`.

    Removing the app ends every token of that user and their pages (facebook.md §7.2). Raises
    IssuerRefused, or AnswerNotUnderstood when it was not confirmed.
    """
    if order.token is None or order.token.kind.name == "user":
        response = yield from call(order, "delete", "me/permissions", held(order))
    else:
        form: dict[str, str | Secret] = {
            "client_id": order.issuer.client_id,
            "client_secret": (yield from secret(order, "app_secret")),
            "revoke_token": held(order),
        }
        response = yield from call(order, "get", "oauth/revoke", (yield from app_token(order)), form)
    done(order, response)
