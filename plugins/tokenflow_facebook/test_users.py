"""`facebook.test_user`: a person that an app makes for its own tests (seed; facebook.md §1.11)."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import AnswerNotUnderstood, Flow, Grant, Order, PayloadError, body_of, now
from tokenflow_facebook.answers import grant, shape_of, text
from tokenflow_facebook.calls import app_token, call, done
from tokenflow_facebook.debug import inspect

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
    """Make a test user with the scope that is asked for, and take their token.

    Asked for with the app's own token. The name may come as the payload's `name`. The answer names no
    end, so the new token is inspected. Raises PayloadError (malformed) when the person is not to have
    the app: such a one has no token. Raises SecretNotFound, IssuerRefused or AnswerNotUnderstood.
    """
    if order.options.get("installed", True) is not True:
        raise PayloadError(
            "malformed",
            f"{order.key}: a test user who does not have the app has no token to keep",
            mend="leave `installed` out, or let them log in by their login_url",
        )
    form = {"installed": "true", "permissions": ",".join(sorted(order.scope))}
    name = order.payload.get("name") if isinstance(order.payload, Mapping) else order.options.get("name")
    if name is not None:
        form["name"] = str(name)
    asked_at = yield from now()
    path = f"{order.issuer.client_id}/accounts/test-users"
    response = yield from call(order, "post", path, (yield from app_token(order)), form)
    fields = body_of(response, shape_of(order.issuer.response))
    user_id = text(fields.get("id"))
    made = grant(fields, asked_at, ahead=response.ahead)
    if user_id is None or made.access_token is None:
        raise AnswerNotUnderstood("the issuer made no test user with a token")
    found = yield from inspect(order, made.access_token)
    if not found.active or found.app_id != order.issuer.client_id or found.subject != user_id:
        raise AnswerNotUnderstood("the issuer gave a token that it does not call valid and this test user's")
    return attrs.evolve(
        made, scope=found.scope, expires=found.expires, attributes={**made.attributes, "user_id": user_id}
    )


def delete_test_user(order: Order) -> Flow[None]:
    """Delete the test user behind the held token, and all their tokens with them.

    Asked for with the app's own token. Raises IssuerRefused, or AnswerNotUnderstood when it was not
    confirmed, or when the token does not say whose it is.
    """
    user_id = order.attributes.get("user_id")
    if not isinstance(user_id, str) or not user_id.isdigit():
        raise AnswerNotUnderstood(f"{order.key} does not say which test user it is of")
    done(order, (yield from call(order, "delete", user_id, (yield from app_token(order)))))
