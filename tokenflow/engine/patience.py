"""Waiting for a person at another screen: the issuer is asked in its own time, until they have decided."""

from collections.abc import Awaitable, Callable

from tokenflow.core.errors import Closed, PromptPending
from tokenflow.core.tokens import Token
from tokenflow.engine.alarms import Alarm
from tokenflow.engine.clocks import Clock


class Patience:
    """One caller's wait; it sleeps by the engine's clock, and can be told to stop."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._alarm = clock, Alarm(clock)
        self._stopped = False

    def stop(self) -> None:
        """End the wait at once; the login stays parked. From any thread."""
        self._stopped = True
        self._alarm.ring()

    async def until_decided(self, ask: Callable[[], Awaitable[Token]]) -> Token:
        """Return what *ask* does, once it raises PromptPending no more; raises Closed when stopped.

        A login whose answer the person brings themselves is not waited for.
        """
        while True:
            try:
                return await ask()
            except PromptPending as pending:
                if pending.poll is None:
                    raise
                until = self._clock() + pending.poll
            while self._clock() < until and not self._stopped:  # a sleep may end early
                await self._alarm.sleep(until)
            if self._stopped:
                raise Closed("the engine was closed while a person was waited for", mend="open it again")
