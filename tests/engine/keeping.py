"""A keeper whose sleeps pass in no time: the clock is moved instead."""

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from tests.engine.ground import Ground
from tokenflow import SECOND, Engine, Kept, Wanted
from tokenflow.engine.keeper import Keeper

REPORTS: Final = Wanted(
    key="reports", lifecycle="oauth2-app", platform="server", attributes={}, scope=("reports.read",)
)
PERSON: Final = Wanted(key="bo", lifecycle="oauth2-rotating", platform="web", attributes={}, scope=())
LONGEST_SLEEP: Final = 60


def nothing() -> None:
    """What happens while a keeper sleeps, if nothing is said."""


@attrs.define
class Naps:
    """An alarm: each sleep moves clock and issuer, then lets the test look. The last one stops the keeper."""

    pass_time: Callable[[float], None]
    clock: Callable[[], int]
    left: int
    meanwhile: Callable[[], None] = nothing
    stop: Callable[[], None] = nothing
    taken: list[float] = attrs.field(factory=list)

    def ring(self) -> None:
        """Nobody sleeps long enough to be woken."""

    async def sleep(self, until: int) -> None:
        """Be there at once."""
        seconds = max(0, min(until - self.clock(), LONGEST_SLEEP * SECOND)) / SECOND
        self.taken.append(seconds)
        self.pass_time(seconds)
        self.left -= 1
        if self.left <= 0:
            self.stop()
        self.meanwhile()


def watch(
    ground: Ground,
    engine: Engine,
    wishes: Sequence[Wanted],
    naps: int,
    meanwhile: Callable[[], None] = nothing,
) -> tuple[list[Kept], Naps]:
    """Keep for so many sleeps; return what was told, and the sleeps."""
    told: list[Kept] = []
    alarm = Naps(ground.pass_time, ground.clock, naps, meanwhile)
    keeper = Keeper(engine.desk, wishes, tell=told.append, alarm=alarm)
    alarm.stop = keeper.stop
    keeper.start().result()
    return told, alarm
