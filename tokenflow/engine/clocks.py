"""Where the time comes from: the machine's clocks, or one that a test or a scenario moves."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from tokenflow.core.moments import Reading
from tokenflow.core.tokens import Instant

_NANOS: Final = 1000


class Clock(Protocol):
    """A wall clock and a clock that no one sets."""

    def __call__(self) -> Instant:
        """Return the wall time, UTC microseconds."""

    def reading(self) -> Reading:
        """Return wall time and time since boot together (rule T12)."""


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    def __call__(self) -> Instant:
        """Return the wall time, UTC microseconds."""
        return time.time_ns() // _NANOS

    def reading(self) -> Reading:
        """Return wall time and time since boot; time asleep counts where the system can tell."""
        clock = getattr(time, "CLOCK_BOOTTIME", None)
        boot = time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)
        return Reading(wall=time.time_ns() // _NANOS, boot=boot // _NANOS)


class VirtualClock:
    """A clock that stands still until it is moved. For scenarios and tests."""

    __slots__ = ("_boot", "_lock", "_wall", "watchers")

    def __init__(self, now: Instant) -> None:
        self._lock = threading.Lock()
        self._wall = self._boot = now
        self.watchers: list[Callable[[], None]] = []
        """Told whenever it was moved: who sleeps by it."""

    def __call__(self) -> Instant:
        """Return the wall time, UTC microseconds."""
        return self._wall

    def reading(self) -> Reading:
        """Return both clocks as they were moved."""
        with self._lock:
            return Reading(wall=self._wall, boot=self._boot)

    def advance(self, microseconds: int) -> None:
        """Let time pass: both clocks move."""
        with self._lock:
            self._wall += microseconds
            self._boot += microseconds
        self._moved()

    def set_wall(self, now: Instant) -> None:
        """Set the wall clock only, as an operator or NTP would."""
        with self._lock:
            self._wall = now
        self._moved()

    def _moved(self) -> None:
        for told in tuple(self.watchers):
            told()


@contextmanager
def moving(clock: Clock, told: Callable[[], None]) -> Iterator[None]:
    """Have *told* called whenever *clock* is moved by hand; a clock that goes by itself never is."""
    watchers = clock.watchers if isinstance(clock, VirtualClock) else []
    watchers.append(told)
    try:
        yield
    finally:
        watchers.remove(told)
