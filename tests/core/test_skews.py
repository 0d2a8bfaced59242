"""Another clock, by the Date of its answers: it may only ever shorten a life."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.mutants import caught
from tokenflow.core import skews
from tokenflow.core.skews import Skew, by_our_clock, measured, on_record
from tokenflow.core.tokens import DAY, NEVER, SECOND, SILENT, At, Expiry

START = 1_800_000_000 * SECOND
spans = st.integers(0, 400 * DAY)
offsets = st.integers(-400 * DAY, 400 * DAY)


@given(offsets, st.integers(0, 60 * SECOND), st.floats(0, 1))
def test_the_true_gap_is_within_the_error_that_is_named(gap: int, trip: int, when: float) -> None:
    """A clock *gap* ahead, read at any point of the round trip and cut to a second, is bracketed."""
    date = (START + int(trip * when) + gap) // SECOND * SECOND
    skew = measured(date, sent=START, received=START + trip)
    assert abs(skew.offset - gap) <= skew.error + 1


@given(st.integers(0, 60 * SECOND), st.floats(0, 1), st.integers(0, 60 * SECOND))
def test_clocks_that_agree_are_never_called_apart(trip: int, when: float, tolerance: int) -> None:
    """However long an answer took, a clock that is right is within any tolerance."""
    date = (START + int(trip * when)) // SECOND * SECOND
    assert not measured(date, sent=START, received=START + trip).beyond(tolerance + 1)


@given(spans, offsets)
def test_a_date_only_ever_shortens_a_life_and_never_ends_it(left: int, ahead: int) -> None:
    """Security: a hostile or broken Date gives no token a longer life, and takes at most half of one."""
    found = by_our_clock(At(START + left), START, ahead)
    assert isinstance(found, At)
    assert START + left // 2 <= found.instant <= START + left
    if ahead <= 0:
        assert found.instant == START + left


@pytest.mark.parametrize("end", [NEVER, SILENT, At(START), At(START - DAY)])
def test_what_names_no_end_to_come_is_left_alone(end: Expiry) -> None:
    """Never stays never, silence silence, and what is over is over."""
    assert by_our_clock(end, START, DAY) == end


def test_an_end_is_moved_by_as_much_as_the_clock_is_ahead() -> None:
    """An issuer five minutes ahead means five minutes less by our clock."""
    assert by_our_clock(At(START + 3600 * SECOND), START, 300 * SECOND) == At(START + 3300 * SECOND)


@given(st.lists(st.integers(-200 * SECOND, 200 * SECOND), max_size=30), st.integers(0, 5 * SECOND))
def test_a_gap_is_on_record_once_and_goes_when_it_closes(gaps: list[int], error: int) -> None:
    """The record changes only when the clocks surely part, surely meet, or the gap surely moves."""
    tolerance, record = 60 * SECOND, None
    for gap in gaps:
        seen = Skew(offset=gap, error=error)
        after = on_record(record, seen, tolerance)
        if abs(gap) - error > tolerance:
            assert after is not None
        if abs(gap) + error <= tolerance:
            assert after is None
        if after is not None and after != record:
            assert after == seen
            assert record is None or abs(seen.offset - record.offset) > tolerance
        record = after


def test_a_gap_near_the_limit_is_reported_once() -> None:
    """Answers that waver about the limit do not each make a report."""
    wavering = [62, 60, 62, 60, 62]
    record, reports = None, 0
    for gap in wavering:
        after = on_record(record, Skew(offset=gap * SECOND, error=SECOND), 60 * SECOND)
        reports += after != record
        record = after
    assert reports == 1


def test_a_life_that_a_date_lengthens_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: a clock that is behind makes the end later."""
    monkeypatch.setitem(
        globals(),
        "by_our_clock",
        lambda end, now, ahead: At(end.instant - ahead) if isinstance(end, At) else end,
    )
    caught(test_a_date_only_ever_shortens_a_life_and_never_ends_it)
    assert skews.by_our_clock is not by_our_clock
