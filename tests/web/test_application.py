"""An application of the web room: where it may be, what it is mounted in, and which engine it is over."""

import asyncio
import sys
from collections.abc import Callable, Iterator

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp

from tests.engine.ground import ADA, Ground
from tests.web.ground import SITE, Web, key_of, opened, web_of
from tokenflow import Engine, MissingExtra, Refused
from tokenflow.web import application


@pytest.fixture(scope="module")
def idle() -> Iterator[Engine]:
    """An engine that nobody asks for anything."""
    how = {"client_ids": {"facebook": "1"}, "redirect_uri": f"{SITE}/callback"}
    with Engine.open(["facebook-client"], **how) as engine:
        yield engine


def fastapi(inner: ASGIApp) -> ASGIApp:
    """Mount it in a FastAPI application."""
    outer = FastAPI()
    outer.mount("/tokens", inner)
    return outer


def starlette(inner: ASGIApp) -> ASGIApp:
    """Mount it in a Starlette application, in a mount of a mount."""
    return Starlette(routes=[Mount("/tokens", app=inner)])


async def logs_in_and_hands_off(web: Web) -> None:
    """Log Ada in by the redirect, then hand her browser's login off."""
    browser = web.browser()
    back = await browser.back(web.ground.approve(await browser.begin("/account")))
    origin = browser.headers["origin"]
    assert back.headers["location"] == f"{origin}/account#"
    taken = await browser.hand_off(web.ground.payload("javascript"))
    assert taken.json()["state"] == "issued"
    refused = await browser.get("/callback", params={"state": "x"})
    assert refused.headers["location"] == f"{web.url}/problem/forged#"
    assert (await browser.get("/problem/forged")).status_code == 400


@pytest.mark.parametrize("mounted", [fastapi, starlette])
def test_mounted_in_another_application(ground: Ground, mounted: Callable[[ASGIApp], ASGIApp]) -> None:
    """Below a path, with every address below it; the cookies are for the whole host, as `__Host-` has it."""
    url = f"{SITE}/tokens"
    with opened(ground, url) as engine:
        web = web_of(ground, engine, url)
        whole = Web(ground, engine, mounted(web.app), url)
        assert whole.browser().headers["origin"] == SITE
        asyncio.run(logs_in_and_hands_off(whole))
        assert engine.explain("ada").token.attributes["user_id"] == ADA


def test_over_an_async_engine(ground: Ground) -> None:
    """Its verbs are awaited where the application runs."""
    ground.admin.change_app("111", redirect_uris=[f"{SITE}/callback"])

    async def play() -> None:
        async with await ground.aopen(redirect_uri=f"{SITE}/callback") as engine:
            app = application(engine, public_url=SITE, key_of=key_of, lifecycle="facebook-user")
            await logs_in_and_hands_off(Web(ground, Engine(engine.desk), app))

    asyncio.run(play())


def test_whose_it_is_may_be_awaited(ground: Ground) -> None:
    """The application looks its session up as it likes."""

    async def looked_up(request: Request) -> str | None:
        await asyncio.sleep(0)
        return key_of(request)

    with opened(ground) as engine:
        asyncio.run(logs_in_and_hands_off(web_of(ground, engine, key_of=looked_up)))


def test_on_plain_loopback_the_cookies_have_bare_names(ground: Ground) -> None:
    """A browser takes `__Host-` over TLS only; everything else is the same."""
    url = "http://127.0.0.1:8000"
    with opened(ground, url) as engine:
        web = web_of(ground, engine, url)
        asyncio.run(logs_in_and_hands_off(web))

        async def cookie() -> str:
            return str((await web.browser().post("/invitations")).headers["set-cookie"])

        assert asyncio.run(cookie()).startswith("tokenflow-page=")
        assert "Secure" not in asyncio.run(cookie())
        assert "SameSite=strict" in asyncio.run(cookie())


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://app.example", "transport_not_allowed"),
        ("http://localhost:8000", "transport_not_allowed"),
        ("http://127.0.0.1.evil.example", "transport_not_allowed"),
        ("http://127.0.0.1@evil.example", "transport_not_allowed"),
        ("http://127.1", "transport_not_allowed"),
        ("ws://app.example", "transport_not_allowed"),
        ("//app.example", "transport_not_allowed"),
        ("https://App.example", "bad_audience"),
        ("https://app.example:443", "bad_audience"),
        ("https://user@app.example", "bad_audience"),
        ("https://app.example?x=1", "bad_audience"),
        ("https://app.example/a?x=1", "bad_public_url"),
        ("https://app.example/a#x", "bad_public_url"),
        ("https://app.example//a", "bad_public_url"),
        ("app.example", "bad_public_url"),
        ("", "bad_public_url"),
    ],
)
def test_where_an_application_cannot_be(idle: Engine, url: str, code: str) -> None:
    """Plain HTTP beyond a loopback address, and what is no address as a browser writes it."""
    with pytest.raises(Refused) as caught:
        application(idle, public_url=url, key_of=key_of, lifecycle="facebook-client")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "url", ["https://app.example/", "https://app.example/a/b-c", "https://[::1]:8443", "http://[::1]:80"]
)
def test_where_an_application_can_be(idle: Engine, url: str) -> None:
    """With a path, on a port, on loopback."""
    assert callable(application(idle, public_url=url, key_of=key_of, lifecycle="facebook-client"))


def test_without_its_extra_it_says_what_to_install(idle: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the making of an application needs it."""
    for name in list(sys.modules):
        if name.startswith("tokenflow.web."):
            monkeypatch.delitem(sys.modules, name)
        elif name.partition(".")[0] == "starlette":
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"tokenflow-engine\[web\]"):
        application(idle, public_url=SITE, key_of=key_of, lifecycle="facebook-client")


def test_a_page_of_another_site_reads_nothing(web: Web) -> None:
    """No answer but a ticket's opens itself to another origin."""

    async def play() -> httpx2.Response:
        return await web.browser(origin="https://evil.example").post("/invitations")

    assert "access-control-allow-origin" not in asyncio.run(play()).headers
