"""The issuer's news of a value finds the token as it is by then (rule E5)."""

# ruff: noqa: SIM300  # expected == actual, constants too

from collections.abc import Callable

import pytest

from tests.core.performing import World, answer
from tokenflow.core import flows
from tokenflow.core.effects import Call, Request, Response
from tokenflow.core.errors import IssuerRefused
from tokenflow.core.secret import Secret

DEAD = answer({"error": {"code": 190}}, 400)


def _meanwhile(world: World, **changes: object) -> Callable[[Request], Response]:
    """Return an issuer that calls the token dead, while another process saves *changes* to it."""

    def calls_it_dead(request: Request) -> Response:
        world.elsewhere("me", **changes)
        return answer({"active": False})

    return calls_it_dead


def _introspect(world: World) -> None:
    world.script.append(_meanwhile(world, scope=frozenset({"email"})))
    world.run(flows.introspect(world.setting, "me"))


def _use(world: World) -> None:
    world.script.extend([DEAD, _meanwhile(world, scope=frozenset({"email"}))])
    with pytest.raises(IssuerRefused):
        world.run(flows.use(world.setting, "me", Call(path="/me")))


def _report(world: World) -> None:
    world.meddle("me", scope=frozenset({"email"}))
    world.run(flows.report(world.setting, "me", DEAD))


@pytest.mark.parametrize("learn", [_introspect, _use, _report])
def test_bad_news_is_taken_beside_other_saves(learn: Callable[[World], None]) -> None:
    """Rule E5: a save between the question and its answer loses no news, and is no error of the caller's."""
    world = World()
    world.short()
    learn(world)
    assert ("invalidated", frozenset({"email"})) == (world.rows["me"].state, world.rows["me"].scope)


def test_news_of_a_value_that_was_replaced_meanwhile_ends_nothing() -> None:
    """Rule E5: what the issuer says of the old value is not said of the one another process has brought."""
    world = World()
    first = world.short()
    world.script.append(_meanwhile(world, access_token=Secret("newer"), generation=first.generation + 1))
    assert not world.run(flows.introspect(world.setting, "me")).active
    assert ("issued", Secret("newer")) == (world.rows["me"].state, world.rows["me"].access_token)


def test_a_call_that_met_the_end_of_an_old_value_is_made_with_the_new_one() -> None:
    """A value that died because another process replaced it costs one more try, and no token."""
    world = World()
    first = world.short()

    def replaced(request: Request) -> Response:
        world.elsewhere("me", access_token=Secret("newer"), generation=first.generation + 1)
        return DEAD

    world.script.append(replaced)
    assert 200 == world.run(flows.use(world.setting, "me", Call(path="/me"))).status
    assert [first.access_token, Secret("newer")] == [one.bearer for one in world.sent("me")]
    assert [] == world.sent("debug")
    assert "issued" == world.rows["me"].state
