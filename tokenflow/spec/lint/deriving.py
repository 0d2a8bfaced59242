"""A derived lifecycle against its parent's (TF222-224)."""

from collections.abc import Iterator
from typing import Any, Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.conditions import TOKEN, Asked, compared, flat
from tokenflow.spec.lint.graph import incomplete, reachable
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.shipped import shipped
from tokenflow.spec.words import did_you_mean, listed


def parent_known(s: Subject) -> Iterator[Diagnostic]:
    """The parent's lifecycle is there."""
    name = s.table("derive").get("from")
    if name is None or s.shelf is None:
        return
    found = s.shelf.named("Lifecycle", name, s.folder)
    if found is None:
        otherwise = "give its file too: tokenflow validate mine.yaml parent.yaml"
        help = did_you_mean(name, (*s.shelf.names("Lifecycle"), *shipped("Lifecycle")), otherwise=otherwise)
        yield s.found("TF222", f"no Lifecycle is called `{name}`", "derive", "from", help=help)
    elif found.root is None and not found.given:
        yield s.found("TF222", f"the lifecycle `{name}` has errors of its own", "derive", "from")


def cascaded(s: Subject) -> Iterator[Diagnostic]:
    """What the children wait for, some transition of the parent passes on."""
    parent = _parent(s)
    if parent is None:
        return
    effects = (effect for edge in parent.edges for effect in edge.body.get("then", ()))
    passed = {effect["cascade"] for effect in effects if "cascade" in effect}
    for event in s.table("derive").get("on_parent", {}):
        if event not in passed:
            message = f"no transition of `{s.table('derive')['from']}` cascades `{event}`"
            otherwise = f"it cascades: {listed(passed) or 'nothing'}"
            help = did_you_mean(event, passed, otherwise=otherwise)
            yield s.found("TF223", message, "derive", "on_parent", event, key=True, help=help)


def asked_of_parent(s: Subject) -> Iterator[Diagnostic]:
    """What is asked of the parent, and taken from it, it can be and has."""
    parent = _parent(s)
    if parent is None:
        return
    for one in flat(s.table("derive").get("when", ()), ("derive", "when")):
        if one.name.startswith("parent."):
            yield from _asked(s, parent, one)
    for name, source in s.table("derive").get("set", {}).items():
        root, _, field = source.partition(".")
        if root == "parent" and field not in _facts(parent):
            yield _lacks(s, parent, field, ("derive", "set", name))


def _asked(s: Subject, parent: Subject, one: Asked) -> Iterator[Diagnostic]:
    field = one.name.partition(".")[2]
    if field not in _facts(parent):
        yield _lacks(s, parent, field, one.path, key=True)
        return
    possible = _possible(parent, field)
    if possible is None:
        return
    for value in compared(one.argument):
        if isinstance(value, str) and value not in possible:
            message = f"`{one.name}` of `{_name(parent)}` is never `{value}`"
            help = did_you_mean(value, possible, otherwise=f"it can be: {listed(possible)}")
            yield s.found("TF224", message, *one.path, help=help)


def _lacks(s: Subject, parent: Subject, field: str, path: Any, *, key: bool = False) -> Diagnostic:
    facts = _facts(parent)
    help = did_you_mean(field, sorted(facts), otherwise=f"it has: {listed(facts)}")
    return s.found("TF224", f"`{_name(parent)}` has no `{field}`", *path, key=key, help=help)


def _possible(parent: Subject, field: str) -> frozenset[str] | None:
    """Return the values a fact of the parent can have; None where that cannot be told."""
    if field == "state":
        return reachable(parent)
    if field == "platform":
        return frozenset(parent.table("acquire"))
    if field == "kind":
        return frozenset({parent.table("token")["kind"]})
    options = parent.table("token").get("attributes", {}).get(field, {}).get("enum")
    return None if options is None else frozenset(options)


def _facts(parent: Subject) -> frozenset[str]:
    return TOKEN | frozenset(parent.table("token").get("attributes", {}))


def _name(parent: Subject) -> str:
    return str(parent.data["metadata"]["name"])


def _parent(s: Subject) -> Subject | None:
    """Return the parent's lifecycle, if it can be read and is whole: an abstract one may not be."""
    name = s.table("derive").get("from")
    parent = None if name is None else s.other("Lifecycle", name)
    return None if parent is None or any(incomplete(parent)) else parent


CHECKS: Final = (parent_known, cascaded, asked_of_parent)
