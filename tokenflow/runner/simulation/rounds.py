"""A fleet that stands is steady: day 0 finds each of its tokens anywhere in its round of renewals.

Theory. A token goes round: from a situation (`lanes`) back to the same one, in a time that is its own,
jitter and all. Were tokens acquired evenly over a span that is not that time, two of their renewals
would meet at its seam, and show as a peak no fleet has. So when one was acquired is drawn evenly over
more than the span, and drawn again until it has been round once to `most` times by day 0: then, as for
any regenerative process, each instant from day 0 on sees as many renewals as any other.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

import attrs

from tokenflow.core.tokens import Instant
from tokenflow.runner.simulation.lanes import Jump, Lanes, Situation
from tokenflow.runner.simulation.life import Stage, begin
from tokenflow.runner.simulation.scene import START, Scene
from tokenflow.runner.simulation.tally import Tally

_SCOUTED: Final = 64
"""A round that so many moves have not closed is not looked for further."""
_TRIES: Final = 1000


@attrs.frozen(eq=False)
class Round:
    """What tokens of a scene come back to, and how long before day 0 they were acquired."""

    birth: Jump
    home: Situation
    least: int
    """Microseconds from the acquisition until it may be home first."""
    longest: int
    """Microseconds from the acquisition until it has been home `most` times and is back, at the latest."""
    most: int

    def born(self, number: str, chance: Random) -> Instant:
        """Return when the token whose ids begin with *number* was acquired."""
        for _ in range(_TRIES):
            at = START - self.least - int((self.longest - self.least) * chance.random())
            if 1 <= self._visits(number, at) <= self.most:
                return at
        return at

    def _visits(self, number: str, born: Instant) -> int:
        visits = 0
        for at, situation in _walk(self.birth, number, born):
            if at > START:
                break
            visits += situation is self.home
        return visits


def round_of(scene: Scene, guards: Mapping[str, Any]) -> Round | None:
    """Return the round of *scene*'s tokens, found by one that nothing happens to; None when it finds none.

    Tokens have been home at least once, and as often as fits into `scene.arrivals`.
    """
    calm = attrs.evolve(scene, acts=(), deaths=0.0, budget=None, arrivals=0, standing=False)
    stage = Stage.of(calm, guards)
    lanes, life, tally = Lanes(stage), begin(stage, 0), Tally(minutes=0)
    for _ in range(_SCOUTED):
        at = life.next()
        if at is None:
            return None
        lanes.run(life, at + 1, tally)
        path = [] if lanes.birth is None else _path(lanes.birth, life.world.number)
        if path and lanes.birth is not None:
            return _round(lanes.birth, path, scene.arrivals)
    return None


def _path(birth: Jump, number: str) -> list[Situation]:
    """Return the situations from the first until one comes again, that one too; [] when none does."""
    path: list[Situation] = []
    for _, situation in _walk(birth, number, START):
        path.append(situation)
        if situation in path[:-1]:
            return path
    return []


def _round(birth: Jump, path: list[Situation], span: int) -> Round | None:
    home = path[-1]
    first = path.index(home)
    before, around = path[:first], path[first:-1]
    lasts = sum(map(_latest, around))
    if lasts <= 0:
        return None
    most = max(-(-span // lasts), 1)
    longest = sum(map(_latest, before)) + most * lasts
    return Round(birth, home, sum(map(_soonest, before)), longest, most)


def _latest(situation: Situation) -> int:
    """Return after how long at the latest a timer is due; jitter only ever brings it forward."""
    return max(min(raw for raw, _, _ in situation.timers), 0)


def _soonest(situation: Situation) -> int:
    return max(min(raw - jitter for raw, jitter, _ in situation.timers), 0)


def _walk(birth: Jump, number: str, born: Instant) -> Iterator[tuple[Instant, Situation]]:
    """Yield where a token comes to that was acquired at *born*, as far as that is known."""
    at, situation, births = born, birth.target, birth.births
    token_id = f"{number}.{births}"
    while True:
        yield at, situation
        due, timer = situation.next(token_id, at)
        jump = situation.jumps.get(timer)
        if jump is None or due <= at:
            return
        births += jump.births
        if jump.reborn:
            token_id = f"{number}.{births}"
        at, situation = due, jump.target
