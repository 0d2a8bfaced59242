"""SIGSTOP of processes that hold tokens, for a tenth of the lease to five times as long."""

from typing import Final

from tests.faults.judging import added
from tests.faults.report import Report
from tests.faults.rounds import Round, run

GATE: Final = 50
_A_ROUND: Final = 250
_LEASE: Final = 0.4
"""Seconds: half of the pauses are longer, and nobody waits for the longest of them."""


def campaign(size: int, seed: int, *, journal: str = "truncate", processes: int = 6) -> Report:
    """Stop *size* processes, at random and at every named point, and let them go on later."""
    full, rest = divmod(size, _A_ROUND)
    shares = [_A_ROUND] * full + [rest] * bool(rest)
    how = {"journal": journal, "processes": max(processes, 6), "lease": _LEASE}
    rounds = [
        run(Round(name=f"round {n}", seed=seed + n, stops=stops, **how))  # type: ignore[arg-type]
        for n, stops in enumerate(shares)
    ]
    return added("pauses", rounds)
