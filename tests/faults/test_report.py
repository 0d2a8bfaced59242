"""A run that proves nothing does not pass."""

import json
from pathlib import Path

import pytest

from tests.faults import __main__ as command
from tests.faults.__main__ import Campaign, main
from tests.faults.report import Report, merged


def test_a_failure_counts_however_little_was_done() -> None:
    """A run that found something has failed, void or not; a void one is not ok."""
    assert Report("kills", {}, void=["thin"], failures=["lost"]).verdict == "failed"
    assert Report("kills", {}, void=["thin"]).verdict == "void"
    assert Report("kills", {"kills": 3}).verdict == "ok"
    with pytest.raises(AssertionError, match=r"kills: void\n  p99: 0.00123\n  void: thin"):
        Report("kills", {"p99": 0.00123}, void=["thin"]).demand()


def test_what_one_of_several_runs_found_is_found() -> None:
    """Runs that are told as one keep their figures, failures and what makes them void apart."""
    both = merged("kills", [Report("none", {"kills": 1}), Report("strict", {"kills": 2}, ["thin"], ["lost"])])
    assert both.figures == {"none": {"kills": 1}, "strict": {"kills": 2}}
    assert (both.void, both.failures) == (["strict: thin"], ["strict: lost"])


def test_the_command_ends_with_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 when all are ok, 1 when one failed, 2 when one is void; the file says what, and how to repeat it."""
    seen = []

    def run(size: int, seed: int, journal: str = "") -> Report:
        seen.append((size, seed, journal))
        return Report("x", {"size": size}, void=["thin"] * (size < 10), failures=["lost"] * (size > 100))

    monkeypatch.setattr(command, "campaigns", lambda: [Campaign("kills", 300, run), Campaign("x", 10, run)])
    output = tmp_path / "made" / "reliability.json"
    plain = ["--seed", "7", "--output", str(output), "--only", "x"]
    assert [main([*plain, *more]) for more in (["--kills", "600"], ["--size", "x=9"], ["--size=x=101"])] == [
        0,
        2,
        1,
    ]
    assert seen == [(20, 7, "truncate"), (9, 7, "truncate"), (101, 7, "truncate")]
    written = json.loads(output.read_text())
    assert (written["seed"], written["campaigns"]["x"]["verdict"]) == (7, "failed")
    with pytest.raises(SystemExit, match="no campaign y; there are kills, x"):
        main(["--only", "y"])
