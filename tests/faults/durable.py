"""From an answer's arrival to its fsync, on the disk that temporary files are on, with nothing in the way."""

from typing import Final

import attrs

from tests.faults.judging import added
from tests.faults.report import Report
from tests.faults.rounds import Round, run

GATE: Final = 100
MOST_MS: Final = 5.0
"""Milliseconds that 99 of 100 answers may take."""


def campaign(size: int, seed: int, *, journal: str = "truncate") -> Report:
    """Refresh *size* times in one process; a campaign by hand, since a busy machine makes it late."""
    told = {"strict": 20}
    one = run(Round(name="round 0", seed=seed, refreshes=size, journal=journal, processes=1, tokens=told))
    found = added("durable", [one])
    p99 = found.figures.get("durable_p99_ms")
    if p99 is not None and p99 > MOST_MS:
        return attrs.evolve(found, failures=[*found.failures, f"99 of 100 answers took up to {p99} ms"])
    return found
