"""`facebook.test_user`: a person that an app makes for its own tests (seed; facebook.md §1.11)."""

from collections.abc import Mapping
from typing import Any, Final

from tokenflow import AnswerNotUnderstood, Flow, Grant, Order, PayloadError, PersonNeeded, Secret, body_of
from tokenflow_facebook.answers import shape_of, text
from tokenflow_facebook.calls import app_token, call, done
from tokenflow_facebook.debug import inspect
from tokenflow_facebook.listing import listed, sealed

TEST_USER_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "installed": {
            "type": "boolean",
            "default": True,
            "description": "Whether the person has the app; only then is there a token to keep.",
        },
        "name": {"type": "string", "description": "What the person is called."},
    },
}


def test_user(order: Order) -> Flow[Grant]:
    """Take a test user's token: of the one in the attribute `user_id`, or of one who is made for it.

    Asked for with the app's own token. One who is made has the scope that is asked for; the name may come
    as the payload's `name`. Neither answer names an end, so the token is inspected. Raises PayloadError
    (malformed) when the person is not to have the app: such a one has no token; PersonNeeded for one who
    was deleted; SecretNotFound, IssuerRefused or AnswerNotUnderstood.
    """
    if order.options.get("installed", True) is not True:
        raise PayloadError(
            "malformed",
            f"{order.key}: a test user who does not have the app has no token to keep",
            mend="leave `installed` out, or let them log in by their login_url",
        )
    known = text(order.attributes.get("user_id"))
    user_id, token = (yield from _made(order)) if known is None else (yield from _met(order, known))
    found = yield from inspect(order, token)
    if not found.active or found.app_id != order.issuer.client_id or found.subject != user_id:
        raise AnswerNotUnderstood("the issuer gave a token that it does not call valid and this test user's")
    return Grant(
        access_token=token, scope=found.scope, expires=found.expires, attributes={"user_id": user_id}
    )


def _made(order: Order) -> Flow[tuple[str, Secret]]:
    """Have a test user made."""
    form = {"installed": "true", "permissions": ",".join(sorted(order.scope))}
    name = order.payload.get("name") if isinstance(order.payload, Mapping) else order.options.get("name")
    if name is not None:
        form["name"] = str(name)
    response = yield from call(order, "post", _path(order), (yield from app_token(order)), form)
    made = sealed(body_of(response, shape_of(order.issuer.response)))
    user_id, token = text(made.get("id")), made["access_token"]
    if user_id is None or token is None:
        raise AnswerNotUnderstood("the issuer made no test user with a token")
    return user_id, token


def _met(order: Order, user_id: str) -> Flow[tuple[str, Secret]]:
    """Find a test user who was made before: another one would be another person."""
    everyone = yield from listed(order, _path(order), (yield from app_token(order)))
    token = next((one["access_token"] for one in everyone if text(one.get("id")) == user_id), None)
    if token is None:
        raise PersonNeeded(
            f"{order.key}: its test user was deleted, or has removed the app",
            mend=f"engine.forget({order.key!r}), and acquire it again: that makes another person",
        )
    return user_id, token


def _path(order: Order) -> str:
    return f"{order.issuer.client_id}/accounts/test-users"


def delete_test_user(order: Order) -> Flow[None]:
    """Delete the test user behind the held token, and all their tokens with them.

    Asked for with the app's own token. Raises IssuerRefused, or AnswerNotUnderstood when it was not
    confirmed, or when the token does not say whose it is.
    """
    user_id = order.attributes.get("user_id")
    if not isinstance(user_id, str) or not user_id.isdigit():
        raise AnswerNotUnderstood(f"{order.key} does not say which test user it is of")
    done(order, (yield from call(order, "delete", user_id, (yield from app_token(order)))))
