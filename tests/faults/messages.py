"""Requests and answers that are lost, late, repeated, cut and flipped on the way to the issuer and back."""

from typing import Final

from tests.faults.judging import added
from tests.faults.report import Report
from tests.faults.rounds import Round, run

GATE: Final = 60
_A_ROUND: Final = 300
_LEASE: Final = 1.0
"""Seconds: an exchange has half of it, which is what a lost message costs."""


def campaign(size: int, seed: int, *, journal: str = "truncate", processes: int = 6) -> Report:
    """Have something happen to *size* exchanges."""
    full, rest = divmod(size, _A_ROUND)
    shares = [_A_ROUND] * full + [rest] * bool(rest)
    how = {"journal": journal, "processes": max(processes, 6), "lease": _LEASE}
    rounds = [
        run(Round(name=f"round {n}", seed=seed + n, messages=messages, **how))  # type: ignore[arg-type]
        for n, messages in enumerate(shares)
    ]
    return added("messages", rounds)
