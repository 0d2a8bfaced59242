"""A keeper that goes on and on: memory, files and threads stay as they are, and no token is ever late.

Time is virtual, so a day takes as long as its refreshes do; engine, keeper and store are the product's,
in a process of their own. What is counted at each look is compared with the look after the warming up.
"""

import gc
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs

from tests.engine.keeping import Naps
from tests.faults.disk import fast_folder
from tests.faults.keeping import LOGIN, NOW, Ground, answer, plain, tokens
from tests.faults.nursery import Nursery
from tests.faults.report import Report
from tokenflow import SECOND, Engine, Request, Response
from tokenflow.core.tokens import DAY
from tokenflow.engine.held import HeldToken
from tokenflow.engine.keeper import Keeper

GATE: Final = 160
"""Refreshes."""
MOST_TOKENS: Final = 100_000
_TURNS: Final = 10
"""How often each token is refreshed, where there are not too many."""
_WARM: Final = 0.4
"""How much of it passes until memory is as large as it gets."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_ROOM: Final = 2 * 2**20
"""Bytes that memory may differ by between two looks."""
_EACH: Final = 10
"""Refreshes between two looks."""


@attrs.frozen
class Look:
    """What a process holds at one moment."""

    refreshes: int
    memory: int
    """Bytes resident."""
    objects: int
    """Python's own, after collecting."""
    files: int
    threads: int
    late: int
    """Live tokens whose end has come."""


@attrs.define
class Many:
    """An issuer of many strict tokens, all in memory."""

    given: int = 0
    replays: int = 0
    good: set[str] = attrs.field(factory=set)

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Give the next token for one that is good, and for a login."""
        form = {name: plain(value) for name, value in (request.form or {}).items()}
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.good:
                self.replays += 1
                return answer(400, {"error": "invalid_grant"})
            self.good.discard(form["refresh_token"])
        self.given += 1
        self.good.add(f"r{self.given}")
        return answer(200, tokens(self.given))

    async def close(self) -> None:
        """Nothing is open."""


@attrs.define
class Watch:
    """Looks every so many refreshes, asks for a token between them, and says when it is over."""

    engine: Engine
    issuer: Many
    keys: list[str]
    size: int
    chance: Random
    looks: list[Look] = attrs.field(factory=list)
    asked: "Future[HeldToken] | None" = None
    served: int = 0

    @property
    def refreshes(self) -> int:
        """How many there were."""
        return self.issuer.given - len(self.keys)

    def look(self) -> bool:
        """Look, if it is time; return whether it is over. On the engine's loop."""
        if self.asked is not None and self.asked.done():
            self.served += self.asked.result().token.access_token is not None
            self.asked = None
        if self.asked is None:
            self.asked = self.engine.desk.token(self.chance.choice(self.keys))
        if self.refreshes >= (self.looks[-1].refreshes + _EACH if self.looks else 0):
            self.looks.append(self._now())
        return self.refreshes >= self.size

    def _now(self) -> Look:
        gc.collect()
        desk = self.engine.desk
        _, late = desk.store.census(0, desk.clock(), desk.tenant)
        return Look(
            refreshes=self.refreshes,
            memory=int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE,
            objects=len(gc.get_objects()),
            files=len(os.listdir("/proc/self/fd")),
            threads=threading.active_count(),
            late=late,
        )


def keep(folder: str, size: int, seed: int) -> Mapping[str, Any]:
    """Keep tokens until there were *size* refreshes, and return what was seen."""
    ground, issuer, chance = Ground(Path(folder)), Many(), Random(seed)
    ground.folder.mkdir(mode=0o700, exist_ok=True)
    with ground.open(issuer) as engine:
        keys = [f"k/{number}" for number in range(max(1, min(size // _TURNS, MOST_TOKENS)))]
        for key in keys:
            engine.acquire(key, **LOGIN)
            ground.clock.advance(3000 * SECOND // len(keys))
        watch = Watch(engine, issuer, keys, size, chance)

        def pass_time(seconds: float) -> None:
            ground.clock.advance(round(seconds * SECOND))

        def look() -> None:
            if watch.look():
                keeper.stop()

        keeper = Keeper(engine.desk, alarm=Naps(pass_time, ground.clock, 10**12, look))
        keeper.start().result()
        days = (ground.clock() - NOW) / DAY
    return {
        "looks": [attrs.asdict(look) for look in watch.looks],
        "replays": issuer.replays,
        "served": watch.served,
        "tokens": len(keys),
        "days": days,
    }


def campaign(size: int, seed: int) -> Report:
    """Keep tokens through *size* refreshes."""
    with Nursery(patience=None) as nursery, tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        said = nursery.call(keep, folder=name, size=size, seed=seed)
    if "looks" not in said:
        return Report("a soak", {}, [], [str(said)])
    looks = [Look(**one) for one in said["looks"]]
    warm = [look for look in looks if look.refreshes >= size * _WARM]
    figures = {
        "refreshes": looks[-1].refreshes,
        "tokens": said["tokens"],
        "days": said["days"],
        "tokens asked for and served": said["served"],
        "memory, bytes": [warm[0].memory, warm[-1].memory],
        "objects": [warm[0].objects, warm[-1].objects],
        "files": [warm[0].files, warm[-1].files],
        "threads": [warm[0].threads, warm[-1].threads],
        "late": max(look.late for look in looks),
    }
    failures = [] if not said["replays"] else [f"{said['replays']} refresh tokens were presented twice"]
    void = [] if len(warm) > 5 and said["served"] > 5 else ["too little was looked at"]
    return Report("a soak", figures, void, failures + list(grown(warm)))


def grown(looks: list[Look]) -> Iterator[str]:
    """Yield what is more at the last looks than it was at the first, and which tokens were late."""
    first, last = looks[: len(looks) // 3], looks[-(len(looks) // 3) :]
    for what, room in (("memory", _ROOM), ("objects", 100), ("files", 0), ("threads", 0)):
        before, after = (min(getattr(one, what) for one in some) for some in (first, last))
        if after > before + room:
            yield f"{what} grew from {before} to {after}"
    for look in looks:
        if look.late:
            yield f"{look.late} tokens were past their end after {look.refreshes} refreshes"
