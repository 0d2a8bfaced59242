"""What an engine has on one event loop: who performs its flows, and who waits for whom."""

import asyncio
import logging
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from tokenflow.core.effects import Flow
from tokenflow.core.errors import Busy, TokenflowError
from tokenflow.core.locks import Strand
from tokenflow.core.tokens import Instant, Token
from tokenflow.engine.grips import Grip
from tokenflow.engine.held import HeldToken
from tokenflow.engine.performer import Performer, Strander
from tokenflow.engine.sweeping import Sweeper

log = logging.getLogger(__name__)


@attrs.frozen
class Stranded:
    """An answer in hand that the store does not take."""

    held: HeldToken
    because: str
    """The code of the store's error."""

    def token(self, now: Instant) -> HeldToken:
        """Return it, while it serves; raises Busy."""
        end = self.held.expires_at
        if end is not None and end <= now:
            raise self.refusal()
        return self.held

    def refusal(self) -> Busy:
        """Return what whoever wants more than the token itself is told."""
        return Busy(
            f"{self.held.key}: the issuer's answer is in hand, the store does not take it ({self.because})",
            mend="see to the store: is the disk full, or not writable? it is tried again until it works",
        )


class Room:
    """Its performer, flights and locks. A forked child makes its own."""

    def __init__(self, make_performer: Callable[[Strander], Performer], sweeper: Sweeper) -> None:
        self.performer, self.sweeper = make_performer(self.strand), sweeper
        self.worker = self.performer.worker
        """Whose leases these are."""
        self.flights: dict[str, asyncio.Task[HeldToken]] = {}
        self.stranded: dict[str, Stranded] = {}
        """Keys whose answer the store does not take, and what is in hand."""
        self._saving: set[asyncio.Task[None]] = set()
        self.locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @contextmanager
    def errand(self, *, leisurely: bool = False) -> Iterator[Performer]:
        """Yield a performer for one flow; a token's lock that it took is let go of at the end."""
        with self.performer.transport.another(leisurely=leisurely) as errand, self._grip() as grip:
            yield attrs.evolve(self.performer, transport=errand, grip=grip)

    @contextmanager
    def _grip(self) -> Iterator[Grip]:
        grip = self.performer.grip.another()
        try:
            yield grip
        finally:
            grip.release()

    def demand_saved(self, key: str) -> None:
        """Raise Busy while a key's answer is in hand only: nothing more is sent for it."""
        if key in self.stranded:
            raise self.stranded[key].refusal()

    def strand(self, effect: Strand, grip: Grip) -> None:
        """Go on with a save that failed, the token's lock in hand, and serve the answer meanwhile."""
        key = effect.token.key
        self.stranded[key] = Stranded(HeldToken(effect.token), effect.because)
        log.error("%s: the store does not take the issuer's answer (%s)", key, effect.because)
        task = asyncio.create_task(self._save_at_last(key, effect.again, grip))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _save_at_last(self, key: str, again: Flow[Token], grip: Grip) -> None:
        try:
            await attrs.evolve(self.performer, grip=grip).run(again)
            log.warning("%s: the answer that waited for the store is saved", key)
        except asyncio.CancelledError:
            log.critical("%s: the engine ends, and the store has not taken the issuer's answer", key)
            raise
        except TokenflowError as error:
            log.critical("%s: the issuer's answer could not be saved: %s", key, error.code)
        finally:
            self.stranded.pop(key, None)
            grip.release()

    def lock(self, key: str) -> asyncio.Lock:
        """Return the lock of *key*: one flow runs for it at a time."""
        lock = self.locks.get(key)
        if lock is None:
            lock = self.locks[key] = asyncio.Lock()
        return lock
