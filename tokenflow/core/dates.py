"""The two ways answers write an instant as text: HTTP (RFC 9110 §5.6.7) and RFC 3339."""

import re
from typing import Final

from tokenflow.core.tokens import DAY, SECOND, Instant

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP: Final = re.compile(
    r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_RFC3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))"
)


def http_date(text: str) -> Instant | None:
    """Return the instant of an HTTP date, e.g. of the Date header; None for anything else."""
    found = _HTTP.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        return None
    day, month, year, hour, minute, second = found.groups()
    return _instant(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))


def rfc3339(text: str) -> Instant | None:
    """Return the instant of `2026-11-27T23:44:48Z` or with an offset; None for anything else."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    at = _instant(year, month, day, hour, minute, second)
    if at is None:
        return None
    fraction = int((found[7] or "")[:6].ljust(6, "0"))
    offset = (int(found[9]) * 60 + int(found[10])) * 60 * SECOND if found[8] else 0
    whole = at + fraction + (offset if found[8] == "-" else -offset)
    return whole if whole >= 0 else None


def _instant(year: int, month: int, day: int, hour: int, minute: int, second: int) -> Instant | None:
    """Return the instant of a UTC date; None for one that no calendar has."""
    lengths = (31, 29 if _leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= lengths[month - 1]):
        return None
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second, and counts as the next minute's 0
        return None
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - _BEFORE_1970
    days += sum(lengths[: month - 1]) + day - 1
    return days * DAY + ((hour * 60 + minute) * 60 + second) * SECOND


_BEFORE_1970: Final = 719_162
"""Days of the Gregorian calendar from year 1 to 1970."""


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
