"""Many lives: all of them when that is affordable, or a sample of them that stands for all.

Lives do not know each other, so each is lived by itself, in as many processes as there are; their
counts are added up, and the order does not matter. Only a budget makes them meet: then they are
lived in one process, in the order of time, each going on where it stands.
"""

import heapq
import multiprocessing
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

import attrs

from tokenflow.core.tokens import Instant
from tokenflow.hooks.registry import Registry
from tokenflow.runner.simulation.lanes import Lanes
from tokenflow.runner.simulation.life import Arrival, Life, Stage, begin
from tokenflow.runner.simulation.rounds import round_of
from tokenflow.runner.simulation.scene import START, Budget, Scene
from tokenflow.runner.simulation.tally import MINUTE, Tally

PATIENCE: Final = 8_000_000
"""How much work is done before a sample has to do, in jumps: some 20 to 30 s of one core."""
STEP: Final = 100
"""A move that is played costs as much as so many jumps."""
BIRTH: Final = 40
"""And to begin and end a life as much as so many."""
_WELL_WORTH: Final = 1.25
"""So much more patience there is to live every token."""
_PILOTS: Final = 24
_FEWEST: Final = 500
_TOGETHER: Final = 20_000
"""Lives that are in memory at once, when a budget makes them meet."""
_SMALL: Final = 1_000_000
"""Work below this is not worth another process, unless it is asked for."""


@attrs.define
class Allowance:
    """A budget, spent in windows that begin at day 0; beyond it, come again in the next."""

    budget: Budget
    window: int = -1
    spent: float = 0.0

    def take(self, at: Instant) -> int | None:
        """Take one call; return None, or the seconds until the next window."""
        if self.room(at, 1):
            return None
        ends = START + (self.window + 1) * self.budget.per
        return max(-((at - ends) // 1_000_000), 1)

    def room(self, at: Instant, calls: int) -> bool:
        """Take *calls* if there is room for them all, and return whether there was."""
        window = (at - START) // self.budget.per
        if window != self.window:
            self.window, self.spent = window, 0.0
        if self.spent + calls > self.budget.calls:
            return False
        self.spent += calls
        return True


@attrs.frozen(kw_only=True)
class Lived:
    """A fleet's counts, and how many of its tokens they were counted on."""

    scene: Scene
    tally: Tally
    processes: int

    @property
    def scale(self) -> float:
        """How many tokens each one that was lived stands for."""
        return self.scene.tokens / self.tally.tokens


def live(scene: Scene, *, patience: int = PATIENCE, processes: int | None = None) -> Lived:
    """Live *scene*'s tokens and count; a sample of them, when all would cost more than *patience*.

    The same scene and patience have the same answer, whatever the number of *processes* (None: one a core).
    """
    pilot = _live(scene, range(min(_PILOTS, scene.tokens)))
    if scene.budget is not None:
        return Lived(scene=scene, tally=_together(scene, _affordable(scene, pilot, patience)), processes=1)
    count = _affordable(scene, pilot, patience)
    work = _cost(pilot) * count // max(pilot.tokens, 1)
    crew = processes or (1 if work < _SMALL else os.cpu_count() or 1)
    shares = [range(count * part // crew, count * (part + 1) // crew) for part in range(crew)]
    return Lived(scene=scene, tally=_added(_shared(scene, shares), scene), processes=crew)


def _shared(scene: Scene, shares: Sequence[range]) -> Iterable[Tally]:
    if len(shares) == 1:
        return [_live(scene, shares[0])]
    with ProcessPoolExecutor(len(shares), multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_live, [scene] * len(shares), shares))


def _added(tallies: Iterable[Tally], scene: Scene) -> Tally:
    whole = tally_of(scene)
    for one in tallies:
        whole += one
    return whole


def _cost(tally: Tally) -> int:
    return tally.jumps + STEP * tally.steps + BIRTH * tally.tokens


def _affordable(scene: Scene, pilot: Tally, patience: int) -> int:
    """Return how many tokens may be lived for *patience*, going by the *pilot*."""
    each = _cost(pilot) / pilot.tokens
    most = scene.tokens
    if scene.budget is not None:
        most = min(most, _TOGETHER)
        calls = (pilot.each["calls"].total - pilot.outcomes["failed"]) / pilot.tokens
        wanted = calls * scene.tokens * scene.budget.per / scene.span
        if wanted > scene.budget.calls / 2:  # then most calls are played, and many of them again
            each = max(each, 3 * STEP * calls)
    if each * most <= patience * _WELL_WORTH:
        return most
    return min(most, max(int(patience / each), _FEWEST))


def tally_of(scene: Scene) -> Tally:
    """Return an empty tally for *scene*."""
    out = next(
        ((START + act.at, START + act.at + act.lasts) for act in scene.acts if act.what == "outage"), None
    )
    return Tally(minutes=-(-scene.span // MINUTE), outage=out)


def _guards(scene: Scene) -> Mapping[str, Any]:
    return Registry.installed().guards()


def _arrival(scene: Scene) -> Arrival | None:
    """Return when each token of a fleet that stands was acquired; None when the scene says it."""
    found = round_of(scene, _guards(scene)) if scene.standing else None
    return None if found is None else found.born


def _live(scene: Scene, numbers: range) -> Tally:
    """Live some tokens, one after another, as if there were no budget."""
    stage = Stage.of(scene, _guards(scene))
    lanes, tally, end = Lanes(stage), tally_of(scene), START + scene.span
    arrival = _arrival(scene)
    for number in numbers:
        life = begin(stage, number, arrival)
        lanes.run(life, end, tally)
        life.finish(end)
        tally.over(life)
    return tally


def _together(scene: Scene, count: int) -> Tally:
    """Live *count* tokens in the order of time; they share their part of the budget."""
    assert scene.budget is not None
    share = attrs.evolve(scene.budget, calls=scene.budget.calls * count / scene.tokens)
    stage = Stage.of(scene, _guards(scene), Allowance(share))
    lanes, tally, end = Lanes(stage), tally_of(scene), START + scene.span
    arrival = _arrival(scene)
    lives = [begin(stage, number, arrival) for number in range(count)]
    waiting = [(at, number) for number, life in enumerate(lives) if (at := life.next()) is not None]
    heapq.heapify(waiting)
    while waiting:
        at, number = heapq.heappop(waiting)
        if at >= end:
            break
        _go_on(lanes, lives[number], min(waiting[0][0] if waiting else end, end), at, tally)
        following = lives[number].next()
        if following is not None:
            heapq.heappush(waiting, (following, number))
    for life in lives:
        life.finish(end)
        tally.over(life)
    return tally


def _go_on(lanes: Lanes, life: Life, turn: Instant, at: Instant, tally: Tally) -> None:
    """Let *life* go on until another's turn comes; at the least, do what is due *at* once."""
    lanes.run(life, max(turn, at + 1), tally)
