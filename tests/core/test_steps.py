"""The pure step and the clock's say: T6 to T10, E1 to E3, F4, and the mutants these properties catch."""

# ruff: noqa: SIM300  # expected == actual, constants too

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.lifecycles import (
    DAY,
    HOUR,
    MINUTE,
    PAGE,
    ROTATING,
    SECOND,
    START,
    lifecycle_of,
    small,
    token_of,
    user,
)
from tests.core.mutants import caught
from tokenflow.core import moments, steps
from tokenflow.core.conditions import View
from tokenflow.core.deadlines import deadlines, due_at
from tokenflow.core.errors import Rejected
from tokenflow.core.events import (
    Absorbed,
    Notified,
    ReacquireWanted,
    TimerMissed,
    TimerStopped,
    Transitioned,
)
from tokenflow.core.lifecycles import Lifecycle, Lifetime
from tokenflow.core.secret import Secret
from tokenflow.core.steps import Settled, fitting, is_usable, legal, settle, step
from tokenflow.core.tokens import NEVER, SILENT, At, Attempt, Expiry, Instant, Never, Silent, Token

Settle = Callable[[Lifecycle, Token, Instant], Settled]

# Three states end one another by hard deadlines; its soft timers notify and stay: no timer runs a command.
CHAIN = small(
    {
        "young": {
            "usable": True,
            "transitions": {"ripen": {"to": "ripe"}, "note": {"then": [{"notify": "n"}]}},
            "timers": {
                "note": {"at": "entered + 5m", "every": "7m", "jitter": "2m", "raise": "note"},
                "ripen": {"at": "entered + 1h", "raise": "ripen", "hard": True},
            },
        },
        "ripe": {
            "usable": True,
            "transitions": {"expire": {"to": "old"}, "note": {"then": [{"notify": "n"}]}},
            "timers": {
                "note": {"at": "expires - 10%", "raise": "note"},
                "expire": {"at": "expires", "raise": "expire", "hard": True},
            },
        },
        "old": {
            "transitions": {"expire": {"to": "gone"}},
            "timers": {
                "give_up": {"at": "refresh_expires", "raise": "expire", "hard": True},
                "cap": {"at": "entered + 2d", "raise": "expire", "hard": True},
            },
        },
        "gone": {"final": True},
    }
)
ROTATES = lifecycle_of(ROTATING)

expiries: st.SearchStrategy[Expiry] = st.one_of(
    st.just(NEVER), st.just(SILENT), st.integers(1, 5 * DAY).map(lambda lives: At(START + lives))
)
starts = st.builds(
    lambda expires, refresh, ident: token_of(
        CHAIN, "young", lives=None, expires=expires, refresh_expires=refresh, id=ident
    ),
    expiries,
    expiries,
    st.text(max_size=4),
)
cuts = st.lists(st.integers(0, 2 * DAY), max_size=6)


def summary(token: Token) -> tuple[object, ...]:
    """What must not depend on when we woke."""
    return token.state, token.entered_at, token.expires, token.access_token == Secret("first-value")


def expected_life(token: Token, end: Instant) -> tuple[str, Instant]:
    """The chain by hand: young for an hour, ripe until `expires`, old until its first deadline."""
    state, entered = "young", START
    if entered + HOUR <= end:
        state, entered = "ripe", entered + HOUR
    if state == "ripe" and isinstance(token.expires, At) and max(token.expires.instant, entered) <= end:
        state, entered = "old", max(token.expires.instant, entered)
    if state == "old":
        limits = [entered + 2 * DAY]
        if isinstance(token.refresh_expires, At):
            limits.append(max(token.refresh_expires.instant, entered))
        if min(limits) <= end:
            state, entered = "gone", min(limits)
    return state, entered


def partitions_agree(token: Token, spans: Sequence[int], settled: Settle) -> None:
    """Assert T8, T9: awake at each cut or asleep to the end, the life is the one written out by hand."""
    end = START + sum(spans)
    awake, now = token, START
    for span in spans:
        now += span
        awake = settled(CHAIN, awake, now).token
    asleep = settled(CHAIN, token, end).token
    assert summary(asleep) == summary(settled(CHAIN, awake, end).token)
    assert expected_life(token, end) == (asleep.state, asleep.entered_at)
    assert (asleep.state == "gone") == (asleep.access_token is None)


@given(starts, cuts)
def test_how_often_we_wake_does_not_matter(token: Token, spans: list[int]) -> None:
    """T9: any partition of a span, awake or asleep, gives the same state, entered_at and expiry."""
    partitions_agree(token, spans, settle)


@given(starts, cuts)
def test_settling_twice_is_settling_once(token: Token, spans: list[int]) -> None:
    """A settled token is at rest: the same instant brings nothing more."""
    once = settle(CHAIN, token, START + sum(spans))
    again = settle(CHAIN, once.token, START + sum(spans))
    assert () == again.steps
    assert once.token is again.token


@given(starts, cuts)
def test_history_is_dated_and_ordered(token: Token, spans: list[int]) -> None:
    """Each step grows the revision by one, enters no state in the future, and no state before the last."""
    end = START + sum(spans)
    entered, revision = token.entered_at, token.revision
    for one in settle(CHAIN, token, end).steps:
        assert revision + 1 == one.after.revision
        assert entered <= one.after.entered_at <= end
        revision, entered = one.after.revision, one.after.entered_at


def _strictly_before(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
    return settle(lifecycle, token, now - 1)


def _dated_to_the_wake_up(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
    found = settle(lifecycle, token, now)
    if found.steps and found.token.state != token.state:
        return attrs.evolve(found, token=attrs.evolve(found.token, entered_at=now))
    return found


def _soft_before_hard(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
    for when, soft, _, event, timer in deadlines(lifecycle, token):
        if soft and timer is not None and when <= now:
            moved = step(lifecycle, token, event, now=now, cause="timer")
            token = attrs.evolve(moved.after, fired={**token.fired, timer: now})
    return settle(lifecycle, token, now)


def _never_is_zero(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
    as_zero: dict[str, Any] = {
        name: At(0) for name in ("expires", "refresh_expires") if not isinstance(getattr(token, name), At)
    }
    found = settle(lifecycle, attrs.evolve(token, **as_zero), now)
    return attrs.evolve(found, token=attrs.evolve(found.token, expires=token.expires))


@pytest.mark.parametrize("mutant", [_strictly_before, _dated_to_the_wake_up, _never_is_zero])
def test_the_partition_property_bites(mutant: Settle) -> None:
    """`<` for `<=`, dating to the wake-up, and Never taken for At(0) are each caught by the T9 property."""

    @given(starts, cuts.filter(bool) | st.lists(st.sampled_from([HOUR, MINUTE, DAY]), min_size=1))
    def prop(token: Token, spans: list[int]) -> None:
        partitions_agree(token, spans, mutant)

    caught(prop)


def hard_goes_first(late: int, settled: Settle) -> None:
    """Assert T8 on a token that wakes *late* after its expiry with a soft timer due beside it."""
    token = token_of(CHAIN, "ripe", lives=2 * HOUR)
    end = START + 2 * HOUR
    found = settled(CHAIN, token, end + late)
    happened = [event for one in found.steps for event in one.happened]
    assert not any(isinstance(event, Notified) for event in happened)
    assert ["note"] == [event.timer for event in happened if isinstance(event, TimerMissed)]
    moved = next(event for event in happened if isinstance(event, Transitioned))
    assert (end, "old") == (moved.about.at, moved.state)
    assert {} == dict(found.token.fired)


@given(st.integers(0, 40 * HOUR))
def test_a_hard_deadline_is_a_fact_about_the_world(late: int) -> None:
    """T8: the move is dated to the deadline; a soft timer due beside it is missed and does not fire."""
    hard_goes_first(late, settle)


def test_the_hard_first_property_bites() -> None:
    """Soft before hard is caught by the T8 property."""

    @given(st.integers(0, 40 * HOUR))
    def prop(late: int) -> None:
        hard_goes_first(late, _soft_before_hard)

    caught(prop)


def test_a_mutated_comparison_inside_settle_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers that fall due one microsecond late are caught as well, wherever the mistake sits."""
    due = moments.Timer.due

    def late(self: moments.Timer, token: Token) -> Instant | None:
        at = due(self, token)
        return None if at is None else at + 1

    monkeypatch.setattr(moments.Timer, "due", late)

    @given(starts, st.lists(st.sampled_from([HOUR, DAY]), min_size=1))
    def prop(token: Token, spans: list[int]) -> None:
        partitions_agree(token, spans, settle)

    caught(prop)


def test_due_soft_timers_fire_in_order_at_the_real_instant() -> None:
    """T8: soft timers fire by (due, place in the spec), dated now: a command cannot be sent in the past."""
    timers = {
        "late": {"at": "entered + 9m", "raise": "c"},
        "tie": {"at": "entered + 5m", "raise": "a"},
        "tie2": {"at": "entered + 5m", "raise": "b"},
    }
    lifecycle = small({"open": {"transitions": {name: {} for name in "abc"}, "timers": timers}})
    found = settle(lifecycle, token_of(lifecycle, "open"), START + HOUR)
    moves = [event for one in found.steps for event in one.happened if isinstance(event, Transitioned)]
    assert ["a", "b", "c"] == [event.event for event in moves]
    assert {START + HOUR} == {event.about.at for event in moves}
    assert {"late", "tie", "tie2"} == set(found.token.fired)
    assert due_at(lifecycle, found.token) is None


def test_a_tie_is_settled_hard_before_soft() -> None:
    """T10: at one instant the hard deadline comes first, whatever its place in the spec."""
    timers = {
        "soft": {"at": "entered + 1h", "raise": "note"},
        "hard": {"at": "entered + 1h", "raise": "end", "hard": True},
    }
    lifecycle = small(
        {
            "open": {"transitions": {"note": {}, "end": {"to": "over"}}, "timers": timers},
            "over": {"final": True},
        }
    )
    found = settle(lifecycle, token_of(lifecycle, "open"), START + HOUR)
    assert "over" == found.token.state
    assert [TimerMissed, Transitioned] == [type(event) for event in found.steps[0].happened]


def test_a_soft_timer_that_needs_a_command_is_reported_and_not_fired() -> None:
    """T8: settling runs no command; it reports the event that needs one, and leaves the token as it is."""
    token = token_of(user(), "issued")
    found = settle(user(), token, START + 80 * MINUTE)
    assert (token, (), "extend") == (found.token, found.steps, found.due)
    assert settle(user(), token, START + 50 * MINUTE).due is None


@given(st.integers(-3, 3))
def test_an_event_at_or_after_a_hard_deadline_meets_the_state_behind_it(seconds: int) -> None:
    """T10: an event before the deadline is taken; at it or later it meets the expired token."""
    token = token_of(user(), "issued", fired={"renew": START})
    now = START + 90 * MINUTE + seconds * SECOND
    settled = settle(user(), token, now).token
    if seconds < 0:
        assert "issued" == step(user(), settled, "renamed", now=now, cause="caller").after.state
        assert token.access_token is settled.access_token
    else:
        with pytest.raises(Rejected) as raised:
            step(user(), settled, "renamed", now=now, cause="caller")
        assert "final_state" == raised.value.code
        assert START + 90 * MINUTE == settled.entered_at


@example(90 * MINUTE - MINUTE, MINUTE)
@example(90 * MINUTE - MINUTE - 1, MINUTE)
@example(90 * MINUTE, 0)
@given(st.integers(0, 100 * MINUTE), st.integers(0, 5 * MINUTE))
def test_usable_ends_a_skew_before_the_token_does(age: int, skew: int) -> None:
    """T6: usable means a usable state and `now < expires - skew`; the state itself ends at `expires`."""
    lifecycle = attrs.evolve(user(), skew=skew)
    token = token_of(lifecycle, "issued")
    assert (age < 90 * MINUTE - skew) == is_usable(lifecycle, token, START + age)
    assert (age >= 90 * MINUTE) == ("expired" == settle(lifecycle, token, START + age).token.state)


def test_no_end_is_no_deadline() -> None:
    """Never and silence are usable for ever and have no expiry to fall due."""
    for expires in (NEVER, SILENT):
        token = token_of(user(), "issued", lives=None, expires=expires)
        assert is_usable(user(), token, START + 10**6 * DAY)
        assert "issued" == settle(user(), token, START + 10**6 * DAY).token.state
    assert not is_usable(user(), token_of(user(), "requested"), START)


# T7: once per entry; with `every`, from the end of the last attempt.


def test_a_command_that_stays_counts_as_an_attempt() -> None:
    """T7: after a command succeeded without a new state, its timer waits for `every`, not for nothing."""
    timers = {"ping": {"at": "entered + 10m", "every": "1d", "raise": "ping"}}
    lifecycle = small(
        {"open": {"usable": True, "transitions": {"ping": {"do": "ping"}}, "timers": timers}},
        commands={"ping": {"use": "x.ping"}},
    )
    token = token_of(lifecycle, "open", lives=None)
    (row,) = lifecycle.chooser.rows("ping", "open")
    done = steps.take(lifecycle, token, row, now=START + HOUR, cause="timer", payload={}).after
    assert {"ping": START + HOUR} == dict(done.fired)
    assert START + HOUR + DAY == due_at(lifecycle, done)


def test_a_new_value_moves_the_timers_that_hang_on_it() -> None:
    """T4, T7: after a failure and then a success, the daily extension is due a day after the new value."""
    token = token_of(user(), "extended", lives=60 * DAY, fired={"daily": START + DAY})
    (row,) = user().chooser.rows("extend", "extended")
    now = START + 2 * DAY
    changes = {"refreshed_at": now, "expires": At(now + 60 * DAY)}
    done = steps.take(user(), token, row, now=now, cause="timer", payload={}, changes=changes).after
    assert {} == dict(done.fired)
    assert now + DAY == due_at(user(), done)


@given(st.integers(0, 40 * DAY), st.integers(1, 6))
def test_a_repeating_timer_fires_once_however_long_we_slept(slept: int, times: int) -> None:
    """T7: `every` counts from the firing itself, so a long sleep brings one firing and not a burst."""
    token = token_of(CHAIN, "young", lives=None)
    short = attrs.evolve(CHAIN, states={**CHAIN.states, "young": _only_soft(CHAIN.states["young"])})
    now = START
    for _ in range(times):
        now += slept + 7 * MINUTE
        found = settle(short, token, now)
        assert 1 == len(found.steps)
        assert now == found.token.fired["note"]
        assert now + 7 * MINUTE == due_at(short, found.token)
        token = found.token


def _only_soft(state: Any) -> Any:
    return attrs.evolve(state, timers=tuple(timer for timer in state.timers if not timer.hard))


def test_a_new_state_begins_with_no_timer_fired() -> None:
    """T7: what fired belongs to the state that was left; the next entry starts afresh."""
    token = token_of(CHAIN, "young", fired={"note": START + MINUTE})
    assert {} == dict(step(CHAIN, token, "ripen", now=START + HOUR, cause="caller").after.fired)


def test_a_retry_is_a_deadline_and_its_own_timer_sleeps_meanwhile() -> None:
    """R1: a waiting retry is what falls due; soft timers of the same event wait, hard ones do not."""
    waiting = Attempt(event="extend", number=1, started_at=START, retry_at=START + 85 * MINUTE)
    token = token_of(user(), "issued", attempt=waiting)
    assert START + 85 * MINUTE == due_at(user(), token)
    assert settle(user(), token, START + 84 * MINUTE).due is None
    assert "extend" == settle(user(), token, START + 85 * MINUTE).due
    assert "expired" == settle(user(), token, START + 90 * MINUTE).token.state
    assert settle(user(), token, START + 90 * MINUTE).token.attempt is None


def test_other_news_does_not_lose_a_waiting_retry() -> None:
    """R1: an event that stays in the state, or a timer that fires to no effect, leaves a retry waiting."""
    waiting = Attempt(event="extend", number=2, started_at=START, retry_at=START + 54 * DAY)
    token = token_of(user(), "extended", lives=60 * DAY, attempt=waiting)
    after = step(user(), token, "renamed", now=START + DAY, cause="caller", payload={"name": "x"}).after
    assert waiting == after.attempt
    warned = settle(user(), token, START + 53 * DAY + HOUR)
    assert {"warn"} == set(warned.token.fired)
    assert waiting == warned.token.attempt
    assert "extend" == settle(user(), warned.token, START + 54 * DAY).due


def test_a_retry_whose_event_is_no_longer_taken_is_dropped() -> None:
    """A retry that meets a no leaves the token at rest: no burst, no timer that never was."""
    lifecycle = small(
        {"open": {"transitions": {"go": {"do": "go", "when": ["token.ready"]}}}, "shut": {"absorbs": ["go"]}},
        commands={"go": {"use": "x.go"}},
    )
    waiting = Attempt(event="go", number=1, started_at=START, retry_at=START + MINUTE)
    for state in ("open", "shut"):
        found = settle(lifecycle, token_of(lifecycle, state, attempt=waiting), START + HOUR)
        assert (None, {}, None) == (found.token.attempt, dict(found.token.fired), found.due)
        assert 2 == found.token.revision


def test_a_hard_timer_whose_event_changes_nothing_fires_once() -> None:
    """A hard deadline that is declined, absorbed or stays is spent, and soft timers go on as they would."""
    timers = {
        "soft": {"at": "entered + 30m", "raise": "note"},
        "hard": {"at": "entered + 1h", "raise": "end", "hard": True},
    }
    takes: list[dict[str, Any]] = [
        {"transitions": {"note": {}, "end": {"to": "over", "when": ["token.ready"]}}},
        {"transitions": {"note": {}, "end": {}}},
        {"transitions": {"note": {}}, "absorbs": ["end"]},
    ]
    for spec in takes:
        lifecycle = small({"open": {**spec, "timers": timers}, "over": {"final": True}})
        found = settle(lifecycle, token_of(lifecycle, "open"), START + 2 * HOUR)
        assert {"soft": START + 2 * HOUR, "hard": START + HOUR} == dict(found.token.fired)
        happened = [event for one in found.steps for event in one.happened]
        assert not any(isinstance(event, TimerMissed) for event in happened)
        assert "open" == found.token.state


# Events: E1 to E3, F4.

CODES = {
    "unknown_event": ("issued", "extnd"),
    "not_accepted": ("issued", "acquired"),
    "final_state": ("expired", "extend"),
    "guard_failed": ("guarded", "go"),
    "guard_error": ("broken", "go"),
}


def _breaks(view: View, argument: Any) -> bool:
    raise LookupError("canary in a guard")


GUARDED = small(
    {
        "issued": {"transitions": {"extend": {}}},
        "guarded": {"transitions": {"go": {"to": "expired", "when": [{"app.live": True}, "token.x"]}}},
        "broken": {"transitions": {"go": [{"to": "expired", "when": ["breaks"]}, {"to": "issued"}]}},
        "expired": {"final": True, "absorbs": ["late"]},
    },
    events={"acquired": {}},
    guards={"breaks": _breaks},
)


@pytest.mark.parametrize("code", CODES)
def test_a_rejection_changes_nothing_and_says_why(code: str) -> None:
    """E3: each of the five codes is raised with the event, the state, and what could be taken instead."""
    state, event = CODES[code]
    token = token_of(GUARDED, state)
    before = repr(token)
    with pytest.raises(Rejected) as raised:
        step(GUARDED, token, event, now=START, cause="caller")
    error = raised.value
    assert (code, event, state) == (error.code, error.event, error.state)
    assert GUARDED.states[state].accepts == error.legal
    assert before == repr(token)
    assert "first-value" not in str(error)
    assert "canary" not in str(error)


def test_a_guard_that_raises_is_never_false() -> None:
    """E2: an exception in a guard rejects the event, whatever a later row says; legal says no."""
    token = token_of(GUARDED, "broken")
    with pytest.raises(Rejected, match="a guard failed with LookupError"):
        step(GUARDED, token, "go", now=START, cause="caller")
    assert {"go": "no"} == legal(GUARDED, token)


def test_legal_says_what_is_certain_and_what_depends() -> None:
    """An event whose last row asks nothing is a yes; one whose rows all ask the payload depends on it."""
    said = legal(user(), token_of(user(), "requested"))
    assert {"acquired": "yes", "refused": "yes"} == {name: said[name] for name in ("acquired", "refused")}
    lifecycle = small(
        {
            "open": {
                "transitions": {"go": {"when": [{"event.x": 1}]}, "no": {"when": ["app.off", {"event.x": 1}]}}
            }
        }
    )
    assert {"go": "depends", "no": "no"} == legal(lifecycle, token_of(lifecycle, "open"))
    assert {} == legal(user(), token_of(user(), "expired"))


def test_absorbed_news_is_taken_and_changes_nothing() -> None:
    """E3: late news that a state absorbs leaves the same token and one Absorbed event."""
    token = token_of(GUARDED, "expired")
    found = step(GUARDED, token, "late", now=START + 5, cause="issuer", event_id="e1")
    assert token is found.after
    assert found.row is None
    (note,) = found.happened
    assert isinstance(note, Absorbed)
    assert ("late", "expired", "e1", START + 5) == (
        note.event,
        note.state,
        note.about.event_id,
        note.about.at,
    )


DOCUMENTS = [user(), user(marketing_access="standard"), lifecycle_of(PAGE), ROTATES, CHAIN, GUARDED]
anything = st.sampled_from(DOCUMENTS).flatmap(
    lambda lifecycle: st.tuples(
        st.just(lifecycle),
        st.sampled_from(sorted(lifecycle.states)),
        st.sampled_from([*sorted(lifecycle.events), "nonsense"]),
        st.dictionaries(st.sampled_from(["lifetime", "reason", "name"]), st.sampled_from(["long", "short"])),
        expiries,
    )
)


@given(anything)
def test_a_step_is_pure_lawful_and_agrees_with_legal(
    drawn: tuple[Lifecycle, str, str, dict[str, str], Expiry],
) -> None:
    """Any event on any state: same answer twice, the invariants of §4.5 hold, and legal() had said so."""
    lifecycle, state, event, payload, expires = drawn
    token = token_of(lifecycle, state, lives=None, expires=expires)
    said = legal(lifecycle, token).get(event)

    def run() -> object:
        try:
            return step(lifecycle, token, event, now=START + 1, cause="caller", payload=payload)
        except Rejected as no:
            return no.code

    found = run()
    assert found == run()
    if not isinstance(found, steps.Step):
        assert "yes" != said
        return
    after = found.after
    if found.row is None:
        assert event in lifecycle.states[state].absorbs
        assert token is after
        return
    assert said in ("yes", "depends")
    assert token.revision + 1 == after.revision
    assert token.entered_at <= after.entered_at <= START + 1
    if lifecycle.states[after.state].final:
        assert (None, None, SILENT) == (after.access_token, after.refresh_token, after.refresh_expires)
    if found.row.target is not None:
        assert {} == dict(after.fired)
    (moved,) = [one for one in found.happened if isinstance(one, Transitioned)]
    assert (event, state, after.state) == (moved.event, moved.source, moved.state)


def test_a_final_state_keeps_a_tombstone() -> None:
    """F4: a final state wipes both values; id, identity, dates, digest and reason stay."""
    token = token_of(
        user(), "extended", refresh_token=Secret("r"), refresh_expires=At(START + DAY), identity=("a", "b")
    )
    found = step(
        user(), token, "invalidate", now=START + 5, cause="issuer", payload={"reason": "password_changed"}
    )
    after = found.after
    assert (None, None, SILENT) == (after.access_token, after.refresh_token, after.refresh_expires)
    assert ("invalidated", "password_changed", START + 5) == (after.state, after.reason, after.entered_at)
    assert (token.id, token.identity, token.issued_at, token.digest, token.expires) == (
        after.id,
        after.identity,
        after.issued_at,
        after.digest,
        after.expires,
    )
    assert ("invalidate",) == found.cascades
    assert Notified in {type(one) for one in found.happened}


def test_a_default_fills_a_payload_and_set_copies_from_it() -> None:
    """A payload field the caller left out has the spec's default; `set:` copies a field to the token."""
    token = token_of(user(), "extended")
    ended = step(user(), token, "invalidate", now=START, cause="operator").after
    assert "unknown" == ended.reason
    named = step(user(), token, "renamed", now=START, cause="caller", payload={"name": "Ann"}).after
    assert "Ann" == named.attributes["name"]
    assert "extended" == named.state


def test_what_is_announced_is_what_then_says() -> None:
    """`then:` announces in order, and names the calls and cascades for the flows to carry out."""
    found = settle(user(), token_of(user(), "issued"), START + 2 * HOUR).steps[0]
    assert [TimerMissed, Transitioned, Notified, ReacquireWanted] == [type(one) for one in found.happened]
    assert (("expire",), ()) == (found.cascades, found.calls)
    signed_out = step(ROTATES, token_of(ROTATES, "issued"), "logout", now=START, cause="caller")
    assert ("revoke",) == signed_out.calls


def test_forget_drops_what_it_names() -> None:
    """`forget:` drops one value or all of them, in a state that is not final too."""
    lifecycle = small(
        {
            "open": {
                "transitions": {
                    "one": {"then": [{"forget": "access_token"}]},
                    "two": {"then": [{"forget": "refresh_token"}]},
                    "both": {"then": [{"forget": "all"}]},
                }
            }
        }
    )
    token = token_of(lifecycle, "open", refresh_token=Secret("r"), refresh_expires=At(START + DAY))
    kept = {}
    for event in ("one", "two", "both"):
        after = step(lifecycle, token, event, now=START, cause="caller").after
        kept[event] = (after.access_token is not None, after.refresh_token is not None)
    assert {"one": (False, True), "two": (True, False), "both": (False, False)} == kept


@given(starts, cuts)
def test_due_at_is_when_settling_next_does_something(token: Token, spans: list[int]) -> None:
    """Before due_at settling does nothing; at it, something."""
    token = settle(CHAIN, token, START + sum(spans)).token
    due = due_at(CHAIN, token)
    if due is None:
        assert () == settle(CHAIN, token, START + 10**5 * DAY).steps
    else:
        assert () == settle(CHAIN, token, due - 1).steps
        assert () != settle(CHAIN, token, due).steps


def test_a_state_that_enters_itself_anew_rests_after_one_firing() -> None:
    """A timer that leads back to its own state fires once at an instant, hard or soft."""
    for hard in (False, True):
        timers = {"t": {"at": "issued", "raise": "go", "hard": hard}}
        lifecycle = small({"open": {"transitions": {"go": {"to": "open"}}, "timers": timers}})
        found = settle(lifecycle, token_of(lifecycle, "open", entered_at=START), START + HOUR)
        assert "open" == found.token.state
        assert len(found.steps) <= 2


def _chasing(*, hard: bool, at: str = "issued") -> Lifecycle:
    """Return two states whose timers lead to each other."""
    return small(
        {
            name: {
                "transitions": {"go": {"to": other}},
                "timers": {"t": {"at": at, "raise": "go", "hard": hard}},
            }
            for name, other in (("here", "there"), ("there", "here"))
        }
    )


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("now", [START, START + DAY])
def test_states_that_chase_each_other_at_one_instant_rest_and_say_so(hard: bool, now: int) -> None:
    """Rule T8: a circle of timers at one instant is walked once, then its timer is stopped, on record."""
    lifecycle = _chasing(hard=hard)
    found = settle(lifecycle, token_of(lifecycle, "here"), now)
    stopped = [event for one in found.steps for event in one.happened if isinstance(event, TimerStopped)]
    assert [("t", found.token.state)] == [(one.timer, one.state) for one in stopped]
    assert len(found.steps) <= 3
    assert () == settle(lifecycle, found.token, now + DAY).steps


def test_states_that_take_turns_are_followed_over_a_long_sleep() -> None:
    """Rule T9: a circle that takes time is walked deadline by deadline, however long it was slept through."""
    lifecycle = _chasing(hard=True, at="entered + 10m")
    found = settle(lifecycle, token_of(lifecycle, "here"), START + 60 * DAY)
    assert 60 * 24 * 6 == len(found.steps)
    assert START + 60 * DAY == found.token.entered_at


def test_a_circle_too_fast_to_follow_is_stopped() -> None:
    """Rule T8: settling ends, also where a spec turns a thousand times a second."""
    lifecycle = _chasing(hard=True, at="entered + 1ms")
    found = settle(lifecycle, token_of(lifecycle, "here"), START + DAY)
    assert isinstance(found.steps[-1].happened[0], TimerStopped)
    assert () == settle(lifecycle, found.token, START + 2 * DAY).steps


CONSENT = small(
    {
        "held": {
            "usable": True,
            "transitions": {
                "ending": {"then": [{"notify": "ending"}]},
                "again": {"to": "held"},
                "renewed": {"set": {"over": "event.over"}},
                "elsewhere": {"to": "kept"},
            },
            "timers": {"warn": {"at": "attributes.over - 1h", "raise": "ending"}},
        },
        "kept": {
            "usable": True,
            "transitions": {"ending": {"to": "kept"}, "back": {"to": "held"}},
            "timers": {
                "warn": {"at": "attributes.over - 1h", "raise": "ending"},
                "more": {"at": "attributes.over", "raise": "ending", "every": "1h"},
            },
        },
    },
    events={"renewed": {"payload": {"over": {"type": "instant"}}}},
)
"""A consent that ends by an instant of its own, whatever state the token is in."""


@given(st.lists(st.sampled_from(["again", "elsewhere", "back", "wait"]), max_size=6), st.integers(2, 5))
def test_what_hangs_on_an_attribute_fires_once_for_each_of_its_values(way: list[str], hours: int) -> None:
    """T7: entering a state anew does not repeat it; another value of the attribute arms it again."""
    token = token_of(CONSENT, "held", lives=None, attributes={"over": START + hours * HOUR})
    assert due_at(CONSENT, token) == START + (hours - 1) * HOUR
    now = START + hours * HOUR - MINUTE
    token = settle(CONSENT, token, now).token
    for event in way:
        now += 1
        if event in CONSENT.states[token.state].accepts:
            token = step(CONSENT, token, event, now=now, cause="caller").after
        again = settle(CONSENT, token, now)
        assert again.steps == ()
        token = again.token
    if token.state == "held":
        later = step(
            CONSENT, token, "renewed", now=now, cause="issuer", payload={"over": START + 9 * HOUR}
        ).after
        assert due_at(CONSENT, later) == START + 8 * HOUR
        gone = step(CONSENT, token, "renewed", now=now, cause="issuer", payload={"over": None}).after
        assert due_at(CONSENT, gone) is None


def test_a_move_that_an_attribute_asked_for_is_its_firing() -> None:
    """T7: a timer that leads into its own state anew is not due there again; `every` counts from it."""
    token = token_of(CONSENT, "kept", lives=None, attributes={"over": START + HOUR})
    now = START + HOUR + MINUTE
    moved = settle(CONSENT, token, now)
    assert [one.after.state for one in moved.steps] == ["kept"]
    assert {"warn": now, "more": now} == moved.token.fired
    assert due_at(CONSENT, moved.token) == now + HOUR


NEVER_ENDS = {"never": Lifetime(name="never", typical=None)}
WITH_NEVER = [
    attrs.evolve(one, lifetimes={**one.lifetimes, **NEVER_ENDS})
    for one in (user(), user(marketing_access="standard"))
]


@given(st.sampled_from(WITH_NEVER), expiries)
def test_a_value_goes_where_its_end_fits(lifecycle: Lifecycle, expires: Expiry) -> None:
    """The issuer's word on an end is stronger than a guard: no endless state keeps one where another may."""
    rows = lifecycle.chooser.rows
    for row in (*rows("acquired", "requested"), *rows("extend", "issued")):
        taken = fitting(lifecycle, row, expires)
        assert (taken.event, taken.source, taken.data.get("do")) == (
            row.event,
            row.source,
            row.data.get("do"),
        )
        assert fitting(lifecycle, taken, expires) is taken
        if isinstance(expires, Silent):
            assert taken is row
        elif taken.target in ("extended", "non_expiring"):
            assert (taken.target == "non_expiring") == isinstance(expires, Never)
