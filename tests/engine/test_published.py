"""Public documents: fetched seldom, kept for all, and never for ever (security.md D7)."""

import asyncio
from typing import Any

import pytest

from tests.engine.ground import HOUR, NOW, Ground
from tokenflow import (
    SECOND,
    Flow,
    IssuerRefused,
    IssuerUnreachable,
    Request,
    Response,
    VirtualClock,
    published,
)
from tokenflow.core.effects import Published
from tokenflow.engine.published import FRESH, LAST, MISSED, PAUSE, Publications

URL = "https://keys.example/jwks"


class Issuer:
    """Answers with what it holds, and counts how often it was asked."""

    def __init__(self) -> None:
        self.answers: list[Request] = []
        self.body: bytes | Exception = b'{"keys": []}'
        self.status = 200

    async def fetch(self, request: Request) -> Response:
        self.answers.append(request)
        await asyncio.sleep(0)
        if isinstance(self.body, Exception):
            raise self.body
        return Response(status=self.status, body=self.body)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture
def kept(clock: VirtualClock) -> Publications:
    return Publications(clock)


def ask(kept: Publications, issuer: Issuer, at_least: int | None = None) -> Any:
    """Ask on a loop of its own."""
    return asyncio.run(kept.read(Published(URL, at_least), issuer.fetch))


@pytest.mark.proves("D7")
def test_ten_thousand_unknown_keys_cost_one_fetch(
    kept: Publications, issuer: Issuer, clock: VirtualClock
) -> None:
    """D7: whoever names 10 000 keys that are not there has the document fetched once more."""

    async def flood() -> None:
        await kept.read(Published(URL), issuer.fetch)
        clock.advance(PAUSE)
        for _ in range(9_900):
            await kept.read(Published(URL, clock()), issuer.fetch)
        wanted = Published(URL, clock() + SECOND)
        await asyncio.gather(*(kept.read(wanted, issuer.fetch) for _ in range(100)))

    asyncio.run(flood())
    assert len(issuer.answers) == 2
    assert {(one.method, one.bearer, one.form) for one in issuer.answers} == {("GET", None, None)}


def test_many_who_ask_at_once_for_what_is_not_there_yet_cause_one_fetch(
    kept: Publications, issuer: Issuer
) -> None:
    """A cold start asks the issuer once."""

    async def crowd() -> None:
        await asyncio.gather(*(kept.read(Published(URL), issuer.fetch) for _ in range(50)))

    asyncio.run(crowd())
    assert len(issuer.answers) == 1


def test_a_new_key_is_found_five_minutes_after_the_last_look(
    kept: Publications, issuer: Issuer, clock: VirtualClock
) -> None:
    """A key that the issuer brought in is seen at the next fetch that is allowed, and not before."""
    ask(kept, issuer)
    issuer.body = b'{"keys": [{"kid": "new"}]}'
    clock.advance(PAUSE - 1)
    assert ask(kept, issuer, clock()) == {"keys": []}
    clock.advance(1)
    assert ask(kept, issuer) == {"keys": []}
    assert ask(kept, issuer, clock()) == {"keys": [{"kid": "new"}]}


def test_a_document_is_asked_for_anew_after_half_a_day(
    kept: Publications, issuer: Issuer, clock: VirtualClock
) -> None:
    """What nobody found too old is fetched again all the same, when it is next wanted."""
    ask(kept, issuer)
    clock.advance(FRESH - 1)
    ask(kept, issuer)
    assert len(issuer.answers) == 1
    clock.advance(1)
    ask(kept, issuer)
    assert len(issuer.answers) == 2


@pytest.mark.proves("D7")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, IssuerUnreachable("out", sent=False)),
        (500, b"<html>"),
        (200, b"[]"),
        (200, b"not json"),
        (302, b""),
        (200, b'{"error": "nothing here"}'),
    ],
)
def test_a_bad_answer_leaves_the_old_document_in_place_for_a_day(
    kept: Publications, issuer: Issuer, clock: VirtualClock, status: int, body: Any
) -> None:
    """Stale if error, asked for every five minutes at most; after a day the error is said."""
    ask(kept, issuer)
    issuer.status, issuer.body = status, body
    clock.advance(FRESH)
    assert [ask(kept, issuer, clock()) for _ in range(5)] == [{"keys": []}] * 5
    assert len(issuer.answers) == 2
    clock.advance(LAST - FRESH - 1)
    assert ask(kept, issuer) == {"keys": []}
    clock.advance(1)
    with pytest.raises(Exception) as said:
        ask(kept, issuer)
    assert not isinstance(said.value, AssertionError)


def test_what_was_never_there_is_an_error(kept: Publications, issuer: Issuer) -> None:
    """Without a document nothing is made up."""
    issuer.status, issuer.body = 404, b""
    with pytest.raises(IssuerRefused):
        ask(kept, issuer)


def test_a_wall_clock_that_is_set_back_does_not_open_the_gate(
    kept: Publications, issuer: Issuer, clock: VirtualClock
) -> None:
    """The pause is counted by the clock that nobody sets."""
    ask(kept, issuer)
    for step in range(20):
        clock.set_wall(NOW + (-1) ** step * HOUR * SECOND * step)
        ask(kept, issuer, clock() + SECOND)
    assert len(issuer.answers) == 1


def _reading(url: str) -> Flow[Any]:
    return (yield from published(url))


def test_sync_and_async_engines_read_the_sandbox_s_keys(ground: Ground) -> None:
    """The effect is answered by both engines; a second flow of either is answered from what is kept."""
    url = f"{ground.running.url}/.well-known/oauth/openid/jwks/"
    with ground.open() as engine:
        for _ in range(3):
            found = engine.desk.begin(engine.desk.alone("k", lambda: _reading(url), None)).result()
            assert found["keys"][0]["kty"] == "RSA"
    assert ground.calls("/.well-known/oauth/openid/jwks") == 1

    async def awaited() -> Any:
        async with await ground.aopen() as engine:
            asked = engine.desk.begin(engine.desk.alone("k", lambda: _reading(url), None))
            return await asyncio.wrap_future(asked)

    assert asyncio.run(awaited()) == found


def test_one_that_cannot_be_had_is_tried_once_in_ten_seconds(
    kept: Publications, issuer: Issuer, clock: VirtualClock
) -> None:
    """Whoever forges tokens while nothing is kept cannot have the issuer asked for each of them."""
    issuer.status = 503
    for _ in range(50):
        with pytest.raises((IssuerRefused, IssuerUnreachable)):
            ask(kept, issuer)
    assert len(issuer.answers) == 1
    issuer.status = 200
    clock.advance(MISSED)
    assert ask(kept, issuer) == {"keys": []}
    assert len(issuer.answers) == 2
