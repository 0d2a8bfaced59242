"""The keeper: one loop that keeps an engine's tokens alive, until it is told to stop (rule T13).

It sleeps until the store's earliest deadline, a minute at most, and is woken by what this process saves.
No token has a timer of its own. A round looks after what is wanted and missing, then sweeps a page.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from tokenflow.core.effects import PROMPT_LIVES
from tokenflow.core.errors import IssuerError, IssuerRefused, IssuerUnreachable, PersonNeeded, StoreError
from tokenflow.core.events import Happened, LoginParked, ReacquireWanted, from_json
from tokenflow.core.tokens import SECOND, Instant, Token
from tokenflow.engine.alarms import LONGEST, Alarm
from tokenflow.engine.sweeping import IN_FLIGHT
from tokenflow.engine.wishes import Kept, Wanted, look_after, wish_of

if TYPE_CHECKING:
    from tokenflow.engine.desk import Desk

log = logging.getLogger(__name__)

PATIENCE: Final = 25.0
"""Seconds a stop waits for what is in flight; an exchange takes at most 20 (ruling 30)."""
_PAGE: Final = 100
_PAUSE: Final = SECOND
"""Between rounds that found nothing to do."""
_BUSY: Final = 2 * SECOND
"""Until the next look at a key that another worker looks after."""


class Sleeper(Protocol):
    """How a keeper sleeps: `Alarm`, or a test's own."""

    def ring(self) -> None:
        """End the sleep, or the next one; from any thread."""

    def sleep(self, until: Instant) -> Awaitable[None]:
        """Return at *until*, or earlier."""


@attrs.define
class _Watched:
    """What the keeper knows of one wanted key."""

    wish: Wanted
    kept: Kept | None = None
    seen: tuple[str, int] | None = None
    """Id and revision of its row at the last look."""
    again: Instant | None = None
    """When to look again though nothing changed; None: no need to."""


class Keeper:
    """Keeps one engine's tokens. Made by `Engine.keep` and `AsyncEngine.keep`; works once."""

    def __init__(
        self,
        desk: "Desk",
        wishes: Sequence[Wanted] = (),
        *,
        tell: Callable[[Kept], None] | None = None,
        in_flight: int = IN_FLIGHT,
        alarm: Sleeper | None = None,
    ) -> None:
        """*tell* hears, on the engine's thread, how a wanted token stands whenever that changes.

        *in_flight* tokens are attended to at once.
        """
        self._desk, self._tell, self._in_flight = desk, tell, in_flight
        self._alarm = alarm or Alarm(desk.clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wished = frozenset(wish.key for wish in wishes)
        self._watched = {wish.key: _Watched(wish) for wish in wishes}
        self._changed: set[str] = set()
        self._anew: set[str] = set()
        """Keys whose lifecycle wants a new token in the place of the one they hold."""
        self._looked: Instant | None = None
        """When every wanted key's row was last compared."""
        self._stopping = False
        self.ended: Future[None] | None = None
        """Done once the keeper has stopped; None before it was started."""
        self.came_round: int | None = None
        """When it last began a round, by the boot-time clock."""
        self.trouble: str | None = None
        """Why it could not do its round."""
        self.uncertain: set[str] = set()
        """Keys whose last command may or may not have been carried out."""

    @property
    def needing_person(self) -> tuple[str, ...]:
        """Wanted keys that wait for a person, sorted."""
        return tuple(
            sorted(
                key
                for key, one in self._watched.items()
                if one.kept is not None and isinstance(one.kept.error, PersonNeeded)
            )
        )

    def start(self) -> "Future[None]":
        """Begin, on the engine's own loop; return what is done once the keeper has stopped."""
        if self.ended is None:
            self.ended = self._desk.keep_going(self.run(), self.stop)
        return self.ended

    def stop(self) -> None:
        """Take up nothing new; what is in flight is finished and saved. From any thread or signal handler."""
        self._stopping = True
        self._alarm.ring()

    async def run(self) -> None:
        """Keep until stopped. A store in trouble is asked again; anything else that fails is raised."""
        self._loop = asyncio.get_running_loop()
        with self._desk.heard_by(self):
            rest = _PAUSE
            while not self._stopping:
                try:
                    until = await self.round()
                    self.trouble, rest = None, _PAUSE
                except StoreError as error:
                    self.trouble = str(error).splitlines()[0]
                    log.warning("the keeper could not do its round: %s", error.code)
                    until, rest = self._desk.clock() + rest, min(2 * rest, LONGEST)
                if not self._stopping:
                    await self._alarm.sleep(until)

    async def round(self) -> Instant:
        """Look after what is wanted, sweep a page, and return when there is more to do; raises StoreError."""
        self.came_round = self._desk.clock.reading().boot
        clock = await self._desk.look()
        if clock.held is None:
            await self._look_after(clock.now)
        swept = await self._desk.sweep_page(
            _PAGE, in_flight=self._in_flight, go_on=lambda: not self._stopping
        )
        now = (await self._desk.look()).now
        ahead = [one.again for one in self._watched.values() if one.again is not None]
        ahead += [now + LONGEST] if swept.next_due is None else [swept.next_due]
        least = now if swept.attended else now + _PAUSE
        shift = self._desk.clock() - now  # the alarm goes by the wall clock, which may be behind what we saw
        return shift + (now if self._changed or self._anew else max(least, min(ahead)))

    async def once(self) -> tuple[Kept, ...]:
        """Look after every wanted token, attend to all that is due, and say how the wanted ones stand."""
        self._loop = asyncio.get_running_loop()
        with self._desk.heard_by(self):
            await self._look_after((await self._desk.look()).now)
            while True:
                swept = await self._desk.sweep_page(_PAGE, in_flight=self._in_flight)
                now = (await self._desk.look()).now
                if not swept.attended or swept.next_due is None or swept.next_due > now:
                    break
        return tuple(one.kept for one in self._watched.values() if one.kept is not None)

    # What is wanted.

    async def _look_after(self, now: Instant) -> None:
        """Look at each wanted key that changed, or whose time has come; a few at once."""
        every = self._looked is None or not 0 <= now - self._looked < LONGEST
        if every:
            self._looked = now
        for key in self._anew - self._watched.keys():
            if (wish := await self._wish_of(key)) is not None:
                self._watched[key] = _Watched(wish)
        changed, self._changed, self._anew = self._changed | self._anew, set(), set()
        keys = [
            key
            for key, one in self._watched.items()
            if every or key in changed or (one.again is not None and one.again <= now)
        ]
        slots = asyncio.Semaphore(self._in_flight)

        async def one_by_one(one: _Watched) -> None:
            async with slots:
                if not self._stopping and await self._needs_a_look(one, now):
                    await self._look(one)

        ends = await asyncio.gather(*(one_by_one(self._watched[key]) for key in keys), return_exceptions=True)
        for key in self._watched.keys() - self._wished:
            if (kept := self._watched[key].kept) is not None and kept.error is None and not kept.overdue:
                del self._watched[key]
        for error in ends:
            if error is not None:
                raise error

    async def _wish_of(self, key: str) -> Wanted | None:
        return await self._desk.on_store(lambda: wish_of(self._desk, key))

    async def _needs_a_look(self, one: _Watched, now: Instant) -> bool:
        """Return whether its row changed, or it is time. Another's new login for the key is waited for."""
        if one.kept is None or (one.again is not None and one.again <= now):
            return True
        seen = await self._seen(one.wish.key)
        if seen == one.seen:
            return False
        waits = one.kept.url is not None and one.kept.poll is None
        parked = await self._parked(one.wish.key) if waits else None
        if parked is None:
            return True
        one.seen, one.again = seen, parked
        return False

    async def _seen(self, key: str) -> tuple[str, int] | None:
        row = await self._desk.on_store(lambda: self._desk.store.load(self._desk.tenant, key))
        return None if row is None else (row.id, row.revision)

    async def _parked(self, key: str) -> Instant | None:
        """Return until when the login waits that is the last thing that happened to a key, if it is that."""
        entries = await self._desk.on_store(lambda: self._desk.store.history(self._desk.tenant, key))
        last = from_json(entries[-1].happened) if entries else None
        return last.until if isinstance(last, LoginParked) else None

    async def _look(self, one: _Watched) -> None:
        kept = await look_after(self._desk, one.wish)
        now = (await self._desk.look()).now
        if kept is None:
            one.again = now + _BUSY
            return
        one.seen = await self._seen(one.wish.key)
        if kept.url is not None:  # a new link would end the one that a person is about to open
            one.again = now + (PROMPT_LIVES if kept.poll is None else kept.poll)
        elif kept.error is not None or kept.overdue:
            one.again = now + LONGEST
        else:
            one.again = None
        news, one.kept = _is_news(one.kept, kept), kept
        if news and self._tell is not None:
            self._tell(kept)

    # What the engine saved, and what happened to its tokens; told on the store's thread.

    def saved(self, tokens: Sequence[Token]) -> None:
        """Hear of tokens after their commit."""
        self._on_loop(lambda: self._saved(tokens))

    def happened(self, events: Sequence[Happened]) -> None:
        """Hear of events after their commit."""
        wanted = {e.about.key for e in events if isinstance(e, ReacquireWanted) and e.how == "auto"}
        if wanted:
            self._on_loop(lambda: self._anew.update(wanted))

    def _saved(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            doubted = token.attempt is not None and token.attempt.uncertain
            (self.uncertain.add if doubted else self.uncertain.discard)(token.key)
            if token.key in self._watched:
                self._changed.add(token.key)

    def _on_loop(self, note: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it was closed; nobody keeps any more
                self._loop.call_soon_threadsafe(note)
        self._alarm.ring()


def _is_news(before: Kept | None, after: Kept) -> bool:
    """Return whether a look is worth a word: not that an issuer which had no answer is left alone since."""
    if before is None or _shown(before) != _shown(after):
        return True
    was, now = before.error, after.error
    if isinstance(was, IssuerError) and isinstance(now, IssuerError):
        return not {IssuerUnreachable, type(was), type(now)} <= {IssuerUnreachable, IssuerRefused}
    return type(was) is not type(now)


def _shown(kept: Kept) -> tuple[str | None, ...]:
    return kept.state, kept.url, kept.user_code
