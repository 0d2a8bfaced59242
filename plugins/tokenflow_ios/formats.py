"""iOS's stores, recognised and explained: what is in them, and what the SDK would load (facebook.md §5)."""

import base64
import binascii
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import attrs

from tokenflow import DAY, SECOND, At, Description, Format, Instant, Never, PayloadError, Specimen
from tokenflow_ios import authentication_token
from tokenflow_ios.access_token import CLASS, IosToken, decode, encode
from tokenflow_ios.issued import token_of
from tokenflow_ios.keychain import (
    AUTHENTICATION_DEFAULTS_KEY,
    DEFAULTS_KEY,
    Defaults,
    Item,
    defaults_in,
    encode_defaults,
    encode_item,
    item_in,
)

_BASE64: Final = b"YnBsaXN0"
"""`bplist`, in base64: how an archive is pasted."""
_LIFT: Final = "keep it: tokenflow token lift KEY FILE facebook-user --platform ios --store STORE"
_LOGIN: Final = "have the person log in again"


def formats() -> Iterator[Format]:
    """Yield what iOS keeps."""
    yield Format(
        name="ios.archive",
        recognise=_is_archive,
        describe=_archive,
        write=_write_archive,
        file="FBSDKAccessToken.plist",
    )
    yield Format(
        name="ios.keychain",
        recognise=_is_keychain,
        describe=_keychain,
        write=_write_keychain,
        file="FBSDKAccessTokenInformationKeychainKey.plist",
    )
    yield Format(name="ios.defaults", recognise=_is_defaults, describe=_defaults, write=_write_defaults)
    yield Format(name="ios.authentication_token", recognise=_is_authentication, describe=_authentication)


def _plist(found: Specimen) -> bytes | None:
    """Return the bytes of a property list, also of one in base64; None for anything else."""
    data = found.data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if data.startswith(_BASE64):
        with suppress(binascii.Error):
            whole = b"".join(data.split())
            return base64.b64decode(whole[: len(whole) // 4 * 4])
    head = data[:2048]
    return data if data.startswith(b"bplist") or (data.startswith(b"<") and b"<plist" in head) else None


def _form(found: Specimen) -> str:
    """Return which of the forms a property list is by the names in it, which stand there in the clear."""
    data = _plist(found)
    if data is None:
        return ""
    if _has(data, DEFAULTS_KEY) or _has(data, AUTHENTICATION_DEFAULTS_KEY):
        return "defaults"
    if _has(data, authentication_token.CLASS):
        return "authentication"
    if _has(data, "tokenEncoded") or _has(data, "tokenUUID"):
        return "keychain"
    return "archive" if _has(data, CLASS) or _has(data, "tokenString") else ""


def _has(data: bytes, name: str) -> bool:
    return name.encode() in data


def _is_archive(found: Specimen) -> bool:
    return _form(found) == "archive"


def _is_keychain(found: Specimen) -> bool:
    return _form(found) == "keychain"


def _is_defaults(found: Specimen) -> bool:
    return _form(found) == "defaults"


def _is_authentication(found: Specimen) -> bool:
    return _form(found) == "authentication"


def _archive(found: Specimen) -> Description:
    what = "an archived FBSDKAccessToken, the Facebook SDK's token on iOS"
    token = decode(_plist(found))
    return _of_token(what, token, found.now)


def _keychain(found: Specimen) -> Description:
    what = "the Facebook SDK's keychain item on iOS"
    data = _plist(found) or b""
    item = item_in(data)
    if item is None:
        raise PayloadError("malformed", "it is an archive of something else than a keychain item")
    told = _of_token(what, decode(data), found.now)
    return _compared(attrs.evolve(told, facts={**told.facts, "uuid": item.uuid}), item, found)


def _compared(told: Description, item: Item, found: Specimen) -> Description:
    """Add what the SDK makes of the UUIDs, where the app's defaults are beside the item."""
    beside = [one for one in map(_uuid_in, found.beside.values()) if one is not None]
    if item.uuid is None:
        return attrs.evolve(told, odd=(*told.odd, "it names no UUID"), sdk="clears it: it names no UUID")
    if beside and item.uuid not in beside:
        odd = "its UUID is not the one in the app's defaults: the app was removed and installed anew"
        return attrs.evolve(told, odd=(*told.odd, odd), sdk="clears both, and has no token", next=(_LOGIN,))
    if beside:
        return told
    return attrs.evolve(told, sdk=f"if the app's defaults have the same UUID: {told.sdk}")


def _uuid_in(data: bytes) -> str | None:
    with suppress(PayloadError):
        return defaults_in(data)[0].uuid if _has(data, DEFAULTS_KEY) else None
    return None


def _defaults(found: Specimen) -> Description:
    token, id_token = defaults_in(_plist(found) or b"")
    what = "an iOS app's defaults, with the UUID that the Facebook SDK knows its keychain item by"
    facts: dict[str, str | int | bool | At | None] = {
        "access_token_uuid": token.uuid,
        "id_token_uuid": id_token.uuid,
    }
    if token.item is not None:
        item = item_in(token.item)
        told = _of_token(
            "a Simulator's defaults, with the keychain item it has no keychain for",
            decode(token.item),
            found.now,
        )
        same = item is not None and item.uuid is not None and item.uuid == token.uuid
        return attrs.evolve(
            told,
            facts={**told.facts, **facts},
            odd=told.odd if same else (*told.odd, "its UUID is not the item's"),
            sdk=told.sdk if same else "clears both, and has no token",
        )
    uuid_only = "looks for the keychain item, and drops it unless it names the same UUID"
    return Description(
        what=what,
        facts=facts,
        sdk=uuid_only,
        next=("the token is in the keychain: inspect its item, in one folder with this file",),
    )


def _of_token(what: str, token: IosToken, now: Instant) -> Description:
    ended = _ended(token.expires, now)
    return Description(
        what=what,
        kind="user",
        app=token.app_id,
        user=token.user_id,
        expires=token.expires,
        data_access_expires=token.data_access_expires,
        scope=token.permissions,
        declined_scope=token.declined_permissions,
        expired_scope=token.expired_permissions,
        facts={"refreshed": None if token.refreshed_at is None else At(token.refreshed_at)},
        secrets={"access_token": token.token_string},
        odd=tuple(_odd(token, now)),
        sdk=_does(token, now),
        next=(_LOGIN,) if ended else (_LIFT,),
    )


def _odd(token: IosToken, now: Instant) -> Iterator[str]:
    for name, end in (
        ("expirationDate", token.expires),
        ("dataAccessExpirationDate", token.data_access_expires),
    ):
        if isinstance(end, At) and end.instant > now + 30 * 365 * DAY:
            yield f"{name} is over 30 years from now: were seconds since 1970 taken for seconds since 2001?"
    if token.refreshed_at is None:
        yield "refreshDate is nil, which the SDK takes for now"
    elif token.refreshed_at > now + DAY:
        yield "refreshDate lies in the future, so the SDK will not extend the token before then"
    if "|" in token.token_string.reveal():
        yield "the token has a bar in it, as app and client tokens do: an app token must never be on a phone"


def _does(token: IosToken, now: Instant) -> str:
    if _ended(token.expires, now):
        return "loads it as the current token, of which isExpired is true"
    if _ended(token.data_access_expires, now):
        return "loads it as the current token, of which isDataAccessExpired is true"
    if token.refreshed_at is not None and now - token.refreshed_at > DAY:
        return "loads it as the current token, and extends it with the next Graph call: a day has gone by"
    return "loads it as the current token"


def _ended(end: At | Never, now: Instant) -> bool:
    return isinstance(end, At) and end.instant < now


def _authentication(found: Specimen) -> Description:
    token = authentication_token.decode(_plist(found))
    claims = _claims(token.token_string.reveal())
    ends, nonce = claims.get("exp"), claims.get("nonce")
    return Description(
        what="an archived FBSDKAuthenticationToken: the ID token of a Limited Login",
        kind="id_token",
        app=_text(claims.get("aud")),
        user=_text(claims.get("sub")),
        expires=At(ends * SECOND) if isinstance(ends, int) and 0 < ends < 1 << 40 else None,
        facts={"issuer": _text(claims.get("iss")), "graph_domain": token.graph_domain},
        secrets={"id_token": token.token_string},
        signature="not checked: that takes the issuer's published keys",
        odd=() if nonce == token.nonce else ("its nonce is not the one that was expected",),
        sdk="loads it as the current AuthenticationToken; no Graph call takes it",
        next=("verify it on a server: it says who logged in, and opens nothing",),
    )


def _claims(token: str) -> Mapping[str, Any]:
    part = token.split(".")[1]
    with suppress(ValueError, RecursionError):
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return found if isinstance(found, dict) else {}
    return {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _write_archive(issued: Mapping[str, Any], now: Instant, into: bytes | None) -> bytes:
    return encode(token_of(issued, now // SECOND))


def _write_keychain(issued: Mapping[str, Any], now: Instant, into: bytes | None) -> bytes:
    """The item keeps the UUID it has: the app's defaults know it by that."""
    held = None if into is None else item_in(into)
    known = held.uuid if held is not None and held.uuid is not None else _fresh()
    return encode_item(Item(uuid=known, encoded=_write_archive(issued, now, None)))


def _write_defaults(issued: Mapping[str, Any], now: Instant, into: bytes | None) -> bytes:
    """The Simulator's form: the UUID, and the item that a device keeps in its keychain."""
    held = None if into is None else defaults_in(into)[0].uuid
    known = held or _fresh()
    item = encode_item(Item(uuid=known, encoded=_write_archive(issued, now, None)))
    return encode_defaults(Defaults(uuid=known, item=item), into)


def _fresh() -> str:
    """Return a UUID as NSUUID writes one; it is no secret and says nothing."""
    return str(uuid.uuid4()).upper()
