"""`facebook.extend_mobile`: how the SDKs extend a token they keep, without a secret (facebook.md §4.4, §5.3).

When it is done is the lifecycle's: a day after the last refresh, an hour after the last attempt. Here is
what is asked, and what comes of each pair of answers.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs

from tokenflow import (
    NEVER,
    AnswerNotUnderstood,
    At,
    Expiry,
    Flow,
    Grant,
    Inspection,
    Instant,
    IssuerRefused,
    Order,
    Request,
    Response,
    TokenflowError,
    body_of,
    by_our_clock,
    epoch,
    lifetime,
    now,
    send,
)
from tokenflow_facebook.answers import grant, shape_of
from tokenflow_facebook.calls import held
from tokenflow_facebook.revoke import read_permissions

T = TypeVar("T")
_FIELDS: Final = "access_token,expires_at,expires_in,data_access_expiration_time,graph_domain"


def extend_mobile(order: Order) -> Flow[Grant | Inspection]:
    """Ask for permissions and for a longer life in one batch of two, and return what came of both.

    Where only the permissions came, the token stays, and they are replaced; where only the token came,
    they stay. Both count as a refresh (`last_refresh`, microseconds). Raises IssuerRefused or
    AnswerNotUnderstood when neither came, and for a new token without a value.
    """
    asked_at = yield from now()
    response = yield from send(_batch(order))
    about, token = _two(order, response)
    granted = _attempt(lambda: read_permissions(body_of(about, shape_of(order.issuer.response))))
    fields = _attempt(lambda: body_of(token, shape_of(order.issuer.response)))
    if isinstance(fields, TokenflowError):
        if isinstance(granted, TokenflowError):
            raise fields
        return attrs.evolve(granted, attributes={**granted.attributes, "last_refresh": asked_at})
    longer = _longer(order, fields, asked_at, response.ahead)
    if isinstance(granted, TokenflowError):
        return longer
    return attrs.evolve(longer, scope=granted.scope, attributes={**longer.attributes, **granted.attributes})


def _batch(order: Order) -> Request:
    extend = f"oauth/access_token?grant_type=fb_extend_sso_token&client_id={order.issuer.client_id}"
    calls = [
        {"method": "GET", "relative_url": "me/permissions?fields=permission,status"},
        {"method": "GET", "relative_url": f"{extend}&fields={_FIELDS}"},
    ]
    form = {"batch": json.dumps(calls, separators=(",", ":")), "batch_app_id": order.issuer.client_id}
    return Request(method="POST", url=order.issuer.endpoint("graph"), form=form, bearer=held(order))


def _two(order: Order, response: Response) -> tuple[Response, Response]:
    """Return the two answers in the one; a call that was not made, or timed out, is null there."""
    found = response.json()
    if isinstance(found, Mapping):
        body_of(response, shape_of(order.issuer.response))
    if not isinstance(found, list) or len(found) != 2:
        raise AnswerNotUnderstood("the issuer's answer to a batch of two is not two answers")
    return _one(found[0], response), _one(found[1], response)


def _one(item: Any, whole: Response) -> Response:
    entry = item if isinstance(item, Mapping) else {}
    status, body = entry.get("code"), entry.get("body")
    return Response(
        status=status if isinstance(status, int) else 503,
        body=body.encode() if isinstance(body, str) else b"",
        ahead=whole.ahead,
    )


def _attempt(read: Callable[[], T]) -> T | TokenflowError:
    try:
        return read()
    except (IssuerRefused, AnswerNotUnderstood) as error:
        return error


def _longer(order: Order, fields: Mapping[str, Any], asked_at: Instant, ahead: int) -> Grant:
    """Return the new token. It ends at `expires_at`, else `expires_in` from now, else when the old one does.

    A 0 is as good as nothing there. Without a `data_access_expiration_time`, or with 0, access to data
    does not end.
    """
    old: Expiry = NEVER if order.token is None else order.token.expires
    plain = grant(
        {name: value for name, value in fields.items() if name not in ("expires_at", "expires_in")}, asked_at
    )
    expires = by_our_clock(epoch(fields.get("expires_at"), zero=NEVER), asked_at, ahead)
    if not isinstance(expires, At):
        expires = lifetime(fields.get("expires_in"), asked_at, zero=NEVER)
    ends = by_our_clock(epoch(fields.get("data_access_expiration_time"), zero=NEVER), asked_at, ahead)
    instant = ends.instant if isinstance(ends, At) else None
    facts: dict[str, Any] = {"last_refresh": asked_at, "data_access_expires_at": instant}
    before = {} if order.token is None else order.token.attributes
    if before.get("data_access_expires_at") != instant:
        facts["data_access"] = "open"
    return attrs.evolve(
        plain,
        expires=expires if isinstance(expires, At) else old,
        attributes={**plain.attributes, **facts},
    )
