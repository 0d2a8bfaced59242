"""`AsyncEngine`: the same engine, awaited."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from tokenflow.core.errors import PromptPending
from tokenflow.core.tokens import Token
from tokenflow.engine import adopting, reaping, receiving, recognising, revoking, stopping, tickets
from tokenflow.engine.desk import Desk
from tokenflow.engine.handles import AsyncKeeping
from tokenflow.engine.held import HeldToken
from tokenflow.engine.keeper import Keeper
from tokenflow.engine.loop import forgetting
from tokenflow.engine.opening import Options, open_desk
from tokenflow.engine.sweeping import IN_FLIGHT
from tokenflow.engine.wishes import Kept, Wanted

if TYPE_CHECKING:
    from tokenflow.engine.access import AsyncHandle, Capability

P = ParamSpec("P")
T = TypeVar("T")


async def outcome(future: "Future[T]") -> T:
    """Await a future of the engine's; a cancelled caller leaves it running."""
    return await asyncio.shield(asyncio.wrap_future(future))


def awaited(
    verb: Callable[Concatenate[Desk, P], "Future[T]"],
) -> Callable[Concatenate["AsyncEngine", P], Coroutine[Any, Any, T]]:
    """Return the verb as a coroutine."""

    @functools.wraps(verb)
    async def call(engine: "AsyncEngine", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with forgetting():
                future = verb(engine.desk, *args, **kwargs)
        finally:
            del args, kwargs  # a traceback that shows locals would show what was handed over
        return await outcome(future)

    return call


class AsyncEngine:
    """Serves usable tokens by key, to any number of tasks and event loops. The verbs are `Engine`'s."""

    def __init__(self, desk: Desk) -> None:
        """Use `AsyncEngine.open`."""
        self.desk = desk

    @classmethod
    async def open(cls, specs: Sequence[str | Path], store: Any = "memory", **options: Any) -> Self:
        """Open an engine as `Engine.open` does, off the event loop."""
        return cls(await asyncio.to_thread(open_desk, specs, store, Options(**options)))

    async def token(self, key: str, *, by: str | None = None) -> HeldToken:
        """Return a usable token, as `Engine.token` does."""
        held = self.desk.cache.get(key, self.desk.clock()) if by in (None, key) else None
        return held if held is not None else await outcome(self.desk.token(key, by))

    async def acquire(
        self,
        /,
        key: str,
        *,
        prompt: Callable[[PromptPending], Awaitable[Mapping[str, str] | None]] | None = None,
        **how: Any,
    ) -> Token:
        """Get a first token for *key*, as `Engine.acquire` does; *prompt* is awaited."""
        try:
            with forgetting():
                future = self.desk.acquire(key, **how)
        finally:
            del how  # a traceback that shows locals would show what was handed over
        try:
            return await outcome(future)
        except PromptPending as pending:
            if prompt is None:
                raise
            parked = pending
        params = await prompt(parked)
        if parked.poll is not None:
            return await outcome(self.desk.decided(key))
        return await self.answer(key, params or {})

    answer = awaited(Desk.answer)
    extend = awaited(Desk.extend)
    send = awaited(Desk.send)
    derive = awaited(Desk.derive)
    introspect = awaited(Desk.introspect)
    invalidate = awaited(Desk.invalidate)
    revoke = awaited(revoking.revoke)
    revoke_all = awaited(revoking.revoke_all)
    use = awaited(Desk.use)
    report = awaited(Desk.report)
    hand_over = awaited(tickets.hand_over)
    redeem = awaited(tickets.redeem)
    invite = awaited(tickets.invite)
    accept = awaited(tickets.accept)
    receive = awaited(receiving.receive)
    deletion = awaited(receiving.deletion)
    explain = awaited(Desk.explain)
    whose = awaited(recognising.whose)
    keys = awaited(Desk.keys)
    forget = awaited(Desk.forget)
    migrate = awaited(Desk.migrate)
    sweep = awaited(Desk.sweep)
    health = awaited(Desk.health)
    reap = awaited(reaping.reap)
    adopt = awaited(adopting.adopt)
    stop_refreshing = awaited(stopping.stop_refreshing)
    resume_refreshing = awaited(stopping.resume_refreshing)

    def keep(
        self,
        wishes: Sequence[Wanted] | None = None,
        *,
        tell: Callable[[Kept], None] | None = None,
        in_flight: int = IN_FLIGHT,
    ) -> AsyncKeeping:
        """Keep every token in the store alive: `async with engine.keep(): ...`, or `await engine.keep()`.

        As `Engine.keep` otherwise; *tell* is called on the engine's thread.
        """
        chosen = self.desk.wishes if wishes is None else wishes
        return AsyncKeeping(Keeper(self.desk, chosen, tell=tell, in_flight=in_flight))

    def for_tenant(self, tenant: str, *, may: "Iterable[Capability] | Capability" = "use") -> "AsyncHandle":
        """Return a handle on another tenant's tokens, in the same store: see `AsyncHandle`.

        Raises Refused ("bad_tenant", "not_permitted").
        """
        return _handle(self.desk, tenant, may)

    def handle(self, *, may: "Iterable[Capability] | Capability" = "use") -> "AsyncHandle":
        """Return a handle on the engine's own tenant's tokens that can do no more than *may* says.

        Raises Refused ("not_permitted").
        """
        return _handle(self.desk, self.desk.tenant, may)

    async def close(self) -> None:
        """Let what runs end, then close transport and store."""
        await asyncio.to_thread(self.desk.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _handle(desk: Desk, tenant: str, may: "Iterable[Capability] | Capability") -> "AsyncHandle":
    from tokenflow.engine.access import AsyncHandle

    assert desk.tenants is not None, "an engine is opened on its own tenant's desk"
    return AsyncHandle(AsyncEngine(desk.tenants.desk(tenant)), may)
