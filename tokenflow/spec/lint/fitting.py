"""Whether a step fits the capability it uses: options, argument and place (TF307, TF308)."""

import re
from collections.abc import Iterator
from typing import Any, Final

import attrs

from tokenflow.spec.codes import CODES
from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.explaining import explained
from tokenflow.spec.lint.conditions import asked
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.lint.using import uses
from tokenflow.spec.schema import Schema, Violation, violations
from tokenflow.spec.tree import Node, Path

_UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError, RecursionError, re.error)
"""What a schema that is none comes to."""


def options(s: Subject) -> Iterator[Diagnostic]:
    """`with:` is what the plugin's own schema of options allows."""
    for use in uses(s):
        rules = s.names.options.get(use.name)
        if rules is None or not use.itself:
            continue
        for one in _violated(rules, use.body.get("with", {})):
            step = s.root.find(use.step)
            yield from _told(s, use.name, step.child("with") or step, use.path, one)


def arguments(s: Subject) -> Iterator[Diagnostic]:
    """What a guard is given is what its plugin's own schema allows."""
    for asking in asked(s):
        root, _, name = asking.name.partition(".")
        rules = s.names.options.get(name) if root == "guard" else None
        if rules is None or asking.path[-1] != asking.name:
            continue
        for one in _violated(rules, asking.argument):
            yield from _told(s, name, s.root.find(asking.path), asking.path, one)


def places(s: Subject) -> Iterator[Diagnostic]:
    """A step runs where its capability can."""
    for use in uses(s):
        offered = s.names.runs_on.get(use.name)
        wanted = use.body.get("runs_on", "server")
        if offered is None or not use.itself:
            continue
        for place in wanted if isinstance(wanted, list) else [wanted]:
            if place not in offered:
                where = (*use.step, "runs_on") if "runs_on" in use.body else use.path
                message = f"`{use.name}` runs on the {' or '.join(sorted(offered))}, not on the {place}"
                yield s.found("TF308", message, *where)


def _violated(rules: Schema, value: Any) -> tuple[Violation, ...]:
    try:
        return tuple(violations(rules, value))
    except _UNREADABLE as error:
        broken = Violation(path=(), keyword="$schema", schema={}, value=type(error).__name__)
        return (broken,)


def _told(s: Subject, name: str, node: Node, path: Path, one: Violation) -> Iterator[Diagnostic]:
    if one.keyword == "$schema":
        message = f"the plugin's own schema of options for `{name}` cannot be read ({one.value})"
        yield s.found("TF307", message, *path, help="this is for the plugin's author to mend")
        return
    for found in explained(node, attrs.evolve(one, branches=())):
        message = f"`{name}`: {found.message}"
        yield attrs.evolve(found, code="TF307", severity=CODES["TF307"].severity, message=message)


CHECKS: Final = (options, places, arguments)
