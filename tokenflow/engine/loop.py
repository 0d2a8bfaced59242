"""The engine's own loop, in a thread of its own (ruling 10).

A flow runs here, so a cancelled or vanished caller cancels nothing. The thread is made when first
needed, made again after a fork (the child has no such thread), and drained when the engine closes
or, for one that nobody closes, when the program ends.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

from tokenflow.core.errors import Closed
from tokenflow.engine import performer
from tokenflow.engine.forks import ForkLock

T = TypeVar("T")

AT_EXIT = 25.0
"""Seconds an end of the program waits for what runs; a token call takes at most 20 (ruling 30)."""


class LoopThread:
    """A daemon thread that runs an event loop until closed."""

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._closed = False
        self._stops: list[Callable[[], None]] = []

    def submit(self, work: Coroutine[Any, Any, T], stop: Callable[[], None] | None = None) -> Future[T]:
        """Start *work* on the loop; raises Closed. *stop* ends work that goes on until it is told to."""
        try:
            with self._lock:  # held until the loop has it: what comes before a close is drained by it
                loop = self._running()
                future = asyncio.run_coroutine_threadsafe(_cut_short_as_closed(work), loop)
                if stop is not None:
                    self._stops.append(stop)
        except Closed:
            work.close()
            raise
        if stop is not None:
            future.add_done_callback(lambda _: self._stops.remove(stop) if stop in self._stops else None)
        return future

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise Closed("the engine is closed", mend="open it again")
        if self._loop is None or self._pid != os.getpid():
            self._loop, self._pid, self._stops = asyncio.new_event_loop(), os.getpid(), []
            self._thread = threading.Thread(target=self._loop.run_forever, name="tokenflow-loop", daemon=True)
            self._thread.start()
            _RUNNING.add(self)
        return self._loop

    def close(self, last: Callable[[], Coroutine[Any, Any, None]], patience: float) -> None:
        """Wait up to *patience* seconds for what runs, do *last*, and stop; no new work is taken.

        What still runs then is cut short, and its callers hear Closed. A second close does nothing.
        """
        with self._lock:
            self._closed = True
            for stop in tuple(self._stops):
                stop()
            loop, thread = self._loop, self._thread
            mine = self._pid == os.getpid()
            self._loop = self._thread = None
        if loop is None or thread is None or not mine:
            return
        asyncio.run_coroutine_threadsafe(_drain(last, patience), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def finish(self) -> None:
        """Wait for what runs, at the end of the program; nothing new is taken."""
        self.close(_nothing, AT_EXIT)


@contextmanager
def forgetting() -> Iterator[None]:
    """Begin something; when that fails, nothing of what was handed over is in the frames it failed in."""
    try:
        yield
    except Exception as error:
        performer.forget_locals(error)
        raise


async def _cut_short_as_closed(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except asyncio.CancelledError as cut:
        performer.forget_locals(cut)
        raise Closed("the engine was closed before this ended", mend="open it again") from None
    except Exception as error:
        performer.forget_locals(error)  # also of what failed before there was a flow
        raise


async def _drain(last: Callable[[], Coroutine[Any, Any, None]], patience: float) -> None:
    clock = asyncio.get_running_loop().time
    until = clock() + patience
    while (running := _others()) and (left := until - clock()) > 0:  # what ends may have begun another
        await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    while late := _others():
        for task in late:
            task.cancel()
        await asyncio.wait(late)
    await last()


def _others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


async def _nothing() -> None:
    return


_RUNNING: WeakSet[LoopThread] = WeakSet()


def _finish_all() -> None:
    for one in list(_RUNNING):
        one.finish()


# `atexit` is too late: by then the interpreter lets no thread take up the work of saving an answer.
getattr(threading, "_register_atexit", lambda _: None)(_finish_all)
