"""`facebook.extend_mobile`: how the SDKs extend a token they keep, without a secret (facebook.md §4.4, §5.3).

When it is done is the lifecycle's: a day after the last refresh, an hour after the last attempt. Here is
what is asked, and what comes of each pair of answers. `facebook.whose` asks whose such a token is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs

from tokenflow import (
    NEVER,
    At,
    Expiry,
    Flow,
    Grant,
    Inspection,
    Instant,
    IssuerError,
    IssuerRefused,
    Order,
    Response,
    Silent,
    body_of,
    by_our_clock,
    epoch,
    lifetime,
    now,
)
from tokenflow_facebook.answers import grant, shape_of, text
from tokenflow_facebook.asking import asked
from tokenflow_facebook.data_access import data_access
from tokenflow_facebook.revoke import read_permissions

_PERMISSIONS: Final = "me/permissions?fields=permission,status"
_FIELDS: Final = "access_token,expires_at,expires_in,data_access_expiration_time,graph_domain"
_DEAD: Final = frozenset({102, 190})
"""Codes with which Facebook says that a token is no good (facebook.md §6.1)."""
_WHY: Final = ("code", "subcode")
T = TypeVar("T")


def extend_mobile(order: Order) -> Flow[Grant | Inspection]:
    """Ask for permissions and for a longer life together, and return what came of both.

    Where only the permissions came, the token stays, and they are replaced; where only the token came,
    they stay. Both count as a refresh (`last_refresh`, microseconds). Raises IssuerError when neither
    came, and AnswerNotUnderstood for a new token without a value.
    """
    asked_at = yield from now()
    extend = f"oauth/access_token?grant_type=fb_extend_sso_token&client_id={order.issuer.client_id}"
    about, token = yield from asked(order, [_PERMISSIONS, f"{extend}&fields={_FIELDS}"])
    granted = _attempt(lambda: read_permissions(_read(order, about)))
    fields = _attempt(lambda: _read(order, token))
    if isinstance(fields, IssuerError):
        if isinstance(granted, IssuerError):
            raise fields
        return attrs.evolve(granted, attributes={**granted.attributes, "last_refresh": asked_at})
    ahead = 0 if isinstance(token, IssuerError) else token.ahead
    longer = _longer(order, fields, asked_at, ahead)
    if isinstance(granted, IssuerError):
        return longer
    return attrs.evolve(longer, scope=granted.scope, attributes={**longer.attributes, **granted.attributes})


def whose(order: Order) -> Flow[Inspection]:
    """Ask in the token's own name whose it is, which app's, and what it may do: no secret is on a device.

    A token that Facebook calls dead is an answer, not an error. Raises IssuerError for any other no.
    """
    user, app, about = yield from asked(order, ["me?fields=id", "app?fields=id", _PERMISSIONS])
    try:
        subject, app_id = (text(_read(order, one).get("id")) for one in (user, app))
        granted = read_permissions(_read(order, about))
    except IssuerRefused as no:
        if no.facts.get("code") not in _DEAD:
            raise
        why: Mapping[str, Any] = {name: no.facts[name] for name in _WHY if name in no.facts}
        return Inspection(active=False, facts=why)
    attributes = {**granted.attributes, "user_id": subject}
    return attrs.evolve(granted, app_id=app_id, subject=subject, kind="user", attributes=attributes)


def _read(order: Order, told: Response | IssuerError) -> Mapping[str, Any]:
    if isinstance(told, IssuerError):
        raise told
    return body_of(told, shape_of(order.issuer.response))


def _attempt(read: Callable[[], T]) -> T | IssuerError:
    try:
        return read()
    except IssuerError as error:
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
