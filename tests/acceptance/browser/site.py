"""The application a browser comes to: one page, the web room, and an engine over SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tokenflow import Engine, Secret, TokenNotFound
from tokenflow.engine.keys import write_key_file
from tokenflow.sandbox import AdminClient, Running, Sandbox, serve
from tokenflow.sandbox.server import hosted
from tokenflow.web import application
from tokenflow_javascript.page import page_script

APP: Final = "1234567890"
OTHER: Final = "1234567891"
"""An app of somebody else."""
ADA, BOB = "100", "200"
KEY: Final = "ada"
"""Whose token it is, at the application."""
SDK: Final = "https://connect.facebook.net"
PAGE: Final = Path(__file__).with_name("page.html").read_text("utf-8")


@frozen
class Site:
    """The application, and the authority its people log in at."""

    url: str
    running: Running
    admin: AdminClient
    engine: Engine

    def state(self) -> str | None:
        """Return how the token stands on the server; None when there is none."""
        try:
            return self.engine.explain(KEY).token.state
        except TokenNotFound:
            return None

    def access_token(self) -> str:
        """Return the token that the server would use."""
        return self.engine.token(KEY).secret.reveal()


@contextmanager
def opened(folder: Path, authority: str = "127.0.0.1", text: str = PAGE) -> Iterator[Site]:
    """Serve an authority and an application, the page *text*, its store in *folder*, while the block lasts.

    *authority* is the host the browser knows the authority by. By the name `localhost` it is another site
    than the application, and Chromium then keeps its cookie to itself.
    """
    with serve(Sandbox(app_id=APP, real_time=True)) as running:
        admin = AdminClient(running.url, running.admin_token)
        admin.person(ADA, "Ada Lovelace")
        admin.person(BOB, "Bob Weaver")
        admin.app(app_id=OTHER, app_secret="another-secret", client_token="another-token")
        admin.change_app(APP, name="Looms and Engines")
        stage: list[ASGIApp] = []

        # Its address is known once it listens, and both the engine and the web room want to be told.
        async def whole(scope: Scope, receive: Receive, send: Send) -> None:
            await stage[0](scope, receive, send)

        with hosted(whole) as url, _engine(folder, running, url) as engine:
            stage.append(_application(engine, url, page(text, running.url.replace("127.0.0.1", authority))))
            yield Site(url, running, admin, engine)


def _engine(folder: Path, running: Running, url: str) -> Engine:
    return Engine.open(
        ["facebook-user"],
        f"sqlite:{folder / 'tokens.db'}",
        key=f"file:{write_key_file(folder / 'tokens.key')}",
        issuer=running.url,
        client_ids={"facebook": APP},
        redirect_uri=f"{url}/callback",
        secrets={"env:FB_APP_SECRET": Secret(running.app_secret)},
        trust_cache=0.0,
    )


def page(text: str, authority: str) -> str:
    """Return the page *text* with *authority*'s SDK in place of Facebook's."""
    assert SDK in text
    assert APP in text
    return text.replace(SDK, authority)


def _application(engine: Engine, url: str, page: str) -> ASGIApp:
    async def home(request: Request) -> Response:
        response = HTMLResponse(page)
        response.set_cookie("session", KEY, httponly=True, samesite="lax")
        return response

    async def by_cookie(request: Request) -> Response:
        """Log in by the SDK's cookie alone, with no script of ours."""
        header = request.headers["cookie"]
        token = await run_in_threadpool(
            lambda: engine.acquire(
                KEY, lifecycle="facebook-user", platform="javascript_cookie", payload=header
            )
        )
        return JSONResponse({"state": token.state, "user_id": token.attributes["user_id"]})

    room = application(
        engine, public_url=url, key_of=_key_of, lifecycle="facebook-user", script=page_script()
    )
    return Starlette(routes=[Route("/", home), Route("/by-cookie", by_cookie), Mount("/", room)])


def _key_of(request: Request) -> str | None:
    return request.cookies.get("session")
