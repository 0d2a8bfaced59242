"""A program that says all there is to say: run with everything on that Python can print when it fails.

It opens an engine, fails in every way a program can fail, and shows each failure with all its locals, as
programs that report errors do. What it has made of secrets it writes into a file of its own, by which
whoever started it looks for them.
"""

import asyncio
import faulthandler
import gc
import json
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.leaks.births import Births, listen
from tokenflow import AsyncEngine, Secret, TokenflowError, VirtualClock

SPECS = ("oauth2-rotating",)


def shown(error: BaseException | None) -> None:
    """Print an error as a reporter of errors does: with the locals of every frame but this program's own."""
    if error is not None:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        for one in _chain(found):
            for frame in one.stack:
                frame.locals = None if frame.filename == __file__ else frame.locals
        print("".join(found.format()), file=sys.stderr)


def _chain(found: traceback.TracebackException | None) -> Iterator[traceback.TracebackException]:
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def of_the_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Print what a loop has to say: tasks, coroutines, futures."""
    print("loop:", context, file=sys.stderr)
    shown(context.get("exception"))


async def failing(engine: AsyncEngine, code: dict[str, str]) -> None:
    """Let calls fail that hold a payload, a token or a code in their hands."""
    attempts = [
        engine.acquire("k", lifecycle=SPECS[0], platform="server", payload=code),
        engine.acquire(
            "l", lifecycle=SPECS[0], platform="server", payload={**code, "code": code["code"][:-1]}
        ),
        engine.acquire("m", lifecycle="absent", platform="server", payload=code),
        engine.token("absent"),
        engine.extend("k"),
    ]
    for attempt in attempts:
        try:
            await attempt
        except TokenflowError as error:
            shown(error)
    held = await engine.token("k")
    print("held:", held, repr(held), vars(held) if hasattr(held, "__dict__") else "", file=sys.stderr)
    # Never looked at, never awaited, cancelled, and destroyed while it waits: the loop tells of each.
    unseen = asyncio.create_task(engine.token("absent"))
    cancelled = asyncio.create_task(engine.extend("k"))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    never = engine.token("k")
    del unseen, never
    gc.collect()
    asyncio.create_task(engine.revoke("k")).get_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.05)


async def playing(url: str, store: str, key: str, now: int, given: dict[str, Any]) -> None:
    """Open an engine, and fail."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.set_exception_handler(of_the_loop)
    engine = await AsyncEngine.open(
        SPECS,
        store,
        key=key,
        issuer=url,
        clock=VirtualClock(now),
        client_ids={"sandbox-oauth2": given["client"]},
        redirect_uri=given["code"]["redirect_uri"],
        secrets={"env:OAUTH2_CLIENT_SECRET": Secret(given.pop("secret"))},
    )
    try:
        await failing(engine, given["code"])
    finally:
        await engine.close()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        threading.Thread(target=lambda: asyncio.run(_late(engine))).start()
    faulthandler.dump_traceback(all_threads=True)
    await engine.acquire("n", lifecycle=SPECS[0], platform="server", payload=given["code"])


async def _late(engine: AsyncEngine) -> None:
    await engine.token("k")


def main() -> None:
    """Run with everything on; ends by an error nobody catches."""
    url, store, key, now, births = sys.argv[1:]
    known = Births(running=True)
    listen(known, setattr)
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    sys.excepthook = lambda kind, error, trace: shown(error)
    sys.unraisablehook = lambda said: shown(said.exc_value)
    threading.excepthook = lambda said: shown(said.exc_value)
    given = json.loads(sys.stdin.read())
    try:
        asyncio.run(playing(url, store, key, int(now), given), debug=True)
    finally:
        Path(births).write_text(json.dumps(known.alive()))
        print("said all:", os.environ.get("PYTHONASYNCIODEBUG"), sys.flags.dev_mode, file=sys.stderr)


if __name__ == "__main__":
    main()
