"""One planned act is done to the letter: what a plan did not list is neither saved nor sent."""

from typing import Any

import attrs
import pytest

from tests.core.lifecycles import DAY, HOUR, user
from tests.core.performing import World
from tokenflow.core import flows
from tokenflow.core.effects import Flow, Order, published
from tokenflow.core.errors import Refused
from tokenflow.core.plans import Act, Sight
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import At, Grant

EXPIRES = "me: expire: extended -> expired"


def over() -> World:
    """Return a world where the token's hour is over, and nobody has said so yet."""
    world = World()
    world.android(lives=HOUR)
    world.now += DAY
    return world


def act(world: World, **more: Any) -> Act:
    """Return the act that a plan would list for the token as it is."""
    lists: dict[str, Any] = {"does": "fire", "begins": (EXPIRES,), "sees": Sight.of(world.rows["me"])}
    return Act(key="me", due=world.now, at=world.now, lifecycle="facebook-user@1.0.0", **{**lists, **more})


def refused(world: World, planned: Act) -> str:
    """Return why an act is refused; nothing is saved and nothing sent."""
    before, sent = dict(world.rows), len(world.requests)
    with pytest.raises(Refused) as no:
        world.run(flows.planned(world.setting, planned))
    assert (before, sent) == (world.rows, len(world.requests))
    assert no.value.mend == "make a new plan"
    return no.value.code


def test_what_is_listed_is_done() -> None:
    """The plan's own act goes through and leaves the token where it said."""
    world = over()
    assert world.run(flows.planned(world.setting, act(world))).state == "expired"


@pytest.mark.parametrize(
    "begins", [(), ("me: extend for extend",), ("me: invalidate: issued -> invalidated",)]
)
def test_what_is_not_listed_is_not_saved(begins: tuple[str, ...]) -> None:
    """A token that would go another way than the plan said stays where it is."""
    world = over()
    assert refused(world, act(world, begins=begins)) == "not_as_planned"


def test_what_is_not_due_any_more_is_said() -> None:
    """An act that would come to nothing is not reported as done."""
    world = World()
    world.android(lives=60 * DAY)
    assert refused(world, act(world)) == "not_as_planned"


def test_a_token_that_moved_on_is_left_alone() -> None:
    """Another revision than the plan saw is refused before anything is decided about it."""
    world = over()
    assert refused(world, act(world, sees=Sight(id=world.rows["me"].id, revision=7))) == "moved_on"


def test_what_a_plan_lists_as_refused_is_not_tried() -> None:
    """It is due and would not be taken; to apply the plan does not try all the same."""
    world = over()
    assert refused(world, act(world, does="refuse")) == "not_as_planned"


def test_what_an_issuer_publishes_is_its_answer_too() -> None:
    """A command that reads a public document, and sends nothing, is done as it was planned."""
    world = World()
    world.short()
    assert world.rows["me"].state == "issued"
    world.now += HOUR + HOUR // 4

    def read(order: Order) -> Flow[Grant]:
        yield from published("https://issuer.example/keys")
        return Grant(access_token=Secret("next"), expires=At(world.now + DAY))

    asks_nobody = attrs.evolve(user(), commands={"exchange": user().commands["exchange"]})
    world.pins[asks_nobody.digest] = world.lifecycles[asks_nobody.name] = asks_nobody
    world.plugins.commands[asks_nobody.commands["exchange"].use] = read
    planned = act(world, begins=("me: exchange for extend",))
    assert world.run(flows.planned(world.setting, planned)).access_token == Secret("next")
