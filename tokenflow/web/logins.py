"""Send a person to the issuer, and take them back: bound to the browser, to its session, and once.

`state` is in the address, so whoever sees the address has it. The cookie says that this browser began that
login, the application's session whose it is, and the engine finishes each once (security.md C3).
"""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tokenflow.core.errors import PayloadError, PromptPending, Refused, TokenflowError
from tokenflow.web.answering import is_told, note, page, status_of
from tokenflow.web.cookies import forget_login, login_of, remember_login
from tokenflow.web.guarding import query_of
from tokenflow.web.returning import is_local
from tokenflow.web.sites import Site

_SEE_OTHER: Final = 303
"""RFC 9110 §15.4.4: go there with GET, whatever this was."""


async def begin(site: Site, request: Request) -> Response:
    """Begin a login on the platform in the path, and send the browser to the issuer."""
    return_to = request.query_params.get("return_to", "/")
    try:
        if not is_local(return_to):
            raise Refused("bad_request", "return_to leads off this site")
        platform = request.path_params["platform"]
        if platform not in site.logins:
            raise Refused("not_here", "no such platform is offered here")
        key = await site.key(request)
        try:
            await site.engine.acquire(
                key, lifecycle=site.lifecycle, platform=platform, scope=list(site.scope)
            )
        except PromptPending as pending:
            return _sent(site, pending, return_to)
    except TokenflowError as error:
        note(error, "login")
        return page(error.code, status_of(error))
    return _back(site, return_to)


def _sent(site: Site, pending: PromptPending, return_to: str) -> Response:
    """Return the way to the issuer; raises Refused for a login that does not come back here."""
    asked = parse_qs(urlsplit(pending.url).query)
    if asked.get("redirect_uri") != [site.redirect_uri] or "state" not in asked:
        raise Refused(
            "not_here",
            f"the login would not come back to {site.redirect_uri}",
            mend="register that address at the issuer, and name it: `client: {redirect_uri: ...}`",
        )
    response = RedirectResponse(pending.url, _SEE_OTHER)
    remember_login(site, response, asked["state"][0], return_to)
    return response


async def finish(site: Site, request: Request) -> Response:
    """Finish the login that the browser comes back from, and send it on to an address that tells nothing."""
    try:
        params = query_of(request)
        return_to = login_of(site, request, params.get("state", ""))
        if return_to is None:
            raise PayloadError("forged", "the answer is not to a login that this browser began")
        await site.engine.answer(await site.key(request), params)
    except TokenflowError as error:
        note(error, "callback")
        code = error.code if is_told(error.code) else "failed"
        response = RedirectResponse(f"{site.public_url}/problem/{code}#", _SEE_OTHER)
    else:
        response = _back(site, return_to)
    forget_login(site, response)
    return response


def _back(site: Site, return_to: str) -> RedirectResponse:
    """Return the way on; the empty fragment takes the place of one that came along (RFC 9700 §4.1)."""
    return RedirectResponse(f"{site.origin}{return_to}#", _SEE_OTHER)


async def problem(site: Site, request: Request) -> Response:
    """Tell the person in one sentence why there was no login."""
    return page(request.path_params["code"], 400)
