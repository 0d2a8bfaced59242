"""The shared machine against a plain table: same row, same trail, no models, any number of threads (E1)."""

# ruff: noqa: SIM300  # expected == actual, constants too

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import PAGE, ROTATING, START, lifecycle_of, small, token_of
from tests.core.mutants import caught
from tokenflow.core._machine import Chooser, Chosen, Row
from tokenflow.core.conditions import UNKNOWN, Condition, Verdict, View, compile_conditions

STATES = ("s0", "s1", "s2", "s3", "s4")
EVENTS = ("e0", "e1", "e2")
FACTS = ("a", "b")

guards = st.one_of(
    st.builds(
        lambda root, name, want: {f"{root}.{name}": want},
        *map(st.sampled_from, (("token", "event"), FACTS)),
        st.booleans(),
    ),
    st.builds(lambda name, want: {"not": {f"token.{name}": want}}, st.sampled_from(FACTS), st.booleans()),
)
edges = st.tuples(
    st.sampled_from(EVENTS),
    st.sampled_from(STATES),
    st.none() | st.sampled_from(STATES),
    st.lists(guards, max_size=2),
)
tables = st.lists(edges, min_size=1, max_size=14)
facts = st.fixed_dictionaries({name: st.booleans() for name in FACTS})
views = st.builds(lambda token, event: View(token=token, event=event), facts, st.none() | facts)

Edge: TypeAlias = tuple[str, str, str | None, list[Mapping[str, Any]]]
Choose: TypeAlias = Callable[[Chooser, str, str, View], Chosen]


def rows_of(table: Sequence[Edge]) -> list[Row]:
    """Return the table as rows, each with its place in it as data."""
    return [
        Row(event, source, target, compile_conditions(when, {}), {"n": number}, number)
        for number, (event, source, target, when) in enumerate(table)
    ]


def machine_of(rows: Sequence[Row]) -> Chooser:
    """Return the machine of *rows*."""
    return Chooser(dict.fromkeys(STATES, False), "s0", rows)


def reference(rows: Sequence[Row], event: str, state: str, view: View) -> tuple[Row | None, list[str]]:
    """A plain table: the first row whose conditions all hold, and the conditions asked on the way."""
    asked = []
    for row in rows:
        if (row.event, row.source) != (event, state):
            continue
        for condition in row.conditions:
            asked.append(condition.text)
            if condition.check(view) is not True:
                break
        else:
            return row, asked
    return None, asked


def agree(table: Sequence[Edge], view: View, choose: Choose) -> None:
    """Assert that *choose* takes the row the plain table takes, for every event and state there is."""
    rows = rows_of(table)
    machine = machine_of(rows)
    for event, state in {(row.event, row.source) for row in rows}:
        row, asked = reference(rows, event, state, view)
        found = choose(machine, event, state, view)
        assert row is found.row, (event, state)
        assert asked == [condition.text for condition, _ in found.trail]
        assert all(verdict is condition.check(view) for condition, verdict in found.trail)


@given(tables, views)
def test_the_machine_takes_the_row_a_plain_table_takes(table: list[Edge], view: View) -> None:
    """E1: top to bottom, the first row whose conditions all hold; no other condition is asked."""
    agree(table, view, Chooser.choose)


def _skips_guards(machine: Chooser, event: str, state: str, view: View) -> Chosen:
    return Chosen(machine.rows(event, state)[0], ())


def _bottom_up(machine: Chooser, event: str, state: str, view: View) -> Chosen:
    row, _ = reference(machine.rows(event, state)[::-1], event, state, view)
    return Chosen(row, machine.choose(event, state, view).trail)


def _unknown_passes(machine: Chooser, event: str, state: str, view: View) -> Chosen:
    for row in machine.rows(event, state):
        if all(condition.check(view) is not False for condition in row.conditions):
            return Chosen(row, machine.choose(event, state, view).trail)
    return machine.choose(event, state, view)


@pytest.mark.parametrize("doctored", [_skips_guards, _bottom_up, _unknown_passes])
def test_the_property_bites(doctored: Choose) -> None:
    """A chooser that skips guards, reads bottom up or takes UNKNOWN for yes is caught by it."""

    @given(tables, views)
    def prop(table: list[Edge], view: View) -> None:
        agree(table, view, doctored)

    caught(prop)


@given(tables, facts, st.none() | facts)
def test_a_verdict_is_the_verdict_over_all_payloads(
    table: list[Edge], token: dict[str, bool], event: dict[str, bool] | None
) -> None:
    """True is taken whatever the payload, False is never taken; UNKNOWN leaves it to the payload."""
    rows = rows_of(table)
    machine = machine_of(rows)
    bare = View(token=token, event=event)
    full = (
        [View(token=token, event={"a": a, "b": b}) for a in (False, True) for b in (False, True)]
        if event is None
        else [bare]
    )
    for name, state in {(row.event, row.source) for row in rows}:
        taken = {reference(rows, name, state, view)[0] is not None for view in full}
        verdict: Verdict = machine.verdict(name, state, bare)
        if verdict is not UNKNOWN:
            assert {verdict} == taken
        elif event is not None:
            pytest.fail("with a payload nothing is unknown")


@given(tables)
def test_the_machine_holds_every_row(table: list[Edge]) -> None:
    """What goes in comes out: no row is lost or doubled."""
    rows = rows_of(table)
    assert sorted(r.index for r in rows) == sorted(r.index for r in machine_of(rows).every_row())


@given(tables, views, st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(STATES)), max_size=20))
def test_a_machine_never_gets_a_model_and_never_changes(
    table: list[Edge], view: View, asked: list[tuple[str, str]]
) -> None:
    """However often it is asked, the machine adopts nobody and answers the same."""
    rows = rows_of(table)
    machine = machine_of(rows)
    inner: Any = machine._machine
    known = {(row.event, row.source) for row in rows}
    for event, state in asked:
        if (event, state) in known:
            first = machine.choose(event, state, view)
            machine.verdict(event, state, view)
            assert first.row is machine.choose(event, state, view).row
    assert [] == inner.models
    assert [row.index for row in machine_of(rows).every_row()] == [row.index for row in machine.every_row()]


def test_eight_threads_share_one_machine_without_a_wrong_answer() -> None:
    """Eight threads asking one machine some thousand times each get what a plain table gets."""
    table: list[Edge] = [
        ("e0", "s0", f"s{n}", [{"token.a": bool(n & 1)}, {"event.b": bool(n & 2)}]) for n in range(4)
    ]
    rows = rows_of(table)
    machine = machine_of(rows)
    wrong: list[object] = []
    gate = threading.Barrier(8)

    def ask(seed: int) -> None:
        gate.wait()
        for turn in range(3000):
            n = (seed + turn) % 4
            view = View(token={"a": bool(n & 1)}, event={"b": bool(n & 2)})
            found = machine.choose("e0", "s0", view)
            if found.row is not rows[n] or len(found.trail) not in range(2, 9):
                wrong.append((n, found.row))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    inner: Any = machine._machine
    assert [] == wrong
    assert [] == inner.models


def test_what_a_guard_raises_passes_through_choosing_and_is_no_verdict() -> None:
    """E2: an exception is never `false`: choosing raises it, and a verdict stops at that row."""

    def breaks(view: View) -> Verdict:
        raise ZeroDivisionError

    bad = Condition("breaks", breaks)
    (held,) = compile_conditions(["token.a"], {})
    rows = [
        Row("e0", "s0", "s1", (held,), {}, 0),
        Row("e0", "s0", "s2", (bad,), {}, 1),
        Row("e0", "s0", "s3", (), {}, 2),
    ]
    machine = machine_of(rows)
    with pytest.raises(ZeroDivisionError):
        machine.choose("e0", "s0", View())
    assert False is machine.verdict("e0", "s0", View())
    assert rows[0] is machine.choose("e0", "s0", View(token={"a": True})).row
    assert True is machine.verdict("e0", "s0", View(token={"a": True}))


@pytest.mark.proves("F")
def test_no_text_of_a_spec_becomes_code() -> None:
    """A state, an event or a condition named like a callback or a module is only a name."""
    names = ("on_enter_s", "to_s", "machine", "os.getcwd", "model", "trigger", "may_x")
    states = {name: {"transitions": {"is_x": {"to": name}}} for name in names}
    lifecycle = small(states)
    for name in names:
        found = lifecycle.chooser.choose("is_x", name, View())
        assert found.row is not None
        assert name == found.row.target


def test_a_states_own_entry_shadows_everywheres_and_final_states_have_no_way_out() -> None:
    """E1, F4: own rows replace everywhere's for that event only; final states take nothing from it."""
    lifecycle = small(
        {
            "open": {"transitions": {"stop": [{"to": "open", "when": ["app.live"]}, {"to": "own"}]}},
            "other": {},
            "own": {"final": True},
            "shared": {"final": True},
        },
        everywhere={"stop": {"to": "shared"}, "note": {"then": [{"notify": "x"}]}},
    )
    assert [("open", 0), ("own", 1)] == [
        (row.target, row.index) for row in lifecycle.chooser.rows("stop", "open")
    ]
    assert ["shared"] == [row.target for row in lifecycle.chooser.rows("stop", "other")]
    assert ("stop", "note") == lifecycle.states["open"].accepts
    assert () == lifecycle.states["own"].accepts
    assert {"open", "other"} == {row.source for row in lifecycle.chooser.every_row()}


@pytest.mark.parametrize("data", [PAGE, ROTATING])
def test_each_document_compiles_to_states_that_accept_what_they_list(data: Mapping[str, Any]) -> None:
    """Every event a state lists is accepted there, and every accepted event has a row."""
    lifecycle = lifecycle_of(data)
    for name, spec in data["states"].items():
        accepts = lifecycle.states[name].accepts
        assert set(spec.get("transitions", {})) <= set(accepts)
        assert all(lifecycle.chooser.rows(event, name) for event in accepts)
    assert START == token_of(lifecycle, lifecycle.initial).entered_at
