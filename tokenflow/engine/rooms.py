"""What an engine has on one event loop: who performs its flows, and who waits for whom."""

import asyncio
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from tokenflow.engine.held import HeldToken
from tokenflow.engine.performer import Performer
from tokenflow.engine.sweeping import Sweeper


class Room:
    """Its performer, flights and locks. A forked child makes its own."""

    def __init__(self, performer: Performer, sweeper: Sweeper) -> None:
        self.performer, self.sweeper = performer, sweeper
        self.worker = performer.worker
        """Whose leases these are."""
        self.flights: dict[str, asyncio.Task[HeldToken]] = {}
        self.locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @contextmanager
    def errand(self, *, leisurely: bool = False) -> Iterator[Performer]:
        """Yield a performer for one flow."""
        with self.performer.transport.another(leisurely=leisurely) as errand:
            yield attrs.evolve(self.performer, transport=errand)

    def lock(self, key: str) -> asyncio.Lock:
        """Return the lock of *key*: one flow runs for it at a time."""
        lock = self.locks.get(key)
        if lock is None:
            lock = self.locks[key] = asyncio.Lock()
        return lock
