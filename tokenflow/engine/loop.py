"""The engine's own loop, in a thread of its own (ruling 10).

Only flows that send run here, so a cancelled or vanished caller cancels nothing. Made when first
needed, made again after a fork (the child has no such thread), drained when the engine closes.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from tokenflow.core.errors import Closed

T = TypeVar("T")


class LoopThread:
    """A daemon thread that runs an event loop until closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._closed = False

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start *work* on the loop; raises Closed."""
        try:
            loop = self._running()
        except Closed:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, loop)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise Closed("the engine is closed", mend="open it again")
            if self._loop is None or self._pid != os.getpid():
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="tokenflow-loop", daemon=True
                )
                self._thread.start()
            return self._loop

    def close(self, last: Coroutine[Any, Any, None], patience: float) -> None:
        """Wait up to *patience* seconds for what runs, do *last*, and stop; no new work is taken."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None or self._pid != os.getpid():
            last.close()
            return
        asyncio.run_coroutine_threadsafe(_drain(last, patience), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _drain(last: Coroutine[Any, Any, None], patience: float) -> None:
    running = asyncio.all_tasks() - {asyncio.current_task()}
    if running:
        await asyncio.wait(running, timeout=patience)
    await last
