"""What a fleet will ask of its issuer and of people: a tally, scaled to the fleet, with its error."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import attrs

from tokenflow.core.tokens import DAY, Instant
from tokenflow.runner.simulation.fleet import PATIENCE, Lived, live
from tokenflow.runner.simulation.scene import START, Scene
from tokenflow.runner.simulation.tally import MINUTE, Sum, Tally

HOUR: Final = 60
"""In minutes."""
_SURE: Final = 1.96
"""Standard deviations to each side that hold the truth 95 times in 100."""


@attrs.frozen
class Estimate:
    """A number, and how far the truth may be from it (95 %); 0 when it was counted, not estimated."""

    value: float
    error: float = 0.0


@attrs.frozen
class Peak:
    """The busiest minute or hour: how many calls, between which bounds (95 %), and when it begins."""

    calls: float
    low: float
    high: float
    at: Instant


@attrs.frozen(kw_only=True)
class Forecast:
    """All that is told of a fleet. Series are scaled to the whole fleet."""

    scene: Scene
    lived: int
    """Tokens that were lived; fewer than the fleet's when a sample stands for it."""
    calls: Estimate
    by_call: dict[str, float]
    outcomes: dict[str, float]
    """Calls that were not answered well: failed, limited (429), refused, lost."""
    minute: Peak
    hour: Peak
    plain_minute: Peak | None
    """The busiest minute if nothing were spread by jitter; None when that was not asked."""
    plain_hour: Peak | None
    logins: Estimate
    logins_a_day: tuple[float, ...]
    ends: Estimate
    ended: dict[str, float]
    unusable_most: float
    """Most tokens that were unusable at once."""
    unusable_at: Instant
    unusable_hours: float
    """Hours without a usable token, summed over the fleet."""
    in_outage: Estimate | None
    """Tokens that were unusable at some time of the outage; None when there was none."""
    calls_an_hour: tuple[float, ...]
    unusable_an_hour: tuple[float, ...]
    """Most at once, hour by hour."""

    @property
    def exact(self) -> bool:
        """Whether every token was lived."""
        return self.lived == self.scene.tokens

    @property
    def days(self) -> float:
        """How long, in days."""
        return self.scene.span / DAY


def forecast(
    scene: Scene, *, patience: int = PATIENCE, processes: int | None = None, compare: bool = True
) -> Forecast:
    """Live a fleet, and again without jitter if *compare* (a smaller sample will do for that)."""
    found = live(scene, patience=patience, processes=processes)
    plain = None
    if compare:
        plain = live(attrs.evolve(scene, jitter=False), patience=patience // 6, processes=processes)
    tally, scale = found.tally, found.scale
    every = every_minute(tally)
    level = list(tally.unusable())
    most = max(range(len(level)), key=level.__getitem__)
    bare = every_minute(plain.tally) if plain is not None else None
    return Forecast(
        scene=scene,
        lived=tally.tokens,
        calls=_estimate(tally.each["calls"], found),
        by_call={name: sum(found) * scale for name, found in sorted(tally.calls.items())},
        outcomes={name: count * scale for name, count in sorted(tally.outcomes.items())},
        minute=_peak(every, 1, scale),
        hour=_peak(every, HOUR, scale),
        plain_minute=None if bare is None or plain is None else _peak(bare, 1, plain.scale),
        plain_hour=None if bare is None or plain is None else _peak(bare, HOUR, plain.scale),
        logins=_estimate(tally.each["logins"], found),
        logins_a_day=tuple(one * scale for one in _sums(tally.logins, 24 * HOUR)),
        ends=_estimate(tally.each["ends"], found),
        ended={how: count * scale for how, count in sorted(tally.ended.items())},
        unusable_most=level[most] * scale,
        unusable_at=START + most * MINUTE,
        unusable_hours=tally.down / (HOUR * MINUTE) * scale,
        in_outage=None if tally.outage is None else _estimate(tally.each["in_outage"], found),
        calls_an_hour=tuple(one * scale for one in _sums(every, HOUR)),
        unusable_an_hour=tuple(
            max(level[start : start + HOUR]) * scale for start in range(0, len(level), HOUR)
        ),
    )


def every_minute(tally: Tally) -> list[int]:
    """Return how many calls each minute has, of whatever kind."""
    return [sum(at_once) for at_once in zip(*tally.calls.values(), strict=True)] or [0] * tally.minutes


def _sums(minutes: Sequence[int], width: int) -> list[int]:
    total = [0, *accumulate(minutes)]
    last = len(minutes)
    return [total[min(at + width, last)] - total[at] for at in range(0, last, width)]


def _peak(minutes: Sequence[int], width: int, scale: float) -> Peak:
    """Return the busiest bin. A sample's reads high: chance lifts one of many, from `low` at the least."""
    bins = _sums(minutes, width)
    most = max(range(len(bins)), key=bins.__getitem__)
    count, at = bins[most], START + most * width * MINUTE
    if scale == 1:
        return Peak(count, count, count, at)
    luck = math.sqrt(2 * math.log(max(len(bins), 2)))
    low = max(count - luck * math.sqrt(count), 0.0)
    return Peak(count * scale, low * scale, (count + _SURE * math.sqrt(count)) * scale, at)


def _estimate(total: Sum, found: Lived) -> Estimate:
    """Return a total of the fleet from its sample, with the error of a mean (without replacement)."""
    many, whole = found.tally.tokens, found.scene.tokens
    value = total.total * found.scale
    if many in (whole, 1):
        return Estimate(value)
    spread = max(total.squares - total.total**2 / many, 0) / (many - 1)
    return Estimate(value, _SURE * whole * math.sqrt(spread / many * (1 - many / whole)))
