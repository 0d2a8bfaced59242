"""`javascript.sdk`: the browser SDK's login response becomes a grant."""

from typing import Final

from tokenflow import (
    NEVER,
    SECOND,
    ConsentDenied,
    Flow,
    Grant,
    Instant,
    Order,
    PayloadError,
    PersonNeeded,
    lifetime,
    now,
)
from tokenflow_javascript.login import AuthResponse, decode

_MENDS: Final = {
    "unknown": "call FB.login: nobody is logged in, or the browser cannot tell",
    "authorization_expired": "call FB.login with auth_type reauthorize: access to data has ended",
}


def sdk(order: Order) -> Flow[Grant]:
    """Take the response of FB.login, FB.getLoginStatus or FB.getAuthResponse's login.

    Raises PersonNeeded (unknown, authorization_expired), ConsentDenied (not_authorized), or
    PayloadError (truncated, malformed, other_user).
    """
    response = decode(order.payload)
    if response.status == "not_authorized":
        raise ConsentDenied("the person is logged in and has not authorised the app (not_authorized)")
    auth = response.auth_response
    if response.status != "connected" or auth is None:
        raise PersonNeeded(f"FB.login answered {response.status}", mend=_MENDS.get(response.status))
    expected = order.attributes.get("user_id")
    if expected is not None and str(expected) != auth.user_id:
        raise PayloadError("other_user", f"{order.key}: the login is of another user")
    instant = yield from now()
    return Grant(
        access_token=auth.access_token,
        expires=lifetime(auth.expires_in, instant, zero=NEVER),
        scope=auth.granted_scopes,
        attributes=_facts(auth, instant),
    )


def _facts(auth: AuthResponse, instant: Instant) -> dict[str, object]:
    facts: dict[str, object] = {"user_id": auth.user_id}
    if auth.graph_domain is not None:
        facts["graph_domain"] = auth.graph_domain
    # The same instant under two names, one absolute and one counted from now (facebook.md §11).
    if auth.data_access_expiration_time:
        facts["data_access_expires_at"] = auth.data_access_expiration_time * SECOND
    elif auth.data_access_expiration_time is None and auth.reauthorize_required_in:
        facts["data_access_expires_at"] = instant + auth.reauthorize_required_in * SECOND
    return facts
