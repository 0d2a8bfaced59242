"""What a sandbox issued, as the browser would bring it."""

from collections.abc import Mapping
from typing import Any

from tokenflow import Secret
from tokenflow_javascript.login import AuthResponse, LoginResponse, encode


def encode_login(issued: Mapping[str, Any], now: int) -> str:
    """Return the FB.login response of a login *issued* at *now* (epoch seconds), for `javascript.sdk`."""
    scopes = issued.get("granted_scopes")
    signed_request = issued.get("signed_request")
    auth = AuthResponse(
        access_token=Secret(issued["access_token"]),
        user_id=str(issued["user_id"]),
        expires_in=_expires_in(issued, now),
        signed_request=Secret(signed_request) if signed_request else None,
        data_access_expiration_time=issued.get("data_access_expiration_time"),
        graph_domain=issued.get("graph_domain"),
        granted_scopes=None if scopes is None else frozenset(scopes),
    )
    return encode(LoginResponse(status="connected", auth_response=auth))


def encode_cookie(issued: Mapping[str, Any], now: int) -> Mapping[str, str]:
    """Return the cookies of that login, for `javascript.cookie`; the code is in its signed_request."""
    return {f"fbsr_{issued['app_id']}": issued["signed_request"]}


def _expires_in(issued: Mapping[str, Any], now: int) -> int | None:
    if issued.get("expires_in") is not None:
        return int(issued["expires_in"])
    ends = issued.get("expires_at")
    return None if ends is None else max(int(ends) - now, 1) if ends else 0
