"""What becomes of a command whose outcome nobody knows (rule F3)."""

# ruff: noqa: SIM300  # expected == actual, constants too

import copy
from typing import Any, Final

import pytest

from tests.core.dying import CUT, dies, due, nth, other, probed, rotated, strict, until
from tests.core.lifecycles import DAY, HOUR, MINUTE, SECOND, START, lifecycle_of
from tests.core.performing import World
from tokenflow.core import flows
from tokenflow.core.doubts import DEADLINE, MARGIN, SLACK
from tokenflow.core.effects import Effect, Flow, Send
from tokenflow.core.errors import (
    IssuerRefused,
    IssuerUnreachable,
    PersonNeeded,
    TokenflowError,
)
from tokenflow.core.events import (
    Inspected,
    Notified,
    OutcomeUnknown,
)
from tokenflow.core.tokens import Token

QUIET: Final = SLACK + DEADLINE + MARGIN
"""From the decision to send until the request can arrive no more."""


def test_a_strict_rotation_is_not_blindly_repeated() -> None:
    """Rule F3: without a probe what is held serves to its end, uncertain and told of; no more is sent."""
    world = rotated(World())
    first = world.rows["rot"]
    world.script.append(CUT)
    assert first.access_token == world.token("rot").access_token
    held = world.rows["rot"]
    assert held.attempt is not None
    assert (True, None, world.now) == (
        held.attempt.uncertain,
        held.attempt.retry_at,
        held.attempt.unknown_since,
    )
    assert first.refresh_token == held.refresh_token
    told = [type(one).__name__ for one in world.of("rot")][-3:]
    assert ["AttemptFailed", "OutcomeUnknown", "Notified"] == told
    (notice,) = [one for one in world.of("rot") if isinstance(one, Notified)]
    assert "token.uncertain" == notice.name
    assert notice.about.delivery == f"{held.id}:{held.revision}:0"
    world.now += 2 * MINUTE
    world.token("rot")
    with pytest.raises(PersonNeeded, match="the next refresh token"):
        world.run(flows.extend(world.setting, "rot"))
    world.now = START + HOUR
    assert "awaiting_refresh" == world.run(flows.attend(world.setting, "rot")).state
    world.now += DAY
    world.run(flows.attend(world.setting, "rot"))
    assert 1 == len(world.sent("refresh")), "the refresh token is presented once"
    notices = [one.name for one in world.of("rot") if isinstance(one, Notified)]
    assert ["token.uncertain", "token.expired"] == notices


def test_what_was_never_spent_is_spent_then() -> None:
    """Rule F3: what a probe calls alive is tried again, once the first try can arrive no more."""
    world = World()
    asked = probed(world, lambda value: True)
    world.rotating()
    world.now = START + 55 * MINUTE
    refresh = world.rows["rot"].refresh_token
    assert refresh is not None
    world.script.append(CUT)
    world.token("rot")
    attempt = world.rows["rot"].attempt
    assert attempt is not None
    assert (False, world.now + QUIET) == (attempt.uncertain, attempt.retry_at)
    assert [] == asked, "while the request may be on the wire it is too early to ask"
    world.now += QUIET - SECOND
    world.token("rot")
    assert [] == asked
    world.now += SECOND
    assert 2 == world.run(flows.attend(world.setting, "rot")).generation
    assert [refresh.reveal()] == asked
    assert 2 == len(world.sent("refresh"))
    assert [] == [one for one in world.of("rot") if isinstance(one, OutcomeUnknown)]


@pytest.mark.parametrize("access_alive", [True, False])
def test_what_was_spent_is_not_spent_again(access_alive: bool) -> None:
    """Rule F3: what was spent is not sent; the held value serves on unless the issuer calls it dead."""
    world = World()
    asked = probed(world, lambda value: access_alive and value.startswith("access"))
    world.rotating()
    world.now = START + 55 * MINUTE
    first = world.rows["rot"]
    world.script.append(CUT)
    world.token("rot")
    world.now += 2 * MINUTE
    world.run(flows.attend(world.setting, "rot"))
    held = world.rows["rot"]
    assert 2 == len(asked)
    assert 1 == len(world.sent("refresh"))
    assert len([one for one in world.of("rot") if isinstance(one, OutcomeUnknown)]) == 1
    if access_alive:
        assert first.access_token == world.token("rot").access_token
        assert held.attempt is not None
        assert held.attempt.uncertain
    else:
        assert "invalidated" == held.state
    assert [] != [one for one in world.told if isinstance(one, Inspected)]


def test_a_probe_that_cannot_say_yet_is_asked_again() -> None:
    """Rule F3: while the issuer cannot be asked nothing is sent; when it can, its word decides."""
    world = World()
    words: list[bool | TokenflowError] = [IssuerRefused("busy", status=503, facts={}), True]
    asked = probed(world, lambda value: words.pop(0))
    world.rotating()
    world.now = START + 50 * MINUTE
    world.script.append(CUT)
    world.token("rot")
    while len(asked) < 2:
        world.now = due(world)
        assert 1 == len(world.sent("refresh"))
        world.run(flows.attend(world.setting, "rot"))
    assert 2 == world.rows["rot"].generation
    assert [True] == [
        one.asks_again_at is not None for one in world.of("rot") if isinstance(one, OutcomeUnknown)
    ]


@pytest.mark.parametrize("contract", ["none", "idempotent"])
def test_what_the_contract_allows_is_repeated(contract: str) -> None:
    """Rule F3: at an issuer that answers the same again, a lost answer is had again, once it is quiet."""
    world = World()
    strict(world, rotation=contract, lost_answer="repeat")
    world.rotating()
    world.now = START + 55 * MINUTE
    world.script.append(CUT)
    world.token("rot")
    attempt = world.rows["rot"].attempt
    assert attempt is not None
    assert attempt.retry_at is not None
    quiet = (None, None) if contract == "none" else (world.now, world.now + QUIET)
    assert (*quiet, False) == (attempt.unknown_since, attempt.quiet_from, attempt.uncertain)
    world.now = due(world)
    assert 2 == world.run(flows.attend(world.setting, "rot")).generation


def test_grace_is_repeated_within_its_window_and_asked_about_beyond() -> None:
    """Rule F3: a repeat has to arrive within the grace that the contract names."""
    for late in (False, True):
        world = World()
        asked = probed(world, lambda value: False)
        strict(world, rotation="grace", grace=30 * SECOND, lost_answer="repeat", probe="generic.probe")
        world.rotating()
        world.now = START + 55 * MINUTE
        world.script.append(CUT)
        world.token("rot")
        world.now = START + 55 * MINUTE + (41 if late else 11) * SECOND
        if late:
            world.now = max(world.now, due(world))
            with pytest.raises((PersonNeeded, IssuerUnreachable)):
                world.run(flows.extend(world.setting, "rot"))
        else:
            world.run(flows.extend(world.setting, "rot"))
        assert len(world.sent("refresh")) == (1 if late else 2)
        assert bool(asked) is late


def test_reconsent_sends_no_more() -> None:
    """Rule F3: where the contract says so a person is needed at once, and what is held serves to its end."""
    world = World()
    probed(world, lambda value: True)
    strict(world, lost_answer="reconsent", probe="generic.probe")
    world.rotating()
    world.now = START + 55 * MINUTE
    world.script.append(CUT)
    first = world.rows["rot"].access_token
    assert first == world.token("rot").access_token
    with pytest.raises(PersonNeeded):
        world.run(flows.extend(world.setting, "rot"))
    assert 1 == len(world.sent("refresh"))


@pytest.mark.proves("R1")
def test_a_death_after_sending_is_an_unknown_outcome() -> None:
    """Rule F3: a process that dies with a strict rotation on the wire leaves a doubt, not a second try."""
    world = rotated(World())
    dies(world, flows.token(world.setting, "rot"), nth(Send, 1), done=True)
    other(world)
    world.now = due(world)
    world.run(flows.attend(world.setting, "rot"))
    assert 1 == len(world.sent("refresh"))
    attempt = world.rows["rot"].attempt
    assert attempt is not None
    assert (True, START + 55 * MINUTE) == (attempt.uncertain, attempt.unknown_since)


def test_a_doubt_goes_with_the_token_over_its_deadline() -> None:
    """Rule F3: an expiry between two tries takes the doubt along; the next state repeats nothing blindly."""
    world = rotated(World())
    dies(world, flows.token(world.setting, "rot"), nth(Send, 1), done=True)
    other(world)
    world.now = START + HOUR + 10 * MINUTE
    token = world.run(flows.attend(world.setting, "rot"))
    assert ("awaiting_refresh", START + HOUR) == (token.state, token.entered_at)
    assert 1 == len(world.sent("refresh"))
    assert world.rows["rot"].attempt is not None


@pytest.mark.proves("R3")
def test_a_late_answer_ends_a_doubt() -> None:
    """Rule T11: the answer of a worker that was slow is kept by lineage, though others have given it up."""
    world = rotated(World())
    flow = flows.token(world.setting, "rot")
    effect: Effect = next(flow)
    while not isinstance(effect, Send):
        effect = flow.send(world._perform(effect))
    reply = world._perform(effect)
    other(world)
    world.now += 10 * MINUTE
    world.run(flows.attend(world.setting, "rot"))
    assert "awaiting_refresh" == world.rows["rot"].state
    other(world)
    token = world.run(_answered(flow, reply))
    assert (2, "issued", None) == (token.generation, token.state, token.attempt)


@pytest.mark.parametrize("again", ["refresh", "renew"])
def test_a_late_answer_to_a_command_that_stays_leads_back_into_use(again: str) -> None:
    """Rule T11: a renewal without `to` means the state it began in; its late answer leads there."""
    world = rotated(World())
    data = dict(world.lifecycles["oauth2-rotating"].spec)
    states = copy.deepcopy(data["states"])
    del states["issued"]["transitions"]["refresh"]["to"]
    waits = states["awaiting_refresh"]["transitions"]
    waits[again] = waits.pop("refresh")
    states["awaiting_refresh"]["timers"]["again"]["raise"] = again
    spec = lifecycle_of({**data, "states": states, "events": {**data["events"], again: {}}})
    world.lifecycles[spec.name] = world.pins[spec.digest] = spec
    slow = flows.token(world.setting, "rot")
    reply = world._perform(until(world, slow, nth(Send, 1)))
    other(world)
    world.now += 10 * MINUTE
    assert "awaiting_refresh" == world.run(flows.attend(world.setting, "rot")).state
    other(world)
    token = world.run(_answered(slow, reply))
    assert (2, "issued", None) == (token.generation, token.state, token.attempt)


def _answered(flow: Flow[Token], reply: Any) -> Flow[Token]:
    """Go on with a flow that waits for *reply*."""
    effect = flow.send(reply)
    try:
        while True:
            try:
                got = yield effect
            except Exception as error:  # noqa: BLE001  # whatever went wrong is the flow's to judge
                effect = flow.throw(error)
            else:
                effect = flow.send(got)
    except StopIteration as done:
        token: Token = done.value
        return token


def test_a_doubt_is_not_looked_into_for_ever() -> None:
    """Rule F3: where another event would spend the same token, its timer asks once an `every`, no more."""
    world = World()
    asked = probed(world, lambda value: value.startswith("access"))
    data = dict(world.lifecycles["oauth2-rotating"].spec)
    waiting = data["states"]["awaiting_refresh"]
    renamed = {
        "transitions": {
            "again": waiting["transitions"]["refresh"],
            "expire": waiting["transitions"]["expire"],
        },
        "timers": {**waiting["timers"], "again": {"at": "entered", "every": "15m", "raise": "again"}},
    }
    spec = lifecycle_of(
        {
            **data,
            "events": {**data["events"], "again": {}},
            "states": {**data["states"], "awaiting_refresh": renamed},
        }
    )
    world.lifecycles[spec.name] = world.pins[spec.digest] = spec
    world.rotating()
    world.now = START + 55 * MINUTE
    world.script.append(CUT)
    world.token("rot")
    world.now = START + 2 * HOUR
    for _ in range(4):
        world.run(flows.attend(world.setting, "rot"))
    assert "awaiting_refresh" == world.rows["rot"].state
    assert 1 == len(world.sent("refresh"))
    assert len(asked) <= 2


def test_what_ends_a_token_does_not_wait_for_a_lost_answer() -> None:
    """Rule F3: while a refresh may still arrive a second one waits, and a revoke does not."""
    world = World()
    data = dict(world.lifecycles["oauth2-rotating"].spec)
    issued = data["states"]["issued"]
    leaves = {**issued["transitions"], "revoke": {"do": "revoke", "to": "signed_out"}}
    spec = lifecycle_of(
        {
            **data,
            "events": {**data["events"], "revoke": {}},
            "states": {**data["states"], "issued": {**issued, "transitions": leaves}},
        }
    )
    world.lifecycles[spec.name] = world.pins[spec.digest] = spec
    probed(world, lambda value: True)
    world.rotating()
    world.script.append(CUT)
    with pytest.raises(IssuerUnreachable):
        world.run(flows.extend(world.setting, "rot"))
    with pytest.raises(IssuerUnreachable, match="may still arrive"):
        world.run(flows.extend(world.setting, "rot"))
    world.revoke("rot").demand()
    assert "signed_out" == world.rows["rot"].state


@pytest.mark.parametrize("died", [False, True])
def test_a_lost_renewal_is_made_up_for_where_nobody_has_to_consent(died: bool) -> None:
    """Rule F3: what is acquired without a person is acquired anew, once what is held serves no more."""
    world = rotated(World())
    first = world.rows["rot"]
    if died:
        dies(world, flows.token(world.setting, "rot"), nth(Send, 1), done=True)
        other(world)
    else:
        world.script.append(CUT)
        world.token("rot")
    world.now = START + HOUR
    token = world.token("rot")
    assert "issued" == token.state
    assert first.id == token.supersedes
    assert (1, 2) == (len(world.sent("refresh")), len(world.sent("first")))
