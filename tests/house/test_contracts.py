"""The walls stand (.importlinter), and each of them is a wall: an import through it is seen."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.house import ROOT


def broken_contracts(root: Path) -> list[str]:
    """Return the names of the contracts that do not hold for the packages under *root*."""
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert linter is not None
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'plugins'}"}
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache", "--config", ".importlinter"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return re.findall(r"^(.+) BROKEN(?: \(.+\))?$", done.stdout, re.MULTILINE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the house and its guests, to be spoilt."""
    for package in ("tokenflow", "plugins"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_every_contract_holds() -> None:
    assert broken_contracts(ROOT) == []


FLOORS = "Floors: each one sees only the floors below it"
PURE = "The core reads no clock, file, socket, thread or environment"
OFFENCES = [
    ("tokenflow/engine", "tokenflow.runner", FLOORS),
    ("tokenflow/runner", "tokenflow.web", FLOORS),
    ("tokenflow/web", "tokenflow.cli.app", FLOORS),
    ("tokenflow/spec", "tokenflow.hooks.records", FLOORS),
    ("tokenflow/hooks", "tokenflow.spec", FLOORS),
    ("tokenflow/spec", "tokenflow", FLOORS),
    ("tokenflow/core", "time", PURE),
    ("tokenflow/core", "socket", PURE),
    ("tokenflow/engine", "transitions", "Only core._machine knows transitions"),
    ("tokenflow/engine", "pluggy", "Only hooks knows pluggy"),
    ("plugins/tokenflow_web", "tokenflow.core.tokens", "Guests come in by the front door"),
    ("plugins/tokenflow_sqlite", "tokenflow.engine.stores", "Guests come in by the front door"),
    ("tokenflow/runner", "tokenflow_web", "The house never imports its guests"),
    ("plugins/tokenflow_web", "tokenflow_server", "Guests do not know each other"),
    ("tokenflow/cli", "tokenflow.testing", "Nothing at run time needs the testing kit"),
    ("tokenflow/engine", "hypothesis", "Only the testing kit knows pytest and Hypothesis"),
    ("tokenflow/cli", "pytest", "Only the testing kit knows pytest and Hypothesis"),
]


def test_every_contract_is_broken_once_below() -> None:
    walls = ConfigParser()
    walls.read(ROOT / ".importlinter")

    assert {walls[section]["name"] for section in walls.sections()[1:]} == {name for _, _, name in OFFENCES}


@pytest.mark.parametrize(("where", "imports", "broken"), OFFENCES)
def test_one_offending_import_breaks_one_contract(copy: Path, where: str, imports: str, broken: str) -> None:
    (copy / where / "planted.py").write_text(f"import {imports}\n")

    assert broken_contracts(copy) == [broken]


def test_a_new_room_has_to_be_given_a_floor(copy: Path) -> None:
    (copy / "tokenflow/attic").mkdir()
    (copy / "tokenflow/attic/__init__.py").touch()

    assert broken_contracts(copy) == [FLOORS]
