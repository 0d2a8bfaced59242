"""What values teach by how they end: early deaths tighten, calm lives relax, and hard ends stay."""

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, HOUR, MINUTE, ROTATING, SECOND, START, lifecycle_of, token_of, user
from tests.core.mutants import caught
from tests.core.performing import World, answer
from tokenflow.core import flows, learning
from tokenflow.core.deadlines import deadlines
from tokenflow.core.effects import Call
from tokenflow.core.errors import IssuerRefused
from tokenflow.core.events import LifetimeChanged
from tokenflow.core.learning import (
    REMEMBERED,
    SHARE,
    SHORTEST,
    Learned,
    died,
    early_life,
    from_data,
    lived_on,
    promised,
    to_data,
)
from tokenflow.core.lifecycles import Lifetime
from tokenflow.core.moments import Moment, Timer
from tokenflow.core.tokens import NEVER, At

LIFECYCLE = lifecycle_of(ROTATING)
lives = st.integers(1, 90 * DAY)
ends = st.lists(st.tuples(st.booleans(), lives), max_size=60)


def taught(history: Sequence[tuple[bool, int]], promise: int | None = 30 * DAY) -> Learned:
    """Return what a run of ends (died early?, age) leaves behind."""
    learned = Learned(promised=promise)
    for early, age in history:
        learned = (died if early else lived_on)(learned, age).learned
    return learned


@given(ends)
def test_what_is_learnt_is_a_life_that_was_lived_and_no_more_than_the_last_values_count(history: Any) -> None:
    """The lesson is the middle of early deaths that are remembered, at least the shortest that counts."""
    learned = taught(history)
    assert len(learned.lives) + learned.calm <= REMEMBERED
    if learned.life is not None:
        assert learned.life == SHORTEST or learned.life in {age for early, age in history if early}
        assert min(learned.lives) <= max(learned.life, min(learned.lives))
        assert len(learned.lives) * SHARE >= len(learned.lives) + learned.calm


@given(ends, lives)
def test_calm_lives_relax_whatever_was_learnt(history: Any, age: int) -> None:
    """After as many calm lives as are remembered, nothing of the past tightens anything."""
    learned = taught([*history, *[(False, age)] * REMEMBERED])
    assert learned.life is None


@given(lives)
def test_one_early_death_is_enough_where_nothing_else_is_known(age: int) -> None:
    """The second value of a lonely token is renewed before the age at which the first one died."""
    lesson = died(Learned(promised=90 * DAY), age)
    assert lesson.why == "died_early"
    assert lesson.learned.life == max(age, SHORTEST)


def test_one_early_death_among_many_calm_lives_tightens_nothing() -> None:
    """One person's odd session does not make a fleet renew at once."""
    assert taught([(False, DAY)] * 20 + [(True, MINUTE)]).life is None
    assert taught([(False, DAY)] * 8 + [(True, HOUR)]).life == HOUR


def test_a_value_that_outlives_the_lesson_raises_it() -> None:
    """Evidence beats the count: who lives longer than the shortest early life takes that one back."""
    learned = taught([(True, HOUR), (True, 2 * HOUR), (True, 3 * HOUR)])
    assert learned.life == 2 * HOUR
    lesson = lived_on(lived_on(learned, 2 * HOUR + 1).learned, 2 * HOUR + 1)
    assert (lesson.learned.lives, lesson.learned.life, lesson.why) == ((3 * HOUR,), 3 * HOUR, "recovered")


def test_no_lesson_renews_a_short_promise_faster_than_half_of_it() -> None:
    """A token promised a minute that dies in a second is renewed every half minute, not all the time."""
    assert taught([(True, SECOND)], promise=MINUTE).life == MINUTE // 2


LIMITS = Lifetime(name="short", typical=90 * MINUTE, at_least=HOUR, at_most=2 * HOUR)


@pytest.mark.parametrize(
    ("before", "life", "lifetime", "why"),
    [
        (None, HOUR, None, None),
        (HOUR, 66 * MINUTE, None, None),
        (HOUR, 67 * MINUTE, None, "promised_otherwise"),
        (HOUR, 53 * MINUTE, None, "promised_otherwise"),
        (HOUR, 2 * HOUR, LIMITS, None),
        (HOUR, 3 * HOUR, LIMITS, "out_of_bounds"),
        (None, 30 * MINUTE, LIMITS, "out_of_bounds"),
        (30 * MINUTE, 30 * MINUTE, LIMITS, None),
        (30 * MINUTE, 20 * MINUTE, LIMITS, "out_of_bounds"),
    ],
)
def test_a_promise_is_news_when_it_changes_or_leaves_its_bounds(
    before: int | None, life: int, lifetime: Lifetime | None, why: str | None
) -> None:
    """Within declared bounds lives may differ; without bounds, more than a tenth is news; once each."""
    assert promised(Learned(promised=before), life, lifetime).why == why


def test_many_small_steps_in_one_direction_are_news() -> None:
    """A promise that shrinks a little each time is measured from where it began."""
    learned, news = Learned(), []
    for minutes in range(60, 50, -1):
        lesson = promised(learned, minutes * MINUTE, None)
        learned = lesson.learned
        news.append(lesson.why)
    assert news.count("promised_otherwise") == 1


def test_only_a_death_by_itself_before_its_time_is_early() -> None:
    """A person's act teaches nothing, nor does an end near the promised one, nor a value without an end."""
    token = token_of(user(), "issued", access_token=World().short().access_token, refreshed_at=START)
    token = attrs.evolve(token, expires=At(START + 90 * MINUTE))
    found = {
        reason: early_life(user(), token, reason, START + 20 * MINUTE)
        for reason in (None, "unknown", "session_ended", "password_changed", "logged_out", "app_removed")
    }
    assert found == {
        None: 20 * MINUTE,
        "unknown": 20 * MINUTE,
        "session_ended": 20 * MINUTE,
        "password_changed": None,
        "logged_out": None,
        "app_removed": None,
    }
    assert early_life(user(), token, None, START + 89 * MINUTE + 30 * SECOND) is None
    assert early_life(user(), attrs.evolve(token, expires=NEVER), None, START + MINUTE) is None
    assert early_life(user(), attrs.evolve(token, state="requested"), None, START + MINUTE) is None


@given(ends)
def test_what_a_store_keeps_is_what_was_learnt(history: Any) -> None:
    """To a shelf and back, nothing is lost."""
    assert from_data(to_data(taught(history))) == taught(history)


@pytest.mark.parametrize(
    "data",
    [{}, {"lives": 3, "calm": 0, "promised": 1}, [], {"lives": [], "calm": "x", "promised": None}, None],
)
def test_a_shelf_that_makes_no_sense_is_nothing_learnt(data: Any) -> None:
    """A lesson that cannot be read is learned again; it stops nobody."""
    assert from_data(data) == Learned()


moments = st.builds(
    Moment,
    st.sampled_from(["expires", "refreshed", "entered", "issued"]),
    st.integers(-20 * DAY, 20 * DAY),
    st.just(0.0),
) | st.builds(Moment, st.sampled_from(["expires", "refreshed"]), st.just(0), st.floats(-99, 99))


@given(moments, st.integers(1, 60 * DAY), st.none() | st.integers(1, 60 * DAY))
def test_a_lesson_only_ever_brings_a_soft_deadline_forward(
    moment: Moment, life: int, learned: int | None
) -> None:
    """Never later than without it; measured from the end, before the learned life is over, not at once."""
    token = token_of(
        LIFECYCLE,
        "issued",
        issued_at=START,
        refreshed_at=START,
        expires=At(START + life),
        learned_life=learned,
    )
    exact, expected = moment.at(token), moment.expected(token)
    assert exact is not None
    assert expected is not None
    assert expected <= exact
    if learned is None or learned >= life:
        assert expected == exact
    elif moment.anchor == "expires" and (moment.percent < 0 or moment.offset < 0) and expected < exact:
        assert START + learned // 2 <= expected <= START + learned


def test_a_lesson_moves_no_hard_deadline() -> None:
    """Hard ends are the issuer's: a learned life renews sooner and ends nothing."""
    plain = token_of(LIFECYCLE, "issued", refreshed_at=START, expires=At(START + HOUR))
    tight = attrs.evolve(plain, learned_life=20 * MINUTE)
    before, after = deadlines(LIFECYCLE, plain), deadlines(LIFECYCLE, tight)
    assert [line for line in before if not line.soft] == [line for line in after if not line.soft]
    soft = [line.at for line in after if line.soft]
    assert soft
    assert max(soft) <= START + 20 * MINUTE


def test_a_soft_timer_that_ignores_the_lesson_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: soft timers are measured against the promise alone."""
    monkeypatch.setattr(Moment, "expected", Moment.at)
    with pytest.raises(AssertionError):
        test_a_lesson_moves_no_hard_deadline()


def test_a_lesson_that_counts_calm_lives_as_deaths_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: nothing ever relaxes."""
    monkeypatch.setitem(globals(), "lived_on", learning.died)
    caught(test_calm_lives_relax_whatever_was_learnt)


# Through the flows.

DEAD = answer({"active": False, "app_id": "app", "user_id": "7"})


def test_a_value_found_dead_too_soon_makes_the_next_be_renewed_sooner() -> None:
    """The API calls it dead at 20 of 60 minutes: it is refreshed, and the next window is tighter."""
    world = World()
    world.rotating()
    world.now += 20 * MINUTE
    world.script += [answer({"error": "invalid_grant"}, status=401)]
    world.run(flows.use(world.setting, "rot", Call(path="/me")))
    token = world.rows["rot"]
    assert token.learned_life == 20 * MINUTE
    (told,) = [event for event in world.of("rot") if isinstance(event, LifetimeChanged)]
    assert (told.why, told.learned, told.promised) == ("died_early", 20 * MINUTE, HOUR)
    soft = min(line.at for line in deadlines(world.pins[token.digest], token) if line.soft)
    assert soft < world.now + 20 * MINUTE


def test_a_persons_act_teaches_nothing() -> None:
    """A changed password ends a token early, and no window is tightened for it."""
    world = World()
    world.short()
    world.now += 10 * MINUTE
    world.script += [answer({"error": {"code": 190, "error_subcode": 460}}, status=400), DEAD]
    with pytest.raises(IssuerRefused):
        world.run(flows.use(world.setting, "me", Call(path="/me")))
    assert world.rows["me"].state == "invalidated"
    assert not any(one.lives for one in world.learned.values())


def test_a_death_without_a_reason_is_learnt_and_the_next_login_knows() -> None:
    """Facebook's 190 without a subcode at 30 of 90 minutes: the next token of the class is told."""
    world = World()
    first = world.short()
    world.now += 30 * MINUTE
    world.script += [answer({"error": {"code": 190}}, status=400), DEAD]
    with pytest.raises(IssuerRefused):
        world.run(flows.use(world.setting, "me", Call(path="/me")))
    assert world.rows["me"].state == "invalidated"
    second = world.short()
    assert (first.learned_life, second.learned_life) == (None, 30 * MINUTE)


def test_a_value_refused_by_the_command_that_presents_it_died_early() -> None:
    """Facebook's extension presents the token itself: 190/463 at 20 of 90 minutes is its death."""
    world = World()
    world.short()
    world.now += 20 * MINUTE
    world.script += [answer({"error": {"code": 190, "error_subcode": 463}}, status=400)]
    with pytest.raises(IssuerRefused):
        world.run(flows.extend(world.setting, "me"))
    assert world.rows["me"].state == "expired"
    assert [one.lives for one in world.learned.values() if one.lives] == [(20 * MINUTE,)]


def test_a_refused_refresh_token_says_nothing_of_the_access_token() -> None:
    """invalid_grant ends the token by its refresh token; no access token was seen to die."""
    world = World()
    world.rotating()
    world.now += 20 * MINUTE
    world.script += [answer({"error": "invalid_grant"}, status=400)]
    with pytest.raises(IssuerRefused):
        world.run(flows.extend(world.setting, "rot"))
    assert world.rows["rot"].state == "invalidated"
    assert not any(one.lives for one in world.learned.values())


def test_a_promise_that_changes_is_told_once() -> None:
    """An answer with another lifetime than before is an event in the token's history."""
    world = World()
    world.rotating()
    for life in (3600, 1800, 1800):
        fresh = {"access_token": f"a{world.now}", "refresh_token": f"r{world.now}", "expires_in": life}
        world.script += [answer(fresh)]
        world.run(flows.extend(world.setting, "rot"))
        world.now += MINUTE
    told = [event.why for event in world.of("rot") if isinstance(event, LifetimeChanged)]
    assert told == ["promised_otherwise"]


def test_a_timer_spells_it_out() -> None:
    """`expires - 20%` of an hour that lasts twenty minutes is at sixteen; `- 7d` of three days is at half."""
    token = token_of(
        LIFECYCLE, "issued", refreshed_at=START, expires=At(START + HOUR), learned_life=20 * MINUTE
    )
    timer = Timer(name="renew", event="extend", moment=Moment.parse("expires - 20%"))
    assert timer.due(token) == START + 16 * MINUTE
    long = attrs.evolve(token, expires=At(START + 60 * DAY), learned_life=3 * DAY)
    assert attrs.evolve(timer, moment=Moment.parse("expires - 7d")).due(long) == START + 36 * HOUR
    assert attrs.evolve(timer, hard=True, moment=Moment.parse("expires")).due(long) == START + 60 * DAY
