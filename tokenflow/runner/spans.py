"""Times for people: a span as 1d2h, an instant as ISO 8601."""

from datetime import UTC, datetime, timedelta

from tokenflow.core.tokens import SECOND, Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def span(microseconds: int) -> str:
    """Return a span as 1d2h3m4s, rounded to seconds; negative ones begin with a minus."""
    seconds = round(abs(microseconds) / SECOND)
    parts = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if microseconds < 0 and parts else "") + ("".join(parts) or "0s")


def iso(instant: Instant) -> str:
    """Return an instant as ISO 8601, UTC, to the second."""
    return (_EPOCH + timedelta(microseconds=instant)).strftime("%Y-%m-%dT%H:%M:%SZ")
