"""The store of SDKs before version 4: a typed JSON value for each field (facebook.md §4.2).

A current SDK reads it only where the app allows the upgrade, and only while its own store has no key.
It then asks Facebook whose token it is, writes its own store, and clears this one.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isnan
from typing import Any, Final

import attrs

from tokenflow import NEVER, At, Instant, Never, PayloadError, Secret
from tokenflow_android.access_token import LONG_MAX, MILLISECOND, SOURCES, AndroidToken
from tokenflow_android.fields import name_of, secret_text
from tokenflow_android.java import hash_order
from tokenflow_android.json_text import json_text
from tokenflow_android.shared_preferences import Entries, Entry, written

FILE: Final = "com.facebook.SharedPreferencesTokenCachingStrategy.DEFAULT_KEY.xml"
PREFIX: Final = "com.facebook.TokenCachingStrategy."
_ENUM: Final = "com.facebook.AccessTokenSource"
_INT: Final = (1 << 31) - 1


@attrs.frozen(kw_only=True)
class LegacyToken:
    """What the old store says; whose token it is, it does not."""

    token: Secret = attrs.field(hash=False)
    application_id: str | None = None
    permissions: frozenset[str] = frozenset()
    declined_permissions: frozenset[str] = frozenset()
    expired_permissions: frozenset[str] = frozenset()
    source: str = "WEB_VIEW"
    expires: At | Never = NEVER
    last_refresh: Instant | None = None


def is_in(entries: Entries) -> bool:
    """Return whether *entries* are of this store."""
    return any(name.startswith(PREFIX) for name in entries)


def decode(entries: Entries) -> LegacyToken:
    """Return the token in *entries*; raises PayloadError (malformed) where the SDK would find none.

    One value that is no JSON spoils all of them. What has another type than its field counts as absent,
    and without a token and an end that is not 0 there is nothing.
    """
    values = {name: _value(entry) for name, entry in entries.items()}
    token, ends = _get(values, "Token", str), _get(values, "ExpirationDate", int) or 0
    if not token or ends == 0:
        raise PayloadError("malformed", "the old store holds no token, or one whose end is 0")
    refreshed = _get(values, "LastRefreshDate", int)
    return LegacyToken(
        token=secret_text({"Token": token}, "Token"),
        application_id=_get(values, "ApplicationId", str) or None,
        permissions=_names(values, "Permissions"),
        declined_permissions=_names(values, "DeclinedPermissions"),
        expired_permissions=_names(values, "ExpiredPermissions"),
        source=_source(values),
        expires=NEVER if ends == LONG_MAX else At(ends * MILLISECOND),
        last_refresh=None if refreshed is None else refreshed * MILLISECOND,
    )


def migrated(found: LegacyToken, *, app_id: str, user_id: str, now: Instant) -> AndroidToken:
    """Return what the SDK makes of *found* once it knows the user; *app_id* where the store names no app."""
    fields = {"application_id": found.application_id or app_id, "user_id": user_id}
    return AndroidToken(
        token=found.token,
        application_id=name_of(fields, "application_id"),
        user_id=name_of(fields, "user_id"),
        permissions=found.permissions,
        declined_permissions=found.declined_permissions,
        expired_permissions=found.expired_permissions,
        source=found.source,
        expires=found.expires,
        last_refresh=now if found.last_refresh is None else found.last_refresh,
    )


def encode(token: LegacyToken, into: Entries | None = None) -> str:
    """Return the store's file with *token* in it; what *into* holds keeps its place, and the rest stays."""
    values: dict[str, tuple[str, object]] = {
        "Token": ("string", token.token.reveal()),
        "ExpirationDate": ("long", _milliseconds(token.expires)),
        "Permissions": ("stringList", hash_order(sorted(token.permissions))),
        "AccessTokenSource": ("enum", token.source),
    }
    if token.declined_permissions:
        values["DeclinedPermissions"] = ("stringList", hash_order(sorted(token.declined_permissions)))
    if token.expired_permissions:
        values["ExpiredPermissions"] = ("stringList", hash_order(sorted(token.expired_permissions)))
    if token.last_refresh is not None:
        values["LastRefreshDate"] = ("long", token.last_refresh // MILLISECOND)
    if token.application_id is not None:
        values["ApplicationId"] = ("string", token.application_id)
    new = {f"{PREFIX}{name}": Entry("string", typed(*value)) for name, value in values.items()}
    old = into or {}
    return written({**old, **{name: new[name] for name in hash_order(new)}})


def typed(kind: str, value: object) -> str:
    """Return one value as the store keeps it."""
    fields: dict[str, object] = {"value": value}
    if kind == "enum":
        fields["enumType"] = _ENUM
    return json_text({**fields, "valueType": kind})


def _value(entry: Entry) -> Any:
    """Return a stored value, None where the SDK leaves it out; raises PayloadError where it gives up."""
    fields = _object(entry)
    kind = fields.get("valueType")
    if not isinstance(kind, str):
        raise _spoilt()
    if kind == "enum":
        known = fields.get("enumType") == _ENUM and fields.get("value") in SOURCES
        return fields["value"] if known else None
    if kind.endswith("[]") and kind[:-2] in _READ:
        value = fields.get("value")
        if not isinstance(value, list):
            raise _spoilt()
        return [_READ[kind[:-2]](one) for one in value]
    read = _READ.get(kind)
    return None if read is None else read(fields.get("value"))


def _object(entry: Entry) -> Mapping[str, Any]:
    try:
        fields = json.loads(entry.value) if isinstance(entry.value, str) else None
    except (ValueError, RecursionError):
        fields = None
    if entry.type != "string" or not isinstance(fields, dict):
        raise _spoilt()
    return fields


def _spoilt() -> PayloadError:
    return PayloadError("malformed", "a value of the old store cannot be read, which spoils all of it")


def _whole(value: Any, largest: int) -> int:
    """Return a number as org.json coerces one: text that reads as a number is one, a fraction is cut off."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else _float(value)
    if isnan(number):
        raise _spoilt()
    return int(max(min(number, largest), -largest - 1))


def _float(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    with suppress(ValueError):
        if isinstance(value, str) and "_" not in value:
            return float(value)
    raise _spoilt()


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, bool):
        raise _spoilt()
    return value


def _text(value: Any) -> str:
    if value is None:
        raise _spoilt()
    return value if isinstance(value, str) else json_text(value)


def _character(value: Any) -> str | None:
    text = _text(value)
    return text if len(text) == 1 else None


def _list(value: Any) -> list[str]:
    """Return a list of texts; one that holds anything else is an exception the SDK does not catch."""
    if not isinstance(value, list) or not all(one is None or isinstance(one, str) for one in value):
        raise _spoilt()
    return [one for one in value if one is not None]


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "bool": _truth,
    "byte": lambda value: _whole(value, _INT),
    "short": lambda value: _whole(value, _INT),
    "int": lambda value: _whole(value, _INT),
    "long": lambda value: _whole(value, LONG_MAX),
    "float": _float,
    "double": _float,
    "char": _character,
    "string": _text,
    "stringList": _list,
}
"""valueType -> how its value is read."""


def _get(values: Mapping[str, Any], name: str, wanted: type) -> Any:
    value = values.get(f"{PREFIX}{name}")
    return value if type(value) is wanted else None


def _names(values: Mapping[str, Any], name: str) -> frozenset[str]:
    return frozenset(_get(values, name, list) or ())


def _source(values: Mapping[str, Any]) -> str:
    named = _get(values, "AccessTokenSource", str)
    if named is not None:
        return str(named)
    return "FACEBOOK_APPLICATION_WEB" if _get(values, "IsSSO", bool) else "WEB_VIEW"


def _milliseconds(expires: At | Never) -> int:
    return expires.instant // MILLISECOND if isinstance(expires, At) else LONG_MAX
