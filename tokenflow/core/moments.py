"""Time as data: `expires - 30%` becomes a stored absolute deadline (rules T1, T2, T4, T5).

A moment is an anchor and an offset. Given a token it is an instant, or None while its anchor is
unknown: then the timer sleeps.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core.tokens import DAY, SECOND, At, Instant, Token

_UNITS: Final = {"w": 7 * DAY, "d": DAY, "h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": 1000}
_SHORT: Final = re.compile(r"(?:\d+(?:ms|w|d|h|m|s))+", re.ASCII)
_PART: Final = re.compile(r"(\d+)(ms|w|d|h|m|s)", re.ASCII)
_ISO: Final = re.compile(
    r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?", re.ASCII
)
_PERCENT: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?%")
ATTRIBUTES: Final = "attributes."
"""What the anchor of a moment begins with that hangs on a fact kept with the token (rule T2)."""
_MOMENT: Final = re.compile(
    r"(entered|issued|refreshed|expires|last_used|refresh_expires|attributes\.[a-z][a-z0-9_]*)"
    r"(?: ([+-]) (\S+))?",
    re.ASCII,
)


def duration(text: str) -> int:
    """Return microseconds for `60d`, `1h30m`, `45s` or ISO 8601 `P60D`, `PT1H30M`.

    Raises ValueError for anything else; months and years have no fixed length.
    """
    if _SHORT.fullmatch(text):
        return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    found = _ISO.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f"{text!r} is not a duration; write it like 60d, 1h30m or PT1H30M")
    weeks, days, hours, minutes, seconds, fraction = found.groups()
    whole = (int(weeks or 0) * 7 + int(days or 0)) * DAY
    clock = (int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)) * SECOND
    return whole + clock + int((fraction or "").ljust(6, "0"))


@attrs.frozen
class Moment:
    """`<anchor> [+|- <duration or percent>]`; a percentage is of the value's own lifetime (rule T4)."""

    anchor: str
    offset: int = 0
    """Microseconds, signed."""
    percent: float = 0.0
    """Percent of `expires - refreshed`, signed."""

    @classmethod
    def parse(cls, text: str) -> "Moment":
        """Read a moment; raises ValueError when it is not one."""
        found = _MOMENT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a moment; write it like `expires - 20%` or `entered + 10m`")
        anchor, sign, amount = found.groups()
        direction = -1 if sign == "-" else 1
        if amount is None:
            return cls(anchor)
        if _PERCENT.fullmatch(amount):
            return cls(anchor, percent=direction * float(amount[:-1]))
        return cls(anchor, offset=direction * duration(amount))

    @property
    def attribute(self) -> str | None:
        """The attribute it is anchored on; None for an instant of the token's own."""
        return self.anchor.removeprefix(ATTRIBUTES) if self.anchor.startswith(ATTRIBUTES) else None

    def at(self, token: Token) -> Instant | None:
        """Return the instant for *token*, or None while an anchor it needs is unknown (rule T2)."""
        base = _anchor(token, self.anchor)
        if base is None:
            return None
        if not self.percent:
            return base + self.offset
        if token.expires_at is None or token.refreshed_at is None:
            return None
        return base + int((token.expires_at - token.refreshed_at) * self.percent / 100)

    def expected(self, token: Token) -> Instant | None:
        """Return the instant for *token*, measured against how long values like its own have lately lived.

        Never later than `at`, and, measured from the end, never before half of that life: an offset that
        was meant for a longer one asks for no renewal at once.
        """
        at, end, born, life = self.at(token), token.expires_at, token.refreshed_at, token.learned_life
        if at is None or end is None or born is None or life is None or born + life >= end:
            return at
        if self.anchor != "expires" and not self.percent:
            return at
        base = born + life if self.anchor == "expires" else _anchor(token, self.anchor)
        sooner = (base or born) + (int(life * self.percent / 100) if self.percent else self.offset)
        return min(at, max(sooner, born + life // 2) if self.anchor == "expires" else sooner)


def _anchor(token: Token, name: str) -> Instant | None:
    match name:
        case "entered":
            return token.entered_at
        case "issued":
            return token.issued_at
        case "refreshed":
            return token.refreshed_at
        case "expires":
            return token.expires_at
        case "refresh_expires":
            return token.refresh_expires.instant if isinstance(token.refresh_expires, At) else None
        case "last_used":
            return token.last_used_at if token.last_used_at is not None else token.issued_at
        case _:
            value = token.attributes.get(name.removeprefix(ATTRIBUTES))
            return value if isinstance(value, int) and not isinstance(value, bool) else None


@attrs.frozen(kw_only=True)
class Timer:
    """A moment that raises an event. `hard` marks a fact about the world (rule T8)."""

    name: str
    event: str
    moment: Moment
    hard: bool = False
    jitter: int = 0
    """It fires up to this much earlier, by a fixed amount for each token (rule T5); see `reach`."""
    every: int | None = None
    """It repeats this long after the end of the last attempt (rule T7); None: once per entry."""
    position: int = 0
    """Its place in the spec; settles a tie."""

    @classmethod
    def from_spec(cls, name: str, spec: Mapping[str, Any], position: int) -> "Timer":
        """Compile one entry of `timers:`."""
        return cls(
            name=name,
            event=spec["raise"],
            moment=Moment.parse(spec["at"]),
            hard=bool(spec.get("hard", False)),
            jitter=duration(spec["jitter"]) if "jitter" in spec else 0,
            every=duration(spec["every"]) if "every" in spec else None,
            position=position,
        )

    def due(self, token: Token) -> Instant | None:
        """Return when it fires next for *token*, or None if it sleeps or has fired."""
        if self.name in token.fired:
            return None if self.every is None else token.fired[self.name] + self.every
        raw = self.moment.at(token) if self.hard else self.moment.expected(token)
        if raw is None:
            return None
        reach = self.reach(raw - token.entered_at)
        return max(raw - int(reach * spread(token.id, self.name, token.entered_at)), token.entered_at)

    def reach(self, ahead: int) -> int:
        """Return how much earlier than its moment it may fire, when that is *ahead* of the state's entry.

        At most half of the way (microseconds): a value that lives shorter than was planned for is not
        renewed as soon as it arrives (rule T5).
        """
        return min(self.jitter, max(ahead, 0) // 2)


def spread(token_id: str, timer: str, entered_at: Instant) -> float:
    """Return a number in [0, 1) that is the same after every restart and on every worker (rule T5)."""
    seed = f"{token_id}|{timer}|{entered_at}".encode()
    return int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest(), "big") / 2**64


@attrs.frozen
class Reading:
    """One look at the clocks: wall time and time since boot, both in microseconds."""

    wall: Instant
    boot: int


@attrs.frozen
class Trusted:
    """What a reading comes to (rule T12): the instant to decide by, and why timers are held, if they are."""

    now: Instant
    held: str | None = None


def trust(
    reading: Reading,
    *,
    mark: Instant,
    previous: Reading | None,
    backward_tolerance: int,
    leap_ends_many: bool = False,
) -> Trusted:
    """Return the instant to decide by.

    The clock never runs back: `now` is at least *mark*, the highest instant the store has seen. A
    step back beyond *backward_tolerance* holds the timers. So does a leap forward that the boot-time
    clock does not confirm, within one process's life, if it would end many tokens at once
    (*leap_ends_many*, ruling 24); after a restart the wall clock is simply believed.
    """
    if mark - reading.wall > backward_tolerance:
        behind = (mark - reading.wall) // SECOND
        return Trusted(mark, f"the clock is {behind} s behind what this store has already seen")
    if previous is not None and leap_ends_many and unconfirmed(reading, previous) > backward_tolerance:
        leap = unconfirmed(reading, previous) // SECOND
        return Trusted(
            max(mark, previous.wall), f"the clock leapt {leap} s ahead and would end many tokens at once"
        )
    return Trusted(max(mark, reading.wall))


def unconfirmed(reading: Reading, previous: Reading) -> int:
    """Return by how much the wall clock ran ahead of the boot-time clock since *previous*."""
    return (reading.wall - previous.wall) - (reading.boot - previous.boot)
