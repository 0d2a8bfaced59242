"""What will never happen, or happens to no effect (TF113-116, TF119, TF127)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tokenflow.core.issuers import in_run, run_of
from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.conditions import asked
from tokenflow.spec.lint.subject import Edge, Subject
from tokenflow.spec.tree import Path

_DOES: Final = ("to", "do", "set", "then")
_BY_NAME: Final = frozenset({"introspect", "revoke"})
"""Commands that the engine's own verbs run."""


def only_sometimes(s: Subject) -> Iterator[Diagnostic]:
    """Where each entry for an event is conditional, the event may be refused."""
    entries: dict[Path, list[Mapping[str, Any]]] = {}
    for edge in s.edges:
        entries.setdefault(edge.entry, []).append(edge.body)
    for path, bodies in entries.items():
        if all(body.get("when") for body in bodies):
            message = f"`{path[-1]}` is refused where no condition holds"
            help = "a last entry without `when` says what happens then"
            yield s.found("TF113", message, *path, key=True, help=help)


def no_effect(s: Subject) -> Iterator[Diagnostic]:
    """A transition does something, and `on_error` belongs to a command."""
    for edge in s.edges:
        if not any(edge.body.get(key) for key in _DOES) and not _spares(s, edge):
            message = f"on `{edge.event}` nothing happens: it does not move, call, set or tell"
            help = "to accept an event and ignore it, list it under `absorbs:`"
            yield s.found("TF114", message, *edge.path, help=help, lacking=(*edge.path, "to"))
        elif "on_error" in edge.body and "do" not in edge.body:
            message = "without `do` there is no error to speak of"
            yield s.found("TF114", message, *edge.path, "on_error", key=True, lacking=(*edge.path, "do"))


def _spares(s: Subject, edge: Edge) -> bool:
    """Whether a row under a condition keeps its event from rows further down: that is why it is there."""
    rows = [one for one in s.edges if (one.source, one.entry) == (edge.source, edge.entry)]
    return "when" in edge.body and rows[-1].path != edge.path


def unused(s: Subject) -> Iterator[Diagnostic]:
    """What this file declares, something uses."""
    used = _used(s)
    for group in ("events", "commands", "secrets", "lifetimes", "app"):
        if group == "app" and any(one.name.startswith("guard.") for one in asked(s)):
            continue  # a plugin's guard may read any of them
        for name in s.table(group):
            if name not in used[group] and s.is_own(group, name):
                thing = {"app": "app fact"}.get(group, group.removesuffix("s"))
                message = f"{thing} `{name}` is declared, and nothing uses it"
                yield s.found("TF115", message, group, name, key=True)


def tried_once(s: Subject) -> Iterator[Diagnostic]:
    """A timer that runs a command repeats: otherwise one failure is the end of it."""
    runs = {(edge.source, edge.event) for edge in s.edges if "do" in edge.body}
    for state, body in s.states.items():
        for name, timer in body.get("timers", {}).items():
            if (state, timer["raise"]) in runs and not timer.get("hard") and "every" not in timer:
                message = f"timer `{name}` runs a command once; if that fails for good, nothing tries again"
                path = ("states", state, "timers", name)
                yield s.found("TF116", message, *path, key=True, help="every: 15m", lacking=(*path, "every"))


def shadowed(s: Subject) -> Iterator[Diagnostic]:
    """No error rule is hidden by an earlier, wider one: of this file, or of the issuer's document."""
    theirs = s.issuer.data.get("errors", ()) if s.issuer is not None else ()
    ours = s.data.get("errors", ())
    for index, rule in enumerate(ours):
        place = ("errors", index)
        earlier = next((n for n in range(index) if covers(ours[n]["match"], rule["match"])), None)
        if earlier is not None:
            wider = s.note("the wider rule", "errors", earlier)
            yield s.found("TF119", "an earlier rule already matches all of this", *place, related=wider)
            continue
        hidden = next((n for n, one in enumerate(theirs) if covers(one["match"], rule["match"])), None)
        if hidden is not None and s.issuer is not None:
            wider = s.issuer.note("the wider rule", "errors", hidden)
            message = "the issuer's document comes first, and already matches all of this"
            yield s.found("TF119", message, *place, related=wider)


def covers(wide: Mapping[str, Any], narrow: Mapping[str, Any]) -> bool:
    """Return whether all that *narrow* matches, *wide* matches too."""
    return all(key in narrow and _within(narrow[key], wanted) for key, wanted in wide.items())


def _within(narrow: Any, wide: Any) -> bool:
    if isinstance(wide, Mapping):
        return isinstance(narrow, Mapping) and covers(wide, narrow)
    return all(any(_same(one, other) for other in _several(wide)) for one in _several(narrow))


def _same(one: Any, other: Any) -> bool:
    """A class of HTTP statuses holds its members, and a run its numbers and the runs inside it."""
    wide, narrow = run_of(other), run_of(one)
    if wide is None:
        return bool(
            one == other or (isinstance(other, str) and other.endswith("xx") and str(one)[:1] == other[:1])
        )
    if narrow is None:
        return str(one).removeprefix("-").isdecimal() and in_run(int(one), wide)
    endless = wide[1] is None
    return in_run(narrow[0], wide) and (endless or (narrow[1] is not None and in_run(narrow[1], wide)))


def backwards(s: Subject) -> Iterator[Diagnostic]:
    """No run of an error rule ends before it begins."""
    for index, rule in enumerate(s.data.get("errors", ())):
        for key in ("code", "subcode"):
            for wanted in _several(rule["match"].get(key, ())):
                run = run_of(wanted)
                if run is not None and run[1] is not None and run[1] < run[0]:
                    message = f"`{wanted}` ends before it begins, so nothing is in it"
                    help = f"{run[1]}..{run[0]}"
                    yield s.found("TF127", message, "errors", index, "match", key, help=help)


def _several(wanted: Any) -> list[Any]:
    return list(wanted) if isinstance(wanted, list | tuple) else [wanted]


def _used(s: Subject) -> Mapping[str, set[str]]:
    """Return the names of each group that something in the document names."""
    texts = {node.value for _, node in s.root.scalars() if isinstance(node.value, str)}
    bodies = [edge.body for edge in s.edges]
    effects = [effect for body in bodies for effect in body.get("then", ())]
    absorbed = {event for state in s.states.values() for event in state.get("absorbs", ())}
    compared = {one.name for one in asked(s)}
    return {
        "events": {edge.event for edge in s.edges} | absorbed,
        "commands": {*_BY_NAME}
        | {body["do"] for body in bodies if "do" in body}
        | {effect["call"] for effect in effects if "call" in effect},
        "secrets": texts,
        "lifetimes": texts,
        "app": {name.removeprefix("app.") for name in texts | compared if name.startswith("app.")},
    }


CHECKS: Final = (only_sometimes, no_effect, unused, tried_once, shadowed, backwards)
