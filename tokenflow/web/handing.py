"""A page hands its login off: invited by us, once, in the browser it was invited in (security.md D3)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tokenflow.core.errors import (
    ConsentDenied,
    PayloadError,
    PersonNeeded,
    Refused,
    TokenflowError,
    TokenNotFound,
)
from tokenflow.core.tokens import SECOND
from tokenflow.web.answering import no, note
from tokenflow.web.cookies import new_page, page_of
from tokenflow.web.sites import Site

TICKET: Final = "tokenflow-ticket"
"""The request header a page sends its invitation's ticket in."""


async def invite(site: Site, request: Request) -> Response:
    """Give our own page a ticket, with which it may hand off once, soon, and in this browser."""
    response = JSONResponse(None)
    try:
        _demand_own(site, request)
        key = await site.key(request)
        page = page_of(site, request) or new_page(site, response)
        ticket = await site.engine.invite(
            key,
            lifecycle=site.lifecycle,
            platform=site.hand_off,
            audience=site.origin,
            session=_session(page, key),
            scope=site.scope,
        )
    except TokenflowError as error:
        return no(error, "invitations")
    said = {"ticket": ticket.value.reveal(), "expires_in": _seconds(site, ticket.until)}
    response.body = response.render(said)
    response.headers["content-length"] = str(len(response.body))
    return response


async def hand_off(site: Site, request: Request) -> Response:
    """Take what the page's SDK says, with its ticket; answer how the token stands here."""
    try:
        _demand_own(site, request)
        key = await site.key(request)
        said = _said(request, await request.body())
        page = page_of(site, request)
        if page is None:
            raise Refused("ticket_refused", "the browser has no cookie of ours")
        await _taken(site, request.headers.get(TICKET, ""), key, page, said)
        return JSONResponse({"status": said.get("status"), **await _standing(site, key)})
    except TokenflowError as error:
        return no(error, "hand-off")


async def _taken(site: Site, ticket: str, key: str, page: str, said: Mapping[str, Any]) -> None:
    """Have the engine take it. That nobody is logged in there says nothing of the token here: it is asked."""
    try:
        await site.engine.accept(
            ticket, site.origin, said, session=_session(page, key), event_id=_login_in(said)
        )
    except (ConsentDenied, PersonNeeded) as error:
        note(error, "hand-off")
        await _asked(site, key)


async def _asked(site: Site, key: str) -> None:
    """Ask the issuer about the token there is: a page's word ends none."""
    try:
        await site.engine.introspect(key)
    except TokenflowError as error:
        note(error, "hand-off")


async def _standing(site: Site, key: str) -> dict[str, Any]:
    """Return how the token stands, for whoever it is of."""
    try:
        found = await site.engine.explain(key)
    except TokenNotFound:
        return {"state": None, "usable": False}
    token = found.token
    ends = token.expires_at if found.usable else None
    return {
        "state": token.state,
        "usable": found.usable,
        "scope": sorted(token.scope),
        "expires_in": None if ends is None else _seconds(site, ends),
    }


def _demand_own(site: Site, request: Request) -> None:
    """Raise Refused unless a page of ours asks (RFC 6454 §7.3): every browser says where a POST is from."""
    if request.headers.getlist("origin") != [site.origin]:
        raise Refused("foreign_origin", "the request comes from no page of this site")


def _said(request: Request, body: bytes) -> Mapping[str, Any]:
    """Return what the page's script posts: {status, authResponse}."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise PayloadError("malformed", "the body is not declared as application/json")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        raise PayloadError("malformed", "the body is no JSON object")
    return found


def _login_in(said: Mapping[str, Any]) -> str | None:
    """Return the name of the login that is handed off: a page says the same again whenever it is loaded.

    Else it would take the place of the longer-lived token that the server has made of it.
    """
    auth = said.get("authResponse")
    if said.get("status") != "connected" or not isinstance(auth, Mapping):
        return None
    told = json.dumps([auth.get("userID"), auth.get("accessToken")]).encode()
    return f"hand-off:{hashlib.sha256(told).hexdigest()}"


def _session(page: str, key: str) -> str:
    """Return what an invitation is bound to: the browser, and whose session it is."""
    return json.dumps([page, key])


def _seconds(site: Site, until: int) -> int:
    return max(0, (until - site.engine.desk.clock()) // SECOND)
