"""Android's stores, recognised and explained: what is in them, and what the SDK would load."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from tokenflow import DAY, SECOND, At, Description, Format, Instant, Never, PayloadError, Specimen
from tokenflow_android import authentication_token, legacy
from tokenflow_android.access_token import AndroidToken
from tokenflow_android.access_token import decode as strict
from tokenflow_android.issued import token_of
from tokenflow_android.loading import Loaded, load
from tokenflow_android.preferences import FILE, KEY, encode_preferences
from tokenflow_android.shared_preferences import Entries, read

_EARLIEST: Final[Instant] = 315_532_800 * SECOND
"""1980: an end before it was most likely meant in seconds, and read as milliseconds."""
_LIFT: Final = "keep it: tokenflow token lift KEY FILE facebook-user --platform android --store STORE"
_LOGIN: Final = "have the person log in again"


def formats() -> Iterator[Format]:
    """Yield what Android keeps."""
    yield Format(
        name="android.preferences",
        recognise=_is_current,
        describe=_current,
        write=_write,
        file=FILE,
    )
    yield Format(
        name="android.legacy_preferences",
        recognise=_is_legacy,
        describe=_legacy,
        write=_write_legacy,
        file=legacy.FILE,
    )
    yield Format(
        name="android.authentication_token",
        recognise=_is_authentication,
        describe=_authentication,
        file=authentication_token.FILE,
    )
    yield Format(name="android.access_token", recognise=_is_json, describe=_json)


def _is_xml(found: Specimen) -> bool:
    return found.data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<plist" not in found.data[:2048]


def _is_current(found: Specimen) -> bool:
    return _is_xml(found) and (KEY.encode() in found.data or found.name == FILE)


def _is_legacy(found: Specimen) -> bool:
    return _is_xml(found) and (legacy.PREFIX.encode() in found.data or found.name == legacy.FILE)


def _is_authentication(found: Specimen) -> bool:
    named = found.name == authentication_token.FILE
    return _is_xml(found) and (authentication_token.KEY.encode() in found.data or named)


def _is_json(found: Specimen) -> bool:
    text = found.data.lstrip()
    return text.startswith(b"{") and all(
        f'"{name}"'.encode() in text for name in ("token", "application_id", "last_refresh")
    )


def _current(found: Specimen) -> Description:
    what = "the Facebook SDK's store on Android (shared preferences)"
    entries = read(found.data)
    if KEY not in entries:
        return Description(what=what, facts={"token": "none"}, sdk=_none(found), next=(_LOGIN,))
    entry = entries[KEY]
    if entry.type != "string" or not isinstance(entry.value, str):
        return _unreadable(what, Loaded(why="ClassCastException: it is no text", caught=False))
    return attrs.evolve(_described(what, entry.value, found.now), facts=_facts_of(entry.value))


def _none(found: Specimen) -> str:
    if legacy.FILE in found.beside:
        return "finds no token here, and looks into the old store beside it if the app allows that upgrade"
    return "finds no token here: nobody is logged in"


def _json(found: Specimen) -> Description:
    text = found.data.decode("utf-8", "replace")
    return attrs.evolve(
        _described("an AccessToken of the Facebook SDK for Android, as JSON", text, found.now),
        facts=_facts_of(text),
    )


def _described(what: str, text: str, now: Instant) -> Description:
    loaded = load(text)
    if loaded.token is None:
        return _unreadable(what, loaded)
    token = loaded.token
    flaw = _strictly(text)
    odd = [*_odd(token, now), *([f"tokenflow does not take it: {flaw}"] if flaw else [])]
    return attrs.evolve(
        _of_token(what, token), odd=tuple(odd), sdk=_does(token, now), next=_next(token, now, flaw)
    )


def _unreadable(what: str, loaded: Loaded) -> Description:
    means = (
        "has no token: what cannot be read is none, and the old store is not asked once there is this key"
        if loaded.caught
        else "throws, and has no token"
    )
    return Description(what=what, odd=(f"it cannot be read: {loaded.why}",), sdk=means, next=(_LOGIN,))


def _of_token(what: str, token: AndroidToken) -> Description:
    return Description(
        what=what,
        kind="user",
        app=token.application_id,
        user=token.user_id,
        expires=token.expires,
        data_access_expires=token.data_access_expires,
        scope=token.permissions,
        declined_scope=token.declined_permissions,
        expired_scope=token.expired_permissions,
        secrets={"access_token": token.token},
    )


def _facts_of(text: str) -> Mapping[str, str | At]:
    token = load(text).token
    if token is None:
        return {}
    return {
        "source": token.source,
        "graph_domain": token.graph_domain,
        "last_refresh": At(token.last_refresh),
    }


def _strictly(text: str) -> str | None:
    try:
        strict(text)
    except PayloadError as error:
        return str(error).partition("\n")[0]
    return None


def _odd(token: AndroidToken, now: Instant) -> Iterator[str]:
    for name, end in (
        ("expires_at", token.expires),
        ("data_access_expiration_time", token.data_access_expires),
    ):
        if isinstance(end, At) and end.instant < _EARLIEST:
            yield f"{name} is read in milliseconds since 1970, and that was long ago: were seconds written?"
    if token.last_refresh > now + DAY:
        yield "last_refresh lies in the future, so the SDK will not extend it before then"
    if "|" in token.token.reveal():
        yield "the token has a bar in it, as app and client tokens do: an app token must never be on a phone"
    if token.source == "NONE":
        yield "its source is NONE, and such a token the SDK never extends"


def _does(token: AndroidToken, now: Instant) -> str:
    if _ended(token.expires, now):
        return "loads it as the current token, of which isExpired() is true"
    if _ended(token.data_access_expires, now):
        return "loads it as the current token, of which isDataAccessExpired() is true"
    if token.source != "NONE" and now - token.last_refresh > DAY:
        return (
            "loads it as the current token, and extends it with the next Graph call: the last was a day ago"
        )
    return "loads it as the current token"


def _next(token: AndroidToken, now: Instant, flaw: str | None) -> tuple[str, ...]:
    if _ended(token.expires, now) or flaw:
        return (_LOGIN,)
    return (_LIFT,)


def _ended(end: At | Never, now: Instant) -> bool:
    return isinstance(end, At) and end.instant < now


def _legacy(found: Specimen) -> Description:
    what = "the store of a Facebook SDK before version 4 on Android"
    entries = read(found.data)
    shadowed = _shadowed(found)
    if not legacy.is_in(entries):
        return Description(
            what=what, facts={"token": "none"}, sdk="finds nothing to bring over", next=(_LOGIN,)
        )
    try:
        token = legacy.decode(entries)
    except PayloadError as error:
        odd = str(error).partition("\n")[0]
        return Description(what=what, odd=(odd,), sdk="finds nothing to bring over", next=(_LOGIN,))
    brings = (
        "where the app allows it: asks Facebook whose token it is, keeps it in its own store, clears this one"
    )
    return Description(
        what=what,
        kind="user",
        app=token.application_id,
        expires=token.expires,
        scope=token.permissions,
        declined_scope=token.declined_permissions,
        expired_scope=token.expired_permissions,
        facts={
            "source": token.source,
            "last_refresh": None if token.last_refresh is None else At(token.last_refresh),
        },
        secrets={"access_token": token.token},
        odd=("it does not say whose token it is: such stores kept no user id",),
        sdk="does not look here: its own store, beside it, has the key" if shadowed else brings,
        next=(_LOGIN,) if _ended(token.expires, found.now) else (f"{_LIFT} --attribute user_id=ID",),
    )


def _shadowed(found: Specimen) -> bool:
    return KEY.encode() in found.beside.get(FILE, b"")


def _authentication(found: Specimen) -> Description:
    what = "the ID token of a Limited Login, as the Facebook SDK for Android keeps it"
    if authentication_token.KEY not in read(found.data):
        return Description(what=what, facts={"token": "none"}, sdk="finds no ID token here")
    token = authentication_token.decode(found.data)
    claims = token.claims
    ends = claims.get("exp")
    nonce = claims.get("nonce")
    odd = [] if nonce == token.expected_nonce else ["its nonce is not the one that was expected"]
    return Description(
        what=what,
        kind="id_token",
        app=_text(claims.get("aud")),
        user=_text(claims.get("sub")),
        expires=At(ends * SECOND) if isinstance(ends, int) and 0 < ends < 1 << 40 else None,
        facts={"issuer": _text(claims.get("iss")), "algorithm": _text(token.header.get("alg"))},
        secrets={"id_token": token.token, "signature": token.signature},
        signature="not checked: that takes the issuer's published keys",
        odd=tuple(odd),
        sdk="loads it as the current AuthenticationToken; no Graph call takes it",
        next=("verify it on a server: it says who logged in, and opens nothing",),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _write(issued: Mapping[str, Any], now: Instant, into: bytes | None) -> bytes:
    return encode_preferences(token_of(issued, now // SECOND), _held(into)).encode()


def _write_legacy(issued: Mapping[str, Any], now: Instant, into: bytes | None) -> bytes:
    token = token_of(issued, now // SECOND)
    old = legacy.LegacyToken(
        token=token.token,
        application_id=token.application_id,
        permissions=token.permissions,
        declined_permissions=token.declined_permissions,
        expired_permissions=token.expired_permissions,
        source="FACEBOOK_APPLICATION_WEB",
        expires=token.expires,
        last_refresh=token.last_refresh,
    )
    return legacy.encode(old, _held(into)).encode()


def _held(into: bytes | None) -> Entries | None:
    return None if into is None else read(into)
