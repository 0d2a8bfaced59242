"""The routes, and what stands around them."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp

from tokenflow.web import callbacks, handing, logins
from tokenflow.web.guarding import guarded
from tokenflow.web.sites import Site

Answer: TypeAlias = Callable[[Site, Request], Awaitable[Response]]


def routed(site: Site) -> ASGIApp:
    """Return the application of *site*."""
    routes: list[BaseRoute] = [
        _route("/login/{platform}", "GET", logins.begin, site),
        _route("/callback", "GET", logins.finish, site),
        _route("/problem/{code}", "GET", logins.problem, site),
        _route("/invitations", "POST", handing.invite, site),
        _route("/hand-off", "POST", handing.hand_off, site),
        _route("/tickets", "POST", handing.redeem, site),
        _route("/callbacks/{issuer}/{callback}", "POST", callbacks.receive, site),
    ]
    if site.script is not None:
        routes.append(_route("/tokenflow.js", "GET", _script, site))
    return guarded(Router(routes, redirect_slashes=False))


def _route(path: str, method: str, answer: Answer, site: Site) -> Route:
    return Route(path, partial(answer, site), methods=[method])


async def _script(site: Site, request: Request) -> Response:
    """Serve the page's own script."""
    return Response(site.script, media_type="text/javascript")
