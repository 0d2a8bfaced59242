"""A plan foretells what the engine does, changes nothing, and is applied to the letter or not at all."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.properties.planning import DAY, Patience, World, by_key, pasts, spans, world
from tokenflow.core.plans import Plan, begun
from tokenflow.runner import planning
from tokenflow.runner.applying import apply

GATE = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def foretold(plan: Plan) -> dict[str, Any]:
    return by_key([(act.at, line) for act in plan.acts for line in act.begins])


def comes_true(past: Any, until: int) -> None:
    with world(past) as found:
        plan = found.plan(until)
        found.live_on(plan.until)
        assert foretold(plan) == by_key(found.began)
        for act in plan.acts:
            assert act.changes
        for key in {act.key for act in plan.acts}:
            row = found.store.load("default", key)
            assert row is not None
            last = [act for act in plan.acts if act.key == key][-1]
            touched = [a for a in plan.acts if any(line.startswith(f"{key}:") for line in a.begins)]
            assert touched[-1] is not last or row.state == last.state


@given(past=pasts, until=spans)
@GATE
def test_what_is_planned_comes_true(past: Any, until: int) -> None:
    """Every move, attempt and instant of every token, at an issuer that says yes."""
    comes_true(past, until)


@pytest.mark.campaign
@given(past=pasts, until=spans)
@settings(GATE, max_examples=1000, derandomize=False)
def test_what_is_planned_comes_true_in_very_many_stores(past: Any, until: int) -> None:
    """The same, much longer and different each time."""
    comes_true(past, until)


def everything(found: World) -> Any:
    """All that a store in memory holds."""
    store = found.store
    return [(store.load("default", key), store.history("default", key)) for key in store.keys("default")], (
        store.mark(),
        {shelf: store.names(shelf) for shelf in ("store", "spec", "parked", "learned")},
    )


@given(past=pasts, until=spans)
@settings(GATE, max_examples=10)
def test_to_plan_changes_nothing(past: Any, until: int) -> None:
    """No row, no history, no mark, no shelf; and no call to the issuer."""
    with world(past) as found:
        before, given_before = everything(found), len(found.issuer.given)
        first = found.plan(until)
        assert (everything(found), len(found.issuer.given)) == (before, given_before)
        assert found.plan(until) == first


@given(past=pasts, until=spans)
@settings(GATE, max_examples=10)
def test_a_plan_is_applied_to_the_letter(past: Any, until: int) -> None:
    """Applied in its own time: what was listed happens, nothing else does, and nothing is due any more."""
    with world(past) as found:
        plan = found.plan(until)
        applied = apply(found.engine, plan, stop=Patience(found.clock))
        assert [one.act for one in applied] == list(plan.acts)
        assert all(one.as_planned for one in applied)
        assert by_key(found.began) == foretold(plan)
        assert [row.key for row in found.store.due("default", plan.until, 1000)] == []


@given(past=pasts)
@settings(GATE, max_examples=10)
def test_a_stale_plan_is_refused_for_the_token_that_moved(past: Any) -> None:
    """What somebody else did meanwhile is neither undone nor built upon; the other tokens go on."""
    with world(past) as found:
        plan = found.plan(DAY)
        if not plan.acts:
            return
        before = {key: found.store.load("default", key) for key in found.store.keys("default")}
        found.do(("invalidate", plan.acts[0].key))
        moved = {key for key, row in before.items() if row != found.store.load("default", key)}
        assert plan.acts[0].key in moved
        found.began.clear()
        applied = apply(found.engine, plan, stop=Patience(found.clock))
        for one in applied:
            if one.act.key in moved:
                assert (one.outcome, one.error.code if one.error else None) == ("refused", "moved_on")
            else:
                assert one.as_planned
        assert set(by_key(found.began)).isdisjoint(moved)


def test_a_plan_that_forgets_the_second_deadline_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same property fails when a planner attends to each token once only."""
    push = planning._Planner._push

    def once(self: Any, key: str, at: Any) -> None:
        if key not in self._stage.tokens:
            push(self, key, at)

    monkeypatch.setattr(planning._Planner, "_push", once)
    with pytest.raises(AssertionError):
        comes_true([("log_in", "rot/ada")], DAY)


def test_what_begins_is_told_in_order() -> None:
    """Moves and attempts are acts; what is only told is none."""
    with world([("log_in", "rot/ada")]) as found:
        (act, *_) = found.plan(DAY).acts
        assert act.begins == (
            "rot/ada: extend for extend",
            "rot/ada: extend: issued -> extended",
        )
        assert begun(()) == ()
