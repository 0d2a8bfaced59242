"""While a command's lease runs, the token's clock waits for its outcome (rule T11)."""

# ruff: noqa: SIM300  # expected == actual, constants too

from typing import Any

import attrs
import pytest

from tests.core.dying import CUT, ROTATES, STALE, dies, due, nth, other, probed, until
from tests.core.lifecycles import HOUR, MINUTE, SECOND, START, lifecycle_of, token_of, user
from tests.core.performing import World, answer, moves
from tokenflow.core import flows
from tokenflow.core.deadlines import deadlines, due_at
from tokenflow.core.decisions import Acquire, Use, Wait, decide
from tokenflow.core.doubts import MARGIN, SLACK
from tokenflow.core.effects import Admit, Effect, Request, Response, Send
from tokenflow.core.errors import (
    Busy,
    IssuerUnreachable,
    TokenflowError,
)
from tokenflow.core.events import (
    AttemptBegun,
    AttemptFailed,
    TimerMissed,
)
from tokenflow.core.secret import Secret
from tokenflow.core.steps import settle
from tokenflow.core.tokens import At, Attempt, Token


def in_flight(**changes: Any) -> Token:
    """Return a token whose extension is under way, by another worker, ten minutes before its end."""
    attempt = Attempt(
        event="extend",
        command="exchange",
        number=1,
        started_at=STALE,
        lease_until=STALE + 20 * MINUTE,
        worker="other",
    )
    return token_of(user(), "issued", attempt=attrs.evolve(attempt, **changes))


def test_a_hard_deadline_waits_for_the_lease_and_is_then_dated_to_itself() -> None:
    """Rule T11: no expiry while the outcome is out; once the lease is over it applies, with its own date."""
    token = in_flight()
    assert STALE + 20 * MINUTE == due_at(user(), token)
    assert () == settle(user(), token, STALE + 20 * MINUTE - 1).steps
    found = settle(user(), token, STALE + 30 * MINUTE)
    assert ("expired", START + 90 * MINUTE) == (found.token.state, found.token.entered_at)
    missed = [one for step in found.steps for one in step.happened if isinstance(one, TimerMissed)]
    assert [] == missed, "the renewal was no missed timer: it was under way"


def test_the_earliest_of_several_deadlines_that_waited_is_the_one() -> None:
    """Rule T11: of two hard deadlines that waited for one lease the one due first fires, with its date."""
    token = attrs.evolve(
        token_of(ROTATES, "awaiting_refresh"),
        refresh_expires=At(START + HOUR),
        attempt=Attempt(event="refresh", number=1, started_at=START, lease_until=START + 2 * HOUR),
    )
    first, *_ = deadlines(ROTATES, token)
    assert (START + 2 * HOUR, False, "give_up") == (first.at, first.soft, first.timer)
    after = settle(ROTATES, token, START + 3 * HOUR).token
    assert ("expired", START + HOUR) == (after.state, after.entered_at)


def test_a_success_within_the_lease_wins() -> None:
    """Rule T11: the issuer's yes after the old deadline is kept, and the old deadline never happened."""
    world = World()
    world.short()
    world.now = START + 90 * MINUTE - SECOND

    def replies(request: Request) -> Response:
        world.now += 90 * SECOND
        assert "issued" == world.run(flows.attend(other(world).setting, "me")).state
        return answer({"access_token": "newer", "expires_in": 5_184_000})

    world.script.append(replies)
    world.run(flows.extend(world.setting, "me"))
    held = world.rows["me"]
    assert ("extended", Secret("newer"), None) == (held.state, held.access_token, held.attempt)
    assert [("acquired", "requested", "issued"), ("extend", "issued", "extended")][1:] == moves(
        world.of("me")
    )


@pytest.mark.parametrize("reply", [answer({}, 503), answer({"error": {"code": 100}}, 400), CUT])
def test_a_failure_within_the_lease_lets_the_deadline_through(reply: Any) -> None:
    """Rule T11: a no that comes after the deadline finds it waiting: it applies, dated to itself."""
    world = World()
    world.short()
    world.now = START + 90 * MINUTE - SECOND

    def replies(request: Request) -> Response:
        world.now += 90 * SECOND
        if isinstance(reply, Exception):
            raise reply
        assert isinstance(reply, Response)
        return reply

    world.script.append(replies)
    with pytest.raises(TokenflowError):
        world.run(flows.extend(world.setting, "me"))
    held = world.rows["me"]
    assert ("expired", START + 90 * MINUTE, None) == (held.state, held.entered_at, held.attempt)
    (failed,) = [one for one in world.of("me") if isinstance(one, AttemptFailed)]
    assert failed.retry_at is None, "nothing is tried again past a hard deadline"


@pytest.mark.proves("R2")
def test_another_worker_does_not_begin_what_is_under_way() -> None:
    """Rule T11: while one worker's lease runs another serves what is held, or is told when to look again."""
    world = World()
    first = world.short()
    world.now = STALE
    dies(world, flows.token(world.setting, "me"), nth(Send, 1), done=False)
    other(world)
    assert first.access_token == world.token().access_token
    with pytest.raises(Busy, match="under way elsewhere"):
        world.run(flows.extend(world.setting, "me"))
    assert [] == world.sent("exchange")
    world.now = START + 90 * MINUTE - 10 * SECOND
    world.rows["me"] = attrs.evolve(world.rows["me"], attempt=in_flight().attempt)
    with pytest.raises(IssuerUnreachable, match="asked again in"):
        world.token()
    assert [] == world.sent("exchange")


def test_a_lease_that_is_over_is_taken_over() -> None:
    """Rule T11, F3: when the lease has ended, the next worker makes the idempotent command's second try."""
    world = World()
    world.short()
    world.now = STALE
    dies(world, flows.token(world.setting, "me"), nth(Send, 1), done=False)
    other(world)
    assert STALE + 2 * MINUTE == due(world, "me")
    world.now = STALE + 2 * MINUTE
    assert "extended" == world.run(flows.attend(world.setting, "me")).state
    assert [1, 2] == [one.number for one in world.of("me") if isinstance(one, AttemptBegun)]


def test_a_worker_that_comes_back_takes_up_its_own_at_once() -> None:
    """Rule T11: an open attempt of this worker's own has died, for one flow runs for a key at a time."""
    world = World()
    world.short()
    world.now = STALE
    dies(world, flows.token(world.setting, "me"), nth(Send, 1), done=False)
    assert "extended" == world.token().state


def test_the_lease_and_the_timeout_are_the_specs() -> None:
    """Rule T11: a command's `lease` and `timeout` are the spec's; none ends before its request."""
    world = World()
    data = dict(world.lifecycles["oauth2-rotating"].spec)
    for lease, timeout, held in (("1m", "15s", MINUTE), ("5s", "15s", SLACK + 15 * SECOND + MARGIN)):
        refresh = {**data["commands"]["refresh"], "lease": lease, "timeout": timeout}
        world.lifecycles["oauth2-rotating"] = spec = lifecycle_of(
            {**data, "commands": {**data["commands"], "refresh": refresh}}
        )
        world.pins[spec.digest] = spec
        world.rows.clear()
        world.rotating()
        flow = flows.extend(world.setting, "rot")
        effect: Effect = next(flow)
        while not isinstance(effect, Send):
            effect = flow.send(world._perform(effect))
        assert 15 * SECOND == effect.within
        flow.close()
        attempt = world.rows["rot"].attempt
        assert attempt is not None
        assert attempt.lease_until == world.now + held


def test_what_to_do_while_a_command_is_under_way() -> None:
    """Rule T11: a usable token is used, one that is not waits for the lease's end."""
    assert isinstance(decide(user(), in_flight(), STALE, None), Use)
    waits = decide(user(), in_flight(), START + 90 * MINUTE, None)
    assert Wait(in_flight(), STALE + 20 * MINUTE) == waits
    lost = in_flight(error="transient", lease_until=None, uncertain=True, unknown_since=STALE)
    assert isinstance(decide(user(), lost, START + 90 * MINUTE, None), Acquire)


def test_a_lease_runs_from_when_the_request_goes_out() -> None:
    """Rule T11: what it took to be admitted, and to ask about a doubt, is no part of the lease."""
    world = World()
    world.short()
    world.now = STALE
    flow = flows.extend(world.setting, "me")
    assert until(world, flow, nth(Admit, 1)) == Admit("facebook")
    world.now += 5 * SECOND
    until(world, flow, nth(Send, 1))
    attempt = world.rows["me"].attempt
    assert attempt is not None
    assert (world.now, world.now + 2 * MINUTE) == (attempt.started_at, attempt.lease_until)


def test_a_failure_leaves_anothers_attempt_on_record() -> None:
    """Rule T11: a worker that fails after its lease was taken over does not erase what is out by then."""
    world = World()
    probed(world, lambda value: True)
    world.rotating()
    world.now = START + 50 * MINUTE
    slow = flows.extend(world.setting, "rot")
    until(world, slow, nth(Send, 1))
    other(world)
    world.now += 3 * MINUTE
    until(world, flows.attend(world.setting, "rot"), nth(Send, 1))
    out = world.rows["rot"]
    assert out.attempt is not None
    assert (2, True) == (out.attempt.number, out.attempt.open)
    effect = slow.throw(CUT)
    with pytest.raises(IssuerUnreachable, match="cut"):
        until(world, slow, lambda effect: False, world._perform(effect))
    assert out == world.rows["rot"]
