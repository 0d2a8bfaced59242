"""Shipped specs with mistakes in them come to a report or to a spec that runs, and never to a traceback."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from tests.core.lifecycles import START, token_of
from tests.spec.mutants import RESOLVED, SOURCES, mutants, written
from tests.spec.names import OFFERED
from tokenflow.core.compiling import compile_issuer, compile_lifecycle
from tokenflow.core.conditions import View
from tokenflow.core.deadlines import deadlines, due_at
from tokenflow.core.events import TimerStopped
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.steps import is_usable, legal, settle
from tokenflow.core.tokens import DAY, NEVER, SECOND, SILENT, At, Expiry
from tokenflow.spec import Document, SpecError, check, check_all, load, render, shipped
from tokenflow.spec.schema import KINDS, schema, violations

JSONSCHEMA: Any = pytest.importorskip("jsonschema")
SCHEMAS = {kind: schema(kind) for kind in KINDS}
JUDGES = {
    kind: [draft(SCHEMAS[kind]) for draft in (JSONSCHEMA.Draft202012Validator, JSONSCHEMA.Draft7Validator)]
    for kind in KINDS
}
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LONG = settings(QUICK, max_examples=20_000)


def never(view: View, argument: Any) -> bool:
    """A guard that does not hold."""
    return False


GUARDS = dict.fromkeys(OFFERED.guards or (), never)
EXPIRIES: tuple[Expiry, ...] = (NEVER, SILENT, At(START + 3600 * SECOND), At(START + 60 * DAY), At(START))


def saved(folder: Path, data: Any) -> Path:
    path = folder / "mine.yaml"
    path.write_text(written(data), "utf-8")
    return path


def explained_or_loaded(path: Path) -> Document | None:
    """Hold that a file is one of the two, whichever way it is asked for."""
    alone, together = check(path, names=OFFERED), check_all([path], names=OFFERED)[str(path)]
    assert {one.code for one in alone} <= {one.code for one in together}
    for one in together:
        assert render(one)
    if any(one.severity == "error" for one in alone):
        with pytest.raises(SpecError) as caught:
            load(path, names=OFFERED)
        assert {one.code for one in caught.value.diagnostics} == {one.code for one in alone}
        return None
    return load(path, names=OFFERED)


def runs(document: Document) -> None:
    """Hold that what lints clean compiles, and that its tokens can be looked at in any state, at any time."""
    if document.kind == "Issuer":
        assert compile_issuer(document.data, client_id="1").name == document.name
    if document.kind == "Lifecycle" and not document.data.get("abstract"):
        issuer = document.data.get("issuer")
        data = load(issuer).data if issuer in shipped("Issuer") else None
        lives(compile_lifecycle(document.data, digest=document.digest, guards=GUARDS, issuer=data))


def lives(lifecycle: Lifecycle) -> None:
    for state in lifecycle.states:
        for expires in EXPIRIES:
            token = attrs.evolve(token_of(lifecycle, state), expires=expires, refresh_expires=expires)
            for later in (0, 1, 3600 * SECOND, 61 * DAY):
                settled = settle(lifecycle, token, START + later)
                assert settled.token.state in lifecycle.states
                told = [one for step in settled.steps for one in step.happened]
                assert not any(isinstance(one, TimerStopped) for one in told)
                assert sorted(legal(lifecycle, settled.token)) == sorted(
                    set(lifecycle.states[settled.token.state].accepts)
                )
                assert due_at(lifecycle, settled.token) is None or deadlines(lifecycle, settled.token)
                assert is_usable(lifecycle, settled.token, START + later) in (True, False)


@QUICK
@given(data=mutants())
def test_a_spec_with_mistakes_is_told_of_them_or_runs(tmp_path: Path, data: Any) -> None:
    found = explained_or_loaded(saved(tmp_path, data))
    event("refused" if found is None else "runs")
    if found is not None:
        runs(found)


@pytest.mark.campaign
@LONG
@given(data=mutants())
def test_twenty_thousand_specs_with_mistakes_are_told_of_them_or_run(tmp_path: Path, data: Any) -> None:
    found = explained_or_loaded(saved(tmp_path, data))
    if found is not None:
        runs(found)


@QUICK
@given(data=mutants())
def test_our_interpreter_and_jsonschema_agree_on_specs_with_mistakes(data: Any) -> None:
    """By draft 2020-12 and by draft-07 alike."""
    assume(data.get("kind") in KINDS if isinstance(data.get("kind"), str) else False)
    ours = next(violations(SCHEMAS[data["kind"]], data), None) is None
    assert [judge.is_valid(data) for judge in JUDGES[data["kind"]]] == [ours, ours]


@settings(QUICK, max_examples=25)
@given(data=mutants())
def test_a_spec_that_loads_is_the_same_when_it_is_written_and_read_again(tmp_path: Path, data: Any) -> None:
    """Spec -> plain data -> file -> spec: the same data, and the same digest."""
    try:
        first = load(saved(tmp_path, data))
    except SpecError:
        assume(False)
        raise
    again = {key: value for key, value in first.data.items() if key not in ("extends", "remove")}
    second = load(saved(tmp_path, again))
    assert second.data == again
    assert second.digest == first.digest


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_shipped_spec_is_the_same_when_it_is_written_and_read_again(tmp_path: Path, name: str) -> None:
    document = load(name)
    again = {key: value for key, value in document.data.items() if key not in ("extends", "remove")}
    second = load(saved(tmp_path, again))
    assert (second.data, second.digest) == (again, document.digest)
    assert json.loads(RESOLVED[name]) == document.data


@pytest.mark.parametrize("name", shipped("Lifecycle"))
def test_a_shipped_lifecycle_runs_in_every_state(name: str) -> None:
    runs(load(name))


def test_the_measure_would_see_timers_that_never_rest() -> None:
    """Two states that chase each other, which the linter refuses, are stopped by the core, and seen."""
    data = json.loads(RESOLVED["facebook-system-user"])
    data["events"]["nap"] = {}
    data["states"]["non_expiring"]["transitions"]["nap"] = {"to": "napping"}
    data["states"]["non_expiring"]["timers"]["doze"] = {"at": "refreshed + 1d", "raise": "nap"}
    data["states"]["napping"] = {
        "transitions": {"nap": {"to": "non_expiring"}},
        "timers": {"alarm": {"at": "entered", "raise": "nap"}},
    }
    with pytest.raises(AssertionError):
        lives(compile_lifecycle(data, digest="0", guards=GUARDS))
