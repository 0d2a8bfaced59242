"""What a schema cannot say: names that lead nowhere, tokens that cannot end, secrets in the wrong place.

One check a function, grouped by what it is about; each takes a `Subject` and yields diagnostics.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final, TypeAlias

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint import (
    candidates,
    capabilities,
    conditions,
    custody,
    graph,
    literals,
    references,
    time,
)
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.names import Names
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
        *custody.CHECKS,
        *capabilities.CHECKS,
        *conditions.CHECKS,
    ),
    "Issuer": (capabilities.secret_schemes, capabilities.probe),
    "Tokens": (),
    "Scenario": (),
}
"""Kind -> its checks, beyond those every document has."""


def lint(root: Node, names: Names) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a document whose shape is right."""
    subject = Subject(root=root, names=names)
    everywhere = tuple(islice(literals.literals(subject), MOST))
    if subject.data.get("abstract"):
        return everywhere
    if subject.kind == "Lifecycle" and (missing := tuple(graph.incomplete(subject))):
        return (*everywhere, *missing)
    found = (one for check in CHECKS[subject.kind] for one in check(subject))
    return (*everywhere, *dict.fromkeys(islice(found, MOST)))
