"""The instant to decide by: never behind what the store has seen, never beyond belief (rule T12)."""

from typing import Final

from tokenflow.core.moments import Reading, Trusted, trust, unconfirmed
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.clocks import Clock
from tokenflow.engine.forks import ForkLock
from tokenflow.engine.stores import Store

MANY: Final = 0.10
"""A leap forward is held when it would end more than this share of live tokens."""


class Timekeeper:
    """Reads the clock against the store's high-water mark."""

    def __init__(self, clock: Clock, store: Store, *, backward_tolerance: int, accept_clock: bool) -> None:
        """*backward_tolerance* in microseconds; *accept_clock* believes the wall clock whatever it says."""
        self._clock, self._store = clock, store
        self._tolerance, self._accept = backward_tolerance, accept_clock
        self._lock = ForkLock()
        self._mark: Instant = store.mark()
        self._previous: Reading | None = None

    def look(self) -> Trusted:
        """Return the instant to decide by, and why timers are held, if they are."""
        reading = self._clock.reading()
        with self._lock:
            previous = self._previous
            if previous is None or unconfirmed(reading, previous) < -SECOND:
                self._mark = max(self._mark, self._store.mark())  # others may have seen what we did not
            if self._accept:
                return self._believed(reading)
            leapt = previous is not None and unconfirmed(reading, previous) > self._tolerance
            trusted = trust(
                reading,
                mark=self._mark,
                previous=previous,
                backward_tolerance=self._tolerance,
                leap_ends_many=leapt
                and previous is not None
                and self._ends_many(previous.wall, reading.wall),
            )
            if trusted.held is None:
                self._previous, self._mark = reading, max(self._mark, trusted.now)
                return trusted
            return Trusted(max(trusted.now, _confirmed(reading, previous)), trusted.held)

    def _believed(self, reading: Reading) -> Trusted:
        """Nothing is held: a step back within the tolerance is smoothed as ever, a longer one is followed."""
        self._previous = reading
        if self._mark - reading.wall > self._tolerance:
            return Trusted(reading.wall)
        self._mark = max(self._mark, reading.wall)
        return Trusted(self._mark)

    def mark(self) -> Instant:
        """Return the highest instant decided by so far."""
        return self._mark

    def _ends_many(self, after: Instant, until: Instant) -> bool:
        live, ending = self._store.census(after, until)
        return ending > live * MANY


def _confirmed(reading: Reading, previous: Reading | None) -> Instant:
    """Return how late it is by the boot-time clock: time goes on while timers are held."""
    return 0 if previous is None else previous.wall + reading.boot - previous.boot
