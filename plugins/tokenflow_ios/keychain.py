"""The keychain item a token lies in, and the UUID that has to agree with it (facebook.md §5.2).

The keychain outlives an app that is removed, its defaults do not. So the SDK keeps one UUID in both: where
they differ the app was installed anew, and it drops the token. On the Simulator, which has no keychain,
the item itself lies in the defaults.
"""

import base64
import contextlib
import plistlib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import PayloadError
from tokenflow_ios.archive import Archive, property_list, read
from tokenflow_ios.writing import BINARY, Form, Objects

DEFAULTS_KEY: Final = "com.facebook.sdk.v4.FBSDKAccessTokenInformationKey"
"""Of the UUID in the app's defaults: Library/Preferences/<bundle id>.plist."""
KEYCHAIN_KEY: Final = "com.facebook.sdk.v4.FBSDKAccessTokenInformationKeychainKey"
"""The account of the keychain item, whose service is the bundle id; in a Simulator's defaults, a key."""
AUTHENTICATION_DEFAULTS_KEY: Final = "com.facebook.sdk.v9.FBSDKAuthenticationTokenInformationKey"
AUTHENTICATION_KEYCHAIN_KEY: Final = "com.facebook.sdk.v9.FBSDKAuthenticationTokenInformationKeychainKey"
_DICTIONARIES: Final = ("NSDictionary", "NSMutableDictionary")


@attrs.frozen(kw_only=True)
class Item:
    """A keychain item."""

    uuid: str | None
    encoded: bytes = attrs.field(repr=False)
    """The archived token."""


@attrs.frozen(kw_only=True)
class Defaults:
    """What the app's defaults say of one kind of token."""

    uuid: str | None = None
    item: bytes | None = attrs.field(default=None, repr=False)
    """The keychain item, on the Simulator."""


def archived(payload: Any, name: str) -> Archive:
    """Return the archive of an object of class *name*: bare, in an archived keychain item, or in a mapping.

    Text is XML, or the base64 of bytes. Raises PayloadError: truncated, unknown_version, malformed.
    """
    if isinstance(payload, Mapping):
        return _inner(payload.get("tokenEncoded"), name)
    archive = read(as_bytes(payload))
    found = archive.class_of(archive.root)
    if found in _DICTIONARIES:
        return _inner(_dictionary(archive).get("tokenEncoded"), name)
    if found != name:
        raise PayloadError("malformed", f"the archive holds no {name}")
    return archive


def item_in(payload: bytes | str) -> Item | None:
    """Return the keychain item in *payload*; None for an archive of anything else."""
    archive = read(as_bytes(payload))
    if archive.class_of(archive.root) not in _DICTIONARIES:
        return None
    held = _dictionary(archive)
    uuid, encoded = held.get("tokenUUID"), held.get("tokenEncoded")
    if not isinstance(encoded, bytes):
        raise PayloadError("malformed", "the keychain item holds no tokenEncoded")
    return Item(uuid=uuid if isinstance(uuid, str) else None, encoded=encoded)


def encode_item(item: Item, form: Form = BINARY) -> bytes:
    """Return the keychain item archived: a dictionary of `tokenUUID` and `tokenEncoded`."""
    objects = Objects()
    root = objects.reserve()
    keys = [objects.put("tokenUUID"), objects.put("tokenEncoded")]
    values = [objects.put(item.uuid), objects.put(item.encoded)]
    return objects.written(objects.fill(root, "NSDictionary", {"NS.keys": keys, "NS.objects": values}), form)


def defaults_in(data: bytes) -> tuple[Defaults, Defaults]:
    """Return what an app's defaults say of the access token and of the ID token; raises PayloadError."""
    plist = property_list(data)
    if not isinstance(plist, dict):
        raise PayloadError("malformed", "the defaults are no dictionary")
    return (
        _defaults(plist, DEFAULTS_KEY, KEYCHAIN_KEY),
        _defaults(plist, AUTHENTICATION_DEFAULTS_KEY, AUTHENTICATION_KEYCHAIN_KEY),
    )


def encode_defaults(defaults: Defaults, into: bytes | None = None) -> bytes:
    """Return an app's defaults with the access token's *defaults*; what else *into* says stays.

    Raises PayloadError when *into* is no dictionary.
    """
    plist = {} if into is None else property_list(into)
    if not isinstance(plist, dict):
        raise PayloadError("malformed", "the defaults are no dictionary")
    said = {DEFAULTS_KEY: defaults.uuid, KEYCHAIN_KEY: defaults.item}
    there = {name: value for name, value in said.items() if value is not None}
    form = plistlib.FMT_XML if into is not None and into.lstrip().startswith(b"<") else plistlib.FMT_BINARY
    return plistlib.dumps(plist | there, fmt=form)


def as_bytes(payload: Any) -> bytes:
    """Return an archive's bytes: as they are, of XML text, or out of base64; raises PayloadError."""
    if isinstance(payload, bytes):
        return payload
    if not isinstance(payload, str):
        raise PayloadError("malformed", "the payload is neither bytes, text nor a mapping")
    if payload.lstrip().startswith("<"):
        return payload.encode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        return base64.b64decode("".join(payload.split()), validate=True)
    raise PayloadError("malformed", "the payload is neither XML nor base64")


def _defaults(plist: Mapping[str, Any], uuid_key: str, item_key: str) -> Defaults:
    uuid, item = plist.get(uuid_key), plist.get(item_key)
    return Defaults(
        uuid=uuid if isinstance(uuid, str) else None, item=item if isinstance(item, bytes) else None
    )


def _inner(encoded: Any, name: str) -> Archive:
    if not isinstance(encoded, bytes | str):
        raise PayloadError("malformed", "the keychain item holds no tokenEncoded")
    archive = read(as_bytes(encoded))
    if archive.class_of(archive.root) != name:
        raise PayloadError("malformed", f"the keychain item holds no {name}")
    return archive


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
