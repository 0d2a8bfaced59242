"""What a schema cannot say: names that lead nowhere, tokens that cannot end, secrets in the wrong place.

One check a function, grouped by what it is about; each takes a `Subject` and yields diagnostics.
Checks of one document against others say nothing where no `Shelf` tells of others.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path as FilePath
from typing import Final, TypeAlias

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint import (
    candidates,
    capabilities,
    conditions,
    crossed,
    custody,
    deriving,
    fitting,
    graph,
    handing,
    idle,
    issuing,
    kept,
    literals,
    practice,
    receiving,
    references,
    requirements,
    resting,
    serving,
    stories,
    time,
)
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.names import Names
from tokenflow.spec.shelf import Shelf
from tokenflow.spec.tree import Node

Check: TypeAlias = Callable[[Subject], Iterator[Diagnostic]]
MOST: Final = 200
"""Diagnostics told at once: nobody reads more, and a hostile file shall not cost minutes."""

CHECKS: Final[Mapping[str, tuple[Check, ...]]] = {
    "Lifecycle": (
        *references.CHECKS,
        *graph.CHECKS,
        *candidates.CHECKS,
        *time.CHECKS,
        *resting.CHECKS,
        *crossed.OF_LIFECYCLES,
        *idle.CHECKS,
        *custody.CHECKS,
        *handing.CHECKS,
        *capabilities.CHECKS,
        *fitting.CHECKS,
        *conditions.CHECKS,
        *issuing.OF_LIFECYCLES,
        *serving.OF_LIFECYCLES,
        *deriving.CHECKS,
        *practice.OF_LIFECYCLES,
    ),
    "Issuer": (
        *capabilities.CHECKS,
        fitting.options,
        idle.shadowed,
        idle.backwards,
        *crossed.OF_ISSUERS,
        *issuing.OF_ISSUERS,
        *serving.OF_ISSUERS,
        *receiving.CHECKS,
        *practice.OF_ISSUERS,
    ),
    "Tokens": kept.CHECKS,
    "Scenario": (*stories.CHECKS, *practice.OF_SCENARIOS),
}
"""Kind -> its checks, beyond those every document has."""


def written_down(root: Node) -> tuple[Diagnostic, ...]:
    """Return the secrets written down in a document of any shape."""
    return tuple(islice(literals.literals(Subject(root=root, names=Names())), MOST))


def lint(
    root: Node, names: Names, *, folder: FilePath | None = None, shelf: Shelf | None = None
) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a document whose shape is right.

    *folder* is where it was read from; *shelf* is where it finds others (None: others are not looked at).
    """
    subject = Subject(root=root, names=names, folder=folder, shelf=shelf)
    everywhere = (one for check in (literals.literals, *requirements.CHECKS) for one in check(subject))
    told = tuple(islice(everywhere, MOST))
    if subject.data.get("abstract"):
        return told
    if subject.kind == "Lifecycle" and (missing := tuple(graph.incomplete(subject))):
        return (*told, *missing)
    found = (one for check in CHECKS[subject.kind] for one in check(subject))
    return (*told, *dict.fromkeys(islice(found, MOST)))
