"""`facebook.extend_mobile`: how the SDKs extend a token they keep, without a secret (facebook.md §4.4, §5.3).

When it is done is the lifecycle's: a day after the last refresh, an hour after the last attempt. Here is
what is asked, and what comes of each pair of answers.
"""

import json
from collections.abc import Callable, Mapping, Sequence
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
    Silent,
    TokenflowError,
    body_of,
    by_our_clock,
    epoch,
    lifetime,
    now,
    send,
)
from tokenflow_facebook.answers import grant, shape_of, text
from tokenflow_facebook.calls import held
from tokenflow_facebook.data_access import data_access
from tokenflow_facebook.revoke import read_permissions

_PERMISSIONS: Final = "me/permissions?fields=permission,status"
T = TypeVar("T")
_FIELDS: Final = "access_token,expires_at,expires_in,data_access_expiration_time,graph_domain"


def extend_mobile(order: Order) -> Flow[Grant | Inspection]:
    """Ask for permissions and for a longer life in one batch of two, and return what came of both.

    Where only the permissions came, the token stays, and they are replaced; where only the token came,
    they stay. Both count as a refresh (`last_refresh`, microseconds). Raises IssuerRefused or
    AnswerNotUnderstood when neither came, and for a new token without a value.
    """
    asked_at = yield from now()
    extend = f"oauth/access_token?grant_type=fb_extend_sso_token&client_id={order.issuer.client_id}"
    response = yield from send(_batch(order, [_PERMISSIONS, f"{extend}&fields={_FIELDS}"]))
    about, token = _parts(order, response, 2)
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


def whose(order: Order) -> Flow[Inspection]:
    """Ask in the token's own name whose it is, which app's, and what it may do: no secret is on a device.

    Raises IssuerRefused for a token that Facebook does not take, or AnswerNotUnderstood.
    """
    response = yield from send(_batch(order, ["me?fields=id", "app?fields=id", _PERMISSIONS]))
    user, app, about = (body_of(one, shape_of(order.issuer.response)) for one in _parts(order, response, 3))
    granted = read_permissions(about)
    subject = text(user.get("id"))
    facts = {**granted.attributes, "user_id": subject}
    return attrs.evolve(granted, app_id=text(app.get("id")), subject=subject, kind="user", attributes=facts)


def _batch(order: Order, urls: Sequence[str]) -> Request:
    calls = [{"method": "GET", "relative_url": url} for url in urls]
    form = {"batch": json.dumps(calls, separators=(",", ":")), "batch_app_id": order.issuer.client_id}
    return Request(method="POST", url=order.issuer.endpoint("graph"), form=form, bearer=held(order))


def _parts(order: Order, response: Response, count: int) -> Sequence[Response]:
    """Return the answers in the one; a call that was not made, or timed out, is null there."""
    found = response.json()
    if isinstance(found, Mapping):
        body_of(response, shape_of(order.issuer.response))
    if not isinstance(found, list) or len(found) != count:
        raise AnswerNotUnderstood(f"the issuer's answer to a batch of {count} is not {count} answers")
    return [_one(item, response) for item in found]


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
    facts = {"last_refresh": asked_at, **data_access(order, NEVER if isinstance(ends, Silent) else ends)}
    return attrs.evolve(
        plain,
        expires=expires if isinstance(expires, At) else old,
        attributes={**plain.attributes, **facts},
    )
