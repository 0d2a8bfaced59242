"""What a secret is compared with takes the same time to say no, and chance is nobody's to repeat."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import ROOT
from tokenflow.engine import guards

SPOKEN = {"reveal", "digest", "hexdigest"}
"""What makes a text out of a secret, or out of a key and what it signs."""


def hasty(source: str) -> Iterator[int]:
    """Yield the lines on which such a text is compared by == or !=, or looked for by `in`, with another."""
    quick = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(one, quick) for one in node.ops):
            sides = [node.left, *node.comparators]
            known = any(isinstance(side, ast.Constant) for side in sides)  # a bar is looked for, say
            if not known and any(map(_spoken, sides)):
                yield node.lineno


def _spoken(side: ast.expr) -> bool:
    return any(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr in SPOKEN
        for one in ast.walk(side)
    )


def product(*words: str) -> Iterator[tuple[Path, str]]:
    """Yield the files of the house and its guests in which one of the words stands, with what is in them."""
    for file in sorted([*ROOT.glob("tokenflow/**/*.py"), *ROOT.glob("plugins/**/*.py")]):
        source = file.read_text(encoding="utf-8")
        if any(word in source for word in words):
            yield file, source


@pytest.mark.proves("I")
def test_no_secret_is_compared_in_haste() -> None:
    """A secret, and what is signed with one, is compared by `compare_digest` or as a Secret."""
    found = [
        f"{file.relative_to(ROOT)}:{line}" for file, source in product(*SPOKEN) for line in hasty(source)
    ]
    assert found == []


@pytest.mark.proves("I")
@pytest.mark.parametrize(
    "source",
    ["a.reveal() == b", "if b != hmac.new(k, m, h).digest(): pass", "x = sha(t).hexdigest() in kept"],
)
def test_haste_is_known_when_seen(source: str) -> None:
    """The rule sees what it is for."""
    assert [*hasty(source)] == [1]


@pytest.mark.proves("H7")
def test_no_chance_is_one_s_own() -> None:
    """A `Random` of one's own says the same in both children of a fork; the system's and Python's do not."""
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file, source in product("Random")
        if not str(file.relative_to(ROOT)).startswith(("tokenflow/runner/", "tokenflow/testing/"))
        for line in own_chance(source)
    ]
    assert found == []
    assert [*own_chance("import random\nr = random.Random(7)\n")] == [2]
    assert [*own_chance("from random import Random as R, SystemRandom\n")] == [1]


def own_chance(source: str) -> Iterator[int]:
    """Yield the lines that name the generator which a fork repeats."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module="random", names=names) if any(one.name == "Random" for one in names):
                yield node.lineno
            case ast.Attribute(value=ast.Name(id="random"), attr="Random"):
                yield node.lineno


@pytest.mark.proves("H7")
def test_children_of_one_process_rest_differently() -> None:
    """The rest of an issuer that is out is drawn anew on each side of a fork."""
    gate = guards.Gate({}, lambda name: (), lambda: None)  # type: ignore[arg-type]
    drawn = set()
    for _ in range(4):
        ear, mouth = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(mouth, f"{gate._chance()}".encode())
            os._exit(0)
        os.close(mouth)
        with os.fdopen(ear, "rb") as said:
            drawn.add(said.read())
        os.waitpid(child, 0)
    assert len(drawn) == 4
