"""Conditions that ask for what is not there (TF304, TF305, TF306)."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import attrs

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Path
from tokenflow.spec.words import did_you_mean, listed

_TOKEN: Final = frozenset({"state", "scope", "platform", "kind", "reason", "estimated"})
"""What is known of every token beside its attributes."""
_PLATFORM: Final = frozenset({"name", "runs_on"})
_REQUEST: Final = frozenset({"method", "path", "needs", "reads", "params"})
_EVENT: Final = frozenset({"lifetime", "id"})
"""What every event carries beside its payload."""


@attrs.frozen
class _Asked:
    """One comparison or guard, and where it stands."""

    name: str
    argument: Any
    path: Path
    event: str | None


def guards(s: Subject) -> Iterator[Diagnostic]:
    """A guard is one that a plugin offers."""
    for asked in _asked(s):
        root, _, field = asked.name.partition(".")
        if root == "guard" and s.names.guards is not None and field not in s.names.guards:
            help = did_you_mean(
                field, s.names.guards, otherwise="guards come from plugins; see `tokenflow plugins list`"
            )
            yield s.error("TF304", f"unknown guard `{field}`", *asked.path, key=True, help=help)


def facts(s: Subject) -> Iterator[Diagnostic]:
    """A condition reads declared facts."""
    for asked in _asked(s):
        root, _, field = asked.name.partition(".")
        known = _known(s, root, asked.event)
        if known is not None and field not in known:
            names = f"known: {listed(known)}" if known else f"declare it under `{root}:`"
            near = did_you_mean(field, sorted(known), otherwise=names)
            message = f"{_owner(root, asked.event)} has no `{field}`"
            yield s.error("TF305", message, *asked.path, key=True, help=near)


def values(s: Subject) -> Iterator[Diagnostic]:
    """A fact is compared with values it can have."""
    for asked in _asked(s):
        root, _, field = asked.name.partition(".")
        options = _declared(s, root, asked.event).get(field, {}).get("enum")
        for value in _compared(asked.argument) if options else ():
            if isinstance(value, str) and value not in options:
                help = did_you_mean(value, options, otherwise=f"one of {', '.join(options)}")
                yield s.error("TF306", f"`{asked.name}` is never `{value}`", *asked.path, help=help)


def _asked(s: Subject) -> Iterator[_Asked]:
    for edge in s.edges:
        yield from _flat(edge.body.get("when", ()), (*edge.path, "when"), edge.event)
    for name, body in s.table("acquire").items():
        yield from _flat(body.get("when", ()), ("acquire", name, "when"), None)
    yield from _flat(s.table("derive").get("when", ()), ("derive", "when"), None)
    for index, rule in enumerate(s.data.get("rules", ())):
        for key in ("deny_when", "warn_when"):
            yield from _flat(rule.get(key, ()), ("rules", index, key), None)


def _flat(conditions: Sequence[Any], path: Path, event: str | None) -> Iterator[_Asked]:
    for index, condition in enumerate(conditions):
        yield from _single(condition, (*path, index), event)


def _single(condition: Any, path: Path, event: str | None) -> Iterator[_Asked]:
    if isinstance(condition, str):
        yield _Asked(condition if "." in condition else f"guard.{condition}", True, path, event)
        return
    ((name, argument),) = condition.items()
    if name in ("any", "all"):
        yield from _flat(argument, (*path, name), event)
    elif name == "not":
        yield from _single(argument, (*path, name), event)
    else:
        yield _Asked(name, argument, (*path, name), event)


def _known(s: Subject, root: str, event: str | None) -> Collection[str] | None:
    """Return the fields of *root*; None when they cannot be told from this document."""
    match root:
        case "token":
            return _TOKEN | set(_declared(s, root, event))
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
            found = s.table("token").get("attributes", {})
        case "event":
            found = s.table("events").get(event or "", {}).get("payload", {})
        case "app":
            found = s.table("app")
        case _:
            found = {}
    return dict(found)


def _compared(argument: Any) -> Collection[Any]:
    if isinstance(argument, dict):
        ((operator, argument),) = argument.items()
        if operator in ("known", "less_than", "more_than"):
            return ()
    return argument if isinstance(argument, list) else [argument]


def _owner(root: str, event: str | None) -> str:
    return {"event": f"event `{event}`", "app": "the app"}.get(root, f"the {root}")


CHECKS: Final = (guards, facts, values)
