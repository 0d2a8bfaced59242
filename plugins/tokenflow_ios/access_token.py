"""FBSDKAccessToken, archived, and the keychain item it lies in (facebook.md §5.1, §5.2)."""

import base64
import contextlib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import NEVER, At, Expiry, Instant, Never, PayloadError, Secret
from tokenflow_ios.archive import REFERENCE, Archive, instant_of, read
from tokenflow_ios.writing import BINARY, Form, Objects

CLASS: Final = "FBSDKAccessToken"
DISTANT_FUTURE: Final[Instant] = REFERENCE + 63_113_904_000 * 1_000_000
"""NSDate.distantFuture, 4001-01-01: what the SDK writes for never."""

_DICTIONARIES: Final = ("NSDictionary", "NSMutableDictionary")


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
    if isinstance(payload, Mapping):
        return _from_keychain(payload.get("tokenEncoded"))
    archive = read(_bytes(payload))
    name = archive.class_of(archive.root)
    if name in _DICTIONARIES:
        return _from_keychain(_dictionary(archive).get("tokenEncoded"))
    if name != CLASS:
        raise PayloadError("malformed", f"the archive holds no {CLASS}")
    return _token(archive)


def encode(token: IosToken, form: Form = BINARY) -> bytes:
    """Return *token* archived, as a binary or an XML property list."""
    objects = Objects()
    root = objects.put_object(
        CLASS,
        {
            "tokenString": objects.put(token.token_string.reveal()),
            "appID": objects.put(token.app_id),
            "userID": objects.put(token.user_id),
            "permissions": objects.put_set(token.permissions),
            "declinedPermissions": objects.put_set(token.declined_permissions),
            "expiredPermissions": objects.put_set(token.expired_permissions),
            "expirationDate": objects.put_date(_date(token.expires)),
            "dataAccessExpirationDate": objects.put_date(_date(token.data_access_expires)),
            "refreshDate": objects.put_date(token.refreshed_at),
        },
    )
    return objects.written(root, form)


def encode_keychain(token: IosToken, uuid: str, form: Form = BINARY) -> bytes:
    """Return the keychain item of *token*: an archived dictionary of `tokenUUID` and `tokenEncoded`."""
    objects = Objects()
    keys = [objects.put("tokenUUID"), objects.put("tokenEncoded")]
    values = [objects.put(uuid), objects.put(encode(token, form))]
    return objects.written(objects.put_object("NSDictionary", {"NS.keys": keys, "NS.objects": values}), form)


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


def _dictionary(archive: Archive) -> Mapping[str, Any]:
    keys, values = archive.root.get("NS.keys"), archive.root.get("NS.objects")
    if not isinstance(keys, list) or not isinstance(values, list) or len(keys) != len(values):
        raise PayloadError("malformed", "the keychain item is not a dictionary")
    pairs = [(archive.follow(key), archive.follow(value)) for key, value in zip(keys, values, strict=True)]
    found = {name: value for name, value in pairs if isinstance(name, str)}
    # NSData is archived as bytes, NSMutableData as an object that holds them.
    return {
        name: value.get("NS.data") if isinstance(value, Mapping) else value for name, value in found.items()
    }


def _from_keychain(encoded: Any) -> IosToken:
    if not isinstance(encoded, bytes | str):
        raise PayloadError("malformed", "the keychain item holds no tokenEncoded")
    archive = read(_bytes(encoded))
    if archive.class_of(archive.root) != CLASS:
        raise PayloadError("malformed", f"the keychain item holds no {CLASS}")
    return _token(archive)


def _bytes(payload: Any) -> bytes:
    if isinstance(payload, bytes):
        return payload
    if not isinstance(payload, str):
        raise PayloadError("malformed", "the payload is neither bytes, text nor a mapping")
    if payload.lstrip().startswith("<"):
        return payload.encode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        return base64.b64decode(payload, validate=True)
    raise PayloadError("malformed", "the payload is neither XML nor base64")


def _end(instant: Instant | None) -> At | Never:
    return NEVER if instant is None or instant >= DISTANT_FUTURE else At(instant)


def _date(expiry: Expiry) -> Instant:
    return expiry.instant if isinstance(expiry, At) else DISTANT_FUTURE
