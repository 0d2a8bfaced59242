"""FBSDKAccessToken, archived (facebook.md §5.1)."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import NEVER, At, Expiry, Instant, Never, PayloadError, Secret
from tokenflow_ios.archive import REFERENCE, Archive, instant_of
from tokenflow_ios.keychain import archived
from tokenflow_ios.writing import BINARY, Form, Objects

CLASS: Final = "FBSDKAccessToken"
DISTANT_FUTURE: Final[Instant] = REFERENCE + 63_113_904_000 * 1_000_000
"""NSDate.distantFuture, 4001-01-01: what the SDK writes for never."""


@attrs.frozen(kw_only=True)
class IosToken:
    """One FBSDKAccessToken."""

    token_string: Secret = attrs.field(hash=False)
    app_id: str
    user_id: str
    permissions: frozenset[str] = frozenset()
    declined_permissions: frozenset[str] = frozenset()
    expired_permissions: frozenset[str] = frozenset()
    expires: At | Never = NEVER
    data_access_expires: At | Never = NEVER
    refreshed_at: Instant | None = None
    """None where the archive says nil, which the SDK takes for now."""


def decode(payload: Any) -> IosToken:
    """Return the token in *payload*: an archived token, an archived keychain item, or that item as a mapping.

    Text is XML, or the base64 of bytes. Raises PayloadError: truncated, unknown_version, malformed.
    """
    return _token(archived(payload, CLASS))


def encode(token: IosToken, form: Form = BINARY) -> bytes:
    """Return *token* archived, as a binary or an XML property list."""
    objects = Objects()
    root = objects.reserve()
    fields = {  # in the order the SDK encodes them: it decides where the archive has what
        "appID": objects.put(token.app_id),
        "declinedPermissions": objects.put_set(token.declined_permissions),
        "expiredPermissions": objects.put_set(token.expired_permissions),
        "permissions": objects.put_set(token.permissions),
        "tokenString": objects.put(token.token_string.reveal()),
        "userID": objects.put(token.user_id),
        "expirationDate": objects.put_date(_date(token.expires)),
        "refreshDate": objects.put_date(token.refreshed_at),
        "dataAccessExpirationDate": objects.put_date(_date(token.data_access_expires)),
    }
    return objects.written(objects.fill(root, CLASS, fields), form)


def _token(archive: Archive) -> IosToken:
    root = archive.root
    return IosToken(
        token_string=_secret(archive, "tokenString"),
        app_id=_text(archive, "appID"),
        user_id=_text(archive, "userID"),
        permissions=_texts(archive, "permissions"),
        declined_permissions=_texts(archive, "declinedPermissions"),
        expired_permissions=_texts(archive, "expiredPermissions"),
        expires=_end(instant_of(archive, root.get("expirationDate"))),
        data_access_expires=_end(instant_of(archive, root.get("dataAccessExpirationDate"))),
        refreshed_at=instant_of(archive, root.get("refreshDate")),
    )


def _secret(archive: Archive, name: str) -> Secret:
    if not isinstance(archive.follow(archive.root.get(name)), str):
        raise PayloadError("malformed", f"{name} is missing")
    held = Secret(archive.follow(archive.root.get(name)))
    if not held.reveal() or not all(" " <= sign <= "~" for sign in held.reveal()):
        raise PayloadError("malformed", f"{name} is empty or holds characters that no token has")
    return held


def _text(archive: Archive, name: str) -> str:
    value = archive.follow(archive.root.get(name))
    if not isinstance(value, str) or not value or len(value) > 128 or not value.isprintable():
        raise PayloadError("malformed", f"{name} is missing, empty or not a short text")
    return value


def _texts(archive: Archive, name: str) -> frozenset[str]:
    """Return an NSSet of texts; nil is empty (archives of older SDKs lack expiredPermissions)."""
    value = archive.follow(archive.root.get(name))
    if value is None:
        return frozenset()
    entries = value.get("NS.objects") if isinstance(value, Mapping) else None
    if not isinstance(entries, list):
        raise PayloadError("malformed", f"{name} is not a set")
    found = [archive.follow(entry) for entry in entries]
    if not all(isinstance(entry, str) and entry.isprintable() for entry in found):
        raise PayloadError("malformed", f"{name} is not a set of permissions")
    return frozenset(found)


def _end(instant: Instant | None) -> At | Never:
    return NEVER if instant is None or instant >= DISTANT_FUTURE else At(instant)


def _date(expiry: Expiry) -> Instant:
    return expiry.instant if isinstance(expiry, At) else DISTANT_FUTURE
