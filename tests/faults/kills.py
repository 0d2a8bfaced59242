"""kill -9 of four processes that refresh tokens of every contract over one file."""

from collections.abc import Mapping
from typing import Any, Final

from tests.faults.judging import added
from tests.faults.report import Report
from tests.faults.rounds import TOKENS, Round, run

GATE: Final = 300
_A_ROUND: Final = 300
"""More than this is done in several rounds: the sandbox remembers all it ever issued."""


def campaign(
    size: int,
    seed: int,
    *,
    journal: str = "truncate",
    processes: int = 4,
    tokens: Mapping[str, int] = TOKENS,
) -> Report:
    """Kill *size* processes, at random and at every named point; *tokens* are counted by contract."""
    how: dict[str, Any] = {"journal": journal, "processes": processes, "tokens": tokens}
    rounds = [
        run(Round(name=f"round {n}", seed=seed + n, kills=kills, **how))
        for n, kills in enumerate(_shares(size))
    ]
    return added("kills", rounds)


def _shares(size: int) -> list[int]:
    full, rest = divmod(size, _A_ROUND)
    return [_A_ROUND] * full + [rest] * bool(rest)
