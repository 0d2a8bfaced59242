"""What Facebook answers and issues, recognised and explained (facebook.md §1, §6, §11)."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl

from tokenflow import (
    At,
    Description,
    Expiry,
    Format,
    Instant,
    Refusal,
    Secret,
    Silent,
    Specimen,
)
from tokenflow_facebook.answers import grant, text
from tokenflow_facebook.composites import Composite, composite
from tokenflow_facebook.debug import inspection
from tokenflow_facebook.id_token_format import claims_of, described

_FORM: Final = frozenset({"access_token", "expires", "machine_id", "token_type"})
"""What an `oauth/access_token` answer holds before Graph 2.3, in form encoding."""
_TOKEN: Final = re.compile(rb"\s*(?:(?:Authorization:\s*)?(?:Bearer|OAuth)\s+)?[!-~]{8,8192}\s*")
_LARGEST: Final = 256 * 1024
_VERIFY: Final = "have it verified: GET /debug_token with an app token says whose it is and when it ends"
_LOGIN: Final = "have the person log in again"


def formats() -> Iterator[Format]:
    """Yield what Facebook answers and issues."""
    yield Format(name="facebook.debug_token", recognise=_is_debug, describe=_debug)
    yield Format(name="facebook.error", recognise=_is_error, describe=_error)
    yield Format(name="facebook.token_answer", recognise=_is_answer, describe=_answer)
    yield Format(name="facebook.accounts", recognise=_is_accounts, describe=_accounts)
    yield Format(name="facebook.id_token", recognise=_is_id_token, describe=_id_token)
    yield Format(name="facebook.token", recognise=_is_token, describe=_token, guess=True)


def _object(found: Specimen) -> Mapping[str, Any]:
    """Return the JSON object in *found*; an empty one where there is none."""
    if found.data.lstrip()[:1] == b"{" and len(found.data) <= _LARGEST:
        with suppress(ValueError, RecursionError):
            fields = json.loads(found.data)
            return fields if isinstance(fields, dict) else {}
    return {}


def _fields(found: Specimen) -> Mapping[str, Any]:
    """Return an answer's fields, also of one in form encoding."""
    whole = _object(found)
    if whole or len(found.data) > _LARGEST:
        return whole
    pairs = dict(parse_qsl(found.data.decode("latin-1").strip()))
    return pairs if pairs.keys() <= _FORM else {}


def _is_debug(found: Specimen) -> bool:
    data = _object(found).get("data")
    return isinstance(data, Mapping) and ("is_valid" in data or {"app_id", "scopes"} <= data.keys())


def _debug(found: Specimen) -> Description:
    whole = _object(found)
    says = inspection(whole)
    data = whole["data"]
    error = data.get("error")
    odd = [
        f"{name} is a number, as before 2014: clients compare it with a text"
        for name in ("app_id", "user_id")
        if isinstance(data.get(name), int)
    ]
    if says.active and _ended(says.expires, found.now):
        odd.append("it was valid when this was asked, and has ended since")
    if "type" not in data:
        odd.append("it does not say of what kind the token is")
    return Description(
        what="Facebook's debug_token answer: what it says of a token, which is not in it",
        kind=says.kind,
        app=says.app_id,
        user=says.subject,
        expires=_known(says.expires),
        data_access_expires=_known(says.data_access_expires),
        scope=says.scope,
        facts={
            "valid": says.active,
            "application": text(data.get("application")),
            "page": text(data.get("profile_id")),
            "issued_at": None if says.issued_at is None else At(says.issued_at),
        },
        odd=tuple(odd),
        refusal=Refusal(issuer="facebook", body={"error": dict(error)})
        if isinstance(error, Mapping)
        else None,
        next=("the token may be used",) if says.active and not odd else (_LOGIN,) if not says.active else (),
    )


def _refusal(error: Mapping[str, Any]) -> Refusal:
    """Return a token's trouble as a Graph error has it: there `subcode` is called `error_subcode`."""
    return Refusal(issuer="facebook", body={"error": {**error, "error_subcode": error.get("subcode")}})


def _is_error(found: Specimen) -> bool:
    fields = _object(found)
    error = fields.get("error")
    old = isinstance(fields.get("error_code"), int) and "error_msg" in fields
    return (isinstance(error, Mapping) and bool({"code", "type", "message"} & error.keys())) or old


def _error(found: Specimen) -> Description:
    fields = _object(found)
    error = fields.get("error")
    source: Mapping[str, Any] = error if isinstance(error, Mapping) else fields
    named = ("type", "code", "error_code", "error_subcode", "is_transient", "fbtrace_id")
    facts = {name: source[name] for name in named if isinstance(source.get(name), str | int)}
    odd = [] if error is not None else ["it is of the API before Graph, with its fields at the top"]
    return Description(
        what="a Graph API error",
        facts=facts,
        odd=tuple(odd),
        refusal=Refusal(issuer="facebook", body=fields),
        next=("go by the numbers: the message's wording changes",),
    )


def _is_answer(found: Specimen) -> bool:
    fields = _fields(found)
    return isinstance(fields.get("access_token"), str) and "error" not in fields and "tasks" not in fields


def _answer(found: Specimen) -> Description:
    fields = dict(_fields(found))
    for name in ("expires", "expires_in"):  # text in a form
        if isinstance(fields.get(name), str) and _is_count(fields[name]):
            fields[name] = int(fields[name])
    granted = grant(fields, found.now)
    counted = "expires_at" not in fields and not isinstance(granted.expires, Silent)
    odd = ["expires_in counts from when the answer came, which is taken for now"] if counted else []
    if found.data.lstrip()[:1] != b"{":
        odd.append("it is in form encoding, as before Graph 2.3")
    if isinstance(granted.expires, Silent):
        odd.append("it names no end: app and page tokens have none, and some user tokens do not either")
    ends = granted.attributes.get("data_access_expires_at")
    secrets = {"access_token": granted.access_token} if granted.access_token is not None else {}
    value = fields["access_token"]
    about = composite(Secret(value), found.secrets)
    return Description(
        what="Facebook's answer to oauth/access_token",
        kind=_kind(value, about) if "|" in value else None,
        app=None if about is None else about.app,
        expires=_known(granted.expires),
        data_access_expires=At(ends) if isinstance(ends, int) else None,
        scope=granted.scope,
        facts={"token_type": text(fields.get("token_type"))},
        secrets=secrets,
        odd=tuple(odd),
        next=(_VERIFY,),
    )


def _is_count(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 12


def _is_accounts(found: Specimen) -> bool:
    data = _object(found).get("data")
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(one, Mapping) and ("tasks" in one or "perms" in one) for one in data)
    )


def _accounts(found: Specimen) -> Description:
    pages = _object(found)["data"]
    tokens = {
        f"access_token of page {text(one.get('id'))}": Secret(one["access_token"])
        for one in pages
        if isinstance(one.get("access_token"), str)
    }
    old = any("perms" in one for one in pages)
    odd = [] if len(tokens) == len(pages) else ["of a page without a token, a permission is missing"]
    if old:
        odd.append("it has `perms`, which are `tasks` since Graph 3.2")
    return Description(
        what="Facebook's me/accounts answer: pages, each with a token of its own",
        kind="page",
        facts={"pages": len(pages)},
        secrets=tokens,
        odd=tuple(odd),
        next=(
            "derive them from the user token: lifecycle facebook-page, which keeps them with their parent",
        ),
    )


def _is_id_token(found: Specimen) -> bool:
    return claims_of(found.data) is not None


def _id_token(found: Specimen) -> Description:
    return described(found)


def _is_token(found: Specimen) -> bool:
    return _TOKEN.fullmatch(found.data) is not None


def _token(found: Specimen) -> Description:
    value = found.data.decode("ascii").split()[-1]
    about = composite(Secret(value), found.secrets)
    odd, steps = _shown(value, about)
    return Description(
        what="a bare token",
        kind=_kind(value, about),
        app=None if about is None else about.app,
        secrets={"access_token": Secret(value)},
        odd=odd,
        next=steps,
    )


def _shown(value: str, about: Composite | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is odd about a bare token, and what to do."""
    if about is None:
        if value.startswith("EAA"):
            return ("which of the three it is its shape does not tell; EAA is a custom, no promise",), (
                _VERIFY,
            )
        return ("it looks like none of Facebook's tokens of today",), (_VERIFY,)
    server = "keep it on the server; never in an app, a page or a URL"
    match about.kind, about.sure:
        case "app", True:
            return ("it holds the app secret: whoever has it, has the app",), (server,)
        case "app", False:
            return ("its length is that of an app token that Facebook issued, which is no promise",), (
                server,
            )
        case "client", _:
            return (), ("it may ship in an app; it opens a few app-level APIs",)
    tell = "say what the app's are: --secret app_secret=REFERENCE --secret client_token=REFERENCE"
    return ("app tokens and client tokens look alike: id, bar, text",), (tell,)


def _kind(value: str, about: Composite | None) -> str | None:
    if about is not None:
        return about.kind or "app or client"
    return "user, page or system user" if value.startswith("EAA") else None


def _known(expires: Expiry) -> Expiry | None:
    return None if isinstance(expires, Silent) else expires


def _ended(expires: Expiry, now: Instant) -> bool:
    return isinstance(expires, At) and expires.instant < now
