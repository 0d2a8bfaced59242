"""docs/explanation/threats.md: each threat, what holds against it, and the tests that fail when it does not.

Written from `tests/house/threats.toml` and the markers `@pytest.mark.proves("A2", "R14")` of tests, classes
(`TestLives = pytest.mark.proves("R4")(Lives.TestCase)` too) and modules (`pytestmark`), read without running.
"""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

LIST: Final = "tests/house/threats.toml"
PAGE: Final = "docs/explanation/threats.md"
MARKER: Final = "proves"
NOTE: Final = "<!-- Written by `python3 dev.py docs --write`; change tests/house/threats.toml instead. -->"
ABOVE: Final = """\
Tests name what they prove: `@pytest.mark.proves("A2")`. A threat that no test names, and a name that is no
threat, fail the check of the documents. What is not proven yet says so."""


@frozen
class Proof:
    """A test that says which threats' controls it proves."""

    path: str
    """Relative to the project."""
    test: str
    """`name`, `Class` or `Class::name`; empty for a whole file."""
    line: int
    threats: tuple[str, ...] = field(repr=False)

    def says(self) -> str:
        """Return it as pytest takes it."""
        return f"{self.path}::{self.test}" if self.test else self.path


def proofs(root: Path) -> Iterator[Proof]:
    """Yield the marked tests under *root*, in the order of their files."""
    for file in sorted(root.glob("tests/**/*.py")):
        text = file.read_text(encoding="utf-8")
        if f".{MARKER}(" in text:
            path = str(file.relative_to(root))
            for test, call in _marked(ast.parse(text).body, ""):
                yield Proof(path, test, call.lineno, _names(call))


def gaps(root: Path) -> Iterator[str]:
    """Yield what is wrong: a threat without a test, a test without a threat, a gap that is none."""
    if not (root / LIST).is_file():
        return
    known, is_open = _threats(root), _list(root)["open"]
    found = [*proofs(root)]
    proven = {name for proof in found for name in proof.threats}
    for name in (name for name in known if name not in proven and name not in is_open):
        yield f'{LIST}: {name} ({known[name][0]}) is proven by no test; mark one with proves("{name}")'
    for name in (name for name in is_open if name in proven):
        yield f"{LIST}: {name} is proven; take it from `open`"
    for name in (name for name in is_open if name not in known):
        yield f"{LIST}: `open` names {name}, which is no threat"
    for proof in found:
        for name in proof.threats:
            if name not in known:
                yield f"{proof.path}:{proof.line}: there is no threat {name}"
    yield from _strays(root, found)


def page(root: Path) -> dict[str, str]:
    """Return the page as it should be."""
    if not (root / LIST).is_file():
        return {}
    listed, found = _list(root), [*proofs(root)]
    lines = ["# What could go wrong, and what proves that it does not", "", NOTE, "", ABOVE]
    for group in listed["groups"]:
        lines += ["", f"## {group['title']}", "", "| | threat | what holds against it | proven by |"]
        lines += ["|---|---|---|---|"]
        for name, (threat, control) in group["threats"].items():
            tests = "<br>".join(f"`{proof.says()}`" for proof in found if name in proof.threats)
            lines.append(f"| {name} | {threat} | {control} | {tests or '*not yet proven*'} |")
    return {PAGE: "\n".join(lines) + "\n"}


def _list(root: Path) -> Any:
    return tomllib.loads((root / LIST).read_text(encoding="utf-8"))


def _threats(root: Path) -> Mapping[str, tuple[str, str]]:
    return {name: said for group in _list(root)["groups"] for name, said in group["threats"].items()}


def _marked(body: list[ast.stmt], within: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield what pytest would collect from *body*, with each marker on it."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test"):
                yield from ((f"{within}{name}", call) for call in _calls(node.decorator_list))
            case ast.ClassDef(name=name) if name.startswith("Test"):
                yield from ((f"{within}{name}", call) for call in _calls(node.decorator_list))
                yield from _marked(node.body, f"{within}{name}::")
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
                each = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
                yield from ((within.removesuffix("::"), call) for call in _calls(each))
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=call)) if name.startswith(
                "Test"
            ):
                yield from ((f"{within}{name}", found) for found in _calls([call]))


def _calls(nodes: list[ast.expr]) -> Iterator[ast.Call]:
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == MARKER:
            yield node


def _names(call: ast.Call) -> tuple[str, ...]:
    return tuple(str(each.value) if isinstance(each, ast.Constant) else "?" for each in call.args)


def _strays(root: Path, found: list[Proof]) -> Iterator[str]:
    """Yield each marker that stands where pytest collects nothing: it would prove nothing."""
    seen = {(proof.path, proof.line) for proof in found}
    for file in sorted(root.glob("tests/**/*.py")):
        text = file.read_text(encoding="utf-8")
        if f".{MARKER}(" not in text:
            continue
        path = str(file.relative_to(root))
        tests = file.name.startswith("test_")
        for call in _calls([node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.expr)]):
            if not tests or (path, call.lineno) not in seen:
                yield f"{path}:{call.lineno}: a marker on what is no test"
