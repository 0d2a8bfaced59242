"""Describe a spec in plain words: how a token begins, lives and ends, and who must act."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from tokenflow.core.lifecycles import Acquisition, Lifecycle, State
from tokenflow.runner.grammar import article
from tokenflow.runner.hiding import hiding
from tokenflow.spec import Document

_OF_AN_ANSWER: Final = re.compile(r" \([a-z]+ \{[a-z]+\}\)")


@attrs.frozen
class Section:
    """A heading and its lines."""

    title: str
    lines: tuple[str, ...]


def describe(document: Document, lifecycle: Lifecycle | None) -> tuple[Section, ...]:
    """Return what a document says; *lifecycle* is it compiled, when it is one."""
    made = _lifecycle(lifecycle) if lifecycle is not None else _other(document)
    return tuple(Section(title, lines) for title, lines in made if lines)


def _lifecycle(one: Lifecycle) -> Iterator[tuple[str, tuple[str, ...]]]:
    meta = one.spec["metadata"]
    yield f"{one.ref}: {meta.get('title', one.name)}", (_kind(one), _home(one))
    yield "how it begins", tuple(_begins(one))
    yield "where its secret is hidden", tuple(f"{name}: {advice}" for name, advice in hiding(one))
    yield "states", tuple(_state(one, state) for state in one.states.values())
    yield "what renews it", tuple(dict.fromkeys(_renews(one)))
    yield "what ends it", tuple(_ends(one))
    yield "who must act", tuple(_people(one))
    yield (
        "rules",
        tuple(f"{rule.id}, on {', '.join(sorted(rule.applies_to))}: {rule.because}" for rule in one.rules),
    )
    yield "what the issuer's errors mean", tuple(_errors(one))


def _kind(one: Lifecycle) -> str:
    issuer = f" of {one.issuer}" if one.issuer else ""
    identity = f"; at most one live for each {', '.join(one.identity)}" if one.identity else ""
    return f"{article(one.kind)} token{issuer}{identity}"


def _home(one: Lifecycle) -> str:
    places = " and ".join(sorted(one.may_live))
    moves = "may not be moved" if one.transport == "none" else "moves over HTTPS only"
    return f"it lives on the {places}, and {moves}"


def _begins(one: Lifecycle) -> Iterator[str]:
    for platform, how in one.acquisitions.items():
        yield f"{platform}: {_acquired(how)}"
    if one.derivation is not None:
        needs = f", if {' and '.join(c.text for c in one.derivation.when)}" if one.derivation.when else ""
        yield f"derived from a {' or '.join(one.derivation.parents)} token by {one.derivation.use}{needs}"


def _acquired(how: Acquisition) -> str:
    words = [f"{how.use} on the {how.runs_on}"]
    words.append({"none": "by machine", "person": "a person agrees", "admin": "an admin agrees"}[how.consent])
    if how.verify is not None:
        words.append(f"verified by {how.verify} before it is kept")
    if how.lifetime is not None:
        words.append(f"lifetime {how.lifetime}")
    if how.secrets:
        words.append(f"needs {', '.join(how.secrets)}")
    if how.kept_by != "tokenflow" or not how.keep_value:
        words.append("its value is not kept here")
    return ", ".join(words)


def _state(one: Lifecycle, state: State) -> str:
    if state.final:
        return f"{state.name}: final"
    spec: Mapping[str, Any] = one.spec["states"][state.name] or {}
    length = one.spec["lifetimes"][state.lifetime]["typical"] if state.lifetime in one.lifetimes else None
    lifetime = "" if length is None else ", no end by time" if length == "never" else f", lives {length}"
    start = ", here it begins" if state.name == one.initial else ""
    about = f" ({spec['description']})" if "description" in spec else ""
    return f"{state.name}: {'usable' if state.usable else 'not usable'}{lifetime}{start}{about}"


def _renews(one: Lifecycle) -> Iterator[str]:
    """Timers and events whose command brings a value that may be used."""
    for state in one.states.values():
        for row in (row for event in state.accepts for row in one.chooser.rows(event, state.name)):
            command = one.commands.get(row.data.get("do", ""))
            if command is None or not (command.produces or command.rotates):
                continue
            when = _when(one, state, row.event) or "when asked"
            yield f"{row.event} in {state.name} ({when}), by {command.use}, on the {command.runs_on}"


def _ends(one: Lifecycle) -> Iterator[str]:
    for state in one.states.values():
        leads: dict[str, list[str]] = {}
        for row in (row for event in state.accepts for row in one.chooser.rows(event, state.name)):
            if row.target is not None and one.states[row.target].final:
                when = _when(one, state, row.event)
                leads.setdefault(row.target, []).append(f"{row.event} ({when})" if when else row.event)
        for target, events in leads.items():
            yield f"{state.name} -> {target}: {', '.join(dict.fromkeys(events))}"
    if one.derivation is not None:
        for theirs, ours in one.derivation.on_parent.items():
            yield f"its parent's {theirs} brings {ours}"


def _when(one: Lifecycle, state: State, event: str) -> str:
    timers = ((one.spec["states"][state.name] or {}).get("timers") or {}).values()
    return "; ".join(f"at {timer['at']}" for timer in timers if timer["raise"] == event)


def _people(one: Lifecycle) -> Iterator[str]:
    persons = [name for name, how in one.acquisitions.items() if how.consent != "none"]
    if persons:
        yield f"a person logs in once, by {' or '.join(persons)}"
    asks = {
        effect["reacquire"]
        for row in one.chooser.every_row()
        for effect in row.data.get("then", ())
        if "reacquire" in effect
    }
    if "ask" in asks:
        yield "and again when it is over and nothing renewed it: the lifecycle asks for it"
    if "auto" in asks or (one.acquisitions and not persons):
        yield "nobody: it is acquired anew by machine"


def _errors(one: Lifecycle) -> Iterator[str]:
    for meaning in one.meanings:
        match = ", ".join(f"{name} {_values(value)}" for name, value in meaning.match.items())
        raised = f", raises {meaning.event}" if meaning.event else ""
        yield f"{match or 'anything'} is {meaning.kind}{raised}{_advice(meaning.advice)}"


def _advice(text: str | None) -> str:
    """Return an advice as it stands before any answer: without the numbers that one would fill in."""
    return f": {_OF_AN_ANSWER.sub('', text)}" if text else ""


def _values(value: Any) -> str:
    """Write what an error must have: `1 or 2`, and a run of numbers as `200-299`."""
    if not isinstance(value, list | tuple):
        return str(value)
    runs: list[list[Any]] = []
    for one in value:
        if runs and isinstance(one, int) and isinstance(runs[-1][-1], int) and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    parts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else " or ".join(map(str, run)) for run in runs]
    return " or ".join(parts)


def _step(step: Mapping[str, Any]) -> str:
    """Return what a step is called, or what it does, and to whom."""
    if "name" in step:
        return str(step["name"])
    does, how = next((one for one in step.items() if one[0] != "expect"), ("expect", step.get("expect")))
    if does == "expect":
        return f"expect {', '.join(how or ())}"
    return f"{does} {how.get('key', ', '.join(how)) if isinstance(how, Mapping) else how}"


def _other(document: Document) -> Iterator[tuple[str, tuple[str, ...]]]:
    data = document.data
    yield f"{document.ref}: {data['metadata'].get('title', document.name)}", (f"kind: {document.kind}",)
    match document.kind:
        case "Issuer":
            yield "endpoints", tuple(f"{name}: {url}" for name, url in data.get("endpoints", {}).items())
            rotation = data.get("rotation", {})
            yield "rotation", tuple(f"{name}: {value}" for name, value in rotation.items())
            yield "secrets", tuple(f"{n}: from {s['from']}" for n, s in data.get("secrets", {}).items())
            yield (
                "what its errors mean",
                tuple(
                    f"{', '.join(f'{k} {_values(v)}' for k, v in one['match'].items())} is {one['class']}"
                    + _advice(one.get("advice"))
                    for one in data.get("errors", ())
                ),
            )
        case "Tokens":
            yield (
                "keys",
                tuple(
                    f"{key}: {one['lifecycle']} by {one['acquire']}" for key, one in data["tokens"].items()
                ),
            )
        case "Scenario":
            yield "lifecycles", tuple(data.get("lifecycles", ()))
            yield "steps", tuple(_step(step) for step in data.get("steps", ()))
