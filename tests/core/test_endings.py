"""Several deadlines, and which of them ends a token next."""

# ruff: noqa: SIM300  # expected == actual, constants too

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, HOUR, MINUTE, ROTATING, START, lifecycle_of, small, token_of, user
from tokenflow.core.endings import Ending, endings
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.steps import settle
from tokenflow.core.tokens import NEVER, At, Attempt, Token

ROTATES = lifecycle_of(ROTATING)


def brief(found: tuple[Ending, ...]) -> list[tuple[int, str | None, str]]:
    """Return instant, event and state of each."""
    return [(one.at, one.event, one.state) for one in found]


def test_what_renews_a_token_ends_nothing() -> None:
    """Rule T2: of a renewal and an expiry only the expiry ends it, and says what it is counted from."""
    found = endings(user(), token_of(user(), "issued"))
    assert [(START + 90 * MINUTE, "expire", "expired")] == brief(found)
    assert "counted from `expires`: a fact about the world" in found[0].why


def test_refresh_expiry_and_cap_end_a_token_that_waits() -> None:
    """Rule T2: what awaits its refresh ends with its refresh token, or by an earlier cap of the spec."""
    token = token_of(ROTATES, "awaiting_refresh", refresh_expires=At(START + 40 * DAY))
    both = [(START + 30 * DAY, "expire", "expired"), (START + 40 * DAY, "expire", "expired")]
    assert both == brief(endings(ROTATES, token))
    sooner = attrs.evolve(token, refresh_expires=At(START + DAY))
    assert (START + DAY, "expire", "expired") == brief(endings(ROTATES, sooner))[0]
    assert both[:1] == brief(endings(ROTATES, attrs.evolve(token, refresh_expires=NEVER)))


def test_an_expiry_without_a_timer_ends_its_use() -> None:
    """Rule T6: where a spec has no timer for it, a value that is over is not handed out all the same."""
    lifecycle = small({"open": {"usable": True}})
    (found,) = endings(lifecycle, token_of(lifecycle, "open", lives=HOUR))
    assert (START + HOUR, None, "open") == (found.at, found.event, found.state)
    assert () == endings(lifecycle, token_of(lifecycle, "open", lives=None))


def test_a_deadline_that_waits_for_an_outcome_keeps_its_date() -> None:
    """Rule T11: while a command is under way the ending is still dated to itself."""
    attempt = Attempt(event="extend", number=1, started_at=START, lease_until=START + 2 * HOUR)
    token = token_of(user(), "issued", attempt=attempt)
    assert [(START + 90 * MINUTE, "expire", "expired")] == brief(endings(user(), token))


def test_a_guard_that_declines_ends_nothing() -> None:
    """A page token without an end of its own has no ending by time."""
    lifecycle = small(
        {
            "open": {
                "usable": True,
                "transitions": {"stop": {"to": "over", "when": [{"token.ends_by_time": True}]}},
                "timers": {"cap": {"at": "issued + 1d", "raise": "stop"}},
            },
            "over": {"final": True},
        }
    )
    assert () == endings(lifecycle, token_of(lifecycle, "open", lives=None))
    timed = endings(lifecycle, token_of(lifecycle, "open", lives=2 * DAY))
    assert [(START + DAY, "stop", "over")] == brief(timed)


@pytest.mark.parametrize("state", ["expired", "invalidated"])
def test_what_is_over_has_no_ending(state: str) -> None:
    """A final state is not ended again."""
    assert () == endings(user(), token_of(user(), state))


@given(st.sampled_from([user(), ROTATES]), st.integers(1, 60 * DAY), st.none() | st.integers(1, 60 * DAY))
def test_a_token_left_alone_ends_as_it_was_foretold(
    lifecycle: Lifecycle, lives: int, refresh: int | None
) -> None:
    """Rule T8: nobody renews it, and it leaves its state at the first hard ending, and not before."""
    token: Token = token_of(lifecycle, "issued", lives=lives)
    if refresh is not None:
        token = attrs.evolve(token, refresh_expires=At(START + refresh))
    first = endings(lifecycle, token)[0]
    assert "issued" == settle(lifecycle, token, first.at - 1).token.state
    after = settle(lifecycle, token, first.at).steps[0].after
    assert (first.state, first.at) == (after.state, after.entered_at)
