"""What is tried again, and what was refused and is on record (rules R1, E3)."""

# ruff: noqa: SIM300  # expected == actual, constants too

import pytest

from tests.core.dying import STALE, due
from tests.core.lifecycles import lifecycle_of
from tests.core.performing import World, answer
from tokenflow.core import flows
from tokenflow.core.errors import (
    IssuerRefused,
    Refused,
    Rejected,
)
from tokenflow.core.events import (
    AttemptFailed,
    WasRefused,
    WasRejected,
)


def test_only_the_named_classes_are_tried_again() -> None:
    """Rule R1: a class that `only` does not name goes its `on_error` way at once."""
    world = World()
    world.short()
    world.script.append(answer({"error": {"code": 100}}, 400))
    with pytest.raises(IssuerRefused):
        world.run(flows.extend(world.setting, "me"))
    assert world.rows["me"].attempt is None
    world.script.append(answer({}, 503))
    with pytest.raises(IssuerRefused):
        world.run(flows.extend(world.setting, "me"))
    assert world.rows["me"].attempt is not None


def test_a_retry_never_lies_past_a_hard_deadline() -> None:
    """Rule R1: a Retry-After beyond the token's end is no retry: the end comes first."""
    world = World()
    world.short()
    world.now = STALE
    world.script.append(answer({}, 429, retry_after="601"))
    world.token()
    assert world.rows["me"].attempt is None
    (failed,) = [one for one in world.of("me") if isinstance(one, AttemptFailed)]
    assert failed.retry_at is None


def test_exhausted_retries_go_their_on_error_way() -> None:
    """Rule R1: after the last try the class's `on_error` event is taken, and without one the token stays."""
    world = World()
    data = dict(world.lifecycles["oauth2-rotating"].spec)
    refresh = {"do": "refresh", "to": "issued", "on_error": {"transient": "invalidate"}}
    issued = {**data["states"]["issued"]}
    issued["transitions"] = {**issued["transitions"], "refresh": refresh}
    spec = lifecycle_of({**data, "states": {**data["states"], "issued": issued}})
    world.lifecycles[spec.name] = world.pins[spec.digest] = spec
    world.rotating()
    world.script.extend([answer({}, 503)] * 4)
    for _ in range(4):
        if world.rows["rot"].attempt is not None:
            world.now = due(world)
        with pytest.raises(IssuerRefused):
            world.run(flows.extend(world.setting, "rot"))
    assert "invalidated" == world.rows["rot"].state
    assert 4 == len(world.sent("refresh"))


def test_a_rejection_under_an_event_id_is_remembered() -> None:
    """Rule E3: an event id that was rejected gets the same no again; no revision is used for it."""
    world = World()
    world.short()
    before = world.rows["me"]
    for _ in range(2):
        with pytest.raises(Rejected) as no:
            world.run(flows.raise_event(world.setting, "me", "refused", event_id="e1"))
        assert ("not_accepted", "refused", "issued") == (no.value.code, no.value.event, no.value.state)
    assert before == world.rows["me"]
    assert 1 == len([one for one in world.of("me") if isinstance(one, WasRejected)])


def test_a_refused_act_under_an_event_id_is_remembered() -> None:
    """Rule E3: what custody or a rule forbade is on record, and is refused again by the same code."""
    world = World(exchange_allowed=False)
    world.short()
    for _ in range(2):
        with pytest.raises(Refused) as no:
            world.run(flows.extend(world.setting, "me", event_id="e1"))
        assert "exchange-switched-off" == no.value.code
    assert ["exchange-switched-off"] == [one.code for one in world.of("me") if isinstance(one, WasRefused)]
    assert [] == world.sent("exchange")
