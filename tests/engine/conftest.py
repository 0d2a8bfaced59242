"""One world a test; one server for all of them, since a port costs more than a world."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.engine.ground import ADA, APP, APP_SECRET, BOB, CALLBACK, CLIENT, CLIENT_SECRET, NOW, Ground
from tokenflow import VirtualClock
from tokenflow.engine import opening
from tokenflow.sandbox import AdminClient, Running, Sandbox
from tokenflow.sandbox.application import application
from tokenflow.sandbox.server import hosted
from tokenflow.spec import Document, load

_READ: dict[str, Document] = {}


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


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read each shipped spec once for all tests: reading is tested elsewhere, and takes its time."""

    def remembered(spec: Any, **names: Any) -> Document:
        if not isinstance(spec, str) or "/" in spec:
            return load(spec, **names)
        if spec not in _READ:
            _READ[spec] = load(spec, **names)
        return _READ[spec]

    monkeypatch.setattr(opening, "load", remembered)


@pytest.fixture
def ground(stage: Stage, tmp_path: Path) -> Ground:
    """A sandbox where Ada and Bob have accounts, with one client of the OAuth face."""
    settings = Sandbox(app_id=APP, app_secret=APP_SECRET, redirect_uris=(CALLBACK,), now=NOW)
    state = settings.state()
    stage.playing = application(state)
    running = Running(
        url=stage.url,
        app_id=APP,
        admin_token=settings.admin_token,
        app_secret=APP_SECRET,
        client_token=settings.client_token,
        state=state,
    )
    admin = AdminClient(running.url, running.admin_token)
    admin.person(ADA, "Ada Lovelace")
    admin.person(BOB, "Bob Weaver")
    admin.client(CLIENT, client_secret=CLIENT_SECRET, redirect_uris=[CALLBACK])
    return Ground(running, admin, VirtualClock(NOW), tmp_path)
