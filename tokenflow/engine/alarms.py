"""Sleeping by a clock: until an instant, a ring, or the discovery that the clock went elsewhere meanwhile.

The event loop's own timer stands still while the machine is suspended. The boot-time clock does not, so
the sleep is cut into slices and each looks at it: after a suspend the sleeper is up within one slice.
"""

import asyncio
from contextlib import suppress
from typing import Final

from tokenflow.core.moments import unconfirmed
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.clocks import Clock, moving

LONGEST: Final = 60 * SECOND
"""Nobody sleeps longer: what another process wrote is seen then (rule T13)."""
_SLICE: Final = 5.0
"""Seconds."""
_SETTLE: Final = 0.05
"""Seconds after a ring: a burst of them is one."""
_JUMP: Final = SECOND
"""A wall clock that moves this far beside the boot-time clock was set."""


class Alarm:
    """One sleeper's alarm. `ring` may be called from any thread or signal handler."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = False
        self._bell: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def ring(self) -> None:
        """End the sleep, or the next one that is begun."""
        self._rung = True
        self._stir()

    def _stir(self) -> None:
        bell = self._bell
        if bell is not None:
            with suppress(RuntimeError):  # the loop was closed: nobody sleeps on it
                bell[0].call_soon_threadsafe(bell[1].set)

    async def sleep(self, until: Instant) -> None:
        """Return at *until*, by the wall clock as it is now; at once when rung or the clock was set."""
        event = asyncio.Event()
        self._bell = asyncio.get_running_loop(), event
        began = self._clock.reading()
        end = began.boot + min(max(until - began.wall, 0), LONGEST)
        with moving(self._clock, self._stir):
            while not self._rung:
                now = self._clock.reading()
                if now.boot >= end or abs(unconfirmed(now, began)) > _JUMP:
                    break
                event.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min((end - now.boot) / SECOND, _SLICE)):
                        await event.wait()
            else:
                await asyncio.sleep(_SETTLE)
        self._rung = False
