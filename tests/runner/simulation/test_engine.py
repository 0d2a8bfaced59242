"""A simulated life against a real engine: the same model issuer, a store, a virtual clock and its sweep."""

from itertools import count
from unittest.mock import patch

import attrs
import pytest

from tests.runner.simulation.ground import HOUR, guards, scene
from tokenflow import Engine, MemoryStore, Secret, VirtualClock
from tokenflow.core.events import Happened
from tokenflow.core.tokens import DAY
from tokenflow.runner.simulation.life import KEY, Stage, begin
from tokenflow.runner.simulation.scene import START, Act, Scene

OUT = (
    Act(at=DAY + HOUR // 2, what="outage", lasts=4 * HOUR),
    Act(at=2 * DAY, what="refuse", name="revoked", lasts=DAY),
)


def lived(one: Scene) -> list[Happened]:
    """What happens in a simulation, without what follows from a token's id and name."""
    life = begin(Stage.of(one, guards()), 0)
    return [plain(event) for told in life.until(START + one.span) for event in told]


def kept(one: Scene, name: str) -> list[Happened]:
    """What happens when a real engine keeps the token, asking the simulation's issuer."""
    life = begin(Stage.of(one, guards()), 0)
    clock, births = VirtualClock(START), count(1)
    told: list[Happened] = []
    with (
        patch("tokenflow.engine.performer.secrets.token_urlsafe", lambda size: f"0.0.{next(births)}"),
        Engine.open(
            [name],
            MemoryStore(),
            clock=clock,
            on_event=told.extend,
            client_ids={str(one.data["issuer"]): "simulated"},
            redirect_uri="https://app.example/back",
            secrets={"env:FB_APP_SECRET": Secret("s"), "env:OAUTH2_CLIENT_SECRET": Secret("s")},
        ) as engine,
    ):
        engine.desk.setting = attrs.evolve(engine.desk.setting, plugins=life.issuer)
        engine.acquire(KEY, lifecycle=name, platform=one.platform)
        while (due := engine.sweep().next_due) is not None and due < START + one.span:
            clock.advance(max(due - clock(), 0))
    return [plain(event) for event in told]


def plain(event: Happened) -> Happened:
    """An event without the fields that a simulation and an engine may differ in."""
    return attrs.evolve(event, about=attrs.evolve(event.about, revision=0, event_id=None))


@pytest.mark.parametrize(("name", "platform"), [("facebook-user", "web"), ("oauth2-rotating", "web")])
def test_a_simulated_life_is_the_one_a_real_engine_keeps(name: str, platform: str) -> None:
    """Event by event, instant by instant, through an outage and to an end that the issuer makes."""
    one = scene(name, platform, acts=OUT, answer=None)
    simulated, real = lived(one), kept(one, name)

    assert len(simulated) > 8
    assert simulated == real
