"""The sandbox's clock: UTC microseconds that move when they are told to."""

import time

#: One second, in the unit of every instant inside the sandbox.
SECOND = 1_000_000


class VirtualClock:
    """A clock that stands still until the admin moves it, or runs with the wall clock plus an offset.

    Both forms are one sum: what was set, plus what *ticker* has counted since.
    """

    __slots__ = ("_at", "_origin", "_ticker")

    def __init__(self, now: int | None = None, *, real_time: bool = False) -> None:
        self._ticker = _wall if real_time else _stopped
        self._origin = self._ticker()
        self._at = _wall() if now is None else now

    def now(self) -> int:
        """Return the present instant, UTC microseconds since 1970."""
        return self._at + self._ticker() - self._origin

    def set(self, now: int) -> int:
        """Make it *now* (microseconds); backwards is allowed, clocks do that."""
        self._origin = self._ticker()
        self._at = now
        return now

    def advance(self, seconds: float) -> int:
        """Move forward by *seconds* and return the new instant."""
        return self.set(self.now() + round(seconds * SECOND))


def epoch_seconds(instant: int | None) -> int:
    """Return *instant* as Facebook writes it: whole epoch seconds, 0 for never (facebook.md §11)."""
    return 0 if instant is None else instant // SECOND


def _wall() -> int:
    return time.time_ns() // 1000


def _stopped() -> int:
    return 0
