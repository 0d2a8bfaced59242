"""One expired token of the strict contract, asked for by 8 processes of 32 threads of 32 tasks, at once."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import attrs

from tests.faults.bugs import sown
from tests.faults.children import exit_code, forked
from tests.faults.ground import Ground, ground, read_once, warm
from tests.faults.judging import truth_of
from tests.faults.report import Report
from tokenflow import AsyncEngine
from tokenflow.sandbox.ledger import fingerprint

GATE: Final = 1
PROCESSES, THREADS, TASKS = 8, 32, 32
_NEARLY_OVER: Final = 30
"""Seconds: within the minute in which a token is not handed out any more."""
_SLOW: Final = 0.5
"""Seconds the issuer takes, so that everybody is there before it has answered."""
_KEY: Final = "strict-0"
_ROOT: Final = Path(__file__).resolve().parents[2]


def campaign(size: int, seed: int, *, journal: str = "truncate") -> Report:
    """Ask *size* times, each time for a token that is over."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.contention", str(size), journal],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        timeout=60 + 60 * size,
        check=False,
    )
    if done.returncode:
        return Report("contention", {}, failures=[f"the herd itself broke: {done.stderr[-2000:]}"])
    return Report(**json.loads(done.stdout.splitlines()[-1]))


def played(size: int, journal: str) -> Report:
    """Play it here; the process has to have no threads."""
    read_once()
    sown()
    failures, callers, waited = [], 0, list[float]()
    with (
        tempfile.TemporaryDirectory(prefix="tokenflow-faults-") as folder,
        ground(Path(folder), {"strict": 1}, journal, 40.0) as here,
    ):
        asyncio.run(warm(here.url))
        for n in range(size):
            before = len(truth_of(here).calls)
            _grow_old(here)
            here.admin.fault("oauth2/token", "slow", seconds=_SLOW, times=1)
            told = _herd(here)
            truth = truth_of(here)
            good = {one for one, row in truth.tokens.items() if row["kind"] == "access" and row["live"]}
            newest = max(good, key=lambda one: int(truth.tokens[one]["id"][1:]))
            callers += sum(sum(one["told"].values()) for one in told)
            waited.append(max(one["seconds"] for one in told))
            failures += [f"time {n}: {what}" for what in _judged(told, newest, len(truth.calls) - before)]
    figures = {"callers": callers, "herds": size, "slowest_herd_seconds": round(max(waited), 2)}
    void = [] if callers == size * PROCESSES * THREADS * TASKS else [f"only {callers} asked"]
    return Report("contention", figures, void, failures)


def _judged(told: list[dict[str, Any]], newest: str, calls: int) -> list[str]:
    found = [] if calls == 1 else [f"R2 {calls} token calls for one token"]
    for one in told:
        found += [
            f"R2 {count} callers of a process were told {what}"
            for what, count in one["told"].items()
            if what != newest
        ]
    return found


def _grow_old(here: Ground) -> None:
    """Let the person log in, at an issuer that gives them a token which is nearly over."""
    here.admin.change_client("client-strict", expires_in=_NEARLY_OVER)

    def log_in() -> None:
        store = here.store()
        with here.open(store) as engine:
            here.log_in(engine, _KEY)
        store.close()

    assert exit_code(forked(log_in)) == 0, "the person could not log in"
    here.admin.change_client("client-strict", expires_in=3600)


def _herd(here: Ground) -> list[dict[str, Any]]:
    """Fork the processes, let them all ask at once, and return what each was told."""
    store = here.store()
    inherited = here.open(store, trust_cache=1.0)  # as a server that is opened before it forks
    gate, opener = os.pipe()
    answers, teller = os.pipe()

    def ask() -> None:
        os.close(opener)
        os.read(gate, 1)  # until all are there, and nobody holds the other end
        said = json.dumps(_asked(AsyncEngine(inherited.desk)))
        os.write(teller, f"{said}\n".encode())  # one write, whole
        inherited.close()

    children = [forked(ask) for _ in range(PROCESSES)]
    os.close(gate)
    os.close(teller)
    os.close(opener)
    with os.fdopen(answers) as lines:
        told = [json.loads(line) for line in lines]
    assert [exit_code(child) for child in children] == [0] * PROCESSES, "one of the herd fell"
    inherited.close()
    store.close()
    return told


def _asked(engine: AsyncEngine) -> dict[str, Any]:
    """Ask from every thread's own loop, and count what the tasks were told."""
    told, lock, line = Counter[str](), threading.Lock(), threading.Barrier(THREADS)

    async def one() -> str:
        try:
            held = await engine.token(_KEY)
        except Exception as error:  # noqa: BLE001  # it is told
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"
        return fingerprint(held.secret.reveal())

    async def all_tasks() -> list[str]:
        return list(await asyncio.gather(*(one() for _ in range(TASKS))))

    def thread() -> None:
        line.wait()
        found = asyncio.run(all_tasks())
        with lock:
            told.update(found)

    threads = [threading.Thread(target=thread) for _ in range(THREADS)]
    began = time.monotonic()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return {"told": told, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    print(json.dumps(attrs.asdict(played(int(sys.argv[1]), sys.argv[2]))))
