"""Conditions that ask for what is not there (TF304, TF305, TF306)."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import attrs

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Path
from tokenflow.spec.words import did_you_mean, listed

TOKEN: Final = frozenset({"state", "scope", "platform", "kind", "reason", "estimated", "ends_by_time"})
"""What is known of every token beside its attributes."""
_PLATFORM: Final = frozenset({"name", "runs_on"})
_REQUEST: Final = frozenset({"method", "path", "needs", "reads", "params"})
_EVENT: Final = frozenset({"lifetime", "id"})
"""What every event carries beside its payload."""


@attrs.frozen
class Asked:
    """One comparison or guard, and where it stands."""

    name: str
    argument: Any
    path: Path
    event: str | None


def guards(s: Subject) -> Iterator[Diagnostic]:
    """A guard is one that a plugin offers."""
    for one in asked(s):
        root, _, field = one.name.partition(".")
        if root == "guard" and s.names.guards is not None and field not in s.names.guards:
            help = did_you_mean(
                field, s.names.guards, otherwise="guards come from plugins; see `tokenflow plugins list`"
            )
            yield s.found("TF304", f"unknown guard `{field}`", *one.path, key=True, help=help)


def facts(s: Subject) -> Iterator[Diagnostic]:
    """A condition reads declared facts."""
    for one in asked(s):
        root, _, field = one.name.partition(".")
        known = _known(s, root, one.event)
        if known is not None and field not in known:
            names = f"known: {listed(known)}" if known else f"declare it under `{root}:`"
            near = did_you_mean(field, sorted(known), otherwise=names)
            message = f"{_owner(root, one.event)} has no `{field}`"
            yield s.found("TF305", message, *one.path, key=True, help=near)


def values(s: Subject) -> Iterator[Diagnostic]:
    """A fact is compared with values it can have."""
    for one in asked(s):
        root, _, field = one.name.partition(".")
        options = _declared(s, root, one.event).get(field, {}).get("enum")
        for value in compared(one.argument) if options else ():
            if isinstance(value, str) and value not in options:
                help = did_you_mean(value, options, otherwise=f"one of {', '.join(options)}")
                yield s.found("TF306", f"`{one.name}` is never `{value}`", *one.path, help=help)


def asked(s: Subject) -> Iterator[Asked]:
    """Yield every comparison and guard of the document, however deep."""
    for edge in s.edges:
        yield from flat(edge.body.get("when", ()), (*edge.path, "when"), edge.event)
    for name, body in s.table("acquire").items():
        yield from flat(body.get("when", ()), ("acquire", name, "when"), None)
    yield from flat(s.table("derive").get("when", ()), ("derive", "when"), None)
    yield from flat(s.table("hand_over").get("when", ()), ("hand_over", "when"), None)
    for index, rule in enumerate(s.data.get("rules", ())):
        for key in ("deny_when", "warn_when"):
            yield from flat(rule.get(key, ()), ("rules", index, key), None)


def flat(conditions: Sequence[Any], path: Path, event: str | None = None) -> Iterator[Asked]:
    """Yield what a list of conditions compares."""
    for index, condition in enumerate(conditions):
        yield from _single(condition, (*path, index), event)


def _single(condition: Any, path: Path, event: str | None) -> Iterator[Asked]:
    if isinstance(condition, str):
        yield Asked(condition if "." in condition else f"guard.{condition}", True, path, event)
        return
    ((name, argument),) = condition.items()
    if name in ("any", "all"):
        yield from flat(argument, (*path, name), event)
    elif name == "not":
        yield from _single(argument, (*path, name), event)
    else:
        yield Asked(name, argument, (*path, name), event)


def _known(s: Subject, root: str, event: str | None) -> Collection[str] | None:
    """Return the fields of *root*; None when they cannot be told from this document."""
    match root:
        case "token":
            return TOKEN | set(_declared(s, root, event))
        case "event" if event is not None:
            return _EVENT | set(_declared(s, root, event))
        case "app":
            return set(_declared(s, root, event))
        case "platform":
            return _PLATFORM
        case "request":
            return _REQUEST
    return None


def _declared(s: Subject, root: str, event: str | None) -> dict[str, Any]:
    match root:
        case "token":
            found = {"state": {"enum": list(s.states)}, **s.table("token").get("attributes", {})}
        case "event":
            found = s.table("events").get(event or "", {}).get("payload", {})
        case "app":
            found = s.table("app")
        case "platform":
            found = {"runs_on": {"enum": ["client", "server"]}}
        case _:
            found = {}
    return dict(found)


def compared(argument: Any) -> Collection[Any]:
    """Return the values an argument compares with; none where it compares otherwise."""
    if isinstance(argument, dict):
        ((operator, argument),) = argument.items()
        if operator in ("known", "less_than", "more_than"):
            return ()
    return argument if isinstance(argument, list) else [argument]


def _owner(root: str, event: str | None) -> str:
    return {"event": f"event `{event}`", "app": "the app"}.get(root, f"the {root}")


CHECKS: Final = (guards, facts, values)
