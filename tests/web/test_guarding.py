"""Around every route: the headers, the bound, nothing believed of a request, nothing told of a failure."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.types import Message

from tests.engine.ground import Ground
from tests.web.ground import SCRIPT, SITE, Web, opened, web_of
from tokenflow import Secret
from tokenflow.web.guarding import HEADERS
from tokenflow.web.routes import LARGEST

ROUTES = [
    ("GET", "/login/web", 303),
    ("GET", "/login/nothing", 404),
    ("GET", "/callback?code=c&state=s", 303),
    ("GET", "/callback", 303),
    ("GET", "/problem/forged", 400),
    ("GET", "/problem/unheard-of", 400),
    ("POST", "/invitations", 200),
    ("POST", "/hand-off", 400),
    ("POST", "/tickets", 400),
    ("GET", "/callbacks/facebook/webhook", 400),
    ("GET", "/callbacks/facebook/data_deletion?code=x", 404),
    ("POST", "/callbacks/facebook/deauthorize", 400),
    ("POST", "/callbacks/nobody/deauthorize", 404),
    ("GET", "/tokenflow.js", 200),
    ("GET", "/", 404),
    ("GET", "/login/web/", 404),
    ("GET", "/hand-off", 405),
    ("DELETE", "/tickets", 405),
    ("HEAD", "/login/web", 405),
    ("HEAD", "/callback", 405),
    ("OPTIONS", "/hand-off", 405),
]


@pytest.fixture
def subscribed(ground: Ground) -> Iterator[Web]:
    """An application that knows the secret a webhook is set up with."""
    verify_token = {"env:FB_WEBHOOK_VERIFY_TOKEN": Secret("CANARY-verify-token")}
    with opened(ground, secrets={**ground.options()["secrets"], **verify_token}) as engine:
        yield web_of(ground, engine)


@pytest.mark.proves("B9", "C12")
def test_every_answer_has_the_headers(subscribed: Web) -> None:
    """Yes and no, pages and JSON, found and not: no store, no referrer, no frame, no content but its own."""

    async def play() -> None:
        for method, path, status in ROUTES:
            answer = await subscribed.browser().ask(method, path)
            assert answer.status_code == status, (method, path)
            found = {name: answer.headers.get_list(name) for name in HEADERS}
            assert found == {name: [value] for name, value in HEADERS.items()}, (method, path)

    asyncio.run(play())
    policy = HEADERS["content-security-policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert (HEADERS["cache-control"], HEADERS["referrer-policy"]) == ("no-store", "no-referrer")


def test_the_page_s_script_is_a_script(web: Web) -> None:
    """As it was given; without one there is no such route."""
    answer = asyncio.run(web.browser(None).get("/tokenflow.js"))
    assert (answer.content, answer.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    bare = web_of(web.ground, web.engine, script=None)
    assert asyncio.run(bare.browser(None).get("/tokenflow.js")).status_code == 404


@pytest.mark.parametrize("path", ["/hand-off", "/invitations", "/tickets"])
def test_a_body_has_a_bound(web: Web, path: str) -> None:
    """What is longer is not taken, whatever it says of its length."""

    async def play() -> None:
        def grown() -> Any:
            async def chunks() -> Any:
                for _ in range(LARGEST // 1024 + 1):
                    yield b"x" * 1024

            return chunks()

        for content in (b"x" * (LARGEST + 1), grown()):
            answer = await web.browser().post(path, content=content)
            assert (answer.status_code, answer.json()) == (413, {"error": "too_large"})
        assert (await web.browser().post(path, content=b"x" * LARGEST)).status_code != 413

    asyncio.run(play())


@pytest.mark.proves("H5")
def test_a_long_body_is_not_read_to_its_end(web: Web) -> None:
    """The bound is kept while it comes: no more is asked for."""
    asked = 0

    async def play() -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            nonlocal asked
            asked += 1
            return {"type": "http.request", "body": b"x" * 1024, "more_body": True}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/tickets", "query_string": b"", "headers": []}
        await web.app(scope, receive, send)
        return sent

    assert asyncio.run(play())[0]["status"] == 413
    assert asked == LARGEST // 1024 + 1


SPOOFED = {
    "host": "evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-prefix": "//evil.example",
    "x-original-url": "//evil.example",
    "forwarded": "for=127.0.0.1;host=evil.example;proto=http",
}


@pytest.mark.proves("C2")
def test_no_header_moves_the_site(web: Web) -> None:
    """Host and X-Forwarded-* change no address, no cookie's name and nobody's origin (security.md C2)."""

    async def play() -> None:
        browser = web.browser(**SPOOFED)
        answer = await browser.get("/login/web")
        assert "redirect_uri=https%3A%2F%2Fapp.example%2Fcallback" in answer.headers["location"]
        assert answer.headers["set-cookie"].startswith("__Host-")
        assert "Secure" in answer.headers["set-cookie"]
        back = await browser.back(web.ground.approve(answer.headers["location"]))
        assert back.headers["location"] == f"{SITE}/#"
        forged = await browser.back({"state": "s"})
        assert forged.headers["location"].startswith(f"{SITE}/problem/")
        foreign = await browser.post("/invitations", headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403

    asyncio.run(play())


def test_a_failure_tells_nothing(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """Of an application whose own code fails, the log has the kind, and the answer not even that."""

    def failing(request: object) -> str:
        raise RuntimeError("CANARY-session")

    caplog.set_level(logging.DEBUG)
    with opened(ground) as engine:
        answer = asyncio.run(web_of(ground, engine, key_of=failing).browser().get("/login/web"))
    assert (answer.status_code, answer.json()) == (500, {"error": "server_error"})
    assert "RuntimeError" in caplog.text
    assert "CANARY" not in caplog.text


def test_what_is_no_http_is_let_through_to_nothing(web: Web) -> None:
    """A web socket is closed; a server's start and stop are answered."""

    async def play(scope: dict[str, Any], said: list[Message]) -> list[str]:
        sent: list[str] = []

        async def receive() -> Message:
            return said.pop(0)

        async def send(message: Message) -> None:
            sent.append(message["type"])

        await web.app(scope, receive, send)
        return sent

    socket = {"type": "websocket", "path": "/hand-off", "headers": [], "query_string": b""}
    assert asyncio.run(play(socket, [{"type": "websocket.connect"}])) == ["websocket.close"]
    life: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    assert asyncio.run(play({"type": "lifespan"}, life)) == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_webhook_is_set_up(subscribed: Web) -> None:
    """The question is answered in plain text, which no browser takes for a page."""
    asked = {"hub.mode": "subscribe", "hub.challenge": "115", "hub.verify_token": "CANARY-verify-token"}

    async def play(web: Web) -> httpx2.Response:
        wrong = {**asked, "hub.verify_token": "guessed"}
        refused = await web.browser(None).get("/callbacks/facebook/webhook", params=wrong)
        assert (refused.status_code, refused.json()) == (400, {"error": "forged"})
        return await web.browser(None).get("/callbacks/facebook/webhook", params=asked)

    answer = asyncio.run(play(subscribed))
    assert (answer.status_code, answer.text) == (200, "115")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
