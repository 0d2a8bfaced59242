"""The sweep: attend to tokens that are due, in due order, page by page, a few at a time.

It remembers how far it came. What cannot be attended to now (its issuer is left alone, its own trouble
lasts) is passed by and found again when there is a reason to, so that it keeps no other waiting and the
store is not asked for the same rows over and over.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import attrs

from tokenflow.core import flows
from tokenflow.core.attending import renews
from tokenflow.core.errors import TokenflowError
from tokenflow.core.steps import settle
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.sealing import unopened
from tokenflow.engine.stores import Place, Row
from tokenflow.engine.switches import stopped

if TYPE_CHECKING:
    from tokenflow.engine.desk import Desk

log = logging.getLogger(__name__)

IN_FLIGHT: Final = 4
"""How many tokens are attended to at once."""
_PAGE: Final = 100
"""Rows read at once."""
_ANEW: Final = 60 * SECOND
"""At least this often the walk begins at the first row, for what fell due behind it."""
_BREATH: Final = 5 * SECOND
"""Not sooner than this while issuers are passed by: each beginning reads all their rows."""
_START: Final[Place] = (0, "")
_LATEST: Final = 2**62
_FIRST_REST, _LONGEST_REST = SECOND, 60 * SECOND
"""A token that stays due is left alone a second, then two, at last a minute."""
_MOST_RESTING: Final = 10_000
_IN_A_ROW: Final = 4
"""So many commands of one token are run one after another, when each makes way for the next."""


@attrs.frozen
class Swept:
    """What one sweep did. A token it could not attend to (wrong key, lost plugin) is logged, not counted."""

    attended: int
    next_due: Instant | None
    """When the next token needs attention, or None; for one that has to wait, when its wait is over."""


@attrs.frozen
class _Rest:
    until: Instant
    length: int


class Sweeper:
    """One engine's sweep, on one event loop; one page at a time."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk
        self.running = 0
        """How many tokens are being attended to."""
        self.last: Instant | None = None
        """When a page was last swept."""
        self._at: Place | None = None
        self._furthest: Place = _START
        self._began: Instant = 0
        self._fronts: dict[str, Place | None] = {}
        """Issuer -> where the walk stood before the first row that was passed by because of it."""
        self._seeking: set[str] = set()
        """The issuers whose rows the walk went back for."""
        self._stopped: frozenset[str | None] = frozenset()
        """Issuers at which refreshing is stopped; None: at all."""
        self._resting: dict[str, _Rest] = {}
        self._released: dict[str, _Rest] = {}
        self._lock = asyncio.Lock()
        self._looked_back = not desk.comes_back

    async def page(
        self, limit: int, *, in_flight: int = IN_FLIGHT, go_on: Callable[[], bool] = lambda: True
    ) -> Swept:
        """Attend to up to *limit* tokens, and say when there is more to do. Nothing while the clock is held.

        *in_flight* at once; none is taken up any more once *go_on* says no.
        """
        async with self._lock:
            clock = await self._desk.look()
            if clock.held is not None:
                return Swept(0, clock.now + _ANEW)
            now = self.last = clock.now
            switches = await self._desk.on_store(lambda: stopped(self._desk.store))
            self._stopped = frozenset(one.issuer for one in switches)
            for key in await self._left_open():
                await self._attend(key, now)
            self._go_back(now)
            attended = await self._walk(now, limit, in_flight, go_on)
            return Swept(attended, await self._next(now))

    async def _left_open(self) -> list[str]:
        """Return, once, the keys whose attempts a process of this name left open: they are not due yet."""
        found: list[str] = []
        after: Place | None = None
        while not self._looked_back:
            rows = await self._due(_LATEST, _PAGE, after)
            found += [row.key for row in rows if self._mine(row)]
            after = (rows[-1].due_at or 0, rows[-1].key) if rows else None
            self._looked_back = len(rows) < _PAGE
        return found

    def _mine(self, row: Row) -> bool:
        try:
            attempt = unopened(row).attempt
        except TokenflowError:
            return False  # its turn comes when it is due, and then it is told what is wrong
        return attempt is not None and attempt.open and attempt.worker == self._desk.worker

    def _go_back(self, now: Instant) -> None:
        """Set the walk to where it has to begin: the first row, a reopened issuer's first, or on."""
        rested = {key: rest for key, rest in self._resting.items() if rest.until <= now}
        behind = bool(self._fronts or self._resting)
        if not behind or (rested and now >= self._soonest()) or not 0 <= now - self._began < _ANEW:
            self._at, self._furthest, self._began = None, _START, now
            self._fronts, self._seeking, self._released = {}, set(), rested
            for key in rested:
                del self._resting[key]
            return
        reopened = {name for name in self._fronts if not self._waits(name)}
        if reopened:
            self._seeking |= reopened
            self._at = min((self._fronts.pop(name) for name in reopened), key=lambda at: at or _START)

    def _soonest(self) -> Instant:
        """Return the earliest instant to begin anew for a token's sake: not at each of many rests' ends."""
        return self._began + (_BREATH if self._fronts else 0)

    def _waits(self, issuer: str) -> int:
        wait = self._desk.gate.waits(issuer, leisurely=True)
        return max(wait, _BREATH) if self._is_stopped(issuer) else wait

    def _is_stopped(self, issuer: str) -> bool:
        return None in self._stopped or issuer in self._stopped

    async def _walk(self, now: Instant, limit: int, in_flight: int, go_on: Callable[[], bool]) -> int:
        attended, tasks = 0, set[asyncio.Task[bool]]()
        try:
            async with aclosing(self._rows(now)) as rows:
                async for row in rows:
                    tasks.add(asyncio.create_task(self._attend(row.key, now)))
                    if len(tasks) >= in_flight:
                        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                        attended += sum(task.result() for task in done)
                    if attended + len(tasks) >= limit or not go_on():
                        break
        finally:
            if tasks:
                done, _ = await asyncio.wait(tasks)
                attended += sum(task.result() for task in done)
        return attended

    async def _rows(self, now: Instant) -> AsyncGenerator[Row, None]:
        """Yield the due rows ahead that can be attended to now, from the walk's place on."""
        while rows := await self._due(now, _PAGE, self._at):
            for row in rows:
                before, self._at = self._at, (row.due_at or 0, row.key)
                if row.key not in self._resting and not await self._passed_by(row, now, before):
                    yield row
                elif self._seeking and not self._seeking - self._fronts.keys():
                    self._seeking = set()
                    self._at = max(self._at, self._furthest)
                    break
            self._furthest = max(self._furthest, self._at or _START)

    async def _due(self, before: Instant, limit: int, after: Place | None) -> list[Row]:
        return await self._desk.on_store(
            lambda: self._desk.store.due(self._desk.tenant, before, limit, after)
        )

    async def _passed_by(self, row: Row, now: Instant, before: Place | None) -> bool:
        """Return whether a row has to wait for its issuer; what time alone does is done meanwhile."""
        issuer = _issuer_of(row)
        if not self._waits(issuer) or await self._moves_by_itself(row, now):
            return False
        self._fronts.setdefault(issuer, before)
        return True

    async def _moves_by_itself(self, row: Row, now: Instant) -> bool:
        """Return whether time alone changes the token: an issuer in trouble holds no expiry back.

        Where only refreshing is stopped, whatever brings no value goes on, too.
        """
        rests = self._desk.gate.waits(_issuer_of(row), leisurely=True) > 0

        def settled() -> bool:
            token, lifecycle = self._desk.opened(row)
            found = settle(lifecycle, token, now)
            return bool(found.steps) or not (rests or renews(lifecycle, token, found.due))

        try:
            return await self._desk.on_store(settled)
        except TokenflowError:
            return True  # attending to it says what is wrong

    async def _attend(self, key: str, now: Instant) -> bool:
        """Attend to one key, under a lease; False when another worker holds it."""
        self.running += 1
        try:
            async with self._desk.leased(key) as mine:
                if mine:
                    await self._until_it_rests(key)
                    return True
            self._rest(key, now)
        except Exception as error:  # noqa: BLE001  # one token in trouble keeps no other waiting
            self._rest(key, now)
            log.warning("%s was not attended to: %s", key, getattr(error, "code", type(error).__name__))
        finally:
            self.running -= 1
        return False

    async def _until_it_rests(self, key: str) -> None:
        """Attend until nothing is due; a token that stays due, and as it was, is left alone for a while."""
        revision = -1
        for _ in range(_IN_A_ROW):
            token = await self._desk.at_leisure(key, lambda: flows.attend(self._desk.setting, key))
            now = (await self._desk.look()).now
            row = await self._desk.on_store(lambda: self._desk.store.load(self._desk.tenant, key))
            if row is None or not row.live or row.due_at is None or row.due_at > now:
                self._released.pop(key, None)
                return
            if token.revision == revision:
                break
            revision = token.revision
        self._rest(key, now)

    def _rest(self, key: str, now: Instant) -> None:
        before = self._released.pop(key, None)
        length = _FIRST_REST if before is None else min(2 * before.length, _LONGEST_REST)
        while len(self._resting) >= _MOST_RESTING:
            self._resting.pop(next(iter(self._resting)))
        self._resting[key] = _Rest(now + length, length)

    async def _next(self, now: Instant) -> Instant | None:
        """Return when a page has something to do, or None."""
        ahead = [row.due_at for row in await self._due(_LATEST, 1, self._at) if row.due_at is not None]
        ahead += [now + self._waits(name) for name in self._fronts]
        if self._resting:
            ahead.append(max(self._soonest(), min(rest.until for rest in self._resting.values())))
        return min(ahead, default=None)


def _issuer_of(row: Row) -> str:
    """Return the issuer's name, which is no secret; "" for a row that cannot be read."""
    try:
        return str(json.loads(row.body)["issuer"])
    except (ValueError, KeyError, TypeError):
        return ""
