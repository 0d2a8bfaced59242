"""One round: processes over one store and one sandbox, killed and stopped at random and at named points.

Run in an interpreter of its own that has no threads, since it forks: `run(Round(...))` starts it.
"""

import asyncio
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from tests.faults import worker
from tests.faults.bugs import sown
from tests.faults.children import forked
from tests.faults.ground import LEASE, Ground, ground, instant, read_once, warm
from tests.faults.judging import Ended, judge
from tests.faults.points import HERE, POINTS, Fuses, lay
from tests.faults.proxy import proxy
from tests.faults.report import Report
from tests.faults.trace import Line, Trace
from tokenflow import Engine, PersonNeeded, TokenflowError

ROOT: Final = Path(__file__).resolve().parents[2]
TOKENS: Final[Mapping[str, int]] = {"none": 8, "grace": 8, "idempotent": 8, "strict": 24}
"""By contract. One in doubt at a strict issuer rests until all is quiet, so there are more of them."""
_FOR_NO_REASON: Final = 0.01
"""How often the person logs in though nobody asked them, at each look: what is under way then is outdated."""
_PACE: Final = 3.2
"""Refreshes between two kills, so that a slow machine makes a run longer and not thinner."""
_EVERY: Final = 0.03
"""Seconds between two kills, on average, where the pace allows."""
_STRUCK: Final = 0.18
"""The share of refreshes that a bad network does something to."""
_PATIENCE: Final = 30.0
"""Seconds for a process to end, or for a round to make any headway."""


@attrs.frozen(kw_only=True)
class Round:
    """What is done in one round; all of it is repeated by its seed, but for what the machine does."""

    name: str
    seed: int
    kills: int = 0
    stops: int = 0
    messages: int = 0
    refreshes: int = 0
    """With nothing going wrong, on the disk: what an answer's way there takes."""
    processes: int = 4
    journal: str = "truncate"
    tokens: Mapping[str, int] = TOKENS
    lease: float = LEASE
    """Seconds."""


def run(one: Round) -> Report:
    """Run a round in an interpreter of its own and return what came of it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.rounds", json.dumps(attrs.asdict(one))],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120 + 2 * (one.kills + one.stops),
        check=False,
    )
    if done.returncode != 0:
        return Report(one.name, {}, failures=[f"the round itself broke: {done.stderr[-2000:]}"])
    report = Report(**json.loads(done.stdout.splitlines()[-1]))
    if any("by itself" in what or what.startswith("broken") for what in report.failures):
        report = attrs.evolve(report, failures=[*report.failures, f"it said: {done.stderr[-2000:]}"])
    return report


class Fleet:
    """The workers of a round, and the person who logs in again."""

    def __init__(self, one: Round, here: Ground, trace: Trace, inherited: Engine) -> None:
        self._round, self._ground, self._trace, self._inherited = one, here, trace, inherited
        self._chance = random.Random(one.seed)
        self._workers: set[int] = set()
        self._asleep: dict[int, float] = {}
        self.pauses: list[tuple[int, int, int]] = []
        """Process, and from when to when it was stopped."""
        self._born = 0
        self.ended: dict[int, Ended] = {}
        self.stops = 0
        self.lines: list[Line] = []
        self._count: Counter[str] = Counter()
        self._fused: set[int] = set()
        self._fired: set[str] = set()
        self.odd: list[str] = []
        readable, self._asked = os.pipe()
        self.person = self._fork(lambda: self._log_in(readable))
        os.close(readable)

    def _fork(self, work: Callable[[], None]) -> int:
        def child() -> None:
            HERE.trace, HERE.fuses = self._trace, None
            work()

        return forked(child)

    def _log_in(self, readable: int) -> None:
        """Be the person: log in where a worker says that it is needed, and it is."""
        os.close(self._asked)
        store = self._ground.store()
        with self._ground.open(store) as engine, os.fdopen(readable) as asked:
            for line in asked:
                key, how = line.split()
                try:
                    if how != "again" or _needed(engine, key):
                        self._ground.log_in(engine, key)
                        HERE.say("logged_in", key, how)
                except TokenflowError as error:
                    HERE.say("login_failed", key, type(error).__name__)
        store.close()

    def ask(self, key: str, how: str = "again") -> None:
        """Ask for a login, in one write: the `first`, `again` where it is needed, or `anew` for no reason."""
        os.write(self._asked, f"{key} {how}\n".encode())

    def begin(self) -> None:
        """Log everybody in, then start the workers."""
        for key in self._ground.keys:
            self.ask(key, "first")
        self._until(lambda: self._count["logged_in"] >= len(self._ground.keys))
        for _ in range(self._round.processes):
            self._spawn()

    def _spawn(self) -> None:
        self._born += 1
        number, stop = self._born, self._round.stops > 0
        # Every second is left to the supervisor. Of the others one that is killed has one turn; one that is
        # stopped goes through all the points, each beginning elsewhere.
        turn = number // 2 * (3 if stop else 1)
        deck = [
            POINTS[(turn + n) % len(POINTS)]
            for n in range(
                0 if self._round.messages or self._round.refreshes else number % 2 * (10_000 if stop else 1)
            )
        ]
        chance = random.Random(f"{self._round.seed}/{number}")
        kind = signal.SIGSTOP if stop else signal.SIGKILL

        def work() -> None:
            HERE.fuses = Fuses(self._trace, deck, chance, kind)
            if number % 3 == 0:  # as a server does that opens its engine before it forks
                worker.refresh(self._ground, self._inherited, self.ask, chance)
                self._inherited.close()
                return
            files = worker.open_files()
            store = self._ground.store()
            engine = self._ground.open(store)
            worker.refresh(self._ground, engine, self.ask, chance)
            worker.leave(engine, store.close, files)

        born = self._fork(work)
        self._workers.add(born)
        if deck and not stop:
            self._fused.add(born)

    def go(self) -> None:
        """Kill and stop until there was enough of it."""
        due, seen, lively = time.monotonic(), (-1, 0), time.monotonic()
        wanted = self._round
        while (
            len(self.ended) < wanted.kills
            or self.stops < wanted.stops
            or (wanted.stops and len(self._fired) < len(POINTS))  # each point once, however it is drawn
            or self._count["struck"] < wanted.messages
            or self._count["acknowledged"] < wanted.refreshes
        ):
            time.sleep(0.004)
            self._look()
            if self._chance.random() < _FOR_NO_REASON and not wanted.refreshes:
                self.ask(self._chance.choice(self._ground.keys), "anew")
            now, refreshed = time.monotonic(), self._count["acknowledged"]
            faults = self.faults
            if (refreshed, faults) != seen:
                seen, lively = (refreshed, faults), now
            if now - lively > _PATIENCE:
                self.odd.append("the round made no headway any more")
                return
            if now >= due and refreshed >= _PACE * faults:
                due = now + self._chance.expovariate(1 / _EVERY)
                self._strike(now)

    @property
    def faults(self) -> int:
        """Return how much went wrong so far."""
        return len(self.ended) + self.stops + self._count["struck"]

    def _strike(self, now: float) -> None:
        awake = sorted(self._workers - self._asleep.keys() - self._fused)
        if self._round.messages or self._round.refreshes:
            return
        if self._round.stops:
            if len(awake) > 1:  # somebody has to be there whom a stopped one may harm
                self._stop(self._chance.choice(awake), now)
        elif awake:  # one with a fuse dies at its point
            self._end(self._chance.choice(awake))

    def _stop(self, pid: int, now: float) -> None:
        os.kill(pid, signal.SIGSTOP)
        self._fall_asleep(pid, now)

    def _fall_asleep(self, pid: int, now: float) -> None:
        if pid not in self._asleep:
            self.stops += 1
            length = self._round.lease * 0.1 * 50 ** self._chance.random()
            self._asleep[pid] = now + length
            self.pauses.append((pid, instant(), instant() + int(length * 1e6)))

    def _end(self, pid: int) -> None:
        at = instant()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self._gone(pid, at, "at random")
        self._spawn()

    def _gone(self, pid: int, at: int, how: str) -> None:
        self._workers.discard(pid)
        self._asleep.pop(pid, None)
        self.ended[pid] = Ended(at, how)

    def _look(self) -> None:
        """Hear what was said, wake who has slept enough, and see who ended or stopped by themselves."""
        self._hear()
        now = time.monotonic()
        for pid in [one for one, until in self._asleep.items() if until <= now]:
            del self._asleep[pid]
            os.kill(pid, signal.SIGCONT)
        for pid in sorted(self._workers):
            found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if not found:
                continue
            if os.WIFSTOPPED(status):
                self._fall_asleep(pid, now)
                continue
            fired = [one for one in self._trace_of(pid) if one.kind == "fired"]
            if os.waitstatus_to_exitcode(status) == -signal.SIGKILL and fired:
                self._gone(pid, fired[-1].at, fired[-1].words[0])
            else:
                self.odd.append(f"a worker ended by itself: {os.waitstatus_to_exitcode(status)}")
                self._workers.discard(pid)
            self._spawn()

    def _hear(self) -> None:
        for line in self._trace.news():
            self.lines.append(line)
            self._count[line.kind] += 1
            if line.kind == "fired":
                self._fired.add(line.words[0])

    def _trace_of(self, pid: int) -> list[Line]:
        self._hear()
        return [one for one in self.lines if one.pid == pid]

    def _until(self, done: Any) -> None:
        until = time.monotonic() + _PATIENCE
        while not done():
            self._hear()
            assert time.monotonic() < until, "a process of the round did not do its part"
            time.sleep(0.005)

    def finish(self) -> None:
        """Tell everybody to end, and see that they do."""
        for pid in self._asleep:
            os.kill(pid, signal.SIGCONT)
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)
        os.close(self._asked)
        until = time.monotonic() + _PATIENCE
        for pid in (*self._workers, self.person):
            while not (found := os.waitpid(pid, os.WNOHANG | os.WUNTRACED))[0] or os.WIFSTOPPED(found[1]):
                if found[0]:
                    os.kill(pid, signal.SIGCONT)
                if time.monotonic() > until:
                    os.kill(pid, signal.SIGKILL)
                    self.odd.append("I7 a process that was told to end did not")
                time.sleep(0.005)
            code = os.waitstatus_to_exitcode(found[1])
            if code == -signal.SIGKILL and (fired := [x for x in self._trace_of(pid) if x.kind == "fired"]):
                self.ended[pid] = Ended(fired[-1].at, fired[-1].words[0])  # its point came as it ended
            elif code:
                self.odd.append(f"I7 a process that was told to end ended with {code}")
        self._hear()


def _needed(engine: Engine, key: str) -> bool:
    try:
        engine.extend(key)
    except PersonNeeded:
        return True
    except TokenflowError as error:
        return error.code == "final_state"
    return False


@contextmanager
def _folder(one: Round) -> Iterator[Path]:
    """A private folder, in memory where there is one: what a process loses by a kill is not the disk's."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) and not one.refreshes else None
    with tempfile.TemporaryDirectory(prefix="tokenflow-faults-", dir=place) as made:
        yield Path(made)


@contextmanager
def _network(one: Round, here: Ground, trace: Trace) -> Iterator[Ground]:
    """Lead the engines through a network that is as bad as the round wants it."""
    if not one.messages:
        yield here
        return
    with proxy(here.url, trace, one.seed, _STRUCK, here.lease / 2) as url:
        yield attrs.evolve(here, url=url)


def played(one: Round) -> Report:
    """Play a round here; the process has to have no threads."""
    read_once()
    lay()
    sown()
    with ExitStack() as stack:
        folder = stack.enter_context(_folder(one))
        here = stack.enter_context(ground(folder, one.tokens, one.journal, one.lease))
        asyncio.run(warm(here.url))
        trace = Trace(folder / "trace")
        through = stack.enter_context(_network(one, here, trace))
        store = through.store()
        inherited = through.open(store)
        gc.freeze()  # a child copies no page only to count what is in it
        fleet = Fleet(one, through, trace, inherited)
        fleet.begin()
        began = time.monotonic()
        fleet.go()
        seconds = time.monotonic() - began
        fleet.finish()
        return judge(one.name, here, fleet, seconds)


if __name__ == "__main__":
    print(json.dumps(attrs.asdict(played(Round(**json.loads(sys.argv[1]))))))
