"""docs/how-to/audit.md: its commands are commands, and what it shows is what they print."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.engine.test_auditing import LIFE, engine_of
from tests.house import ROOT
from tokenflow import Refused
from tokenflow.cli.app import run

PAGE: Final = (ROOT / "docs/how-to/audit.md").read_text("utf-8")


def test_its_commands_run_and_print_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command leaves with 0 in a folder with a store, and the two lines of the page are lines of it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with engine_of("sqlite:tokens.db") as engine:
        engine.acquire("embedded", **LIFE)
        with pytest.raises(Refused):
            engine.hand_over("embedded", to="client", audience="http://x.example")
    lines = [line for line in PAGE.splitlines() if line.startswith("tokenflow ")]
    assert len(lines) == 5
    assert run(shlex.split(lines[0])[1:]) == 0
    printed = [
        re.sub(r"\S+  \d+/(\d+) |\[.*\]", r"\1", line) for line in capsys.readouterr().out.splitlines()
    ]
    shown = [line for line in PAGE.splitlines() if line.startswith("2030-")]
    assert [re.sub(r"\S+  \d+/(\d+) |\[.*\]", r"\1", line) for line in shown] == printed
    assert [run(shlex.split(line)[1:]) for line in lines[1:]] == [0, 0, 0, 0]
