"""One world a test; one server for all of them, since a port costs more than a world."""

from collections.abc import Iterator

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.sandbox.ground import ADA, APP, BOB, CALLBACK, CLIENT_TOKEN, ENGINES, LOOMS, NOW, SECRET, Ground
from tokenflow.sandbox import AdminClient, Running, Sandbox
from tokenflow.sandbox.application import application
from tokenflow.sandbox.server import hosted
from tokenflow.sandbox.world import Page, Person, World


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


@pytest.fixture(scope="session")
def http() -> Iterator[httpx2.Client]:
    """The one client: making one reads every certificate of the machine."""
    with httpx2.Client(trust_env=False) as client:
        yield client


@pytest.fixture
def ground(stage: Stage, http: httpx2.Client) -> Ground:
    """A sandbox where Ada runs both pages and Bob writes on one."""
    settings = Sandbox(
        app_id=APP, app_secret=SECRET, client_token=CLIENT_TOKEN, redirect_uris=(CALLBACK,), now=NOW
    )
    state = settings.state()
    people(state.world)
    stage.playing = application(state)
    running = Running(
        url=stage.url,
        app_id=APP,
        admin_token=settings.admin_token,
        app_secret=SECRET,
        client_token=CLIENT_TOKEN,
        state=state,
    )
    return Ground(running, AdminClient(running.url, running.admin_token), http)


def people(world: World) -> None:
    """Put the people, their pages and their roles into *world*."""
    world.people |= {
        ADA: Person(id=ADA, name="Ada Lovelace"),
        BOB: Person(id=BOB, name="Bob Weaver"),
    }
    world.pages |= {
        ENGINES: Page(id=ENGINES, name="Engines", category="Product/service"),
        LOOMS: Page(id=LOOMS, name="Looms", category="Textile"),
    }
    world.roles |= {
        (ENGINES, ADA): ("ADMINISTER", "CREATE_CONTENT", "BASIC_ADMIN"),
        (LOOMS, ADA): ("BASIC_ADMIN",),
        (ENGINES, BOB): ("CREATE_CONTENT", "BASIC_ADMIN"),
    }
