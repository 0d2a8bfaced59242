"""The one token lock an errand may hold, and how long it waits for it."""

import asyncio
import random
from typing import Final

from tokenflow.core.locks import Hold
from tokenflow.engine.locks import TokenLock, TokenLocks

PATIENCE: Final = 25.0
"""Seconds to wait while another process works on a token; an exchange takes at most 20 (ruling 30)."""
_FIRST, _LONGEST = 0.002, 0.05
_CHANCE: Final = random.SystemRandom()
"""A fork repeats the numbers of any other (security.md H7)."""


class Grip:
    """What an errand holds. It asks for one token at a time, so no two errands can wait for each other."""

    def __init__(self, locks: TokenLocks, tenant: str) -> None:
        """Nothing is taken yet."""
        self._locks, self._tenant = locks, tenant
        self._held: TokenLock | None = None

    async def take(self, key: str, *, patient: bool) -> Hold:
        """Take a token's lock, letting go of any other's; raises StoreUnreadable."""
        mine = Hold.FIRM if self._locks.firm else Hold.LEASED
        if self._held is not None:
            if self._held.stripe == self._locks.stripe(self._tenant, key) and self._held.still():
                return mine
            self.release()
        clock = asyncio.get_running_loop().time
        until, pause = clock() + (PATIENCE if patient else 0), _FIRST
        while (held := self._locks.take(self._tenant, key)) is None:
            if clock() >= until:
                return Hold.BUSY
            await asyncio.sleep(pause * (0.5 + _CHANCE.random()))
            pause = min(pause * 1.5, _LONGEST)
        self._held = held
        return mine

    def still(self) -> bool:
        """Return whether what was taken is held yet."""
        return self._held is not None and self._held.still()

    def of(self, tenant: str) -> "Grip":
        """Return a new one for another tenant's tokens."""
        return Grip(self._locks, tenant)

    def another(self) -> "Grip":
        """Return a new one that holds nothing, for another errand."""
        return Grip(self._locks, self._tenant)

    def passed_on(self) -> "Grip":
        """Return a grip that holds what this one held, and lets go of it in its own time."""
        other = self.another()
        other._held, self._held = self._held, None
        return other

    def release(self) -> None:
        """Let go."""
        held, self._held = self._held, None
        if held is not None:
            held.release()
