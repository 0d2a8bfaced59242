"""One world a test; one server for all of them, since a port costs more than a world."""

from collections.abc import Iterator

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.sandbox.ground import ADA, APP, BOB, CALLBACK, CLIENT_TOKEN, ENGINES, LOOMS, NOW, SECRET, Ground
from tokenflow.sandbox import AdminClient, Running, Sandbox
from tokenflow.sandbox.application import application
from tokenflow.sandbox.server import hosted


class Stage:
    """An ASGI application that is whatever the present test puts on it."""

    url: str
    playing: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.playing(scope, receive, send)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The one server."""
    stage = Stage()
    with hosted(stage) as url:
        stage.url = url
        yield stage


@pytest.fixture
def ground(stage: Stage) -> Iterator[Ground]:
    """A sandbox where Ada runs both pages and Bob writes on one."""
    settings = Sandbox(
        app_id=APP, app_secret=SECRET, client_token=CLIENT_TOKEN, redirect_uris=(CALLBACK,), now=NOW
    )
    state = settings.state()
    stage.playing = application(state)
    running = Running(
        url=stage.url,
        app_id=APP,
        admin_token=settings.admin_token,
        app_secret=SECRET,
        client_token=CLIENT_TOKEN,
        state=state,
    )
    with httpx2.Client(trust_env=False) as http:
        admin = AdminClient(running.url, running.admin_token)
        admin.person(ADA, "Ada Lovelace")
        admin.person(BOB, "Bob Weaver")
        admin.page(ENGINES, "Engines")
        admin.page(LOOMS, "Looms", "Textile")
        admin.role(ENGINES, ADA, ["ADMINISTER", "CREATE_CONTENT", "BASIC_ADMIN"])
        admin.role(LOOMS, ADA, ["BASIC_ADMIN"])
        admin.role(ENGINES, BOB, ["CREATE_CONTENT", "BASIC_ADMIN"])
        yield Ground(running, admin, http)
