"""A derived lifecycle against its parent's (TF222-224)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.conditions import TOKEN, Asked, compared, flat
from tokenflow.spec.lint.graph import incomplete, reachable
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.shipped import shipped
from tokenflow.spec.tree import Path
from tokenflow.spec.words import did_you_mean, listed


def parent_known(s: Subject) -> Iterator[Diagnostic]:
    """The lifecycles of its parents are there."""
    if s.shelf is None:
        return
    for name, place in _named(s):
        found = s.shelf.named("Lifecycle", name, s.folder)
        if found is None:
            otherwise = "give its file too: tokenflow validate mine.yaml parent.yaml"
            known = (*s.shelf.names("Lifecycle"), *shipped("Lifecycle"))
            help = did_you_mean(name, known, otherwise=otherwise)
            yield s.found("TF222", f"no Lifecycle is called `{name}`", *place, help=help)
        elif found.root is None and not found.given:
            yield s.found("TF222", f"the lifecycle `{name}` has errors of its own", *place)


def cascaded(s: Subject) -> Iterator[Diagnostic]:
    """What the children wait for, some transition of each parent passes on."""
    for parent in _parents(s):
        effects = (effect for edge in parent.edges for effect in edge.body.get("then", ()))
        passed = {effect["cascade"] for effect in effects if "cascade" in effect}
        for event in s.table("derive").get("on_parent", {}):
            if event not in passed:
                message = f"no transition of `{_name(parent)}` cascades `{event}`"
                otherwise = f"it cascades: {listed(passed) or 'nothing'}"
                help = did_you_mean(event, passed, otherwise=otherwise)
                yield s.found("TF223", message, "derive", "on_parent", event, key=True, help=help)


def asked_of_parent(s: Subject) -> Iterator[Diagnostic]:
    """What is asked of a parent, and taken from it, it can be and has."""
    for parent in _parents(s):
        for one in flat(s.table("derive").get("when", ()), ("derive", "when")):
            if one.name.startswith("parent."):
                yield from _asked(s, parent, one)
        for name, sources in s.table("derive").get("set", {}).items():
            yield from _taken(s, parent, name, [sources] if isinstance(sources, str) else sources)


def _taken(s: Subject, parent: Subject, name: str, sources: Sequence[str]) -> Iterator[Diagnostic]:
    """One of the *sources* may be another parent's: this one has to have another, then."""
    fields = [source.removeprefix("parent.") for source in sources if source.startswith("parent.")]
    if len(fields) == len(sources) and not _facts(parent) & set(fields):
        yield _lacks(s, parent, fields[0], ("derive", "set", name))


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


def _named(s: Subject) -> Iterator[tuple[str, Path]]:
    """Yield the names of the parents, each with its place."""
    names = s.table("derive").get("from", ())
    if isinstance(names, str):
        yield names, ("derive", "from")
        return
    for index, name in enumerate(names):
        yield name, ("derive", "from", index)


def _parents(s: Subject) -> Iterator[Subject]:
    """Yield the parents' lifecycles that can be read and are whole: an abstract one may not be."""
    for name, _ in _named(s):
        parent = s.other("Lifecycle", name)
        if parent is not None and not any(incomplete(parent)):
            yield parent


CHECKS: Final = (parent_known, cascaded, asked_of_parent)
