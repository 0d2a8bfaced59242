"""A page hands its login off to the server: invited, once, from our own origin, and verified."""

import asyncio
import json
from typing import Any

import pytest

from tests.engine.ground import ADA, APP, BOB, DAY, Ground
from tests.web.ground import Browser, Web, bogus, opened, web_of

COOKIE = "__Host-tokenflow-page"


def said(status: str) -> str:
    """What the SDK says when there is no login."""
    return json.dumps({"status": status, "authResponse": None})


async def refused(browser: Browser, payload: Any, status: int = 403, **more: Any) -> str:
    """Hand off what is not taken; return why."""
    answer = await browser.hand_off(payload, **more)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    return str(answer.json()["error"])


def test_a_login_is_handed_off_and_kept(web: Web) -> None:
    """The issuer vouches for it; the answer says how the token stands, and nothing of what it is."""

    async def play() -> None:
        payload = web.ground.payload("javascript")
        answer = await web.browser().hand_off(payload)
        assert answer.json() == {
            "status": "connected",
            "state": "issued",
            "usable": True,
            "scope": ["email", "manage_pages", "public_profile"],
            "expires_in": 5400,
        }
        assert web.ground.calls("/debug_token") == 1
        token = web.engine.explain("ada").token
        assert (token.attributes["user_id"], token.handed_by) == (ADA, "https://app.example")

    asyncio.run(play())


def test_a_page_that_is_loaded_again_takes_nothing_away(web: Web) -> None:
    """It says the same login again, and the longer-lived token that the server made of it stays."""

    async def play() -> None:
        browser, payload = web.browser(), web.ground.payload("javascript")
        await browser.hand_off(payload)
        web.engine.extend("ada")
        answer = (await browser.hand_off(payload)).json()
        assert (answer["state"], answer["expires_in"]) == ("extended", 60 * DAY)
        assert (await browser.hand_off(web.ground.payload("javascript"))).json()["state"] == "issued"

    asyncio.run(play())


@pytest.mark.parametrize("status", ["unknown", "not_authorized", "authorization_expired"])
def test_a_page_s_word_ends_no_token(web: Web, status: str) -> None:
    """Nobody is logged in there: the issuer is asked about the token here, and it lives on, or is over."""

    async def play() -> None:
        browser = web.browser()
        await browser.hand_off(web.ground.payload("javascript"))
        alive = await browser.hand_off(said(status))
        assert (alive.status_code, alive.json()["usable"]) == (200, True)
        web.ground.admin.password(ADA)
        assert web.engine.explain("ada").usable, "nobody has told the engine"
        over = await browser.hand_off(said(status))
        assert (over.json()["usable"], over.json()["state"]) == (False, "invalidated")

    asyncio.run(play())


def test_where_there_is_no_token_it_says_so(web: Web) -> None:
    """A page that knows of no login, before there ever was one."""
    answer = asyncio.run(web.browser().hand_off(said("unknown")))
    assert answer.json() == {"status": "unknown", "state": None, "usable": False}


@pytest.mark.parametrize(
    "origin",
    ["", "null", "https://evil.example", "http://app.example", "https://app.example:8443",
     "https://app.example.evil.example", "https://sub.app.example", "https://app.example/", "HTTPS://app.example"],
)  # fmt: skip
def test_only_our_own_page_is_heard(web: Web, origin: str) -> None:
    """Neither invited nor taken; and the ticket of our own page is still good."""

    async def play() -> None:
        browser, payload = web.browser(), web.ground.payload("javascript")
        ticket = await browser.ticket()
        assert await refused(browser, payload, ticket=ticket, origin=origin) == "foreign_origin"
        asked = await browser.post("/invitations", headers={"origin": origin})
        assert (asked.status_code, "set-cookie" in asked.headers) == (403, False)
        assert (await browser.hand_off(payload, ticket)).status_code == 200

    asyncio.run(play())


def test_a_request_without_an_origin_is_none_of_a_browser_s(web: Web) -> None:
    """It is refused as any foreign one."""
    browser = web.browser()
    del browser.headers["origin"]
    assert asyncio.run(refused(browser, web.ground.payload("javascript"), ticket="x")) == "foreign_origin"


def test_each_way_to_use_a_ticket_that_is_not_one_s_own_is_refused(web: Web) -> None:
    """Missing, cut, turned, another browser's, another session's, one too old, one used: nothing is kept."""

    async def play() -> None:
        payload = web.ground.payload("javascript")
        browser, other, bobs = web.browser(), web.browser(), web.browser("bob")
        for ticket in bogus(await browser.ticket()):
            assert await refused(browser, payload, ticket=ticket) == "ticket_refused"
        for thief in (other, bobs):
            await thief.ticket()
            assert await refused(thief, payload, ticket=await browser.ticket()) == "ticket_refused"
        bobs.cookies[COOKIE] = browser.cookies[COOKIE]
        assert await refused(bobs, payload, ticket=await browser.ticket()) == "ticket_refused"
        for value in ("", "x", browser.cookies[COOKIE][:-1]):
            bare = Browser(web, browser.headers, {COOKIE: value} if value else {})
            assert await refused(bare, payload, ticket=await browser.ticket()) == "ticket_refused"
        old = await browser.ticket()
        web.ground.pass_time(60)
        assert await refused(browser, payload, ticket=old) == "ticket_refused"
        assert web.engine.keys() == []
        good = await browser.ticket()
        assert (await browser.hand_off(payload, good)).status_code == 200
        assert await refused(browser, web.ground.payload("javascript"), ticket=good) == "ticket_refused"

    asyncio.run(play())


def test_one_of_many_at_once_is_let_in(web: Web) -> None:
    """A hand-off, sent many times at once with one ticket: one is taken (security.md D3)."""

    async def play() -> None:
        browser, payload = web.browser(), web.ground.payload("javascript")
        ticket = await browser.ticket()
        twins = [Browser(web, browser.headers, dict(browser.cookies)) for _ in range(64)]
        answers = await asyncio.gather(*(twin.hand_off(payload, ticket) for twin in twins))
        assert sorted(answer.status_code for answer in answers) == [200, *[403] * 63]

    asyncio.run(play())


def test_nobody_s_session_is_not_invited(web: Web) -> None:
    """Whoever is not signed in at the application has no key to hand a token off to."""

    async def play() -> None:
        nobody = web.browser(None)
        assert (await nobody.post("/invitations")).status_code == 401
        assert await refused(nobody, said("unknown"), 401, ticket="x") == "no_session"

    asyncio.run(play())


@pytest.mark.proves("D1")
def test_another_app_s_token_is_refused(ground: Ground) -> None:
    """It is good, and for somebody else: the issuer says so, and nothing is kept."""
    clients = {"facebook": "999", "sandbox-oauth2": "shop"}
    with opened(ground, client_ids=clients) as engine:
        web = web_of(ground, engine)
        answer = asyncio.run(web.browser().hand_off(ground.payload("javascript")))
        assert answer.status_code in (400, 502)
        assert engine.keys() == []
    assert APP != "999"


@pytest.mark.proves("D2")
def test_another_person_s_login_takes_no_one_s_place(web: Web) -> None:
    """A key is bound to the person of its first login."""

    async def play() -> None:
        browser = web.browser()
        await browser.hand_off(web.ground.payload("javascript"))
        assert await refused(browser, web.ground.payload("javascript", BOB)) == "other_identity"
        assert web.engine.explain("ada").token.attributes["user_id"] == ADA

    asyncio.run(play())


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b"[" * 5_000, "application/json"),
        (b'{"status": "connected", "authResponse": null}', "application/json"),
        (b'{"status": "connected", "authResponse": [1]}', "application/json"),
        (b'{"status": 7}', "application/json"),
        (said("unknown").encode(), "text/plain"),
        (said("unknown").encode(), "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_login_s_answer_is_refused(web: Web, body: bytes, kind: str) -> None:
    """Not JSON, not declared so (a form of another site could send it), or not what an SDK says."""

    async def play() -> None:
        assert await refused(web.browser(), body, 400, **{"content-type": kind}) == "malformed"
        assert web.engine.keys() == []

    asyncio.run(play())
