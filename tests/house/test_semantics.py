"""The page of the language's semantics names every rule, and tests that prove it."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

from tests.house import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "semantics.md"
RULES: Final = (
    *(f"T{number}" for number in range(1, 14)),
    *(f"E{number}" for number in range(1, 6)),
    *(f"F{number}" for number in range(1, 6)),
    "R1",
    *(f"M{number}" for number in range(1, 4)),
)


def rows(text: str) -> list[tuple[str, str, list[str]]]:
    """Return rule, meaning and named tests of each row of the table."""
    found = re.findall(r"^\| ([TEFRM]\d+) \| (.+) \| ([^|]+) \|$", text, re.MULTILINE)
    return [(rule, meaning, re.findall(r"`([^`]+)`", tests)) for rule, meaning, tests in found]


@cache
def docstrings(file: Path) -> dict[str, str]:
    """Return the docstring of each test in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.get_docstring(node) or "" for node in functions if node.name.startswith("test_")}


def unproven(text: str, tests: Path) -> list[str]:
    """Return what is wrong with a page: tests that are not there, or do not name the rule they prove."""
    wrong = []
    for rule, _, named in rows(text):
        wrong += [f"{rule}: nothing shows it"] * (not named)
        for one in named:
            file, _, name = one.partition("::")
            said = docstrings(tests / file).get(name) if (tests / file).is_file() else None
            if said is None:
                wrong.append(f"{rule}: there is no test {one}")
            elif not re.search(rf"\b{rule}\b", said):
                wrong.append(f"{rule}: {one} does not name it")
    return wrong


def test_the_page_has_every_rule_once_and_in_order() -> None:
    """Twenty-seven rules, each in a line of its own."""
    assert tuple(rule for rule, _, _ in rows(PAGE.read_text(encoding="utf-8"))) == RULES


def test_every_rule_is_shown_by_tests_that_name_it() -> None:
    """Each test on the page exists, and its docstring has the rule's name."""
    assert unproven(PAGE.read_text(encoding="utf-8"), ROOT / "tests") == []


def test_a_rule_without_proof_is_seen(tmp_path: Path) -> None:
    """A test that is gone, one that proves another rule, and a rule with none are each told."""
    (tmp_path / "test_a.py").write_text('def test_one() -> None:\n    """Rule T1: yes."""\n')
    page = """
| T1 | x | `test_a.py::test_one` |
| T2 | x | `test_a.py::test_one`, `test_b.py::test_two` |
| T3 | x | - |
"""
    assert unproven(page, tmp_path) == [
        "T2: test_a.py::test_one does not name it",
        "T2: there is no test test_b.py::test_two",
        "T3: nothing shows it",
    ]
