"""docs/how-to/faults.md: its commands are commands, and its campaigns are campaigns."""

import re
import shlex
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.faults import __main__ as command
from tests.faults.report import Report
from tests.house import ROOT

PAGE: Final = (ROOT / "docs/how-to/faults.md").read_text("utf-8")
COMMANDS: Final = re.findall(r"^ {4}python -m tests\.faults ([^#\n]*)", PAGE, re.MULTILINE)


def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of it, on the campaigns there are, with nothing done in them."""

    def nothing(size: int, seed: int, journal: str, every: bool) -> Report:
        return Report("nothing", {"size": size, "journal": journal, "every": every})

    found = [attrs.evolve(one, run=nothing) for one in command.campaigns()]
    sizes = {one.name: one.gate for one in found}
    monkeypatch.setattr(command, "campaigns", lambda: found)
    output = ["--output", str(tmp_path / "reliability.json")]
    assert len(COMMANDS) == 5
    assert [command.main([*shlex.split(line), *output]) for line in COMMANDS] == [0] * 5
    assert sizes["kills"] == 300


def test_its_campaigns_are_those_there_are() -> None:
    """Every row of its tables is found by the command, and whoever adds one tells of it."""
    told = set(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE))
    assert told == {one.name for one in command.campaigns()}
