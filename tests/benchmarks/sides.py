"""Two ways to do a thing, timed in turn, A B A B ..., so that a drifting machine moves both."""

import statistics
import time
from collections.abc import Callable

import attrs

Work = Callable[[], object]


@attrs.frozen(kw_only=True)
class Ratio:
    """How much longer A takes than B: the median over rounds, with the middle half of them."""

    name: str
    against: str
    median: float
    low: float
    high: float

    def line(self) -> str:
        """Return the table's line."""
        return f"{self.name:<34} {self.median:8.2f}x  ({self.low:.2f} .. {self.high:.2f})  {self.against}"


def compare(name: str, ours: Work, against: str, theirs: Work, *, calls: int, rounds: int = 15) -> Ratio:
    """Return how *ours* compares with *theirs*, each called *calls* times a round."""
    ratios = []
    for _ in range(rounds):
        ratios.append(_time(ours, calls) / _time(theirs, calls))
    quarters = statistics.quantiles(ratios, n=4)
    return Ratio(
        name=name, against=against, median=statistics.median(ratios), low=quarters[0], high=quarters[2]
    )


def _time(work: Work, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - start
