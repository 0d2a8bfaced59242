"""Processes that die amid an attempt, issuers with contracts, and what they are asked."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from tests.core.lifecycles import MINUTE, ROTATING, START, lifecycle_of
from tests.core.performing import World
from tokenflow.core.deadlines import due_at
from tokenflow.core.effects import Effect, Flow, Order
from tokenflow.core.errors import IssuerUnreachable, TokenflowError
from tokenflow.core.tokens import Inspection

STALE: Final = START + 80 * MINUTE
ROTATES: Final = lifecycle_of(ROTATING)
CUT: Final = IssuerUnreachable("the connection was cut", sent=True)


def dies(world: World, flow: Flow[Any], where: Callable[[Effect], bool], *, done: bool) -> None:
    """Drive *flow* to an effect that *where* picks; the process dies there, before or after it is *done*."""
    effect: Effect = next(flow)
    while not where(effect):
        try:
            reply = world._perform(effect)
        except Exception as error:  # noqa: BLE001  # whatever went wrong is the flow's to judge
            effect = flow.throw(error)
        else:
            effect = flow.send(reply)
    if done:
        world._perform(effect)
    flow.close()


def until(world: World, flow: Flow[Any], where: Callable[[Effect], bool], reply: Any = None) -> Effect:
    """Drive *flow*, sent *reply*, to an effect that *where* picks, and return that, which is not done."""
    effect: Effect = flow.send(reply)
    while not where(effect):
        effect = flow.send(world._perform(effect))
    return effect


def nth(kind: type, number: int) -> Callable[[Effect], bool]:
    """Return what picks the *number*th effect of a kind."""
    left: Iterator[int] = iter(range(number, 0, -1))
    return lambda effect: isinstance(effect, kind) and next(left) == 1


def strict(world: World, **more: Any) -> None:
    """Let the issuer of the rotating tokens be strict about used refresh tokens."""
    contract = {"rotation": "strict", "lost_answer": "probe", **more}
    issuer = attrs.evolve(world.setting.issuers["generic"], **contract)
    world.setting = attrs.evolve(world.setting, issuers={**world.setting.issuers, "generic": issuer})


def probed(world: World, alive: Callable[[str], bool | TokenflowError]) -> list[str]:
    """Give the issuer a probe that says what *alive* says of a token, and return what it was asked."""
    asked: list[str] = []

    def probe(order: Order) -> Flow[Inspection]:
        assert order.token is not None
        assert order.token.access_token is not None
        asked.append(order.token.access_token.reveal())
        said = alive(asked[-1])
        if isinstance(said, TokenflowError):
            raise said
        return Inspection(active=said)
        yield

    world.plugins.commands["generic.probe"] = probe
    strict(world, probe="generic.probe")
    return asked


def due(world: World, key: str = "rot") -> int:
    """Return when the token under *key* next needs attention."""
    row = world.rows[key]
    at = due_at(world.pins[row.digest], row)
    assert at is not None
    return at


def other(world: World) -> World:
    """Return the world as it is; the next question who asks is answered by another name."""
    world.worker = "w2" if world.worker == "w1" else "w1"
    return world


def rotated(world: World) -> World:
    """Return a world with a rotating token that is due for its refresh, at a strict issuer."""
    strict(world)
    world.rotating()
    world.now = START + 55 * MINUTE
    return world
