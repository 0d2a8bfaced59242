"""POST /tickets: whoever shows a ticket where it was made for gets what it is good for, once."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.engine.ground import Ground
from tests.web.ground import Web, opened, web_of

PHONE = "https://phone.example"


async def show(web: Web, origin: str | None = PHONE, **form: str) -> httpx2.Response:
    """Show a ticket as whoever stands at *origin*."""
    browser = web.browser(None)
    del browser.headers["origin"]
    headers = {} if origin is None else {"origin": origin}
    return await browser.post("/tickets", data=form, headers=headers)


def ticket(web: Web, to: str = "client") -> str:
    """A ticket for Ada's token."""
    return web.engine.hand_over("ada", to=to, audience=PHONE).value.reveal()


@pytest.fixture
def held(web: Web) -> Web:
    """An application that holds Ada's token."""
    web.ground.facebook(web.engine, "ada")
    return web


def test_a_ticket_is_good_once(held: Web) -> None:
    """The token is in the body of an answer that only that origin may read."""

    async def play() -> None:
        one = ticket(held)
        answer = await show(held, ticket=one)
        token = held.engine.token("ada").secret.reveal()
        assert answer.json()["access_token"] == token
        assert (answer.json()["issuer"], answer.json()["kind"]) == ("facebook", "user")
        assert answer.headers["access-control-allow-origin"] == PHONE
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["cache-control"] == "no-store"
        again = await show(held, ticket=one)
        assert (again.status_code, again.json()) == (400, {"error": "ticket_refused"})

    asyncio.run(play())


@pytest.mark.parametrize(
    ("origin", "form"),
    [
        ("https://evil.example", {}),
        ("null", {}),
        (None, {}),
        (None, {"audience": PHONE}),
        (PHONE, {"audience": "https://evil.example"}),
        ("https://evil.example", {"audience": PHONE}),
    ],
)
def test_shown_anywhere_else_it_is_spent(held: Web, origin: str | None, form: dict[str, str]) -> None:
    """Another origin, none, or a form that says another than the browser does."""

    async def play() -> None:
        one = ticket(held)
        answer = await show(held, origin, ticket=one, **form)
        assert (answer.status_code, answer.json()) == (400, {"error": "ticket_refused"})
        assert (await show(held, ticket=one)).status_code == 400

    asyncio.run(play())


@pytest.mark.proves("I")
def test_every_no_is_the_same(held: Web) -> None:
    """Unknown, too old, of a token that is over, none at all, or a file: from outside they are one."""

    async def play() -> None:
        told: list[Any] = [await show(held, ticket="x"), await show(held)]
        old = ticket(held)
        held.ground.pass_time(60)
        told.append(await show(held, ticket=old))
        dead = ticket(held)
        held.engine.invalidate("ada")
        told.append(await show(held, ticket=dead))
        assert {(one.status_code, one.text, one.headers.get("vary")) for one in told} == {
            (400, '{"error":"ticket_refused"}', "Origin")
        }

    asyncio.run(play())


def test_a_store_that_is_out_of_reach_is_no_no(ground: Ground) -> None:
    """The ticket may still be good: come back later."""
    with opened(ground) as engine:
        web = web_of(ground, engine)
    answer = asyncio.run(show(web, ticket="x"))
    assert (answer.status_code, answer.json()) == (503, {"error": "unavailable"})


def test_one_of_many_at_once_is_given_it(held: Web) -> None:
    """64 at once: one token."""

    async def play() -> None:
        one = ticket(held)
        answers = await asyncio.gather(*(show(held, ticket=one) for _ in range(64)))
        assert sorted(answer.status_code for answer in answers) == [200, *[400] * 63]

    asyncio.run(play())
