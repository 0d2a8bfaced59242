"""Pairs of durations of which the first is to be the shorter one (TF126)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.lint.time import length
from tokenflow.spec.tree import Path


def commands(s: Subject) -> Iterator[Diagnostic]:
    """A call is over before its lease is, and the first delay is not the longest."""
    for name, body in s.table("commands").items():
        yield from _crossed(s, body, "timeout", "lease", "commands", name)
        yield from _crossed(s, body.get("retry", {}), "first", "max", "commands", name, "retry")


def breaker(s: Subject) -> Iterator[Diagnostic]:
    """The first rest of a breaker is not longer than the longest."""
    yield from _crossed(s, s.table("breaker"), "rest", "longest", "breaker")


def _crossed(
    s: Subject, body: Mapping[str, Any], lower: str, upper: str, *place: str | int
) -> Iterator[Diagnostic]:
    if lower in body and upper in body and length(body[lower]) > length(body[upper]) >= 0:
        message = f"`{lower}` ({body[lower]}) is longer than `{upper}` ({body[upper]})"
        path: Path = (*place, lower)
        help = f"{lower} <= {upper}"
        yield s.found("TF126", message, *path, help=help, related=s.note(upper, *place, upper))


OF_LIFECYCLES: Final = (commands,)
OF_ISSUERS: Final = (breaker,)
