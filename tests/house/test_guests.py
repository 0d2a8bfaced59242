"""A guest is a folder under plugins/; whoever keeps a list of guests keeps that one."""

import tomllib
from configparser import ConfigParser

import pytest

from tests.house import ROOT

FOLDERS = sorted(folder.parent.name for folder in ROOT.glob("plugins/*/__init__.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WALLS = ConfigParser()
WALLS.read(ROOT / ".importlinter")


def test_the_entry_points_are_the_guests() -> None:
    declared = PROJECT["project"]["entry-points"]["tokenflow"]

    assert declared == {folder.removeprefix("tokenflow_"): folder for folder in FOLDERS}


def test_the_wheel_carries_the_house_and_its_guests() -> None:
    carried = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert carried == ["tokenflow", *(f"plugins/{folder}" for folder in FOLDERS)]


@pytest.mark.parametrize(
    ("section", "option"),
    [
        ("importlinter:contract:front-door", "source_modules"),
        ("importlinter:contract:guests", "forbidden_modules"),
        ("importlinter:contract:strangers", "modules"),
    ],
)
def test_a_contract_about_guests_is_about_all_of_them(section: str, option: str) -> None:
    assert WALLS[section][option].split() == FOLDERS


def test_the_linter_reads_the_house_and_all_guests() -> None:
    assert WALLS["importlinter"]["root_packages"].split() == ["tokenflow", *FOLDERS]
