"""Durations: `60d`, `1h30m`, `500ms`, `PT1H30M`. Months and years have no fixed length and are refused."""

import re
from typing import Final

_UNITS: Final = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_SHORT: Final = re.compile(
    r"(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?", re.ASCII
)
_ISO: Final = re.compile(
    r"P(?:(\d{1,9})W|(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,6}))?S)?)?)",
    re.ASCII,
)
_CALENDAR: Final = re.compile(
    r"(\d{1,6}) *(mo|mon|month|months|M|y|yr|year|years|Y)|P(\d{1,6})([MY])", re.ASCII
)
_WORDS: Final = re.compile(
    r"(\d{1,9}) *(weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|milliseconds?)",
    re.ASCII | re.IGNORECASE,
)


def duration(text: str) -> int:
    """Return *text* in microseconds; a day is 86 400 s.

    Raises ValueError, with the likely spelling, for anything that is no duration.
    """
    found = _SHORT.fullmatch(text)
    if found and any(found.groups()):
        return sum(int(n) * unit for n, unit in zip(found.groups(), _UNITS.values(), strict=True) if n)
    iso = _ISO.fullmatch(text)
    if iso and any(iso.groups()) and not text.endswith("T"):
        weeks, days, hours, minutes, seconds, fraction = iso.groups()
        parts = zip((weeks, days, hours, minutes, seconds), _UNITS.values(), strict=False)
        return sum(int(n) * unit for n, unit in parts if n) + int((fraction or "").ljust(6, "0"))
    hint = spelling(text)
    raise ValueError(f"`{text[:40]}` is not a duration" + (f"; {hint}" if hint else ""))


def spelling(text: str) -> str | None:
    """Return how *text* was probably meant to be written, or None."""
    if calendar := _CALENDAR.fullmatch(text):
        count, unit = int(calendar[1] or calendar[3]), calendar[2] or calendar[4]
        days = count * (30 if unit[0] in "mM" else 365)
        return f"months and years vary; say it in days, e.g. {days}d"
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return f"a bare number has no unit; write {text}s, {text}m or {text}h"
    if words := _WORDS.fullmatch(text):
        unit = "ms" if words[2].lower().startswith("milli") else words[2][0].lower()
        return f"write {words[1]}{unit}"
    return None
