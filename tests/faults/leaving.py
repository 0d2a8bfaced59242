"""Whoever began a refresh leaves amid it: by a fork, a closed loop, the interpreter's end, or Ctrl-C.

What was begun is finished and kept, nothing is sent twice, and no lock stays with whoever has gone.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs

from tests.faults.bugs import sown
from tests.faults.children import exit_code, forked
from tests.faults.ground import Ground, ground, read_once, warm
from tests.faults.judging import truth_of
from tests.faults.report import Report
from tests.faults.worker import threads
from tokenflow import AsyncEngine, Engine
from tokenflow.sandbox.ledger import fingerprint

GATE: Final = 4
_SLOW: Final = 0.3
"""Seconds the issuer takes."""
_LIVES_ON: Final = 4.0
"""Seconds a forked child lives on, longer than anybody waits for a lock it might hold."""
_ROOT: Final = Path(__file__).resolve().parents[2]
_KEY: Final = "strict-0"


def campaign(size: int, seed: int, *, journal: str = "truncate") -> Report:
    """Leave *size* times, at random moments."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.leaving", str(size), str(seed), journal],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        timeout=60 + 20 * size,
        check=False,
    )
    if done.returncode:
        return Report("leaving", {}, failures=[f"it broke itself: {done.stderr[-2000:]}"])
    return Report(**json.loads(done.stdout.splitlines()[-1]))


def by_fork(here: Ground, moment: float) -> None:
    """A server forks while it refreshes: its child neither holds nor drops its lock."""
    store = here.store()
    engine = here.open(store)
    refresh = threading.Thread(target=engine.extend, args=(_KEY,))
    refresh.start()
    time.sleep(moment)
    lives_on = forked(lambda: time.sleep(_LIVES_ON))
    at_once = forked(lambda: None)
    assert exit_code(at_once) == 0
    served = forked(lambda: _another(here, Engine.token))
    other = forked(lambda: _another(here, Engine.extend))
    refresh.join()
    assert exit_code(served) == 0, "another process was not served the token, which is still good"
    assert exit_code(other) == 0, "another process took the lock that the parent held"
    began = time.monotonic()
    assert exit_code(forked(lambda: _another(here, Engine.extend))) == 0
    assert time.monotonic() - began < _LIVES_ON / 2, "a forked child holds a lock of its parent's"
    engine.close()
    os.kill(lives_on, signal.SIGKILL)
    exit_code(lives_on)


def _another(here: Ground, verb: Callable[[Engine, str], object]) -> None:
    """Ask from another process."""
    store = here.store()
    with here.open(store) as engine:
        verb(engine, _KEY)
    store.close()


def by_loop(here: Ground, moment: float) -> None:
    """A caller's loop is closed, and another is run."""
    store = here.store()
    engine = AsyncEngine(here.open(store).desk)

    async def leave() -> None:
        task = asyncio.create_task(engine.extend(_KEY))
        await asyncio.sleep(moment)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def again() -> None:
        async with engine:
            await engine.explain(_KEY)

    asyncio.run(leave())
    asyncio.run(again())
    store.close()
    assert not threads() or not _soon(threads), f"threads are left: {threads()}"


def _soon(left: Callable[[], object]) -> bool:
    until = time.monotonic() + 2
    while left() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(left())


SCRIPT: Final = """
import sys, threading, time
from tests.faults.leaving import told
engine = told(*sys.argv[1:5])
refresh = threading.Thread(target=engine.extend, args=(sys.argv[4],), daemon=True)
print("there", flush=True)
if sys.argv[5] == "exit":
    refresh.start()
    time.sleep(float(sys.argv[6]))
else:
    engine.extend(sys.argv[4])
"""


def told(folder: str, url: str, journal: str, key: str) -> Engine:
    """An engine in an interpreter of its own, on what its command line says."""
    read_once()
    sown()
    here = Ground(url=url, admin=None, folder=Path(folder), journal=journal, keys=(key,))  # type: ignore[arg-type]
    asyncio.run(warm(url))
    return here.open(here.store())


def _script(here: Ground, how: str, moment: float) -> "subprocess.Popen[str]":
    arguments = [str(here.folder), here.url, here.journal, _KEY, how, str(moment)]
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )
    assert script.stdout is not None
    assert script.stdout.readline() == "there\n", script.communicate()[1]
    return script


def by_exit(here: Ground, moment: float) -> None:
    """A program ends while a thread of its refreshes."""
    _, said = (script := _script(here, "exit", moment)).communicate(timeout=30)
    assert script.returncode == 0, said


def by_interrupt(here: Ground, moment: float) -> None:
    """A person presses Ctrl-C."""
    script = _script(here, "interrupt", moment)
    time.sleep(moment)
    script.send_signal(signal.SIGINT)
    _, said = script.communicate(timeout=30)
    assert script.returncode in (0, 1, -signal.SIGINT, 130), said


WAYS: Final[Mapping[str, Callable[[Ground, float], None]]] = {
    "fork": by_fork,
    "loop": by_loop,
    "exit": by_exit,
    "interrupt": by_interrupt,
}


_MOST: Final = {"fork": 3, "loop": 1, "exit": 1, "interrupt": 1}
"""How many refreshes each comes to, whoever asked for them."""


def played(size: int, seed: int, journal: str) -> Report:
    """Play it here; the process has to have no threads."""
    read_once()
    sown()
    chance, failures, done, amid = random.Random(seed), list[str](), dict.fromkeys(WAYS, 0), 0
    with (
        tempfile.TemporaryDirectory(prefix="tokenflow-faults-") as folder,
        ground(Path(folder), {"strict": 1}, journal) as here,
    ):
        asyncio.run(warm(here.url))
        assert exit_code(forked(lambda: _log_in(here))) == 0
        for n in range(size):
            name = list(WAYS)[n % len(WAYS)]
            before = len(truth_of(here).calls)
            here.admin.clear_faults()
            here.admin.fault("oauth2/token", "slow", seconds=_SLOW, times=1)
            moment = chance.uniform(0, _SLOW)
            if (code := exit_code(forked(lambda: WAYS[name](here, moment)))) != 0:  # noqa: B023  # it runs now
                failures.append(f"R18 {name}: it ended with {code}, {moment:.3f} s after it began")
            calls = len(truth_of(here).calls) - before
            done[name] += 1
            amid += calls >= 1
            failures += [
                f"R19 {name} after {moment:.3f} s: {what}" for what in _judged(here, calls, _MOST[name])
            ]
    void = [] if amid * 2 > size else [f"only {amid} of {size} left amid a refresh"]
    return Report("leaving", {"left": size, "by": done, "amid_a_refresh": amid}, void, failures)


def _judged(here: Ground, calls: int, most: int) -> list[str]:
    found = [f"sent {calls} times"] if calls > most else []
    truth = truth_of(here)
    readable, writable = os.pipe()

    def look() -> None:
        store = here.store()
        with here.open(store) as engine:
            token = engine.explain(_KEY).token
            kept = "none" if token.refresh_token is None else fingerprint(token.refresh_token.reveal())
            os.write(writable, f"{kept} {'open' if token.attempt else 'settled'}".encode())
        store.close()

    if exit_code(forked(look)):
        found.append("the token cannot be looked at")
    os.close(writable)
    with os.fdopen(readable) as pipe:
        if (said := pipe.read()) != f"{truth.newest[_KEY]} settled":
            found.append(f"lost: the store says {said!r}")
    return found


def _log_in(here: Ground) -> None:
    store = here.store()
    with here.open(store) as engine:
        here.log_in(engine, _KEY)
    store.close()


if __name__ == "__main__":
    print(json.dumps(attrs.asdict(played(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))))
