"""Instants written as text: both spellings against the standard library, and everything else refused."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.mutants import caught
from tokenflow.core import dates
from tokenflow.core.dates import http_date, rfc3339
from tokenflow.core.tokens import SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SPAN = datetime(9999, 12, 30, tzinfo=UTC) - EPOCH
moments = st.timedeltas(timedelta(days=1), SPAN).map(lambda since: EPOCH + since)


def micro(at: datetime) -> int:
    """Return UTC microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


@given(moments)
@example(datetime(2000, 2, 29, 23, 59, 59, tzinfo=UTC))
@example(datetime(2100, 3, 1, tzinfo=UTC))
def test_an_http_date_is_read_as_the_standard_library_writes_it(at: datetime) -> None:
    """Every second from 1970 to 9999, leap days and centuries too."""
    whole = at.replace(microsecond=0)
    assert http_date(format_datetime(whole, usegmt=True)) == micro(whole)


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_an_rfc_3339_date_is_read_with_its_fraction_and_offset(at: datetime, offset: int) -> None:
    """The offset is taken off, the fraction is kept to the microsecond."""
    assert rfc3339(at.astimezone(timezone(timedelta(minutes=offset))).isoformat()) == micro(at)
    assert rfc3339(at.replace(microsecond=0).isoformat().replace("+00:00", "Z")) == micro(
        at.replace(microsecond=0)
    )


@given(st.text(max_size=40))
def test_any_other_text_is_no_date(text: str) -> None:
    """Nothing raises, and what is no date is None or within the calendar."""
    for found in (http_date(text), rfc3339(text)):
        assert found is None or 0 <= found < 253_402_387_200 * SECOND


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 31 Feb 2026 10:00:00 GMT",
        "Fri, 00 Jan 2026 10:00:00 GMT",
        "Fri, 01 Foo 2026 10:00:00 GMT",
        "Fri, 01 Jan 2026 24:00:00 GMT",
        "Fri, 01 Jan 1969 10:00:00 GMT",
        "Fri, 01 Jan 2026 10:00:00 UTC",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T00:60:00Z",
        "1970-01-01T00:00:00+14:00",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "٢026-01-01T00:00:00Z",
    ],
)
def test_a_day_that_no_calendar_has_is_none(text: str) -> None:
    """A wrong month, day, hour or year, and a time without a zone, say nothing."""
    assert (http_date(text), rfc3339(text)) == (None, None)


def test_a_calendar_that_forgets_the_centuries_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: every fourth year is a leap year."""
    monkeypatch.setattr(dates, "_leap", lambda year: year % 4 == 0)
    caught(test_an_http_date_is_read_as_the_standard_library_writes_it)
