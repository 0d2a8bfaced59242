"""What a browser has of a login, recognised and explained: an answer, cookies, a signed_request."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import attrs

from tokenflow import (
    NEVER,
    SECOND,
    At,
    Description,
    Expiry,
    Format,
    Instant,
    PayloadError,
    Secret,
    Specimen,
    is_signed,
)
from tokenflow_javascript.fields import identity, json_object, token
from tokenflow_javascript.login import STATUSES, AuthResponse, decode

ALGORITHM: Final = "HMAC-SHA256"
LARGEST: Final = 16 * 1024
"""A signed_request above this many characters is none."""

_NAMED: Final = re.compile(r"\b(fbsr|fbm|fblo|fbs|fbss|fblst|fbssls)_(\d+)")
_SIGNED: Final = re.compile(rb"\s*(?:signed_request=)?[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]+={0,2}\s*")
_DAY: Final = 86_400 * SECOND
_FAR: Final = 1 << 40
_LOGIN: Final = "have the person log in again: FB.login"
_KINDS: Final = {
    "fbsr": "a signed_request with a code",
    "fbm": "the domain the cookie is set for",
    "fblo": "that the person logged out",
    "fbs": "a session of the SDK before 2011, which nothing takes any more",
    "fbss": "a session shared by the old PHP SDK",
    "fblst": "a long-lived token, in localStorage",
    "fbssls": "the login status as it was last told, in sessionStorage",
}


def formats() -> Iterator[Format]:
    """Yield what a browser has."""
    yield Format(name="javascript.login", recognise=_is_login, describe=_login)
    yield Format(name="javascript.cookie", recognise=_is_cookie, describe=_cookie)
    yield Format(name="javascript.signed_request", recognise=_is_signed, describe=_signed)


def _is_login(found: Specimen) -> bool:
    text = found.data.lstrip()
    bare = b'"accessToken"' in text and b'"userID"' in text
    asked = b'"authResponse"' in text and b'"status"' in text
    return text.startswith(b"{") and (bare or asked) and b'"fbssls_' not in text


def _is_cookie(found: Specimen) -> bool:
    """A header, a cookies.txt or the JSON of a tool; not an answer or a page that mentions one."""
    text = found.data[:LARGEST].decode("latin-1")
    return found.data[:1] != b"<" and b'"authResponse":{' not in found.data and bool(_NAMED.search(text))


def _is_signed(found: Specimen) -> bool:
    """Two base64url texts with a dot between, one of which is what it should be."""
    if len(found.data) > LARGEST or _SIGNED.fullmatch(found.data) is None:
        return False
    signature, _, payload = _text(found).partition(".")
    return len(_bytes(signature)) == 32 or isinstance(_claims(payload), dict)


def _login(found: Specimen) -> Description:
    what = "the Facebook SDK's answer in a browser (FB.login, FB.getLoginStatus)"
    fields = json_object(found.data)
    if "authResponse" not in fields:
        fields = {"status": "connected", "authResponse": dict(fields)}
        what = "the authResponse of the Facebook SDK in a browser (FB.getAuthResponse)"
    response = decode(fields)
    if response.auth_response is None:
        means = "nobody is logged in" if response.status == "unknown" else "there is no token"
        return Description(what=what, facts={"status": response.status}, sdk=means, next=(_LOGIN,))
    return _of_answer(what, response.status, response.auth_response, found)


def _of_answer(what: str, status: str, auth: AuthResponse, found: Specimen) -> Description:
    secrets = {"access_token": auth.access_token}
    odd = ["expiresIn counts from when the answer came, which is taken for now"]
    signature = None
    if auth.signed_request is not None:
        secrets["signed_request"] = auth.signed_request
        signature = _checked(auth.signed_request.reveal(), found)
        named = _claims(auth.signed_request.reveal().partition(".")[2])
        if isinstance(named, dict) and str(named.get("user_id", auth.user_id)) != auth.user_id:
            odd.append("userID is another than the signed_request's: do not take it")
    if status not in STATUSES or status != "connected":
        odd.append(f"the status is {status}, and yet there is an authResponse")
    return Description(
        what=what,
        kind="user",
        user=auth.user_id,
        expires=_from_now(auth.expires_in, found.now),
        data_access_expires=_data_access(auth, found.now),
        scope=auth.granted_scopes,
        facts={"status": status, "graph_domain": auth.graph_domain},
        secrets=secrets,
        signature=signature,
        odd=tuple(odd),
        sdk="renews the token by itself while the person is logged in to Facebook",
        next=(
            "keep it: tokenflow token lift KEY FILE facebook-user --platform javascript --store STORE",
            "verify it on the server first: a page can be told anything",
        ),
    )


def _from_now(seconds: int | None, now: Instant) -> Expiry | None:
    if seconds is None:
        return None
    return At(now + seconds * SECOND) if seconds else NEVER


def _data_access(auth: AuthResponse, now: Instant) -> Expiry | None:
    if auth.data_access_expiration_time is not None:
        ends = auth.data_access_expiration_time
        return At(ends * SECOND) if ends else NEVER
    return _from_now(auth.reauthorize_required_in, now)


def _cookie(found: Specimen) -> Description:
    pairs = list(_pairs(found.data.decode("utf-8", "replace")))
    known = [(match, value) for name, value in pairs if (match := _NAMED.fullmatch(name))]
    facts: dict[str, str | int | bool | At | None] = {
        match.group(): _KINDS[match.group(1)] for match, _ in known
    }
    signed = [(match.group(2), value) for match, value in known if match.group(1) == "fbsr"]
    what = "cookies, or what a page keeps, of the Facebook SDK in a browser"
    if not signed:
        held = {match.group(): Secret(value) for match, value in known if match.group(1) != "fbm" and value}
        return Description(
            what=what,
            app=known[0][0].group(2) if known else None,
            facts=facts,
            secrets=held,
            odd=("there is no fbsr_ cookie, which alone says who is logged in",),
            next=("call FB.init with `cookie: true`, then FB.login",),
        )
    app, text = signed[0]
    told = _of_signed(what, text, found)
    odd = list(told.odd)
    if len(signed) > 1:
        odd.append(f"there are {len(signed)} fbsr_ cookies: a server takes none of one name twice")
    return attrs.evolve(
        told,
        app=app,
        facts={**facts, **told.facts},
        odd=tuple(odd),
    )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values: of a Cookie or Set-Cookie header, a cookies.txt, or a tool's JSON."""
    found: Any = None
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            found = json.loads(text)
    if isinstance(found, Mapping):
        yield from ((str(name), value if isinstance(value, str) else "") for name, value in found.items())
        return
    if isinstance(found, list):
        for one in found:
            if isinstance(one, Mapping) and isinstance(one.get("name"), str):
                yield one["name"], str(one.get("value", ""))
        return
    for line in text.splitlines():
        columns = line.removeprefix("#HttpOnly_").split("\t")
        if len(columns) == 7:
            yield columns[5], columns[6]
            continue
        header = re.sub(r"^\s*(?:Set-)?Cookie:", "", line, flags=re.IGNORECASE)
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            yield name, value.strip('"')


def _signed(found: Specimen) -> Description:
    what = "a signed_request, as Facebook signs cookies, callbacks and canvas pages"
    return _of_signed(what, _text(found), found)


def _of_signed(what: str, text: str, found: Specimen) -> Description:
    signature = _checked(text, found)
    fields = _claims(text.partition(".")[2])
    if not isinstance(fields, dict):
        return Description(what=what, signature=signature, odd=("its payload is no JSON object",))
    issued, ends = _instant(fields.get("issued_at")), _instant(fields.get("expires"))
    odd = []
    if fields.get("algorithm") != ALGORITHM:
        odd.append(f"its algorithm is not {ALGORITHM}, so nothing takes it")
    if issued is None:
        odd.append("it does not say when it was issued")
    elif issued < found.now - _DAY:
        odd.append("it is over a day old, and a server takes none that is")
    elif issued > found.now + _DAY:
        odd.append("it was issued in the future")
    if isinstance(fields.get("user_id"), int):
        odd.append("its user_id is a number, as before 2014")
    secrets = {name: held for name in ("oauth_token", "code") if (held := _secret(fields, name)) is not None}
    told = {name: str(fields[name]) for name in ("page", "user", "app_data") if name in fields}
    return Description(
        what=what,
        kind="user" if "oauth_token" in secrets else "code" if "code" in secrets else None,
        user=_identity(fields),
        expires=None if "oauth_token" not in secrets else NEVER if fields.get("expires") == 0 else _at(ends),
        facts={"issued_at": _at(issued), **told},
        secrets=secrets,
        signature=signature,
        odd=tuple(odd),
        next=(_next(secrets, signature),),
    )


def _next(secrets: Mapping[str, Secret], signature: str) -> str:
    if signature == "wrong":
        return "take nothing it says: it is of another app, or forged"
    if "code" in secrets:
        return "its code is good once, with an empty redirect_uri: use javascript.cookie"
    return "verify it with the app secret before it is believed"


def _checked(text: str, found: Specimen) -> str:
    secret = found.secrets.get("app_secret")
    if secret is None:
        return "not checked: give the app secret, --secret app_secret=env:FB_APP_SECRET"
    try:
        return "verified" if is_signed(text, secret) else "wrong"
    except PayloadError:
        return "wrong"


def _text(found: Specimen) -> str:
    return found.data.decode("latin-1").strip().removeprefix("signed_request=")


def _claims(payload: str) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(_bytes(payload))
    return None


def _bytes(text: str) -> bytes:
    with suppress(ValueError):
        bare = text.rstrip("=")
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    return b""


def _secret(fields: Mapping[str, Any], name: str) -> Secret | None:
    with suppress(PayloadError):
        return token(fields, name)
    return None


def _identity(fields: Mapping[str, Any]) -> str | None:
    with suppress(PayloadError):
        return identity(fields, "user_id")
    return None


def _instant(value: Any) -> Instant | None:
    return value * SECOND if type(value) is int and 0 < value < _FAR else None


def _at(instant: Instant | None) -> At | None:
    return None if instant is None else At(instant)
