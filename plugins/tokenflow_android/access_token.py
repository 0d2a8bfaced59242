"""`com.facebook.AccessToken` as the SDK writes it: JSON, version 1, milliseconds (facebook.md §4.2)."""

from typing import Any, Final

import attrs

from tokenflow import NEVER, At, Instant, Never, PayloadError, Secret
from tokenflow_android.fields import instant, json_object, name_of, names, secret_text
from tokenflow_android.java import hash_order
from tokenflow_android.json_text import json_text

VERSION: Final = 1
LONG_MAX: Final = (1 << 63) - 1
"""Java's Long.MAX_VALUE: in `expires_at`, never."""

MILLISECOND: Final = 1_000
"""In microseconds."""

SOURCES: Final = frozenset(
    {
        "NONE",
        "FACEBOOK_APPLICATION_WEB",
        "FACEBOOK_APPLICATION_NATIVE",
        "FACEBOOK_APPLICATION_SERVICE",
        "WEB_VIEW",
        "CHROME_CUSTOM_TAB",
        "TEST_USER",
        "CLIENT_TOKEN",
        "DEVICE_AUTH",
        "INSTAGRAM_APPLICATION_WEB",
        "INSTAGRAM_CUSTOM_CHROME_TAB",
        "INSTAGRAM_WEB_VIEW",
    }
)
"""AccessTokenSource (facebook.md §4.3)."""


@attrs.frozen(kw_only=True)
class AndroidToken:
    """One AccessToken of the Android SDK."""

    token: Secret = attrs.field(hash=False)
    application_id: str
    user_id: str
    permissions: frozenset[str] = frozenset()
    declined_permissions: frozenset[str] = frozenset()
    expired_permissions: frozenset[str] = frozenset()
    source: str = "FACEBOOK_APPLICATION_WEB"
    expires: At | Never = NEVER
    data_access_expires: At | Never = NEVER
    last_refresh: Instant
    graph_domain: str = "facebook"


def decode(payload: Any) -> AndroidToken:
    """Return the token in *payload* (JSON text, bytes, or a mapping).

    Raises PayloadError: truncated, unknown_version, malformed.
    """
    fields = json_object(payload)
    version = fields.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise PayloadError("malformed", "the payload is not an AccessToken: it names no version")
    if version != VERSION:
        raise PayloadError("unknown_version", "the AccessToken is written in another version than 1")
    source = name_of(fields, "source")
    if source not in SOURCES:
        raise PayloadError("malformed", "the AccessToken's source is not one the SDK knows")
    return AndroidToken(
        token=secret_text(fields, "token"),
        application_id=name_of(fields, "application_id"),
        user_id=name_of(fields, "user_id"),
        permissions=names(fields, "permissions"),
        declined_permissions=names(fields, "declined_permissions"),
        expired_permissions=names(fields, "expired_permissions")
        if "expired_permissions" in fields
        else frozenset(),
        source=source,
        expires=_expiry(instant(fields, "expires_at")),
        # Only here is 0 a sentinel: `expires_at: 0` is 1970, and has ended (facebook.md §4.1).
        data_access_expires=_expiry(instant(fields, "data_access_expiration_time", 0) or LONG_MAX),
        last_refresh=instant(fields, "last_refresh") * MILLISECOND,
        graph_domain=name_of(fields, "graph_domain") if fields.get("graph_domain") else "facebook",
    )


def encode(token: AndroidToken) -> str:
    """Return the JSON the SDK writes for *token* on a phone; instants are cut to whole milliseconds."""
    return json_text(
        {
            "version": VERSION,
            "token": token.token.reveal(),
            "expires_at": _milliseconds(token.expires),
            "permissions": hash_order(sorted(token.permissions)),
            "declined_permissions": hash_order(sorted(token.declined_permissions)),
            "expired_permissions": hash_order(sorted(token.expired_permissions)),
            "last_refresh": token.last_refresh // MILLISECOND,
            "source": token.source,
            "application_id": token.application_id,
            "user_id": token.user_id,
            "data_access_expiration_time": _milliseconds(token.data_access_expires),
            "graph_domain": token.graph_domain,
        }
    )


def _expiry(milliseconds: int) -> At | Never:
    return NEVER if milliseconds == LONG_MAX else At(milliseconds * MILLISECOND)


def _milliseconds(expiry: At | Never) -> int:
    return expiry.instant // MILLISECOND if isinstance(expiry, At) else LONG_MAX
