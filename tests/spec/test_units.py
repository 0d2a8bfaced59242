import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow.spec import duration

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("60d", 60 * 86_400 * SECOND),
        ("2w", 14 * 86_400 * SECOND),
        ("1h30m", 5_400 * SECOND),
        ("90m", 5_400 * SECOND),
        ("45s", 45 * SECOND),
        ("500ms", 500_000),
        ("1d1ms", 86_400 * SECOND + 1_000),
        ("P60D", 60 * 86_400 * SECOND),
        ("P2W", 14 * 86_400 * SECOND),
        ("PT1H30M", 5_400 * SECOND),
        ("PT0.5S", 500_000),
        ("PT0.000001S", 1),
        ("P1DT1S", 86_401 * SECOND),
    ],
)
def test_a_duration_is_microseconds_and_a_day_has_86400_seconds(text: str, microseconds: int) -> None:
    assert duration(text) == microseconds


@pytest.mark.parametrize(
    ("text", "likely"),
    [
        ("90", "90s, 90m or 90h"),
        ("2 months", "60d"),
        ("2mo", "60d"),
        ("1y", "365d"),
        ("P1M", "30d"),
        ("P2Y", "730d"),
        ("3 days", "write 3d"),
        ("5 min", "write 5m"),
        ("20 milliseconds", "write 20ms"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_likely_spelling(text: str, likely: str) -> None:
    with pytest.raises(ValueError, match=likely):
        duration(text)


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "-1s", "+1s", "1.5h", "1h 30m", "30m1h", "1H", "1d\n", "٣d", "9" * 99 + "d"],
)
def test_a_near_miss_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert duration(text) >= 0


@given(*[st.integers(0, 999) for _ in range(6)])
def test_both_spellings_of_a_length_mean_the_same(
    days: int, hours: int, minutes: int, seconds: int, millis: int, weeks: int
) -> None:
    short = f"{weeks}w{days}d{hours}h{minutes}m{seconds}s{millis}ms"
    iso = f"P{days + 7 * weeks}DT{hours}H{minutes}M{seconds}.{millis:03d}S"
    assert duration(short) == duration(iso)
