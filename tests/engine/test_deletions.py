"""A person asks for their data to be deleted: the tokens end, a code confirms it, and answers later."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.ground import ADA, APP_SECRET, BOB, DAY, NOW, Ground
from tokenflow import (
    SECOND,
    Deletion,
    Engine,
    Message,
    Received,
    Refused,
    Secret,
    confirmation_code,
    sign_request,
)
from tokenflow.core.deletions import is_over, place_of

PAGE = "https://app.example/callbacks/facebook/data_deletion"


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    with ground.open() as opened:
        yield opened


def asked(user: str, at: int = NOW // SECOND, expires: int = 3600, url: str | None = PAGE) -> Message:
    """Return what Facebook posts when *user* asks for a deletion."""
    payload = {"user_id": user, "issued_at": at, "expires": at + expires}
    return Message(
        body=urlencode({"signed_request": sign_request(payload, Secret(APP_SECRET))}).encode(), url=url
    )


def confirmed(received: Received) -> tuple[str, str]:
    """Return the status page and the code of an answer."""
    assert isinstance(received.answer, dict)
    assert set(received.answer) == {"url", "confirmation_code"}
    return received.answer["url"], received.answer["confirmation_code"]


def test_a_deletion_ends_the_person_s_tokens_and_what_came_of_them(ground: Ground, engine: Engine) -> None:
    """The token, its pages' tokens and every value are gone, and the reason is on record."""
    ground.admin.page("7", "Bakery", "Food")
    ground.admin.role("7", ADA, perms=["ADMINISTER"])
    ground.facebook(engine, "ada")
    (page,) = engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    received = engine.receive("facebook", "data_deletion", asked(ADA))
    assert received.keys == ("ada",)
    for key in ("ada", page.key):
        token = engine.explain(key).token
        assert (token.state, token.access_token) == ("invalidated", None)
    assert engine.explain("ada").token.reason == "deletion_requested"


def test_the_answer_is_a_page_with_a_code_that_tells_nothing(ground: Ground, engine: Engine) -> None:
    """The code is in the page's address; neither holds the person, nor the digest that names them."""
    ground.facebook(engine, "ada")
    url, code = confirmed(engine.receive("facebook", "data_deletion", asked(ADA)))
    assert parse_qs(urlsplit(url).query) == {"code": [code]}
    assert url.startswith(f"{PAGE}?")
    assert ADA not in code[8:]
    assert code.isalnum()
    assert engine.deletion(code) == Deletion(done=ground.clock())
    (name,) = engine.desk.store.names("deletions")  # and whoever reads the shelf can ask nothing with it
    assert code not in name
    assert engine.desk.store.get("deletions", name) == str(ground.clock()).encode()


def test_who_is_not_known_is_answered_alike(ground: Ground, engine: Engine) -> None:
    """A stranger's answer has the same form and the same status, so that it tells nobody who is known."""
    ground.facebook(engine, "ada")
    known = engine.receive("facebook", "data_deletion", asked(ADA))
    stranger = engine.receive("facebook", "data_deletion", asked(BOB))
    assert (stranger.keys, stranger.unknown) == ((), 1)
    assert len(confirmed(known)[1]) == len(confirmed(stranger)[1])
    assert engine.deletion(confirmed(stranger)[1]) == Deletion(done=ground.clock())


def test_an_answer_that_was_lost_is_given_again(ground: Ground, engine: Engine) -> None:
    """The same request has the same code and the same status; the person who is back keeps their token."""
    ground.facebook(engine, "ada")
    first = engine.receive("facebook", "data_deletion", asked(ADA))
    done = ground.clock()
    ground.pass_time(60)
    ground.facebook(engine, "ada")
    again = engine.receive("facebook", "data_deletion", asked(ADA))
    assert again == attrs.evolve(first, keys=(), replayed=1)
    assert engine.deletion(confirmed(again)[1]) == Deletion(done=done)
    assert engine.explain("ada").usable


def test_who_asked_nothing_is_told_nothing(ground: Ground, engine: Engine) -> None:
    """A guessed code, another app's, half of one and none at all: nobody was given it."""
    _, code = confirmed(engine.receive("facebook", "data_deletion", asked(ADA)))
    other = confirmation_code("data_deletion:x", Secret("another"), NOW)
    flipped = code[:-1] + ("0" if code[-1] != "0" else "1")
    for guess in ("", code[:-1], code.upper(), f"{code}0", "../tokens", other, flipped, "é" * 40):
        assert engine.deletion(guess) is None


@pytest.mark.proves("E1")
def test_another_tenant_is_told_nothing(ground: Ground) -> None:
    """A code is answered to the tenant of whom the deletion was asked."""
    store, key = ground.sqlite()
    with ground.open(store, key=key, tenant="a") as engine:
        _, code = confirmed(engine.receive("facebook", "data_deletion", asked(ADA)))
        assert engine.deletion(code) is not None
    with ground.open(store, key=key, tenant="b") as engine:
        assert engine.deletion(code) is None


def test_after_a_year_nothing_is_left_of_it(ground: Ground, engine: Engine) -> None:
    """Then the code is unknown, and the next deletion drops what was kept."""
    _, code = confirmed(engine.receive("facebook", "data_deletion", asked(ADA)))
    ground.pass_time(365 * DAY - 60)
    assert engine.deletion(code) is not None
    ground.pass_time(120)
    assert engine.deletion(code) is None
    engine.receive("facebook", "data_deletion", asked(BOB, at=ground.clock() // SECOND))
    assert len(engine.desk.store.names("deletions")) == 1


def test_the_spec_s_own_status_page_comes_first(ground: Ground) -> None:
    """`with: {status_url: ...}` names it, and keeps the query it has; without any, nothing is begun."""
    path = ground.folder / "facebook.yaml"
    page = "https://app.example/gone?lang=en"
    path.write_text(
        "apiVersion: tokenflow/v1\nkind: Issuer\nmetadata: {name: facebook, version: 1.0.0}\n"
        "extends: builtin:facebook\n"
        f'callbacks: {{data_deletion: {{use: facebook.data_deletion, with: {{status_url: "{page}"}}}}}}\n'
    )
    with ground.open(specs=(str(path), "facebook-user", "facebook-page")) as engine:
        url, code = confirmed(engine.receive("facebook", "data_deletion", asked(ADA)))
        assert url == f"{page}&code={code}"
    with ground.open() as engine:
        ground.facebook(engine, "ada")
        with pytest.raises(Refused, match="status_url") as caught:
            engine.receive("facebook", "data_deletion", asked(ADA, url=None))
        assert caught.value.code == "no_status_url"
        assert engine.explain("ada").usable


@given(st.text(max_size=60), st.integers(min_value=0, max_value=2**31 * SECOND))
def test_any_message_has_a_code_that_says_when_it_ends(message: str, at: int) -> None:
    """It is alphanumeric, the same each time, another under another secret, and kept by its end."""
    code = confirmation_code(message, Secret("a"), at)
    assert code == confirmation_code(message, Secret("a"), at)
    assert code != confirmation_code(message, Secret("b"), at)
    place = place_of(code, "t")
    assert place is not None
    assert not is_over(place, at)
    assert not is_over(place, at + 365 * DAY * SECOND - SECOND)
    assert is_over(place, at + 365 * DAY * SECOND + SECOND)
