"""A plan as data: what is written is what is read, and nothing else is taken for a plan."""

import copy
import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import token_of, user
from tokenflow import Refused
from tokenflow.core import plans as plans_room
from tokenflow.core.plans import Act, Plan, Reason, Sight, from_json, to_json

words = st.text(max_size=8)
instants = st.integers(0, 2**53)
acts = st.builds(
    Act,
    key=words,
    does=st.sampled_from(["fire", "acquire", "migrate", "refuse"]),
    due=instants,
    at=instants,
    lifecycle=words,
    event=st.none() | words,
    calls=st.lists(st.tuples(words, words), max_size=2).map(tuple),
    begins=st.lists(words, max_size=2).map(tuple),
    reasons=st.lists(st.builds(Reason, needs=words, verdict=words, leads_to=words), max_size=2).map(tuple),
    attributes=st.dictionaries(words, words, max_size=2),
    scope=st.lists(words, max_size=2).map(tuple),
    sees=st.builds(Sight, id=st.none() | words, revision=st.integers(0, 9), state=st.none() | words),
)
plans = st.builds(
    Plan,
    made=instants,
    until=instants,
    tenant=words,
    store=words,
    looked_at=st.integers(0, 9),
    held=st.none() | words,
    specs=st.lists(words, max_size=2).map(tuple),
    digests=st.dictionaries(words, words, max_size=2),
    acts=st.lists(acts, max_size=3).map(tuple),
)


@given(plans)
def test_a_plan_is_read_as_it_was_written(plan: Plan) -> None:
    """Through JSON and back it is the same."""
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


@given(plans.filter(lambda plan: bool(plan.acts)), st.data())
def test_a_plan_that_was_changed_is_no_plan(plan: Plan, data: st.DataObject) -> None:
    """Whichever field is changed, the digest tells."""
    whole = to_json(plan)
    changed = copy.deepcopy(whole)
    field = data.draw(st.sampled_from(sorted(changed["plan"].keys() - {"digests"})))
    changed["plan"][field] = "changed"
    with pytest.raises(Refused) as caught:
        from_json(changed)
    assert caught.value.code == "not_a_plan"


@pytest.mark.parametrize("other", [None, 1, "x", [], {}, {"plan": {}}, {"plan": {}, "digest": "x"}])
def test_whatever_else_is_no_plan(other: Any) -> None:
    """It is refused in a sentence, never a traceback."""
    with pytest.raises(Refused, match="this is no plan that can be applied"):
        from_json(other)


def test_a_plan_of_another_form_says_so() -> None:
    """A newer tokenflow's plan is not misread."""
    plan = Plan(made=0, until=0, tenant="t", store="s", looked_at=0)
    whole = to_json(plan)
    whole["plan"]["form"] = 99
    whole["digest"] = plans_room._digest(whole["plan"])
    with pytest.raises(Refused, match="it has form 99"):
        from_json(whole)


def test_a_token_that_the_plan_acquires_is_known_by_its_revision() -> None:
    """Its id is made when it is acquired; of any other token the id counts, too."""
    lifecycle = user()
    token = attrs.evolve(token_of(lifecycle, lifecycle.initial), id="t1", revision=2)
    born = attrs.evolve(token, id=f"{plans_room.UNBORN}0")
    assert Sight.of(born).fits(token)
    assert Sight.of(token).fits(token)
    assert not Sight.of(token).fits(attrs.evolve(token, id="t2"))
    assert not Sight.of(born).fits(attrs.evolve(token, revision=3))
    assert not Sight.of(born).fits(None)
    assert Sight().fits(None)
