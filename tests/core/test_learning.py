"""What a flow learns beside the value: when it ends, what became of a child, that a token is dead."""

# ruff: noqa: SIM300  # expected == actual, constants too

from copy import deepcopy
from typing import Any

import pytest

from tests.core.lifecycles import DAY, HOUR, MINUTE, ROTATING, START, USER, lifecycle_of
from tests.core.performing import World, answer
from tokenflow.core import flows
from tokenflow.core.effects import Call
from tokenflow.core.errors import IssuerRefused, IssuerUnreachable
from tokenflow.core.events import Derived


def opened_on(world: World, data: dict[str, Any]) -> World:
    """Put a changed document in the place of the one of its name."""
    lifecycle = lifecycle_of(data)
    world.lifecycles[lifecycle.name] = lifecycle
    world.pins[lifecycle.digest] = lifecycle
    return world


def asking() -> World:
    """Return a world whose long tokens end when the issuer says so."""
    data = deepcopy(USER)
    data["lifetimes"]["long"]["if_silent"] = "ask_issuer"
    return opened_on(World(), data)


def test_a_silent_answer_is_followed_by_a_question() -> None:
    """T3: `if_silent: ask_issuer` takes the end the issuer names when asked, and it is no estimate."""
    world = asking()
    world.short()
    end = START + 30 * DAY
    inspected = {"active": True, "app_id": "app", "user_id": "7"}
    world.script += [
        answer({"access_token": "long"}),
        answer(inspected),
        answer({**inspected, "expires_at": end}),
    ]
    token = world.run(flows.extend(world.setting, "me"))
    assert (end, False) == (token.expires_at, token.estimated)


def test_what_the_issuer_cannot_say_is_assumed() -> None:
    """T3: an issuer that cannot be asked leaves the typical lifetime, marked estimated; the value is kept."""
    world = asking()
    world.short()
    world.script += [
        answer({"access_token": "long"}),
        answer({"active": True, "app_id": "app", "user_id": "7"}),
        IssuerUnreachable("gone", sent=False),
    ]
    token = world.run(flows.extend(world.setting, "me"))
    assert (world.now + 60 * DAY, True) == (token.expires_at, token.estimated)
    assert token.access_token is not None


def test_nobody_is_asked_when_the_spec_does_not_want_it() -> None:
    """T3: with `assume_typical` a silent answer costs no further call."""
    world = World()
    world.short()
    before = len(world.sent("debug"))
    world.script.append(answer({"access_token": "long"}))
    assert world.run(flows.extend(world.setting, "me")).estimated
    assert before + 1 == len(world.sent("debug"))  # whose it is, and no more


def test_deriving_again_learns_what_changed_of_a_child() -> None:
    """A child whose value is the same keeps its life and id, and learns its new facts, which rules read."""
    world = World()
    world.android()
    data = [{"id": "p1", "name": "Old", "access_token": "page-1"}]
    world.script.append(answer({"data": data}))
    (child,) = world.pages()
    world.script.append(answer({"data": [{**data[0], "name": "New"}]}))
    (learnt,) = world.pages()
    assert ("New", child.id, child.entered_at, child.generation) == (
        learnt.attributes["name"],
        learnt.id,
        learnt.entered_at,
        learnt.generation,
    )
    assert 2 == len([event for event in world.of("page/p1") if isinstance(event, Derived)])
    world.script.append(answer({"data": [{**data[0], "name": "New"}]}))
    assert world.pages() == (learnt,)


def test_a_call_is_made_for_a_step_that_the_clock_took() -> None:
    """`then: call` runs for a timer's step as for a caller's, with the value the token had before it."""
    data = deepcopy(ROTATING)
    data["states"]["issued"]["transitions"]["expire"] = {
        "to": "expired",
        "then": [{"call": "revoke"}, {"forget": "all"}],
    }
    world = opened_on(World(), data)
    token = world.rotating()
    world.now = START + 2 * HOUR
    assert "expired" == world.run(flows.attend(world.setting, "rot")).state
    (sent,) = world.sent("revoke")
    assert sent.form is not None
    assert token.access_token == sent.form["token"]


def test_callers_do_not_hurry_an_issuer_that_failed() -> None:
    """T7: over and refused a moment ago, a token waits for its timer; a caller's question sends nothing."""
    world = World()
    world.rotating()
    world.now = START + HOUR
    world.run(flows.attend(world.setting, "rot"))
    world.now += 6 * MINUTE
    world.script.append(answer({"error": "server_confused"}, 400))
    world.run(flows.attend(world.setting, "rot"))
    sent = len(world.sent("refresh"))
    with pytest.raises(IssuerUnreachable, match="asked again in"):
        world.token("rot")
    assert sent == len(world.sent("refresh"))
    world.now += 16 * MINUTE
    assert world.usable(world.token("rot"))


def test_dead_by_the_issuer_is_dead_though_its_reason_has_no_event_here() -> None:
    """A token that a call and the issuer call dead is over, whatever the reason is called."""
    data = deepcopy(USER)
    del data["states"]["extended"]["transitions"]["expire"]
    del data["states"]["extended"]["timers"]["expire"]
    world = opened_on(World(), data)
    world.android()
    world.script += [
        answer({"error": {"code": 190, "error_subcode": 463}}, 400),
        answer({"active": False, "facts": {"code": 190, "subcode": 463}}),
    ]
    with pytest.raises(IssuerRefused):
        world.run(flows.use(world.setting, "me", Call(path="/me")))
    assert "invalidated" == world.rows["me"].state
