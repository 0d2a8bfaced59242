"""The routes, and what stands around them."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from tokenflow.core import news
from tokenflow.web import callbacks, handing, logins, redeeming
from tokenflow.web.guarding import bounded, guarded
from tokenflow.web.sites import Site

LARGEST: Final = 64 * 1024
"""Bytes of a body from a browser or another server."""

Answer: TypeAlias = Callable[[Site, Request], Awaitable[Response]]


def routed(site: Site) -> ASGIApp:
    """Return the application of *site*."""
    routes = [
        _route(site, "GET", "/login/{platform}", logins.begin),
        _route(site, "GET", "/callback", logins.finish),
        _route(site, "GET", "/problem/{code}", logins.problem),
        _route(site, "POST", "/invitations", handing.invite),
        _route(site, "POST", "/hand-off", handing.hand_off),
        _route(site, "POST", "/tickets", redeeming.redeem),
        _route(site, "GET", "/callbacks/{issuer}/{callback}", callbacks.asked),
        _route(site, "POST", "/callbacks/{issuer}/{callback}", callbacks.told, news.LARGEST),
    ]
    if site.script is not None:
        routes.append(_route(site, "GET", "/tokenflow.js", _script))
    return guarded(Router(routes, redirect_slashes=False))


def _route(site: Site, method: str, path: str, answer: Answer, largest: int = LARGEST) -> Route:
    route = Route(path, bounded(partial(answer, site), largest), methods=[method])
    # A GET that begins or ends something is not to be tried with HEAD.
    route.methods = {method}
    return route


async def _script(site: Site, request: Request) -> Response:
    """Serve the page's own script."""
    return Response(site.script, media_type="text/javascript")
