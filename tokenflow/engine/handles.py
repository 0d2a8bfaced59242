"""A keeper, held by an application: in the background, or here until it is stopped."""

import asyncio
from collections.abc import Generator
from concurrent.futures import TimeoutError as StillRunning
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tokenflow.engine.keeper import PATIENCE, Keeper


class Keeping:
    """Keeps tokens while its block lasts, in the background; or until stopped, with `run`.

    Leaving the block, or an error out of `run`, takes up nothing new and waits for what is in flight.
    """

    def __init__(self, keeper: Keeper) -> None:
        """Use `Engine.keep`."""
        self.keeper = keeper

    def start(self) -> Self:
        """Begin to keep; return at once."""
        self.keeper.start()
        return self

    def stop(self) -> None:
        """Take up nothing new; return at once. From any thread or signal handler."""
        self.keeper.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has stopped, *timeout* seconds at most, and return whether it has.

        Raises what ended it, if it was not told to stop.
        """
        try:
            self.keeper.start().result(timeout)
        except StillRunning:
            return False
        return True

    def run(self) -> None:
        """Keep here until `stop` is called from a signal handler or another thread."""
        with self:
            self.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.wait(PATIENCE)


class AsyncKeeping:
    """The same, awaited: `await engine.keep()` keeps until cancelled, `async with` while its block lasts.

    The work is done on the engine's own loop: a cancelled caller stops it, and cuts nothing short.
    """

    def __init__(self, keeper: Keeper) -> None:
        """Use `AsyncEngine.keep`."""
        self.keeper = keeper

    def stop(self) -> None:
        """Take up nothing new; return at once."""
        self.keeper.stop()

    def __await__(self) -> Generator[Any, None, None]:
        return self._keep().__await__()

    async def _keep(self) -> None:
        try:
            await asyncio.shield(asyncio.wrap_future(self.keeper.start()))
        finally:
            await self._drained()

    async def _drained(self) -> None:
        """Stop, and wait for what is in flight; a second cancellation leaves it to the engine."""
        self.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await asyncio.shield(asyncio.wrap_future(self.keeper.start()))

    async def __aenter__(self) -> Self:
        self.keeper.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drained()
