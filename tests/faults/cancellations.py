"""Callers that are cancelled at every step they and the engine take: what was begun is finished and kept.

The engine's loop is an instrumented one that counts its steps; at the k-th the caller is cancelled, and
only when it is gone does the engine go on. The caller's own awaits are counted in the same way, and some
callers give up after a random time, as `asyncio.wait_for` has it.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, Final

import attrs

from tests.faults.points import put
from tests.faults.report import Report
from tokenflow import AsyncEngine, MemoryStore, Request, Response, Secret

GATE: Final = 2_000
_KEY: Final = "k"
_ENOUGH: Final = 10.0
"""Seconds for whatever was begun to end."""
_LONGEST: Final = 0.006
"""Seconds a caller waits at most that gives up; a refresh takes about half of them."""


class Counting(asyncio.SelectorEventLoop):
    """An event loop that does something between two of its steps."""

    _left = 0
    _then: Callable[[], None] | None = None
    steps = 0

    def after(self, steps: int, then: Callable[[], None]) -> None:
        """Do *then* before the step after so many."""
        self._left, self._then = steps, then

    def call_soon(self, callback: Any, *arguments: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        return super().call_soon(self._stepping(callback), *arguments, context=context)

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *arguments: Any, context: Any = None
    ) -> asyncio.Handle:
        return super().call_soon_threadsafe(self._stepping(callback), *arguments, context=context)

    def _stepping(self, callback: Any) -> Any:
        def step(*arguments: Any) -> None:
            self.steps += 1
            then, self._left = self._then, self._left - 1
            if then is not None and self._left < 0:
                self._then = None
                then()
            callback(*arguments)

        return step


@attrs.define
class Rotating:
    """An issuer in this process: a refresh token is good once, and a second use ends them all."""

    newest: int = 0
    replays: int = 0

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        form = dict(request.form or {})
        value = form.get("refresh_token", "")
        number = int((value if isinstance(value, str) else value.reveal()) or 0)
        if "refresh_token" in form:
            self.replays += number != self.newest
        await asyncio.sleep(0)
        self.newest += 1
        body = {"access_token": f"a{self.newest}", "refresh_token": str(self.newest), "expires_in": 3600}
        await asyncio.sleep(0)
        return Response(status=200, headers={}, body=json.dumps(body | {"token_type": "Bearer"}).encode())

    async def close(self) -> None:
        """Nothing is open."""


class CancelledAt:
    """An awaitable that is cancelled where it awaits for the k-th time."""

    def __init__(self, work: Coroutine[Any, Any, Any], step: int) -> None:
        self._work, self._step = work, step

    def __await__(self) -> Generator[Any, Any, Any]:
        sent = None
        for _ in range(self._step):
            try:
                waits = self._work.send(sent)
            except StopIteration as done:
                return done.value
            sent = yield waits
        with suppress(StopIteration):
            self._work.throw(asyncio.CancelledError())
        raise asyncio.CancelledError


@attrs.define
class Callers:
    """One engine, and the many who ask it and go away."""

    engine: AsyncEngine
    issuer: Rotating
    chance: random.Random
    failures: list[str] = attrs.Factory(list)
    cancelled: int = 0
    steps: set[int] = attrs.Factory(set)

    @property
    def loop(self) -> Counting:
        running = self.engine.desk._thread._loop
        assert isinstance(running, Counting)
        return running

    async def at_step(self, step: int) -> None:
        """Cancel callers when the engine has done *step* steps; it goes on when they have gone.

        One asked for a refresh, and two for what it brings.
        """
        asked = [self.engine.extend(_KEY), self.engine.token(_KEY), self.engine.token(_KEY)]
        tasks = [asyncio.ensure_future(one) for one in asked]
        here, gone = asyncio.get_running_loop(), threading.Event()

        def cancel() -> None:
            for task in tasks:
                here.call_soon_threadsafe(task.cancel)
            here.call_soon_threadsafe(here.call_soon, gone.set)
            self.steps.add(step)
            gone.wait(1.0)

        self.loop.after(step, cancel)
        before = self.issuer.newest
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        self.loop.after(0, lambda: None)
        self.cancelled += sum(isinstance(end, asyncio.CancelledError) for end in ends)
        self.failures += [
            f"R19 at the engine's step {step}: {type(end).__name__} {end}"
            for end in ends
            if isinstance(end, Exception)
        ]
        await self._judge(before, f"at the engine's step {step}")

    async def at_await(self, step: int) -> None:
        """Cancel a caller at one of its own awaits."""
        await self._gone(CancelledAt(self.engine.extend(_KEY), step), f"at its await {step}")

    async def in_time(self) -> None:
        """Let a caller give up by itself."""
        patience = self.chance.uniform(0, _LONGEST)
        await self._gone(asyncio.wait_for(self.engine.extend(_KEY), patience), f"after {patience:.4f} s")

    async def _gone(self, caller: Awaitable[Any], where: str) -> None:
        before = self.issuer.newest
        try:
            await caller
        except (asyncio.CancelledError, TimeoutError):
            self.cancelled += 1
        except Exception as error:  # noqa: BLE001  # a caller that goes away fails nobody
            self.failures.append(f"R19 {where}: {type(error).__name__} {error}")
        await self._judge(before, where)

    async def _judge(self, before: int, where: str) -> None:
        async with asyncio.timeout(_ENOUGH):
            await asyncio.wrap_future(self.engine.desk.begin(_quiet()))
            found = (await self.engine.token(_KEY)).token
        kept = found.refresh_token.reveal() if found.refresh_token is not None else "none"
        if kept != str(self.issuer.newest) or found.attempt is not None:
            self.failures.append(
                f"R19 {where}: lost: the issuer gave {self.issuer.newest}, {kept} is kept, "
                f"{'an attempt is open' if found.attempt else 'no attempt'}"
            )
        if self.issuer.replays:
            self.failures.append(f"R19 {where}: replayed")
            self.issuer.replays = 0
        if self.issuer.newest > before + 1:
            self.failures.append(f"R19 {where}: sent {self.issuer.newest - before} times")
        room = self.engine.desk._room
        if room is not None and any(lock.locked() for lock in room[1].locks.values()):
            self.failures.append(f"R19 {where}: a lock is held")


async def _quiet() -> None:
    """Wait until nothing runs on the engine's loop: nobody waits for a refresh while a token serves."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


def campaign(size: int, seed: int) -> Report:
    """Cancel *size* callers."""
    return asyncio.run(_campaign(size, seed))


async def _all_steps(callers: Callers) -> int:
    """Count the engine's steps of a whole refresh, then cancel a caller at each of them."""
    await callers.engine.extend(_KEY)
    before = callers.loop.steps
    await callers.engine.extend(_KEY)
    longest = callers.loop.steps - before
    for step in range(longest):
        await callers.at_step(step)
    for step in range(4):
        await callers.at_await(step)
    return longest


async def _campaign(size: int, seed: int) -> Report:
    plain, issuer = asyncio.new_event_loop, Rotating()
    before = set(threading.enumerate())
    put(asyncio, "new_event_loop", Counting)
    began = time.monotonic()
    try:
        engine = await AsyncEngine.open(
            ["oauth2-rotating"],
            MemoryStore(),
            transport=lambda: issuer,
            client_ids={"sandbox-oauth2": "c"},
            secrets={"env:OAUTH2_CLIENT_SECRET": Secret("s")},
            trust_cache=0.0,
        )
        callers = Callers(engine, issuer, random.Random(seed))
        payload = {"code": "c", "redirect_uri": "http://localhost/cb"}
        await engine.acquire(_KEY, lifecycle="oauth2-rotating", platform="server", payload=payload)
        longest = await _all_steps(callers)
        while callers.cancelled < size and not callers.failures:
            match callers.chance.randrange(4):
                case 0 | 1:
                    await callers.at_step(callers.chance.randrange(longest))
                case 2:
                    await callers.at_await(callers.chance.randrange(4))
                case _:
                    await callers.in_time()
        await engine.close()
    finally:
        put(asyncio, "new_event_loop", plain)
    left = [
        one.name for one in threading.enumerate() if one.name.startswith("tokenflow") and one not in before
    ]
    figures = {
        "cancelled": callers.cancelled,
        "refreshes": issuer.newest - 1,
        "steps_of_a_refresh": longest,
        "seconds": round(time.monotonic() - began, 2),
    }
    missed = sorted(set(range(longest)) - callers.steps)
    void = [f"nobody was cancelled at the steps {missed}"] if missed else []
    return Report("cancellations", figures, void, [*callers.failures, *(f"I7 thread {one}" for one in left)])
