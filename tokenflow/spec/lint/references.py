"""Names that lead nowhere: states, events, commands, secrets, attributes (TF101-103, TF110, TF128-129)."""

from collections.abc import Iterator
from typing import Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject


def initial_state(s: Subject) -> Iterator[Diagnostic]:
    """The initial state exists."""
    yield from s.known("TF101", "state", s.data["initial"], s.states, "initial")


def transitions(s: Subject) -> Iterator[Diagnostic]:
    """A transition is on a known event, to a known state, by a known command."""
    for edge in s.edges:
        yield from s.known("TF102", "event", edge.event, s.table("events"), *edge.entry, key=True)
        if edge.target is not None:
            yield from s.known("TF101", "state", edge.target, s.states, *edge.path, "to")
        if "do" in edge.body:
            name = edge.body["do"]
            declared = s.table("commands")
            gone = ("commands", name)
            yield from s.known("TF103", "command", name, declared, *edge.path, "do", lacking=gone)


def effects(s: Subject) -> Iterator[Diagnostic]:
    """An effect calls a known command, and cascades a known event."""
    for edge in s.edges:
        for index, effect in enumerate(edge.body.get("then", ())):
            place = (*edge.path, "then", index)
            if "call" in effect:
                yield from s.known("TF103", "command", effect["call"], s.table("commands"), *place, "call")
            if "cascade" in effect:
                yield from s.known("TF102", "event", effect["cascade"], s.table("events"), *place, "cascade")


def outcomes(s: Subject) -> Iterator[Diagnostic]:
    """What `on_error` raises is known, and accepted in the state it is raised in."""
    for edge in s.edges:
        for kind, event in edge.body.get("on_error", {}).items():
            if event == "stay":
                continue
            place = (*edge.path, "on_error", kind)
            unknown = tuple(s.known("TF102", "event", event, s.table("events"), *place))
            yield from unknown
            if not unknown and event not in s.accepts(edge.source) | _absorbed(s, edge.source):
                yield s.found(
                    "TF110", f"on_error raises `{event}`, which `{edge.source}` does not accept", *place
                )


def migrations(s: Subject) -> Iterator[Diagnostic]:
    """Older tokens come over to a known state."""
    for index, entry in enumerate(s.data.get("migrate", ())):
        for old, new in entry.get("states", {}).items():
            yield from s.known("TF101", "state", new, s.states, "migrate", index, "states", old)


def timers(s: Subject) -> Iterator[Diagnostic]:
    """What a timer raises is known, and accepted in its state."""
    for state, body in s.states.items():
        for name, timer in body.get("timers", {}).items():
            place = ("states", state, "timers", name, "raise")
            unknown = tuple(s.known("TF102", "event", timer["raise"], s.table("events"), *place))
            yield from unknown
            if not unknown and timer["raise"] not in s.accepts(state):
                yield s.found(
                    "TF110",
                    f"timer `{name}` raises `{timer['raise']}`, which `{state}` does not accept",
                    *place,
                )


def moments(s: Subject) -> Iterator[Diagnostic]:
    """A moment on an attribute names a declared one, and that one holds an instant."""
    declared = s.data["token"].get("attributes", {})
    for state, body in s.states.items():
        for name, timer in body.get("timers", {}).items():
            anchor = timer["at"].split()[0]
            place = ("states", state, "timers", name, "at")
            if not anchor.startswith("attributes."):
                continue
            attribute = anchor.removeprefix("attributes.")
            yield from s.known("TF128", "attribute", attribute, declared, *place)
            kind = declared.get(attribute, {}).get("type", "instant")
            if kind != "instant":
                message = f"attribute `{attribute}` holds a {kind}, and no timer hangs on that"
                yield s.found("TF129", message, *place, help=f"{attribute}: {{type: instant}}")


def absorbed(s: Subject) -> Iterator[Diagnostic]:
    """What a state absorbs is a known event."""
    for state, body in s.states.items():
        for index, event in enumerate(body.get("absorbs", ())):
            yield from s.known("TF102", "event", event, s.table("events"), "states", state, "absorbs", index)


def lifetimes(s: Subject) -> Iterator[Diagnostic]:
    """A lifetime named by a state, an acquisition, a command or a derivation is declared."""
    for group, key in (("states", "lifetime"), ("acquire", "lifetime"), ("commands", "produces")):
        for name, body in s.table(group).items():
            if key in body:
                yield from s.known("TF103", "lifetime", body[key], s.table("lifetimes"), group, name, key)
    wanted = s.table("derive").get("lifetime", "answer")
    if wanted not in ("answer", "inherit"):
        yield from s.known("TF103", "lifetime", wanted, s.table("lifetimes"), "derive", "lifetime")


def errors(s: Subject) -> Iterator[Diagnostic]:
    """What an error rule raises is a known event."""
    for index, rule in enumerate(s.data.get("errors", ())):
        if "raise" in rule:
            yield from s.known("TF102", "event", rule["raise"], s.table("events"), "errors", index, "raise")


def identity(s: Subject) -> Iterator[Diagnostic]:
    """An identity is made of declared attributes, and `form`, the acquisition's name."""
    token = s.table("token")
    options = {*token.get("attributes", {}), "form"}
    for index, name in enumerate(token.get("identity", ())):
        yield from s.known("TF305", "attribute", name, options, "token", "identity", index)


def settings(s: Subject) -> Iterator[Diagnostic]:
    """What a transition sets is a declared attribute, and what it reads of an event is in the payload."""
    attributes = s.table("token").get("attributes", {})
    for edge in s.edges:
        for name, source in edge.body.get("set", {}).items():
            yield from s.known("TF305", "attribute", name, attributes, *edge.path, "set", name, key=True)
            root, _, field = source.partition(".")
            payload = s.table("events").get(edge.event, {}).get("payload", {})
            if root == "event":
                yield from s.known("TF305", "payload field", field, payload, *edge.path, "set", name)


def derivation(s: Subject) -> Iterator[Diagnostic]:
    """A derivation sets declared attributes, all the required ones, and raises known events."""
    body = s.table("derive")
    if not body:
        return
    attributes = s.table("token").get("attributes", {})
    for name in body.get("set", {}):
        yield from s.known("TF305", "attribute", name, attributes, "derive", "set", name, key=True)
    for name, spec in attributes.items():
        if spec.get("required") and name not in body.get("set", {}):
            help = f"set: {{{name}: item.{name}}}, or take it from the parent: parent.{name}"
            yield s.found(
                "TF208", f"required attribute `{name}` is never set", "derive", "set", key=True, help=help
            )
    for theirs, ours in body.get("on_parent", {}).items():
        yield from s.known("TF102", "event", ours, s.table("events"), "derive", "on_parent", theirs)
    if "unlisted" in body:
        event = body["unlisted"]["raise"]
        yield from s.known("TF102", "event", event, s.table("events"), "derive", "unlisted", "raise")


def orphans(s: Subject) -> Iterator[Diagnostic]:
    """Children hear of their parent's invalidation."""
    body = s.table("derive")
    if body and "invalidate" not in body.get("on_parent", {}):
        yield s.found(
            "TF209",
            "nothing happens to these tokens when the parent is invalidated",
            "derive",
            key=True,
            help="on_parent: {invalidate: invalidate}",
        )


def _absorbed(s: Subject, state: str) -> frozenset[str]:
    return frozenset(s.states[state].get("absorbs", ()))


CHECKS: Final = (
    initial_state,
    transitions,
    effects,
    outcomes,
    migrations,
    timers,
    moments,
    absorbed,
    lifetimes,
    errors,
    identity,
    settings,
    derivation,
    orphans,
)
