"""Conditions: three-valued logic against a reference, and where UNKNOWN may come from (E1, E2)."""

# ruff: noqa: SIM300  # expected == actual, constants too

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import needs_more_than, token_of, user
from tokenflow.core.conditions import UNKNOWN, Verdict, View, compile_conditions, token_facts
from tokenflow.core.secret import Secret
from tokenflow.core.steps import view_of

FIELDS = ("a", "b", "c")
values = st.none() | st.integers(-2, 2) | st.sampled_from(["x", "y"])
facts = st.dictionaries(st.sampled_from(FIELDS), values)
views = st.builds(
    lambda token, app, event: View(token=token, app=app, event=event), facts, facts, st.none() | facts
)
paths = st.builds(
    lambda root, field: f"{root}.{field}", st.sampled_from(["token", "app", "event"]), st.sampled_from(FIELDS)
)
leaves = st.one_of(
    st.builds(lambda path, want: {path: want}, paths, values.filter(lambda v: v is not None)),
    st.builds(lambda path, op, want: {path: {op: want}}, paths, st.sampled_from(["is", "is_not"]), values),
    st.builds(
        lambda path, op, want: {path: {op: want}},
        paths,
        st.sampled_from(["in", "not_in"]),
        st.lists(values, max_size=3),
    ),
    st.builds(lambda path, want: {path: {"known": want}}, paths, st.booleans()),
    st.builds(lambda n: {"guard.more_than": n}, st.integers(0, 2)),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(
            lambda name, many: {name: many}, st.sampled_from(["any", "all"]), st.lists(inner, max_size=4)
        ),
    ),
    max_leaves=8,
)
GUARDS = {"more_than": lambda view, n: len(view.token) > n}
RANK: dict[Any, int] = {False: 0, UNKNOWN: 1, True: 2}


def reference(spec: Mapping[str, Any], view: View) -> Verdict:
    """Kleene's logic, written out: false < unknown < true; all is the least, any the greatest."""
    ((name, want),) = spec.items()
    if name == "not":
        inner = reference(want, view)
        return inner if inner is UNKNOWN else not inner
    if name in ("all", "any"):
        ranks = [RANK[reference(one, view)] for one in want]
        worst, best = min([*ranks, 2]), max([*ranks, 0])
        return (False, UNKNOWN, True)[worst if name == "all" else best]
    if name == "guard.more_than":
        return bool(len(view.token) > want)
    root, field = name.split(".")
    if root == "event" and view.event is None:
        return UNKNOWN
    have = getattr(view, root).get(field)
    operator, want = next(iter(want.items())) if isinstance(want, dict) else ("is", want)
    answers: dict[str, bool] = {
        "is": have == want,
        "is_not": have != want,
        "known": (have is not None) == want,
    }
    if operator in ("in", "not_in"):
        return any(have == one for one in want) == (operator == "in")
    return answers[operator]


def check(spec: Any, view: View) -> Verdict:
    """Return what the compiled condition says."""
    (condition,) = compile_conditions([spec], GUARDS)
    return condition.check(view)


@given(trees, views)
def test_conditions_are_what_the_reference_says(spec: dict[str, Any], view: View) -> None:
    """Any tree of conditions evaluates as Kleene's three-valued logic does."""
    assert reference(spec, view) is check(spec, view)


@given(trees, trees, views)
def test_the_laws_of_logic_hold(one: dict[str, Any], other: dict[str, Any], view: View) -> None:
    """De Morgan, double negation, and order that does not matter hold with UNKNOWN too."""
    both, either = {"all": [one, other]}, {"any": [one, other]}
    assert check({"not": both}, view) is check({"any": [{"not": one}, {"not": other}]}, view)
    assert check({"not": either}, view) is check({"all": [{"not": one}, {"not": other}]}, view)
    assert check(one, view) is check({"not": {"not": one}}, view)
    assert check({"all": [other, one]}, view) is check(both, view)
    assert check({"any": [other, one]}, view) is check(either, view)


@given(trees, views.filter(lambda view: view.event is not None))
def test_unknown_comes_only_from_an_event_yet_to_happen(spec: dict[str, Any], view: View) -> None:
    """With an event in the view nothing is unknown: an absent fact is simply absent."""
    assert check(spec, view) is not UNKNOWN


@given(trees, views)
def test_a_known_verdict_stands_whatever_the_event_brings(spec: dict[str, Any], view: View) -> None:
    """What is decided without the event's payload is not undone by any payload."""
    before = check(spec, View(token=view.token, app=view.app, event=None))
    if before is not UNKNOWN:
        assert before is check(spec, view)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"token.perms": {"has": "ADMIN"}}, True),
        ({"token.perms": {"lacks": "ADMIN"}}, False),
        ({"token.nothing": {"has": "x"}}, False),
        ({"token.nothing": {"lacks": "x"}}, True),
        ({"token.size": {"less_than": 6}}, True),
        ({"token.size": {"more_than": 5}}, False),
        ({"token.nothing": {"more_than": 0}}, False),
        ({"token.nothing": {"less_than": 0}}, False),
        ("app.live", True),
        ("app.asleep", False),
        ("is_big", True),
        ({"guard.is_big": None}, True),
        ({"event.x": {"known": True}}, UNKNOWN),
        ({"all": []}, True),
        ({"any": []}, False),
    ],
)
def test_operators_and_short_forms(spec: Any, expected: Verdict) -> None:
    """Every operator, the bare fact and the bare guard mean what the language says."""
    view = View(token={"perms": ["ADMIN"], "size": 5}, app={"live": True})
    (condition,) = compile_conditions([spec], {"is_big": lambda view, argument: argument is None})
    assert expected is condition.check(view)


def test_a_named_guard_gets_the_view_and_its_argument() -> None:
    """A plugin's guard is asked with the facts and the spec's argument, and shown by name."""
    (condition,) = compile_conditions([{"guard.more": 1}], {"more": needs_more_than})
    assert "more(1)" == str(condition)
    assert True is condition.check(View(token={"permissions": ["a", "b"]}))
    assert False is condition.check(View(token={"permissions": ["a"]}))


def test_a_guard_that_is_not_there_is_found_when_compiling() -> None:
    """An unknown guard is a KeyError at compile time, not a surprise at midnight."""
    with pytest.raises(KeyError, match="unheard_of"):
        compile_conditions([{"any": [{"not": "unheard_of"}]}], {})


def test_text_says_what_is_asked() -> None:
    """The text of a condition names path, operator and value, grouped."""
    spec = {"not": {"any": [{"app.a": "x"}, {"token.b": {"less_than": 3}}, {"event.c": {"in": [1]}}]}}
    (condition,) = compile_conditions([spec], {})
    assert "not (app.a = x or token.b < 3 or event.c in [1])" == condition.text


def test_a_view_holds_facts_and_never_a_secret() -> None:
    """E2: neither the token's values nor a dictionary to write to are in a guard's sight."""
    token = token_of(user(), "issued", access_token=Secret("canary"), attributes={"user_id": "7"})
    view = view_of(user(), token, event={"x": 1}, request={"path": "/me"})
    seen = [view.token, view.app, view.platform, view.parent, view.request, view.event or {}]
    assert not any(isinstance(value, Secret) for one in seen for value in one.values())
    assert "canary" not in repr(view)
    assert "issued" == view.read("token.state")
    assert "7" == view.read("token.user_id")
    assert True is view.read("token.ends_by_time")
    with pytest.raises(TypeError):
        view.token["state"] = "expired"  # type: ignore[index]  # that it cannot be is the point


def test_an_attribute_cannot_pass_for_a_fact_of_ours() -> None:
    """A token whose attributes are named `state` or `kind` is still what it is."""
    token = token_of(user(), "issued", attributes={"state": "extended", "kind": "app"})
    assert ("issued", "user") == (token_facts(token)["state"], token_facts(token)["kind"])
