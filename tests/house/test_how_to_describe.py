"""docs/how-to/describe-an-issuer.md: its commands run, and an issuer is looked for where it says."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.house import ROOT
from tests.house.documents import blocks
from tokenflow.cli.app import run

PAGE: Final = ROOT / "docs/how-to/describe-an-issuer.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
ISSUER: Final = """
apiVersion: tokenflow/v1
kind: Issuer
metadata: {name: acme, version: 1.0.0, title: %s}
extends: builtin:spotify
"""
LIFECYCLE: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: acme-user, version: 1.0.0}
extends: builtin:spotify-user
issuer: %s
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of lifecycles, in a folder of its own."""
    (found := tmp_path / "project" / "lifecycles").mkdir(parents=True)
    monkeypatch.chdir(found)
    return found


def test_its_commands_run_on_the_example_it_gives() -> None:
    """The YAML of the page, as a child of a shipped issuer: every meaning and every answer is as it says."""
    ((_, snippet),) = blocks(PAGE)
    Path("mine.yaml").write_text(ISSUER % "mine" + snippet)
    commands = re.findall(r"^    (tokenflow [^#\n]+)", TEXT, re.M)

    assert [(line, run(shlex.split(line)[1:])) for line in commands] == [(line, 0) for line in commands]
    assert len(commands) == 3


def test_an_issuer_is_looked_for_in_the_order_it_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each place goes before the next, down to the shipped ones, and a file of its name before another."""
    places = ["else/where.yaml", "acme.yaml", "../issuers/acme.yaml", "issuers/acme.yaml", "other.yaml"]
    assert "in its folder, in `../issuers/`, in `issuers/`" in TEXT
    Path("acme-user.yaml").write_text(LIFECYCLE % "acme")
    for place in places:
        (folder / place).parent.mkdir(exist_ok=True)
        advice = f"errors: [{{match: {{http: 400}}, class: permanent, advice: from {place}.}}]\n"
        (folder / place).write_text(ISSUER % "one" + advice)
    for place in places:
        files = ["acme-user.yaml", *([place] if place == places[0] else [])]
        assert run(["explain", *files]) == 0
        assert f"from {place}." in capsys.readouterr().out
        (folder / place).unlink()
    assert run(["explain", "acme-user.yaml"]) != 0
    Path("acme-user.yaml").write_text(LIFECYCLE % "spotify")
    assert run(["explain", "acme-user.yaml"]) == 0
