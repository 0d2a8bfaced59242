"""What to do about a token: use it, extend it, wait, or acquire it anew."""

# ruff: noqa: SIM300  # expected == actual, constants too

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, HOUR, MINUTE, ROTATING, START, lifecycle_of, small, token_of, user
from tokenflow.core.decisions import Acquire, Extend, Use, Wait, decide, renewing_event
from tokenflow.core.steps import is_usable, settle
from tokenflow.core.tokens import Attempt, Token

ROTATES = lifecycle_of(ROTATING)


def decided(token: Token, at: int) -> object:
    """Return the decision about a token of the lifecycle it is pinned to, settled at START + *at*."""
    lifecycle = ROTATES if token.lifecycle == ROTATES.ref else user()
    found = settle(lifecycle, token, START + at)
    return decide(lifecycle, found.token, START + at, found.due)


def test_fresh_is_handed_out() -> None:
    """A usable token with nothing due is used as it is."""
    token = token_of(user(), "issued")
    assert Use(token) == decided(token, 10 * MINUTE)


def test_stale_is_extended_and_still_serves() -> None:
    """A usable token whose renewal is due is extended without urgency."""
    token = token_of(user(), "issued")
    assert Extend(token, "extend", urgent=False) == decided(token, 80 * MINUTE)


def test_within_the_skew_an_extension_is_urgent() -> None:
    """A token that is not usable any more but can be renewed is extended, and the caller waits."""
    token = token_of(user(), "issued", fired={"renew": START + 89 * MINUTE})
    assert Extend(token, "extend", urgent=True) == decided(token, 89 * MINUTE + 30_000_000)


def test_what_awaits_its_refresh_is_refreshed() -> None:
    """An expired access token with a refresh command is refreshed before its own timer would."""
    token = token_of(ROTATES, "issued", lives=HOUR)
    found = decided(token, HOUR)
    assert isinstance(found, Extend)
    assert ("awaiting_refresh", "refresh", True) == (found.token.state, found.event, found.urgent)


def test_a_waiting_retry_is_waited_for_and_only_if_nothing_serves() -> None:
    """R1: while a retry waits nobody asks sooner; a token that still serves is simply used."""
    waiting = Attempt(event="refresh", number=1, started_at=START, retry_at=START + 2 * HOUR)
    over = token_of(ROTATES, "awaiting_refresh", lives=HOUR, attempt=waiting)
    assert Wait(over, START + 2 * HOUR) == decided(over, HOUR)
    serves = token_of(user(), "issued", attempt=attrs.evolve(waiting, event="extend"))
    assert Use(serves) == decided(serves, 10 * MINUTE)


def test_over_is_over_and_says_why() -> None:
    """A final token asks for a new acquisition, with its reason or else its state."""
    assert Acquire("expired") == decided(token_of(user(), "issued"), 2 * HOUR)
    dead = token_of(user(), "invalidated", reason="password_changed")
    assert Acquire("password_changed") == decided(dead, 0)


@pytest.mark.parametrize(("access", "expected"), [("none", "extended"), ("standard", "non_expiring")])
def test_the_renewing_event_is_one_whose_conditions_hold(access: str, expected: str) -> None:
    """A renewal is an event with a command, conditions that hold, and a usable state behind it."""
    lifecycle = user(marketing_access=access)
    token = token_of(lifecycle, "issued")
    event = renewing_event(lifecycle, token)
    assert "extend" == event
    assert expected in {row.target for row in lifecycle.chooser.rows("extend", "issued")}
    assert renewing_event(lifecycle, token_of(lifecycle, "non_expiring")) is None


def test_a_command_that_ends_a_token_is_no_renewal() -> None:
    """Revoking runs a command too, but leads nowhere usable, and a closed guard is no way out."""
    lifecycle = small(
        {
            "open": {
                "transitions": {
                    "revoke": {"do": "x", "to": "over"},
                    "renew": {"do": "x", "to": "fine", "when": ["token.allowed"]},
                }
            },
            "fine": {"usable": True},
            "over": {"final": True},
        },
        commands={"x": {"use": "x.x"}},
    )
    assert renewing_event(lifecycle, token_of(lifecycle, "open")) is None
    allowed = token_of(lifecycle, "open", attributes={"allowed": True})
    assert "renew" == renewing_event(lifecycle, allowed)


@given(
    st.sampled_from(sorted(user().states)),
    st.integers(0, 70 * DAY),
    st.integers(1, 60 * DAY),
    st.none() | st.integers(0, 70 * DAY),
)
def test_every_token_gets_one_honest_decision(state: str, age: int, lives: int, retry: int | None) -> None:
    """Use only what is usable, wait only for what is to come, extend only by an event the state takes."""
    attempt = None
    if retry is not None and "extend" in user().states[state].accepts:
        attempt = Attempt(event="extend", number=1, started_at=START, retry_at=START + retry)
    found = settle(user(), token_of(user(), state, lives=lives, attempt=attempt), START + age)
    token, now = found.token, START + age
    match decide(user(), token, now, found.due):
        case Use(used):
            assert is_usable(user(), used, now)
            assert found.due is None
        case Wait(_, until):
            assert until > now
            assert not is_usable(user(), token, now)
        case Extend(_, event, urgent):
            assert event in user().states[token.state].accepts
            assert urgent is not is_usable(user(), token, now)
        case Acquire(reason):
            assert reason
            assert not is_usable(user(), token, now)
