"""Transitions that can never be taken (TF111, TF112)."""

from collections.abc import Iterator
from typing import Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Edge, Subject
from tokenflow.spec.tree import Path


def hidden(s: Subject) -> Iterator[Diagnostic]:
    """An entry without a condition is the last of its list."""
    for entries in _lists(s):
        for index, edge in enumerate(entries[:-1]):
            if not edge.body.get("when"):
                rest = len(entries) - index - 1
                yield s.found(
                    "TF111",
                    f"this entry has no condition, so the {rest} after it can never be taken",
                    *edge.path,
                    help="move it to the end",
                    related=s.note("first entry it hides", *entries[index + 1].path),
                )
                break


def repeated(s: Subject) -> Iterator[Diagnostic]:
    """No two entries of a list have the same condition."""
    for entries in _lists(s):
        for index, edge in enumerate(entries):
            earlier = [one for one in entries[:index] if one.body.get("when") == edge.body.get("when")]
            if edge.body.get("when") and earlier:
                message = "the condition of an earlier entry; this one can never be taken"
                yield s.found("TF112", message, *edge.path, related=s.note("earlier entry", *earlier[0].path))


def _lists(s: Subject) -> Iterator[tuple[Edge, ...]]:
    groups: dict[Path, dict[Path, Edge]] = {}
    for edge in s.edges:
        groups.setdefault(edge.entry, {}).setdefault(edge.path, edge)
    for group in groups.values():
        yield tuple(group.values())


CHECKS: Final = (hidden, repeated)
