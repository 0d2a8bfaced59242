"""Fast lanes against the engine's own flows: the same calls at the same instants, whatever comes."""

import copy
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runner.simulation.ground import (
    HOUR,
    MINUTE,
    SHIPPED,
    acts,
    guards,
    lifecycles,
    made,
    played,
    scene,
    written,
)
from tokenflow.core.errors import Refused
from tokenflow.core.tokens import DAY
from tokenflow.runner.simulation import lanes as fast
from tokenflow.runner.simulation.lanes import Lanes, Situation
from tokenflow.runner.simulation.life import Life, Stage, begin
from tokenflow.runner.simulation.scene import START, Act, Scene


def hold(one: Scene, tokens: int = 2) -> int:
    """Assert that fast lanes and flows agree on some tokens; return how many jumps were taken."""
    stage = Stage.of(one, guards())
    lanes, jumps = Lanes(stage), 0
    for number in range(tokens):
        life, tally = begin(stage, number), written(one)
        try:
            slow, end = played(stage, number)
        except Refused:
            with pytest.raises(Refused):
                lanes.run(life, START + one.span, tally)
            return jumps
        lanes.run(life, START + one.span, tally)
        life.finish(START + one.span)
        tally.over(life)
        assert tally.written() == slow.written()
        assert (tally.calls, list(tally.unusable())) == (slow.calls, list(slow.unusable()))
        assert tally.each == slow.each
        ours, theirs = life.world.token, end.world.token
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            assert attrs.evolve(ours, supersedes=None, generation=0, refresh_token=None) == attrs.evolve(
                theirs, supersedes=None, generation=0, refresh_token=None
            )
        jumps += tally.jumps
    return jumps


@pytest.mark.parametrize(("name", "platform"), SHIPPED, ids=" ".join)
@settings(max_examples=3)
@given(acts=acts, seed=st.integers(0, 99))
def test_a_shipped_lifecycle_goes_the_same_way_in_a_fast_lane(
    name: str, platform: str, acts: tuple[Act, ...], seed: int
) -> None:
    """Calls, logins, ends and spans without a usable token, to the microsecond, and the last token itself."""
    hold(scene(name, platform, acts=acts, seed=seed, deaths=0.2))


@settings(max_examples=20)
@given(data=lifecycles(), acts=acts, seed=st.integers(0, 99))
def test_any_lifecycle_goes_the_same_way_in_a_fast_lane(
    data: dict[str, object], acts: tuple[Act, ...], seed: int
) -> None:
    """Whatever its timers hang on, whatever happens meanwhile."""
    hold(made(data, acts=acts, seed=seed))


def test_a_lost_answer_after_a_fast_lane_is_lost_there_too() -> None:
    """What the issuer gives next is not what it gave a life that was seen before."""
    hold(scene("oauth2-rotating", "server", acts=(Act(at=0, what="lose"),), deaths=0.2))


def test_a_quiet_life_is_lived_in_jumps() -> None:
    """The comparison would be worth little if nothing jumped: nearly all of ten days does."""
    assert hold(scene("oauth2-rotating", "server", span=10 * DAY)) > 500
    assert hold(scene("facebook-user", "web", span=30 * DAY)) > 50
    assert hold(scene("oauth2-app", "server", span=5 * DAY)) > 250


def test_a_lane_that_spreads_nothing_is_caught() -> None:
    """Planted: jitter left out."""

    def plain(self: Situation, token_id: str, at: int) -> tuple[int, str]:
        return min((at + max(raw, 0), name) for raw, _, name in self.timers)

    with patch.object(Situation, "next", plain), pytest.raises(AssertionError):
        hold(scene("oauth2-rotating", "server", span=DAY // 2))


def test_a_lane_that_forgets_the_agenda_is_caught() -> None:
    """Planted: what comes from outside is run over."""
    original = Lanes._race

    def blind(self: Lanes, life: Life, *more: Any) -> str:
        kept, life.agenda = life.agenda, []
        try:
            return original(self, life, *more)
        finally:
            life.agenda = kept

    news = (Act(at=DAY, what="event", name="invalidate"),)
    with patch.object(Lanes, "_race", blind), pytest.raises(AssertionError):
        hold(scene("oauth2-rotating", "server", span=2 * DAY, acts=news))


def test_a_lane_that_takes_any_two_moves_for_alike_is_caught() -> None:
    """Planted: a situation known by its state alone."""
    one = scene("oauth2-rotating", "server", span=DAY // 2, expires_in=30 * MINUTE)
    data = copy.deepcopy(dict(one.data))
    data["states"]["issued"]["transitions"]["extend"]["to"] = "issued"
    alike = patch.object(fast, "_shape", lambda token, now, anchors: token.state)
    hold(attrs.evolve(one, data=data))
    with alike, pytest.raises(AssertionError):
        hold(attrs.evolve(one, data=data))


def test_a_lane_that_does_not_meet_the_outage_is_caught() -> None:
    """Planted: the issuer is always well."""
    quiet = scene("oauth2-rotating", "server", acts=(Act(at=DAY, what="outage", lasts=2 * HOUR),))
    blind = patch("tokenflow.runner.simulation.issuer.ModelIssuer.well_until", lambda self, at: 1 << 62)
    with blind, pytest.raises(AssertionError):
        hold(quiet)


def test_a_lifecycle_that_never_rests_is_refused() -> None:
    """A timer on the instant its state is entered renews for ever in that instant: that is said."""
    one = scene("oauth2-rotating", "server")
    data = copy.deepcopy(dict(one.data))
    for state in ("issued", "extended"):
        data["states"][state]["timers"]["renew"]["at"] = "refreshed"
    with pytest.raises(Refused, match="due again at once"):
        played(Stage.of(attrs.evolve(one, data=data), guards()), 0)


@pytest.mark.parametrize("name", ["oauth2-rotating", "facebook-user"])
def test_a_jitter_wider_than_the_way_is_the_same_in_a_lane(name: str) -> None:
    """A jitter of nine days on a timer hours ahead takes half of the way, lived or known."""
    one = scene(name, "server" if name == "oauth2-rotating" else "web")
    data = copy.deepcopy(dict(one.data))
    for state in ("issued", "extended"):
        data["states"][state]["timers"]["renew"]["jitter"] = "9d"
    hold(attrs.evolve(one, data=data))


def test_a_lane_does_not_carry_the_instant_of_an_attribute() -> None:
    """An attribute does not move with the token: while a timer waits for it, each move is played."""
    one = scene("facebook-user", "android")
    data = copy.deepcopy(dict(one.data))
    data["token"]["attributes"]["over"] = {"type": "instant", "default": START + DAY + HOUR}
    for state in ("issued", "extended"):
        timer = {"at": "attributes.over - 1h", "raise": "expiring_soon", "jitter": "10m"}
        data["states"][state]["timers"]["over"] = timer
    hold(attrs.evolve(one, data=data))
