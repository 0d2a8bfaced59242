"""Spans and instants as people read them."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from tokenflow.core.moments import duration
from tokenflow.core.tokens import SECOND
from tokenflow.runner.spans import iso, span

LONG = 10_000 * 86_400


@given(st.integers(0, LONG))
def test_a_span_of_whole_seconds_reads_back_as_itself(seconds: int) -> None:
    """What `span` writes, `duration` reads: 1d2h3m4s."""
    assert duration(span(seconds * SECOND)) == seconds * SECOND


@given(st.integers(1, LONG * SECOND))
def test_a_span_is_rounded_to_the_second(microseconds: int) -> None:
    """It is never further off than half a second."""
    assert abs(duration(span(microseconds)) - microseconds) <= SECOND // 2


@given(st.integers(1, LONG))
def test_a_span_back_in_time_begins_with_a_minus(seconds: int) -> None:
    """The sign is the only difference."""
    assert span(-seconds * SECOND) == f"-{span(seconds * SECOND)}"


def test_nothing_is_nought_seconds() -> None:
    """Less than half a second is nothing, on either side."""
    assert [span(one) for one in (0, 400_000, -400_000)] == ["0s"] * 3


@given(st.integers(0, 4_000_000_000))
def test_an_instant_reads_back_as_itself(seconds: int) -> None:
    """ISO 8601, UTC, to the second."""
    text = iso(seconds * SECOND + 999_999)

    assert text.endswith("Z")
    assert datetime.fromisoformat(text).timestamp() == seconds
