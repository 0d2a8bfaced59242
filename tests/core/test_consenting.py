"""A person has to consent again: told once; the token serves on, and nobody asks the issuer twice."""

from copy import deepcopy

import pytest

from tests.core.lifecycles import HOUR, MINUTE, ROTATING, SECOND, lifecycle_of
from tests.core.performing import World, answer
from tokenflow.core import flows
from tokenflow.core.effects import Call
from tokenflow.core.errors import IssuerRefused, PersonNeeded
from tokenflow.core.events import ReacquireWanted
from tokenflow.core.flows import failing


def consenting() -> World:
    """Return a world whose issuer may want a person, or a rest."""
    data = deepcopy(ROTATING)
    data["acquire"]["server"]["consent"] = "person"
    data["errors"] = [
        {
            "match": {"error": "interaction_required"},
            "class": "reconsent",
            "advice": "Send them to the login.",
        },
        {
            "match": {"error": "slow_down"},
            "class": "rate_limited",
            "until": {"header": "x-reset", "as": "epoch"},
            "advice": "Fewer calls.",
        },
        *data["errors"],
    ]
    world = World()
    lifecycle = lifecycle_of(data)
    world.lifecycles[lifecycle.name] = world.pins[lifecycle.digest] = lifecycle
    return world


def wanting_consent(world: World) -> None:
    """Have the next refresh answered with a wish for consent."""
    world.script += [answer({"error": "interaction_required"}, status=400)]


def test_who_is_asked_to_consent_is_told_how_and_the_held_token_serves_on() -> None:
    """The refresh ends in PersonNeeded with the spec's advice; the value is still handed out."""
    world = consenting()
    world.rotating()
    wanting_consent(world)
    with pytest.raises(PersonNeeded, match="Send them to the login"):
        world.run(flows.extend(world.setting, "rot"))
    held = world.token("rot")
    assert held.access_token is not None
    assert held.state == "issued"


def test_nobody_asks_the_issuer_again_until_its_end() -> None:
    """Timers sleep and callers are served: one call to the issuer and one wish, in many sweeps."""
    world = consenting()
    world.rotating()
    world.now += 52 * MINUTE  # the window is open
    wanting_consent(world)
    world.run(flows.attend(world.setting, "rot"))
    for _ in range(6):
        world.now += MINUTE
        world.run(flows.attend(world.setting, "rot"))
        assert world.token("rot").access_token is not None
    assert len(world.sent("refresh")) == 1
    assert [event.how for event in world.of("rot") if isinstance(event, ReacquireWanted)] == ["ask"]


def test_once_it_is_over_a_person_is_needed_and_the_issuer_is_asked_once_more_at_most() -> None:
    """After its end the token is over: callers hear that a person is needed, not that the issuer said no."""
    world = consenting()
    world.rotating()
    wanting_consent(world)
    with pytest.raises(PersonNeeded):
        world.run(flows.extend(world.setting, "rot"))
    world.now += HOUR + MINUTE
    wanting_consent(world)
    for _ in range(4):
        with pytest.raises(PersonNeeded):
            world.run(flows.token(world.setting, "rot"))
        world.now += 20 * MINUTE
        world.run(flows.attend(world.setting, "rot"))
    assert len(world.sent("refresh")) == 2


def test_a_caller_may_try_again_by_name_and_a_yes_ends_the_waiting() -> None:
    """`extend` is the caller's own act: after a consent given elsewhere it goes through."""
    world = consenting()
    before = world.rotating()
    wanting_consent(world)
    with pytest.raises(PersonNeeded):
        world.run(flows.extend(world.setting, "rot"))
    after = world.run(flows.extend(world.setting, "rot"))
    assert after.attempt is None
    assert after.generation == before.generation + 1


def test_a_repeated_event_is_answered_with_the_same_wish() -> None:
    """E4: the same event id is not sent again; it raises PersonNeeded again."""
    world = consenting()
    world.rotating()
    wanting_consent(world)
    for _ in range(2):
        with pytest.raises(PersonNeeded, match="consent"):
            world.run(flows.extend(world.setting, "rot", event_id="e1"))
    assert len(world.sent("refresh")) == 1


def test_a_call_that_needs_consent_says_so_and_leaves_the_token_alone() -> None:
    """An API that wants a wider scope is no reason to touch the token."""
    world = consenting()
    before = world.rotating()
    wanting_consent(world)
    with pytest.raises(PersonNeeded):
        world.run(flows.use(world.setting, "rot", Call(path="/me")))
    assert world.rows["rot"] == before


def test_until_when_the_issuer_wants_rest_is_persisted() -> None:
    """A 429 that names an instant: the next try is stored for it, and nobody is faster."""
    world = consenting()
    world.rotating()
    reset = world.now // SECOND + 600
    world.script += [answer({"error": "slow_down"}, status=429, x_reset=str(reset))]
    with pytest.raises(IssuerRefused, match="Fewer calls"):
        world.run(flows.extend(world.setting, "rot"))
    attempt = world.rows["rot"].attempt
    assert attempt is not None
    assert (attempt.retry_at, attempt.error) == (reset * SECOND, "rate_limited")
    world.now = reset * SECOND - 1
    world.run(flows.attend(world.setting, "rot"))
    assert len(world.sent("refresh")) == 1
    world.now += 1
    world.run(flows.attend(world.setting, "rot"))
    assert len(world.sent("refresh")) == 2


def test_a_decision_that_forgets_the_wish_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: what is kept is "permanent", so every sweep asks again."""

    monkeypatch.setattr(failing, "_stands", lambda attempt: attempt.retry_at is not None)
    with pytest.raises(AssertionError):
        test_nobody_asks_the_issuer_again_until_its_end()
