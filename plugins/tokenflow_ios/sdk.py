"""`ios.sdk`: the SDK's token becomes a grant."""

from tokenflow import At, Flow, Grant, Instant, Order, PayloadError, now
from tokenflow_ios.access_token import IosToken, decode


def sdk(order: Order) -> Flow[Grant]:
    """Take an archived FBSDKAccessToken, or the keychain item that holds it.

    Raises PayloadError: truncated, unknown_version, malformed, other_app, other_user, expired.
    """
    token = decode(order.payload)
    if token.app_id != order.issuer.client_id:
        raise PayloadError("other_app", f"{order.key}: the FBSDKAccessToken is of another app")
    expected = order.attributes.get("user_id")
    if expected is not None and str(expected) != token.user_id:
        raise PayloadError("other_user", f"{order.key}: the FBSDKAccessToken is of another user")
    instant = yield from now()
    if isinstance(token.expires, At) and token.expires.instant < instant:
        raise PayloadError("expired", f"{order.key}: the FBSDKAccessToken has ended", mend="log in again")
    return Grant(
        access_token=token.token_string,
        expires=token.expires,
        scope=token.permissions,
        attributes=_facts(token, instant),
    )


def _facts(token: IosToken, instant: Instant) -> dict[str, object]:
    facts: dict[str, object] = {
        "user_id": token.user_id,
        "app_id": token.app_id,
        "last_refresh": instant if token.refreshed_at is None else token.refreshed_at,
        "declined_scopes": sorted(token.declined_permissions),
        "expired_scopes": sorted(token.expired_permissions),
    }
    if isinstance(token.data_access_expires, At):
        facts["data_access_expires_at"] = token.data_access_expires.instant
    return facts
