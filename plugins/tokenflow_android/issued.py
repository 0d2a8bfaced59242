"""What a sandbox issued, as the phone would bring it."""

from collections.abc import Mapping
from typing import Any

from tokenflow import NEVER, SECOND, At, Never, Secret
from tokenflow_android.access_token import AndroidToken, encode


def encode_login(issued: Mapping[str, Any], now: int) -> str:
    """Return the AccessToken JSON for a login *issued* at *now* (seconds since 1970), for `android.sdk`."""
    return encode(token_of(issued, now))


def token_of(issued: Mapping[str, Any], now: int) -> AndroidToken:
    """Return the SDK's token for a login *issued* at *now* (seconds since 1970); an end of 0 is never."""
    ends = issued.get("expires_at")
    if ends is None and issued.get("expires_in"):
        ends = now + int(issued["expires_in"])
    return AndroidToken(
        token=Secret(issued["access_token"]),
        application_id=str(issued["app_id"]),
        user_id=str(issued["user_id"]),
        permissions=frozenset(issued.get("granted_scopes") or ()),
        declined_permissions=frozenset(issued.get("declined_scopes") or ()),
        expired_permissions=frozenset(issued.get("expired_scopes") or ()),
        source="CHROME_CUSTOM_TAB",
        expires=_end(ends),
        data_access_expires=_end(issued.get("data_access_expiration_time")),
        last_refresh=int(issued.get("issued_at") or now) * SECOND,
        graph_domain=issued.get("graph_domain") or "facebook",
    )


def _end(seconds: int | None) -> At | Never:
    return At(int(seconds) * SECOND) if seconds else NEVER
