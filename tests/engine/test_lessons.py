"""Early deaths and foreign clocks over real HTTP: learnt once, kept, and acted on by the next token."""

import json
import logging

import pytest

from tests.engine.ground import HOUR, NOW, Ground, opened
from tokenflow import SECOND, Call, MemoryStore
from tokenflow.core.events import LifetimeChanged
from tokenflow.core.learning import Learned
from tokenflow.core.moments import Moment
from tokenflow.core.tokens import At
from tokenflow.engine.lessons import SHELF, Lessons, read
from tokenflow.engine.skews import SHELF as SKEWS

MINUTE = 60
LIFE = 3600
"""Seconds the sandbox promises."""


def whoami(ground: Ground) -> Call:
    """Return a call that needs a live token."""
    return Call(path=f"{ground.running.url}/oauth2/userinfo")


def test_the_second_token_is_renewed_before_the_age_at_which_the_first_one_died(ground: Ground) -> None:
    """Promised an hour, every value dies at 20 minutes: one call meets a dead token, and never another."""
    with opened(ground) as engine:
        ground.admin.fault("oauth2/token", "early_death", seconds=20 * MINUTE)
        first = ground.rotating(engine)
        assert first.learned_life is None
        ground.pass_time(21 * MINUTE)
        assert engine.use("k", whoami(ground)).status == 200
        second = engine.explain("k").token
        assert second.learned_life == 21 * MINUTE * SECOND
        refreshed = ground.calls(grant="refresh_token")
        for _ in range(12):
            ground.pass_time(5 * MINUTE)
            engine.sweep()
            assert engine.use("k", whoami(ground)).status == 200
        deaths = [row for row in ground.admin.ledger()["requests"] if row["error"] == "invalid_token"]
        assert len(deaths) == 1
        assert ground.calls(grant="refresh_token") - refreshed in (3, 4)
        told = [event for event in engine.explain("k").history if isinstance(event, LifetimeChanged)]
        assert [event.why for event in told][:1] == ["died_early"]


def test_without_the_lesson_the_second_token_dies_as_the_first_did(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: soft timers are measured against the promise alone, and calls meet dead tokens."""
    monkeypatch.setattr(Moment, "expected", Moment.at)
    with pytest.raises(AssertionError):
        test_the_second_token_is_renewed_before_the_age_at_which_the_first_one_died(ground)


def test_a_lesson_outlives_the_process_and_reaches_other_tokens(ground: Ground) -> None:
    """What one process learnt is on the store's shelf; another key of the class begins with it."""
    with ground.durable() as engine:
        ground.admin.fault("oauth2/token", "early_death", seconds=10 * MINUTE, times=1)
        ground.rotating(engine)
        ground.pass_time(11 * MINUTE)
        engine.use("k", whoami(ground))
    with ground.durable() as engine:
        assert ground.rotating(engine, "other", person="200").learned_life == 11 * MINUTE * SECOND
        assert engine.explain("k").token.learned_life == 11 * MINUTE * SECOND


def test_calm_lives_are_counted_without_a_write_each() -> None:
    """Between verdicts nothing is written; another process's verdict is read when it is asked for."""
    store = MemoryStore()
    lessons = Lessons(store, "default")
    lessons.remember("l/c", Learned(calm=3))
    assert (store.names(SHELF), lessons.recall("l/c")) == ([], Learned(calm=3))
    lessons.remember("l/c", Learned(calm=3, lives=(10**10,)))
    (name,) = store.names(SHELF)
    assert read(store.get(SHELF, name)) == Learned(calm=3, lives=(10**10,))
    other = Lessons(store, "default")
    assert other.recall("l/c").lives == (10**10,)
    other.remember("l/c", Learned(promised=7))
    assert lessons.recall("l/c") == Learned(promised=7)


def test_a_damaged_shelf_is_nothing_learnt() -> None:
    """Half a JSON, or none, stops nobody."""
    assert [read(text) for text in (None, b"", b"{", b"[]", b'"x"')] == [Learned()] * 5


def skew_of(store: MemoryStore) -> dict[str, object]:
    """Return the one word on the shelf of skews."""
    (host,) = store.names(SKEWS)
    found: dict[str, object] = json.loads(store.get(SKEWS, host) or b"{}")
    return found


def test_a_clock_that_parts_from_ours_is_told_once_and_again_when_it_returns(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Five answers an hour ahead make one warning and one word for doctor; the sixth takes it back."""
    store = MemoryStore()
    with caplog.at_level(logging.INFO, "tokenflow.engine.skews"), ground.open(store) as engine:
        ground.rotating(engine)
        assert store.names(SKEWS) == []
        ground.admin.fault("oauth2/token", "wrong_date", seconds=HOUR, times=5)
        for _ in range(5):
            engine.extend("k")
        word = skew_of(store)
        assert word["apart"] is True
        assert abs(int(str(word["offset"])) - HOUR * SECOND) <= SECOND
        assert word["tolerance"] == 30 * SECOND
        engine.extend("k")
        assert skew_of(store)["apart"] is False
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_lifetime_counted_from_now_is_ours_whatever_the_date_says(ground: Ground) -> None:
    """`expires_in` needs no clock but ours."""
    with opened(ground) as engine:
        ground.admin.fault("oauth2/token", "wrong_date", seconds=HOUR)
        assert ground.rotating(engine).expires == At(NOW + LIFE * SECOND)


@pytest.mark.proves("R4")
@pytest.mark.parametrize(("ahead", "taken"), [(600, 600), (-600, 0), (10**9, None)])
def test_an_end_named_by_a_clock_that_is_ahead_comes_sooner_here(
    ground: Ground, ahead: int, taken: int | None
) -> None:
    """debug_token names instants: a clock ten minutes ahead means ten minutes less; behind means nothing."""
    plain = ground.payload("android")
    with opened(ground) as engine:
        right = engine.acquire("a", lifecycle="facebook-user", platform="android", payload=plain)
        ground.admin.fault("debug_token", "wrong_date", seconds=ahead)
        other = ground.payload("android", person="200")
        wrong = engine.acquire("b", lifecycle="facebook-user", platform="android", payload=other)
        assert right.expires_at is not None
        assert wrong.expires_at is not None
        lost = right.expires_at - wrong.expires_at
        if taken is None:
            assert lost <= (right.expires_at - NOW) // 2 + 2 * SECOND
        else:
            assert abs(lost - taken * SECOND) <= 2 * SECOND
