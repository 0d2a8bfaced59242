"""docs/how-to/receive-from-the-web.md, run as it stands."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from starlette.routing import Route

from tests.engine.ground import ADA, Ground
from tests.house import ROOT
from tests.house.documents import blocks
from tests.web.ground import Web
from tokenflow import Engine
from tokenflow.web.routes import routed
from tokenflow.web.sites import Site

PAGE: Final = ROOT / "docs" / "how-to" / "receive-from-the-web.md"
URL: Final = "https://app.example/tokens"


def written(language: str) -> list[str]:
    """The page's blocks in one language, in order."""
    return [code for info, code in blocks(PAGE) if info == language]


@pytest.fixture
def told(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the page's program has made, its engine on this test's issuer."""
    ground.admin.change_app("111", redirect_uris=[f"{URL}/callback"])
    real: Any = Engine.open
    options = ground.options(redirect_uri=f"{URL}/callback")
    monkeypatch.setattr(Engine, "open", lambda specs, _: real(specs, "memory", **options))
    told: dict[str, Any] = {"PAGE": "".join(written("html"))}
    exec(compile(written("python")[0], str(PAGE), "exec"), told)  # the page's own
    with told["engine"]:
        yield told


def test_its_program_logs_in_and_takes_what_a_page_hands_off(ground: Ground, told: dict[str, Any]) -> None:
    """By the page's own link and script addresses, and the answer has the fields that the page shows."""
    home = Web(ground, told["engine"], told["app"], "https://app.example").browser(**{"x-demo-user": "ada"})

    async def play() -> None:
        page = (await home.get("/")).text
        (link,) = re.findall(r'href="([^"]+)"', page)
        sent = await home.get(link)
        back = await home.get("/tokens/callback", params=ground.approve(sent.headers["location"]))
        assert back.headers["location"] == "https://app.example/account#"
        assert told["engine"].explain("ada").token.attributes["user_id"] == ADA

        (script,) = re.findall(r'src="([^"]+)"', page)
        assert b"invitations" in (await home.get(script)).content
        places = dict(re.findall(r'(handOff|invitations): "([^"]+)"', page))
        ticket = (await home.post(places["invitations"])).json()["ticket"]
        answer = await home.post(
            places["handOff"],
            content=ground.payload("javascript"),
            headers={"content-type": "application/json", "tokenflow-ticket": ticket},
        )
        assert answer.json().keys() == json.loads(written("json")[0]).keys()

    asyncio.run(play())


def test_its_table_has_every_route(told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each route and its method, and none that is not there."""
    made: list[Route] = []

    def router(routes: list[Route], **how: Any) -> Any:
        made.extend(routes)

    monkeypatch.setattr("tokenflow.web.routes.Router", router)
    routed(
        Site(
            engine=told["engine"],
            public_url=URL,
            key_of=told["key_of"],
            lifecycle="facebook-user",
            logins=frozenset(),
            hand_off="javascript",
            script=b"",
        )
    )
    found = {f"{method} {route.path}" for route in made for method in route.methods or ()}
    shown = re.findall(r"^\| `((?:GET|POST) [^`]+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted(found)
