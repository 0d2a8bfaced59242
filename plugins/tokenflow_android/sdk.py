"""`android.sdk`: the SDK's token becomes a grant."""

from tokenflow import At, Flow, Grant, Order, PayloadError, now
from tokenflow_android.access_token import AndroidToken
from tokenflow_android.preferences import decode_any


def sdk(order: Order) -> Flow[Grant]:
    """Take an AccessToken, as JSON or in its shared preferences file.

    The file of an SDK before version 4 names no user: the one who is expected is taken, and verified
    as all that comes from a client is. Raises PayloadError: truncated, unknown_version, malformed,
    other_app, other_user, expired.
    """
    expected = order.attributes.get("user_id")
    instant = yield from now()
    token = decode_any(
        order.payload,
        app_id=order.issuer.client_id,
        user_id=None if expected is None else str(expected),
        now=instant,
    )
    if token.application_id != order.issuer.client_id:
        raise PayloadError("other_app", f"{order.key}: the AccessToken is of another app")
    if expected is not None and str(expected) != token.user_id:
        raise PayloadError("other_user", f"{order.key}: the AccessToken is of another user")
    if isinstance(token.expires, At) and token.expires.instant < instant:
        raise PayloadError("expired", f"{order.key}: the AccessToken has ended", mend="log in again")
    return Grant(
        access_token=token.token, expires=token.expires, scope=token.permissions, attributes=_facts(token)
    )


def _facts(token: AndroidToken) -> dict[str, object]:
    facts: dict[str, object] = {
        "user_id": token.user_id,
        "app_id": token.application_id,
        "graph_domain": token.graph_domain,
        "source": token.source,
        "last_refresh": token.last_refresh,
        "declined_scopes": sorted(token.declined_permissions),
        "expired_scopes": sorted(token.expired_permissions),
    }
    if isinstance(token.data_access_expires, At):
        facts["data_access_expires_at"] = token.data_access_expires.instant
    return facts
