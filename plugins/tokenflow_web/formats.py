"""Where a browser was sent after a login, recognised and explained (RFC 6749 §4.1.2, §4.2.2)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from tokenflow import NEVER, SECOND, At, Description, Expiry, Format, Instant, Secret, Specimen

_LARGEST: Final = 32 * 1024
_TELLS: Final = frozenset({"code", "access_token", "error", "error_code", "id_token"})
_WITH: Final = frozenset({"state", "expires_in", "granted_scopes", "signed_request", "error_reason"})
"""In a bare fragment or query, what tells it from an answer in form encoding."""
_SECRET: Final = ("code", "access_token", "id_token", "signed_request", "long_lived_token", "state")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def formats() -> Iterator[Format]:
    """Yield the address a login ends at."""
    yield Format(name="web.redirect", recognise=_is_redirect, describe=_redirect)


def _read(found: Specimen) -> tuple[str, Mapping[str, str]]:
    """Return the address without what it brings, and what it brings."""
    if len(found.data) > _LARGEST:
        return "", {}
    text = found.data.decode("latin-1").strip()
    if any(sign.isspace() for sign in text):
        return "", {}
    if _ADDRESS.fullmatch(text):
        with suppress(ValueError):
            parts = urlsplit(text)
            brings = dict(parse_qsl(parts.query) + parse_qsl(parts.fragment))
            return f"{parts.scheme}://{parts.hostname or ''}{parts.path}", brings
        return "", {}
    brings = dict(parse_qsl(text.lstrip("?#")))
    return "", brings if text[:1] in ("?", "#") or _WITH & brings.keys() else {}


def _is_redirect(found: Specimen) -> bool:
    return bool(_TELLS & _read(found)[1].keys())


def _redirect(found: Specimen) -> Description:
    address, brings = _read(found)
    secrets = {name: Secret(brings[name]) for name in _SECRET if brings.get(name)}
    refused = brings.get("error") or brings.get("error_code")
    kind = "user" if "access_token" in brings else "code" if "code" in brings else None
    odd = [] if refused or "state" in brings else ["it has no state: nothing says that this login was ours"]
    if "access_token" in brings and "code" in brings:
        odd.append("it brings a token and a code: that is the hybrid flow")
    told = {name: brings[name] for name in ("error", "error_reason", "error_code") if name in brings}
    return Description(
        what="where a browser was sent after a login",
        kind=kind,
        user=brings.get("user_id"),
        expires=_from_now(brings.get("expires_in"), found.now),
        data_access_expires=_at(brings.get("data_access_expiration_time")),
        scope=_names(brings.get("granted_scopes")),
        declined_scope=_names(brings.get("denied_scopes")),
        facts={"redirect_uri": address or None, "graph_domain": brings.get("graph_domain"), **told},
        secrets=secrets,
        odd=tuple(odd),
        next=(_next(brings, refused),),
    )


def _next(brings: Mapping[str, str], refused: str | None) -> str:
    if refused:
        return "the person, or the issuer, said no: begin the login again"
    if "code" in brings:
        return "its code is good once and for minutes: tokenflow token answer KEY --store STORE, on stdin"
    return "a fragment is all a page has: hand it to the server, which verifies it before it is kept"


def _names(value: str | None) -> frozenset[str] | None:
    return None if value is None else frozenset(value.replace(",", " ").split())


def _from_now(value: str | None, now: Instant) -> Expiry | None:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 10:
        return None
    return At(now + int(value) * SECOND) if int(value) else NEVER


def _at(value: str | None) -> Expiry | None:
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 12:
        return None
    return At(int(value) * SECOND) if int(value) else NEVER
