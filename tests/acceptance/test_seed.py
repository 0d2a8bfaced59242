"""Every rule of the seed is played by a step of a shipped scenario."""

import re
from pathlib import Path

from tokenflow.runner.story import read_story
from tokenflow.spec import load, shipped

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "reference" / "seed.md"


def listed() -> set[str]:
    return set(re.findall(r"^\| ([a-z][a-z-]+) \|", TABLE.read_text(), re.MULTILINE)) - {"rule"}


def played() -> dict[str, list[str]]:
    rules: dict[str, list[str]] = {}
    for name in shipped("Scenario"):
        for step in read_story(load(name)).steps:
            for rule in step.rules:
                rules.setdefault(rule, []).append(f"{name}:{step.number}")
    return rules


def test_every_rule_of_the_table_is_played() -> None:
    """No row of the table is without a step that names it."""
    assert set() == listed() - set(played())


def test_every_rule_a_step_names_is_in_the_table() -> None:
    """A step cannot claim a rule that the seed does not have."""
    assert set() == set(played()) - listed()


def test_the_table_has_all_the_rules() -> None:
    """The nineteen rules of the seed are listed, each once."""
    assert len(listed()) == 19
