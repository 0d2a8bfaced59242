"""What an issuer says by itself: verified, put to the tokens it concerns, and taken once."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.engine.ground import ADA, APP, APP_SECRET, BOB, DAY, HOUR, NOW, Ground
from tokenflow import (
    SECOND,
    Engine,
    Message,
    PayloadError,
    Received,
    Refused,
    Secret,
    SpecError,
    sign_request,
)
from tokenflow.core.compiling import compile_issuer
from tokenflow.sandbox import callbacks


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    with ground.open() as opened:
        yield opened


def said(user: str, at: int = NOW // SECOND, secret: str = APP_SECRET) -> bytes:
    """Return the form with which Facebook says that *user* removed the app."""
    signed = sign_request({"user_id": user, "issued_at": at}, Secret(secret))
    return urlencode({"signed_request": signed}).encode()


def refused(engine: Engine, payload: object) -> str:
    with pytest.raises(PayloadError) as caught:
        engine.receive("facebook", "deauthorize", payload)
    return caught.value.code


def test_who_removes_the_app_has_no_token_any_more(ground: Ground, engine: Engine) -> None:
    """The person's token is over, and so are the page tokens that came of it; nobody else's is."""
    ground.admin.page("7", "Bakery", "Food")
    ground.admin.role("7", ADA, perms=["ADMINISTER"])
    ground.facebook(engine, "ada")
    pages = engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    assert pages, "without a page there is nothing to follow"
    assert engine.receive("facebook", "deauthorize", said(ADA)) == Received(keys=("ada",))
    for key in ("ada", *(page.key for page in pages)):
        assert not engine.explain(key).usable
    assert engine.explain("ada").token.reason == "app_removed"


def test_of_somebody_unknown_is_no_error(ground: Ground, engine: Engine) -> None:
    """News of a person of whom nothing is held is answered as any other, and counted."""
    ground.facebook(engine, "ada")
    assert engine.receive("facebook", "deauthorize", said(BOB)) == Received(unknown=1)
    assert engine.explain("ada").usable


def test_what_comes_again_changes_nothing_even_for_who_is_back(ground: Ground, engine: Engine) -> None:
    """The same message does not end the token of a person who has meanwhile come back."""
    ground.facebook(engine, "ada")
    message = said(ADA)
    engine.receive("facebook", "deauthorize", message)
    ground.facebook(engine, "ada")
    assert engine.receive("facebook", "deauthorize", message) == Received(replayed=1)
    assert engine.explain("ada").usable


def test_old_news_that_comes_late_does_not_end_a_newer_login(ground: Ground, engine: Engine) -> None:
    """The issuer is asked about the token instead: alive there it lives, and dead it ends."""
    ground.facebook(engine, "ada")
    removed = ground.clock() // SECOND
    ground.pass_time(HOUR)
    ground.facebook(engine, "ada")
    assert engine.receive("facebook", "deauthorize", said(ADA, removed)) == Received(keys=("ada",))
    assert engine.explain("ada").usable
    ground.admin.remove_app(ADA, APP)
    engine.receive("facebook", "deauthorize", said(ADA, removed + 1))
    assert not engine.explain("ada").usable


def test_a_message_is_remembered_for_as_long_as_it_is_taken(ground: Ground) -> None:
    """After a day it is refused for its age, and no store keeps its name for ever."""
    with ground.open() as engine:
        old = said(BOB)
        engine.receive("facebook", "deauthorize", old)
        ground.pass_time(DAY + 600)
        assert refused(engine, old) == "expired"
        engine.receive("facebook", "deauthorize", said(BOB, NOW // SECOND + DAY + 600))
        assert len(engine.desk.store.names("callbacks")) == 1


def test_what_the_issuer_did_not_send_changes_nothing(ground: Ground, engine: Engine) -> None:
    """Forged, old, twice in one form, too long, or no message at all: refused, and the token lives on."""
    ground.facebook(engine, "ada")
    for payload, code in (
        (said(ADA, secret="guessed"), "forged"),
        (said(ADA).replace(b"=", b"=A", 1), "forged"),
        (said(ADA, NOW // SECOND - DAY - 1), "expired"),
        (said(ADA) + b"&" + said(ADA), "malformed"),
        (b"signed_request=", "malformed"),
        (b"x" * ((1 << 20) + 1), "malformed"),
        (said(""), "malformed"),
        ({"signed_request": 7}, "malformed"),
        (None, "malformed"),
    ):
        assert refused(engine, payload) == code
    assert engine.explain("ada").usable
    assert engine.desk.store.names("callbacks") == []


def test_a_message_comes_in_several_forms(engine: Engine) -> None:
    """A body as bytes or text, the fields of a form as a web framework has them, or a whole Message."""
    body = said(BOB).decode()
    fields = dict([body.split("=", 1)])
    assert engine.receive("facebook", "deauthorize", body) == Received(unknown=1)
    for again in (body.encode(), fields, Message(body=body.encode())):
        assert engine.receive("facebook", "deauthorize", again) == Received(replayed=1)


def test_the_sandbox_s_own_message_is_taken(ground: Ground, engine: Engine) -> None:
    """What an authority writes when a person removes the app is what the engine reads."""
    ground.facebook(engine, "ada")
    ground.admin.change_app(APP, deauthorize_url="http://127.0.0.1:9/gone")
    world = ground.running.state.world
    with world.lock:
        callbacks.deauthorized(world, world.apps[APP], ADA)
    (notice,) = [one for one in callbacks.taken(world) if one.kind == "deauthorize"]
    assert engine.receive("facebook", "deauthorize", notice.body) == Received(keys=("ada",))


def test_awaited_it_is_the_same(ground: Ground) -> None:
    """AsyncEngine has the verb, too."""

    async def received() -> Received:
        async with await ground.aopen() as engine:
            return await engine.receive("facebook", "deauthorize", said(ADA))

    assert asyncio.run(received()) == Received(unknown=1)


def test_a_callback_nobody_declared_is_refused_by_name(engine: Engine) -> None:
    """The error names those there are."""
    with pytest.raises(Refused, match="deauthorize") as caught:
        engine.receive("facebook", "unheard_of", b"")
    assert caught.value.code == "unknown_callback"


def test_a_callback_is_lent_only_secrets_that_are_declared() -> None:
    """A document that lends what it does not declare is refused before anything is opened."""
    data = {
        "metadata": {"name": "acme"},
        "endpoints": {},
        "callbacks": {"gone": {"use": "acme.gone", "secrets": ["nowhere"]}},
    }
    with pytest.raises(SpecError, match="nowhere"):
        compile_issuer(data, client_id="1")
