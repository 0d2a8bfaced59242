"""Hostile servers: whatever they do, an exchange ends by its deadline, and no more than the cap is taken."""

import asyncio
import gc
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import attrs

from tests.faults.misbehaving import BEAT, BEHAVIOURS, SMUGGLED
from tests.faults.report import Report
from tokenflow import HttpTransport, IssuerUnreachable, Request, Response, Secret, TokenflowError
from tokenflow.core.answers import body_of
from tokenflow.engine.transports import CAP

GATE: Final = 2 * len(BEHAVIOURS)
"""Exchanges in the default suite: each behaviour twice."""
LATE: Final = 0.05
"""Seconds beyond the deadline that 99 of 100 exchanges may take."""
LATEST: Final = 0.5
"""Seconds beyond it that any may take."""
DEADLINES: Final = (0.3, 0.4, 0.5)
AT_ONCE: Final = 16
MEMORY: Final = 64 * 1024 * 1024
ROOT: Final = Path(__file__).resolve().parents[2]
CANARY: Final = "CANARY-refresh-5d1c"


@attrs.frozen
class Exchange:
    """One, as it went."""

    behaviour: str
    beyond: float
    """Seconds it took beyond its deadline; negative: it ended before."""
    came: str
    """`answer`, or the code of the error it ended with; anything else is a mistake."""
    size: int = 0


def campaign(size: int, seed: int) -> Report:
    """Make *size* exchanges, every behaviour in turn, and sound ones between; *seed* draws the order."""
    chance = random.Random(seed)
    names = list(BEHAVIOURS)
    asked = [names[number % len(names)] for number in range(size)]
    asked += ["sound"] * (1 + size // 20)
    chance.shuffle(asked)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with misbehaving() as port, tidied():
        went, lag, seen = asyncio.run(_all(port, asked, chance))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return report(went, lag, seen, grown)


def report(went: list[Exchange], lag: float, seen: dict[str, int], grown: int) -> Report:
    """Judge exchanges; *lag* is for how long the machine gave no turn, in seconds."""
    beyond = sorted(one.beyond for one in went)
    p99 = beyond[min(len(beyond) - 1, len(beyond) * 99 // 100)]
    figures = {
        "exchanges": len(went),
        "behaviours": len(BEHAVIOURS),
        "beyond the deadline, p99 s": p99,
        "beyond the deadline, most s": beyond[-1],
        "the machine gave no turn for, s": lag,
        "largest answer, bytes": max(one.size for one in went),
        "memory grew, bytes": grown,
    }
    failures = [f"{one.behaviour}: {one.came}" for one in went if one.came.startswith("!")]
    failures += [f"{one.behaviour}: {one.size} bytes were taken" for one in went if one.size > CAP]
    worst = max(went, key=lambda one: one.beyond).behaviour
    turns = 2 * lag  # an exchange that is over takes two: its deadline's, and one to close the connection
    if p99 > LATE + turns:
        failures.append(f"1 in 100 ended {p99:.3f} s after its deadline or later, last: {worst}")
    if beyond[-1] > LATEST + turns:
        failures.append(f"{worst}: ended {beyond[-1]:.3f} s after its deadline")
    if grown > MEMORY:
        failures.append(f"{grown} bytes of memory were taken")
    if seen.get("/thief"):
        failures.append("a redirect was followed")
    void = [f"{name} was never asked" for name in BEHAVIOURS if not seen.get(name)]
    void += [] if any(one.came == "answer" for one in went if one.behaviour == "sound") else ["no sound one"]
    return Report("hostile servers", figures, void, failures)


@contextmanager
def tidied() -> Iterator[None]:
    """Have what this process did before collected now: in the midst of it, it takes a third of a second."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def misbehaving() -> Iterator[int]:
    """Run the servers in a process of their own and yield their port."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.misbehaving"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.communicate()


async def _all(
    port: int, asked: list[str], chance: random.Random
) -> tuple[list[Exchange], float, dict[str, int]]:
    here = f"http://127.0.0.1:{port}"
    paths = {name: f"{here}/{number}" for number, name in enumerate(BEHAVIOURS)}
    transports = {deadline: HttpTransport(deadline=deadline) for deadline in DEADLINES}
    for transport in transports.values():  # to read the system's certificates takes longer than an exchange
        for _ in range(5):
            with suppress(IssuerUnreachable):
                await transport.send(Request(method="GET", url=f"{here}/lag"))
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, deadline: float) -> Exchange:
        async with slots:
            return await exchange(transports[deadline], name, paths[name], deadline)

    starved = [0.0]
    beating = asyncio.create_task(_beat(starved))
    went = await asyncio.gather(*(one(name, chance.choice(DEADLINES)) for name in asked))
    beating.cancel()
    patient = HttpTransport()
    told = json.loads((await patient.send(Request(method="GET", url=f"{here}/lag"))).body)
    for transport in (*transports.values(), patient):
        await transport.close()
    return went, max(told["lag"], starved[0]), told["asked"]


async def _beat(starved: list[float]) -> None:
    """Note the longest time in which the machine gave this thread no turn; its own work does not count."""
    while True:
        wall, worked = time.perf_counter(), time.thread_time()
        await asyncio.sleep(BEAT)
        late = time.perf_counter() - wall - BEAT - (time.thread_time() - worked)
        starved[0] = max(starved[0], late)


async def exchange(transport: HttpTransport, name: str, url: str, deadline: float) -> Exchange:
    """Ask once as a refresh does, read the answer, and say how it went."""
    clock = asyncio.get_running_loop().time
    begun, size = clock(), 0
    form: dict[str, str | Secret] = {"grant_type": "refresh_token", "refresh_token": Secret(CANARY)}
    try:
        response = await transport.send(Request(method="POST", url=url, form=form))
        size = len(response.body)
        came = _read(response)
    except TokenflowError as error:
        came = error.code
    except Exception as error:  # noqa: BLE001  # anything else that comes out is what is looked for
        came = f"! {type(error).__name__}"
    return Exchange(name, clock() - begun - deadline, came, size)


def _read(response: Response) -> str:
    """Return `answer` for one that can be read; raises TokenflowError."""
    return "! another's answer" if body_of(response).get("access_token") == SMUGGLED else "answer"
