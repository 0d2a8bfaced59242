"""What issuers send by themselves, over the web: taken once, answered as they want it, shown to nobody."""

import asyncio
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.engine.ground import ADA, APP_SECRET, NOW
from tests.web.ground import SITE, Web
from tokenflow import SECOND, Secret, sign_request


def signed(user: str = ADA, secret: str = APP_SECRET) -> dict[str, str]:
    """The form with which Facebook says something of a person."""
    return {"signed_request": sign_request({"user_id": user, "issued_at": NOW // SECOND}, Secret(secret))}


async def posted(web: Web, callback: str, issuer: str = "facebook", **more: object) -> httpx2.Response:
    """What an issuer's server is answered; it is no browser, and has no session."""
    browser = web.browser(None)
    del browser.headers["origin"]
    return await browser.post(f"/callbacks/{issuer}/{callback}", **more)


def test_a_person_removes_the_app(web: Web) -> None:
    """Their token is over; the same message again changes nothing, and is answered as it was."""

    async def play() -> None:
        web.ground.facebook(web.engine, "ada")
        first, again = [await posted(web, "deauthorize", data=signed()) for _ in range(2)]
        assert (first.status_code, first.text) == (again.status_code, again.text) == (200, "")
        assert not web.engine.explain("ada").usable

    asyncio.run(play())


@pytest.mark.parametrize(
    ("issuer", "callback", "form", "status", "code"),
    [
        ("facebook", "deauthorize", signed(secret="guessed"), 400, "forged"),
        ("facebook", "deauthorize", {}, 400, "malformed"),
        ("facebook", "unheard-of", signed(), 404, "unknown_callback"),
        ("nobody", "deauthorize", signed(), 404, "unknown_callback"),
        ("%2e%2e", "deauthorize", signed(), 404, "unknown_callback"),
    ],
)
def test_what_the_issuer_did_not_send_is_refused(
    web: Web, issuer: str, callback: str, form: dict[str, str], status: int, code: str
) -> None:
    """The answer says why in a word, and the token lives on."""
    web.ground.facebook(web.engine, "ada")
    answer = asyncio.run(posted(web, callback, issuer, data=form))
    assert (answer.status_code, answer.json()) == (status, {"error": code})
    assert web.engine.explain("ada").usable


def test_a_person_has_their_data_deleted_and_looks_it_up(web: Web) -> None:
    """The answer names our own page and a code, whatever host was called; the page says what became of it."""

    async def play() -> None:
        web.ground.facebook(web.engine, "ada")
        answer = await posted(web, "data_deletion", data=signed(), headers={"host": "evil.example"})
        told = answer.json()
        assert told["url"] == f"{SITE}/callbacks/facebook/data_deletion?code={told['confirmation_code']}"
        parts = urlsplit(told["url"])
        anyone = web.browser(None)
        page = await anyone.get(f"{parts.path}?{parts.query}")
        assert (page.status_code, "no access to your account" in page.text) == (200, True)
        assert ADA not in page.text
        other = await anyone.get(f"{parts.path}?code={'0' * 40}")
        assert (other.status_code, "No deletion" in other.text) == (404, True)
        twice = await anyone.get(f"{parts.path}?{parts.query}&{parts.query}")
        assert (twice.status_code, twice.json()) == (400, {"error": "malformed"})

    asyncio.run(play())
