"""Every verb, driven by hand in a small world: order of effects, conflicts, retries, cascades, logins."""

# ruff: noqa: SIM300  # expected == actual, constants too

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tests.core.lifecycles import DAY, HOUR, MINUTE, SECOND, START
from tests.core.performing import GRAPH, World, answer, moves
from tokenflow.core import flows
from tokenflow.core.doubts import DEADLINE, MARGIN, SLACK
from tokenflow.core.effects import PROMPT_LIVES, Call, Flow, Order, Request, Response, Save, Send
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    ClockHeld,
    ConsentDenied,
    IssuerRefused,
    IssuerUnreachable,
    PayloadError,
    PersonNeeded,
    PromptExpired,
    PromptPending,
    Refused,
    Rejected,
    RevisionConflict,
    TokenflowError,
    TokenNotFound,
)
from tokenflow.core.events import (
    Acquired,
    AttemptBegun,
    AttemptFailed,
    LoginParked,
    Used,
    WasRejected,
)
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import NEVER, At, Attempt, Grant, Token

DEAD = {"error": {"code": 190, "error_subcode": 460}}
STALE = START + 80 * MINUTE


def kinds(happened: list[Any]) -> list[str]:
    """Return the names of what happened."""
    return [type(one).__name__ for one in happened]


# F1: the order of things.


def test_the_attempt_is_saved_before_the_command_is_sent() -> None:
    """F1: decide, write the attempt down, send, then one transaction with value, state and history."""
    world = World()
    first = world.short()
    world.now = STALE
    world.log.clear()
    stored: list[Token] = []

    def replies(request: Request) -> Response:
        stored.append(world.rows["me"])
        return answer({"access_token": "newer", "expires_in": 5_184_000})

    world.script.append(replies)
    token = world.token()
    sends = [n for n, name in enumerate(world.log) if name == "Send"]
    saves = [n for n, name in enumerate(world.log) if name == "Save"]
    assert ["Load", "Pinned", "Look"] == world.log[:3]
    assert 2 == len(saves)
    assert saves[0] < sends[0] < sends[-1] < saves[1]
    (begun,) = stored
    assert begun.attempt == Attempt(
        event="extend",
        command="exchange",
        number=1,
        started_at=STALE,
        lease_until=STALE + 2 * MINUTE,
        quiet_from=STALE + SLACK + DEADLINE + MARGIN,
        worker="w1",
    )
    assert first.access_token == begun.access_token
    assert (Secret("newer"), "extended", None) == (token.access_token, token.state, token.attempt)
    assert token == world.rows["me"]
    assert ["LoginParked", "Acquired", "AttemptBegun", "Transitioned"] == kinds(world.of("me"))


def test_a_crash_after_sending_loses_no_token_and_is_tried_again() -> None:
    """F1: a process that dies while it waits leaves the old token and the attempt; the next is number two."""
    world = World()
    first = world.short()
    world.now = STALE
    flow = flows.token(world.setting, "me")
    effect = next(flow)
    while not isinstance(effect, Send):
        effect = flow.send(world._perform(effect))
    flow.close()
    assert first.access_token == world.rows["me"].access_token
    assert world.rows["me"].attempt is not None
    assert "extended" == world.token().state
    assert [1, 2] == [one.number for one in world.of("me") if isinstance(one, AttemptBegun)]


# E3, E4, E5.


def test_a_rejection_changes_nothing_and_is_told() -> None:
    """E3: a rejected event saves nothing; observers hear of it."""
    world = World()
    before = world.android()
    with pytest.raises(Rejected):
        world.run(flows.raise_event(world.setting, "me", "acquired"))
    assert before == world.rows["me"]
    (told,) = [one for one in world.told if isinstance(one, WasRejected)]
    assert ("acquired", "not_accepted") == (told.event, told.code)


def test_a_repeated_event_id_changes_nothing() -> None:
    """E4: the first delivery decides; another with the same id brings the token as it is."""
    world = World()
    world.android()
    for name in ("Ann", "Bob"):
        token = world.run(
            flows.raise_event(world.setting, "me", "renamed", payload={"name": name}, event_id="e1")
        )
        assert "Ann" == token.attributes["name"]
    assert 1 == len(moves(world.of("me")))


def test_a_repeated_event_id_sends_no_second_command() -> None:
    """E4: a command under an event id is sent once; its answer stands."""
    world = World()
    world.short()
    tokens = {world.run(flows.extend(world.setting, "me", event_id="e1")) for _ in range(3)}
    assert 1 == len(tokens)
    assert 1 == len(world.sent("exchange"))


@pytest.mark.parametrize("no", [answer({"error": {"code": 100}}, 400), answer({"error": DEAD["error"]}, 400)])
def test_a_repeated_event_id_brings_the_first_no_again(no: Response) -> None:
    """E4: a no is a decision too; it is raised again and nothing is sent."""
    world = World()
    world.short()
    world.script.append(no)
    for _ in range(3):
        with pytest.raises(IssuerRefused):
            world.run(flows.extend(world.setting, "me", event_id="e1"))
    assert 1 == len(world.sent("exchange"))


def test_a_repeated_acquisition_is_the_one_that_was_made() -> None:
    """E4: an acquisition under an event id is made once."""
    world = World()
    first = world.android(event_id="e1")
    assert first == world.android(event_id="e1")
    assert first == world.rows["me"]
    assert 1 == len(world.sent("debug"))


@pytest.mark.parametrize("times", [1, 3, 4])
def test_a_conflict_is_decided_again_three_times(times: int) -> None:
    """E5: on a conflict load, settle and decide again, three times; then the conflict is the answer."""
    world = World()
    world.android()
    world.meddle("me", times)
    asked = flows.raise_event(world.setting, "me", "renamed", payload={"name": "Ann"})
    if times > 3:
        with pytest.raises(RevisionConflict):
            world.run(asked)
        assert "name" not in world.rows["me"].attributes
    else:
        world.run(asked)
        assert "Ann" == world.rows["me"].attributes["name"]
        assert 2 + times == world.rows["me"].revision


def test_a_conflict_is_settled_anew() -> None:
    """E5, T10: what meets the event on the second try is the token as the clock left it."""
    world = World()
    world.short()

    def late() -> None:
        world.elsewhere("me")
        world.now = START + 2 * HOUR

    world.before_save.append(late)
    with pytest.raises(Rejected) as raised:
        world.run(flows.raise_event(world.setting, "me", "renamed"))
    assert "final_state" == raised.value.code
    assert ("expired", START + 90 * MINUTE) == (world.rows["me"].state, world.rows["me"].entered_at)


# R1: retries.


def test_retries_are_stored_deadlines_and_end() -> None:
    """R1: each failure stores when it is tried again; the last leaves the timer to its `every`."""
    world = World()
    first = world.short()
    world.now = STALE
    for number in (1, 2, 3):
        world.script.append(answer({}, 503))
        assert first.access_token == world.token().access_token
        attempt = world.rows["me"].attempt
        if number < 3:
            assert attempt is not None
            assert attempt.retry_at is not None
            assert (number, "transient") == (attempt.number, attempt.error)
            assert world.now < attempt.retry_at <= world.now + 60 * SECOND
            sent = len(world.sent("exchange"))
            world.now = attempt.retry_at - 1
            world.token()
            assert sent == len(world.sent("exchange"))
            world.now = attempt.retry_at
        else:
            assert attempt is None
            assert {"renew": world.now} == dict(world.rows["me"].fired)
    failed = [one for one in world.of("me") if isinstance(one, AttemptFailed)]
    assert [1, 2, 3] == [one.number for one in failed]
    assert [True, True, False] == [one.retry_at is not None for one in failed]
    world.now += 5 * MINUTE - 1
    world.token()
    assert 3 == len(world.sent("exchange"))


def test_retry_after_is_stored() -> None:
    """R1: the issuer's Retry-After is what the stored deadline follows."""
    world = World()
    world.short()
    world.now = START + 60 * MINUTE + 3 * MINUTE
    world.script.append(answer({}, 429, retry_after="600"))
    world.token()
    attempt = world.rows["me"].attempt
    assert attempt is not None
    assert (world.now + 600 * SECOND, "rate_limited") == (attempt.retry_at, attempt.error)


def test_a_definite_no_takes_the_way_the_spec_names() -> None:
    """R1: `on_error` for the class of the no is taken in the same transaction, with the issuer's reason."""
    world = World()
    world.short()
    world.pages()
    world.now = STALE
    world.script.append(answer(DEAD, 400))
    with pytest.raises(IssuerRefused, match="the person has to log in again"):
        world.token()
    held = world.rows["me"]
    assert ("invalidated", "password_changed", None) == (held.state, held.reason, held.access_token)
    assert ["AttemptFailed", "Transitioned", "Notified"] == kinds(world.of("me"))[-3:]
    assert {"invalidated"} == {world.rows[key].state for key in ("page/p1", "page/p2")}


def test_a_failed_attempt_counts_for_every_only_if_its_timer_was_due() -> None:
    """T7: a caller's failed attempt long before the timer's moment does not use the timer up."""
    world = World()
    world.short()
    world.script.append(answer({"error": {"code": 100}}, 400))
    with pytest.raises(IssuerRefused):
        world.run(flows.extend(world.setting, "me"))
    assert {} == dict(world.rows["me"].fired)
    world.now = STALE
    assert "extended" == world.token().state


# The answer: kept by lineage, or refused.


def test_a_conflict_after_the_answer_keeps_the_answer() -> None:
    """An answer that arrived is saved on whatever revision holds the value it replaces; it is sent once."""
    world = World()
    world.rotating()
    world.now = START + 55 * MINUTE
    world.script.append(_while_sending(world, "rot", attributes={"subject": "s", "name": "Ann"}))
    world.before_save.extend([None, lambda: world.elsewhere("rot"), lambda: world.elsewhere("rot")])
    token = world.token("rot")
    assert 1 == len(world.sent("refresh"))
    assert Secret("kept") == token.access_token == world.rows["rot"].access_token
    assert "Ann" == token.attributes["name"], "what another process set meanwhile stays"


def _while_sending(world: World, key: str, **changes: Any) -> Callable[[Request], Response]:
    """An issuer that answers after another process has saved."""

    def replies(request: Request) -> Response:
        world.elsewhere(key, **changes)
        return answer({"access_token": "kept", "expires_in": 3600, "refresh_token": "kept-too"})

    return replies


def test_an_answer_is_kept_however_often_others_save_first() -> None:
    """Nine others save the row, none of them its value: the answer goes on top; it is not asked for twice."""
    world = World()
    world.rotating()
    world.now = START + 55 * MINUTE
    world.before_save.append(None)
    world.meddle("rot", 9)
    assert 2 == world.token("rot").generation == world.rows["rot"].generation
    assert 1 == len(world.sent("refresh"))


def test_what_another_process_brought_meanwhile_stands() -> None:
    """When somebody else's newer value came first, theirs is kept and handed out."""
    world = World()
    world.rotating()
    world.now = START + 55 * MINUTE
    newer = {"access_token": Secret("theirs"), "generation": 2, "expires": At(START + 3 * HOUR)}
    world.script.append(_while_sending(world, "rot", **newer))
    assert Secret("theirs") == world.token("rot").access_token
    assert 1 == len(world.sent("refresh"))


def test_a_failure_beside_another_processes_success_is_no_failure() -> None:
    """Our no does not count when their yes has replaced the value meanwhile."""
    world = World()
    world.rotating()
    world.now = START + 55 * MINUTE

    def replies(request: Request) -> Response:
        world.elsewhere("rot", access_token=Secret("theirs"), generation=2)
        return answer({"error": "invalid_grant"}, 400)

    world.script.append(replies)
    assert Secret("theirs") == world.token("rot").access_token
    assert "issued" == world.rows["rot"].state


def test_a_failure_is_noted_on_whatever_revision_there_is() -> None:
    """A conflict while a failure is noted asks nobody again: the note is written anew."""
    world = World()
    world.short()
    world.now = STALE
    world.script.append(answer({}, 503))
    world.before_save.extend([None, lambda: world.elsewhere("me"), lambda: world.elsewhere("me")])
    world.token()
    assert 1 == len(world.sent("exchange"))
    assert 1 == len([one for one in world.of("me") if isinstance(one, AttemptFailed)])


@pytest.mark.parametrize("reply", [answer({}, 503), answer(DEAD, 400), answer({"access_token": "late"})])
def test_a_token_ended_meanwhile_stays_ended(reply: Response) -> None:
    """An operator's end during a command stands: no value returns, no retry waits, and nobody is served."""
    world = World()
    world.short()
    world.now = STALE

    def replies(request: Request) -> Response:
        world.elsewhere("me", state="invalidated", access_token=None, attempt=None, entered_at=world.now)
        return reply

    world.script.append(replies)
    with pytest.raises((PersonNeeded, IssuerRefused)):
        world.token()
    held = world.rows["me"]
    assert ("invalidated", None, None) == (held.state, held.access_token, held.attempt)


BAD_ANSWERS: dict[str, Any] = {
    "html": Response(status=200, headers={"content-type": "text/html"}, body=b"<html>EAABcanary"),
    "empty": answer(b""),
    "half": answer(b'{"access_token": "EAABcanary'),
    "no token": answer({"token_type": "bearer"}),
    "negative": answer({"access_token": "EAABcanary", "expires_in": -5}),
    "huge": answer({"access_token": "EAABcanary", "expires_in": 10**12}),
    "unreachable": IssuerUnreachable("no answer", sent=True),
    "500": answer(b"EAABcanary", 500),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_that_is_none_leaves_the_old_token_and_is_on_record(name: str) -> None:
    """HTML, nothing, half an answer, a nonsense lifetime, no answer: the held token serves on."""
    world = World()
    first = world.short()
    world.now = STALE
    world.script.append(BAD_ANSWERS[name])
    token = world.token()
    assert first.access_token == token.access_token == world.rows["me"].access_token
    (failed,) = [one for one in world.of("me") if isinstance(one, AttemptFailed)]
    assert ("extend", "exchange", 1, "transient") == (
        failed.event,
        failed.command,
        failed.number,
        failed.error,
    )
    assert "EAABcanary" not in repr(world.history) + repr(world.told)


@pytest.mark.proves("D9", "R8")
def test_another_users_token_is_not_taken() -> None:
    """D9: an extension answered with another user's token is refused; the old one stays, it is on record."""
    world = World()
    first = world.short()
    world.now = STALE
    world.script.append(answer({"access_token": "of-eight", "expires_in": 5_184_000}))
    world.script.append(answer({"active": True, "app_id": "app", "user_id": "8"}))
    assert first.access_token == world.token().access_token
    assert first.access_token == world.rows["me"].access_token
    (failed,) = [one for one in world.of("me") if isinstance(one, AttemptFailed)]
    assert "another user's token" in failed.detail


@pytest.mark.parametrize("brought", [None, Grant(access_token=None)])
def test_a_command_that_brings_no_token_leaves_the_held_one(brought: Grant | None) -> None:
    """A plugin that answers nothing where a token was to come has failed, and nothing is wiped."""

    def empty(order: Order) -> Flow[Grant | None]:
        return brought
        yield

    world = World()
    first = world.short()
    world.plugins.commands["facebook.exchange"] = empty
    world.now = STALE
    assert first.access_token == world.token().access_token
    assert ("issued", first.access_token) == (world.rows["me"].state, world.rows["me"].access_token)
    assert "AttemptFailed" == kinds(world.of("me"))[-1]


@pytest.mark.proves("G")
def test_a_plugin_that_breaks_ends_its_attempt() -> None:
    """Whatever a plugin raises, the attempt is closed as a failure and the held token serves."""

    def broken(order: Order) -> Flow[Grant]:
        raise ZeroDivisionError
        yield

    world = World()
    first = world.short()
    world.plugins.commands["facebook.exchange"] = broken
    world.now = STALE
    assert first.access_token == world.token().access_token
    assert world.rows["me"].attempt is None
    (failed,) = [one for one in world.of("me") if isinstance(one, AttemptFailed)]
    assert "configuration" == failed.error


# F5: children.


@pytest.mark.proves("R24")
def test_a_cascade_is_one_transaction_with_the_parent_depth_first() -> None:
    """F5: a parent's end and its children's, and theirs, are saved together, each branch to its depth."""
    world = World()
    world.android()
    pages = world.pages()
    world.rows["page/x"] = attrs.evolve(
        pages[0], key="page/x", id="x", parent="page/p1", identity=("facebook-page", "x", "7")
    )
    order: list[str] = []
    world.judge = lambda stored, change: order.append(change.token.key)
    world.log.clear()
    world.run(flows.invalidate(world.setting, "me", reason="operator"))
    assert 1 == world.log.count("Save")
    assert {"me", "page/p1", "page/x", "page/p2"} == set(order)
    for key in order:
        assert ("invalidated", None) == (world.rows[key].state, world.rows[key].access_token)
    assert ["operator", *["parent_invalidated"] * 3] == [world.rows[key].reason for key in sorted(order)]


@pytest.mark.proves("R24")
def test_a_cascade_that_cannot_be_saved_ends_nobody() -> None:
    """F5: a child that others keep saving makes the whole wait: the parent is not ended without it."""
    world = World()
    world.android()
    world.pages()
    world.meddle("page/p2", 4)
    with pytest.raises(RevisionConflict):
        world.run(flows.invalidate(world.setting, "me"))
    assert {"extended", "issued"} == {row.state for row in world.rows.values()}
    world.meddle("page/p2", 3)
    world.run(flows.invalidate(world.setting, "me"))
    assert {"invalidated"} == {row.state for row in world.rows.values()}


def test_a_childs_guard_may_decline_its_parents_news() -> None:
    """Ruling 22: a parent's expiry ends only children with an end of their own."""
    world = World()
    world.short()
    pages = world.pages()
    assert [NEVER, At(START + DAY)] == [page.expires for page in pages]
    world.now = START + 2 * HOUR
    with pytest.raises(PersonNeeded):
        world.token()
    assert "issued" == world.rows["page/p1"].state
    child = world.rows["page/p2"]
    assert ("expired", START + 90 * MINUTE) == (child.state, child.entered_at)


def test_a_cascade_finds_its_children_settled() -> None:
    """T10, F5: a child that ended before its parent is dated to its own deadline."""
    world = World()
    world.android()
    world.pages()
    world.now = START + 61 * DAY
    with pytest.raises(PersonNeeded):
        world.token()
    assert START + 60 * DAY == world.rows["me"].entered_at
    child = world.rows["page/p2"]
    assert ("expired", START + DAY, None) == (child.state, child.entered_at, child.reason)


def test_a_cascade_from_an_event_that_stays_is_dated_to_the_event() -> None:
    """F5: children hear of news when it happened, not when their parent entered its state."""
    world = World()
    data = dict(world.lifecycles["facebook-user"].spec)
    data["everywhere"] = {
        **data["everywhere"],
        "renamed": {"then": [{"cascade": "expire"}, {"cascade": "invalidate"}]},
    }
    _replace(world, data)
    world.android()
    world.pages()
    world.now = START + HOUR
    world.run(flows.raise_event(world.setting, "me", "renamed"))
    children = [world.rows[key] for key in ("page/p1", "page/p2")]
    assert ["invalidated", "expired"] == [child.state for child in children]
    assert {START + HOUR} == {child.entered_at for child in children}


def _replace(world: World, data: Any) -> None:
    from tests.core.lifecycles import lifecycle_of

    changed = lifecycle_of(data)
    world.lifecycles[changed.name] = world.pins[changed.digest] = changed


# Logins: parked, resumed, denied.


def begin(world: World, **more: Any) -> str:
    """Begin a login on the web and return its state."""
    with pytest.raises(PromptPending) as raised:
        world.run(flows.acquire(world.setting, "me", lifecycle="facebook-user", platform="web", **more))
    return raised.value.url.partition("state=")[2]


def finish(world: World, **params: str) -> Token:
    """Bring a login's answer."""
    return world.run(flows.answer(world.setting, "me", params))


def test_a_login_is_parked_and_resumed_with_the_nonces_it_began_with() -> None:
    """A parked login replays its own nonces and instants, so another process finishes what one began."""
    world = World()
    state = begin(world)
    shown = world.rows["me"]
    assert ("requested", None) == (shown.state, shown.access_token)
    assert ["LoginParked"] == kinds(world.of("me"))
    (parked,) = [one for one in world.of("me") if isinstance(one, LoginParked)]
    assert START + PROMPT_LIVES == parked.until
    journal = json.loads(world.parked["me"])
    verifier = journal["entries"][0]["answer"]
    world.now += MINUTE
    world.log.clear()
    token = finish(world, state=state, code="c0de")
    (sent,) = world.sent("token")
    assert sent.form is not None
    assert Secret(verifier) == sent.form["verifier"]
    assert "Nonce" not in world.log
    assert ("issued", shown.id, frozenset({"email"})) == (token.state, token.id, token.scope)
    assert START + MINUTE == token.issued_at
    assert {} == world.parked


def test_another_state_finishes_nothing() -> None:
    """RFC 6749 §10.12: the answer of another login is refused, and the right one still finishes."""
    world = World()
    state = begin(world)
    for wrong in ("", "x", state + "x"):
        with pytest.raises(PromptExpired):
            finish(world, state=wrong, code="c0de")
    assert [] == world.requests
    assert "issued" == finish(world, state=state, code="c0de").state


def test_a_login_is_finished_once() -> None:
    """A second answer with the right state finds nothing waiting."""
    world = World()
    state = begin(world)
    finish(world, state=state, code="c0de")
    with pytest.raises(PromptExpired):
        finish(world, state=state, code="c0de")
    assert 1 == len(world.sent("token"))


@pytest.mark.parametrize("late", [0, 1])
def test_a_login_waits_ten_minutes(late: int) -> None:
    """Ruling 30: a prompt lives ten minutes, to the microsecond."""
    world = World()
    state = begin(world)
    world.now += PROMPT_LIVES + late
    if late:
        with pytest.raises(PromptExpired):
            finish(world, state=state, code="c0de")
    else:
        assert "issued" == finish(world, state=state, code="c0de").state


def test_beginning_again_replaces_the_login_that_waits() -> None:
    """A second login of one key keeps the token asked for; only its own answer finishes it."""
    world = World()
    first = begin(world)
    ident = world.rows["me"].id
    second = begin(world)
    assert ident == world.rows["me"].id
    with pytest.raises(PromptExpired):
        finish(world, state=first, code="c0de")
    assert "issued" == finish(world, state=second, code="c0de").state


def test_a_held_clock_does_not_use_a_login_up() -> None:
    """T12: an answer that comes while the clock cannot be trusted is refused, and may come again."""
    world = World()
    state = begin(world)
    world.held = "the clock is behind"
    with pytest.raises(ClockHeld):
        finish(world, state=state, code="c0de")
    world.held = None
    assert "issued" == finish(world, state=state, code="c0de").state


def test_denied_consent_refuses_what_was_asked_for() -> None:
    """The person's no ends in `refused`; it is raised again under the same event id."""
    world = World()
    state = begin(world, event_id="e1")
    with pytest.raises(ConsentDenied):
        finish(world, state=state, error="access_denied")
    assert ("refused", None) == (world.rows["me"].state, world.rows["me"].access_token)
    with pytest.raises(ConsentDenied):
        world.run(
            flows.acquire(world.setting, "me", lifecycle="facebook-user", platform="web", event_id="e1")
        )


def test_denied_consent_leaves_a_live_token_alone() -> None:
    """A no to a second login does not end the token that the first one brought."""
    world = World()
    live = world.android()
    state = begin(world)
    assert live == world.rows["me"]
    with pytest.raises(ConsentDenied):
        finish(world, state=state, error="access_denied")
    assert live == world.rows["me"]


def test_a_login_whose_answer_is_none_keeps_nothing() -> None:
    """A code answered with a page leaves the key as it was: asked for, and no more."""
    world = World()
    state = begin(world)
    world.script.append(BAD_ANSWERS["html"])
    with pytest.raises(AnswerNotUnderstood):
        finish(world, state=state, code="c0de")
    assert ("requested", None) == (world.rows["me"].state, world.rows["me"].access_token)


# Acquiring.

NOT_OURS: dict[str, tuple[Any, str]] = {
    "dead": ({"active": False}, "forged"),
    "another app's": ({"active": True, "app_id": "other", "user_id": "7"}, "other_app"),
    "another user's": ({"active": True, "app_id": "app", "user_id": "8"}, "other_user"),
    "over": ({"active": True, "app_id": "app", "user_id": "7", "expires_at": START}, "expired"),
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_what_a_client_hands_over_is_verified_before_it_is_kept(name: str) -> None:
    """Ruling 16: a value that the issuer does not confirm is not stored, and what was held stays."""
    body, code = NOT_OURS[name]
    world = World()
    world.script.append(answer(body))
    with pytest.raises(PayloadError) as raised:
        world.android()
    assert code == raised.value.code
    assert {} == world.rows
    held = world.android()
    world.script.append(answer(body))
    with pytest.raises(PayloadError):
        world.android()
    assert held == world.rows["me"]


def test_a_verifier_that_says_nothing_verifies_nothing() -> None:
    """A verify command that brings no inspection is a refusal."""

    def mute(order: Order) -> Flow[None]:
        return None
        yield

    world = World()
    world.plugins.commands["facebook.debug"] = mute
    with pytest.raises(Refused) as raised:
        world.android()
    assert "not_verified" == raised.value.code
    assert {} == world.rows


def test_an_acquirer_that_brings_nothing_makes_no_token() -> None:
    """Ruling 23: usable implies a value; a grant without one is no answer."""

    def empty(order: Order) -> Flow[Grant]:
        return Grant(access_token=None, attributes={"subject": "s"})
        yield

    world = World()
    world.plugins.acquirers["oauth2.first"] = empty
    with pytest.raises(AnswerNotUnderstood):
        world.rotating()
    assert {} == world.rows


def test_a_key_belongs_to_its_lifecycle_and_its_identity() -> None:
    """Ruling 18: neither another lifecycle nor another user's token may take a key, even a dead one."""
    world = World()
    held = world.android()
    with pytest.raises(Refused) as raised:
        world.rotating("me")
    assert "other_lifecycle" == raised.value.code
    payload = {"access_token": "x", "user_id": "8", "expires_in": 5_184_000}
    for _ in range(2):
        world.script.append(answer({"active": True, "app_id": "app", "user_id": "8"}))
        with pytest.raises(Refused) as raised:
            world.run(
                flows.acquire(
                    world.setting, "me", lifecycle="facebook-user", platform="android", payload=payload
                )
            )
        assert "other_identity" == raised.value.code
        assert held.id == world.rows["me"].id
        world.run(flows.invalidate(world.setting, "me"))


def test_a_new_acquisition_supersedes() -> None:
    """F4: acquiring again makes a new token with a new id; the key's revision goes on growing."""
    world = World()
    first = world.android()
    second = world.android()
    assert first.id != second.id
    assert (first.id, first.revision + 1) == (second.supersedes, second.revision)
    assert [first.id, second.id] == [
        one.about.token_id for one in world.of("me") if isinstance(one, Acquired)
    ]


def test_an_acquisition_decided_on_an_old_revision_is_saved_on_the_new() -> None:
    """E5: a conflict while the grant is kept costs no second login."""
    world = World()
    world.android()
    world.meddle("me", 3)
    assert "extended" == world.android().state
    assert 2 == len(world.sent("debug"))


@pytest.mark.proves("C9")
def test_custody_and_rules_come_before_the_plugin() -> None:
    """An acquisition where the token may not live is refused before anything is asked or sent."""
    world = World()
    with pytest.raises(Refused) as raised:
        world.run(
            flows.acquire(world.setting, "app", lifecycle="facebook-app", platform="inline", place="client")
        )
    assert "custody" == raised.value.code
    with pytest.raises(Refused) as raised:
        world.run(flows.acquire(world.setting, "app", lifecycle="facebook-app", platform="web"))
    assert "unknown_platform" == raised.value.code
    assert ([], {}) == (world.requests, world.rows)


# keep_value: false.


def inline(world: World) -> Token:
    """Return an app token that is put together for each use."""
    return world.run(flows.acquire(world.setting, "app", lifecycle="facebook-app", platform="inline"))


def test_a_value_that_is_never_kept_is_never_stored() -> None:
    """Ruling 23: the value is put together for each use, by every verb, and no save ever holds it."""
    world = World()
    values: list[Secret | None] = []
    world.judge = lambda stored, change: values.append(change.token.access_token)
    expected = Secret("app|value of test:app_secret")
    assert expected == inline(world).access_token
    assert expected == world.token("app").access_token
    world.run(flows.use(world.setting, "app", Call(path="/me")))
    assert expected == world.sent("me")[0].bearer
    assert world.now == world.rows["app"].last_used_at
    ticket = world.run(flows.hand_over(world.setting, "app", to="server", audience="https://b.example"))
    handed = world.run(flows.redeem(world.setting, ticket.value, "https://b.example"))
    assert expected == handed.access_token
    world.run(flows.invalidate(world.setting, "app"))
    assert len(values) >= 4
    assert {None} == {value.reveal() if value is not None else None for value in values}


# Using.


def use(world: World, path: str = "/me", key: str = "me", **more: Any) -> Response:
    """Use a token for one request."""
    return world.run(flows.use(world.setting, key, Call(path=path, **more)))


def test_a_rule_denies_before_anything_is_sent() -> None:
    """A denied use sends nothing and is told by the rule's own id."""
    world = World()
    world.android()
    sent = len(world.requests)
    with pytest.raises(Refused, match="managed from the server") as raised:
        use(world, "/ads")
    assert "no-ads-from-clients" == raised.value.code
    assert sent == len(world.requests)
    assert "WasRefused" == kinds(world.told)[-1]


@pytest.mark.proves("C11")
@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/me",
        "http://graph.example/me",
        "https://graph.example.evil.example/me",
        "https://graph.example@evil.example/me",
        "https://graph.example:444/me",
    ],
)
def test_the_token_goes_to_its_issuer_only(path: str) -> None:
    """A request to any other host, port or scheme is refused, and the token is not sent."""
    world = World()
    world.android()
    sent = len(world.requests)
    with pytest.raises(Refused) as raised:
        use(world, path)
    assert "foreign_host" == raised.value.code
    assert sent == len(world.requests)


@pytest.mark.proves("C11")
@pytest.mark.parametrize("path", ["/me", "me", "//evil.example/me", f"{GRAPH}/me", "HTTPS://evil.example"])
def test_a_path_stays_on_the_issuer(path: str) -> None:
    """Whatever a path looks like, the request goes below the issuer's endpoint, with the token as bearer."""
    world = World()
    token = world.android()
    assert 200 == use(world, path).status
    assert world.requests[-1].url.startswith(f"{GRAPH}/")
    assert token.access_token == world.requests[-1].bearer
    assert "Used" == kinds(world.told)[-1]


@pytest.mark.proves("R7")
def test_bad_news_that_the_issuer_takes_back_costs_one_more_try() -> None:
    """190 while introspection calls the token alive: it is sent once again and nothing ends."""
    world = World()
    token = world.android()
    world.script.append(answer(DEAD, 400))
    assert 200 == use(world).status
    assert (2, token) == (len(world.sent("me")), world.rows["me"])
    world.now += 30 * SECOND
    world.script.extend([answer(DEAD, 400), answer({"active": True}), answer(DEAD, 400)])
    with pytest.raises(IssuerRefused):
        use(world)
    assert 4 == len(world.sent("me"))
    assert token == world.rows["me"]


@pytest.mark.proves("H3")
def test_a_storm_of_refusals_is_looked_into_once_in_half_a_minute() -> None:
    """An API that refuses a living token refuses all of its users: its issuer is asked about it once."""
    world = World()
    token = world.android()

    def refused() -> int:
        before = len(world.requests) - len(world.sent("me"))
        with pytest.raises(IssuerRefused):
            use(world)
        return len(world.requests) - len(world.sent("me")) - before

    world.script.extend([answer(DEAD, 400), answer({"active": True}), answer(DEAD, 400)])
    assert 1 == refused()
    for _ in range(20):
        world.now += SECOND
        world.script.append(answer(DEAD, 400))
        assert 0 == refused()
    world.now += 10 * SECOND
    world.script.extend([answer(DEAD, 400), answer({"active": True}), answer(DEAD, 400)])
    assert 1 == refused()
    assert token == world.rows["me"]


@pytest.mark.proves("R7")
def test_bad_news_that_is_verified_ends_the_token() -> None:
    """190 and introspection says dead: the lifecycle learns of it, with the advice for a human."""
    world = World()
    world.android()
    world.script.extend([answer(DEAD, 400), answer({"active": False})])
    with pytest.raises(IssuerRefused, match="log in again"):
        use(world)
    assert ("invalidated", "password_changed") == (world.rows["me"].state, world.rows["me"].reason)
    assert 1 == len(world.sent("me"))


@pytest.mark.proves("R7")
def test_bad_news_that_nobody_can_verify_changes_nothing() -> None:
    """190 while the issuer cannot be asked: the token stays as it is."""
    world = World()
    token = world.android()
    world.script.extend([answer(DEAD, 400), IssuerUnreachable("gone", sent=False)])
    with pytest.raises(IssuerRefused):
        use(world)
    assert token == world.rows["me"]


def test_bad_news_with_a_refresh_token_is_a_refresh_and_one_more_try() -> None:
    """A token called dead that can be renewed is renewed, and the call is sent with the new one."""
    world = World()
    world.rotating()
    world.script.append(answer({"error": "invalid_grant"}, 401))
    assert 200 == use(world, key="rot").status
    first, second = world.sent("me")
    assert first.bearer != second.bearer
    assert world.rows["rot"].access_token == second.bearer


def test_other_refusals_are_the_applications_business() -> None:
    """A 403 without a meaning is raised as the issuer's no and ends nothing; a plain page is handed back."""
    world = World()
    token = world.android()
    world.script.append(answer({"error": {"code": 100}}, 403))
    with pytest.raises(IssuerRefused):
        use(world)
    world.script.append(answer(b'not "error" but text'))
    assert 200 == use(world).status
    assert token == world.rows["me"]
    assert 2 == len([one for one in world.told if isinstance(one, Used)])


def test_last_use_is_noted_beside_other_saves() -> None:
    """A conflict while the last use is noted costs neither the answer nor a second request."""
    world = World()
    inline(world)
    world.meddle("app", 3)
    assert 200 == use(world, key="app").status
    assert 1 == len(world.sent("me"))
    assert world.now == world.rows["app"].last_used_at


@pytest.mark.parametrize("others", [4, 40])
def test_an_answer_is_not_lost_for_a_note_of_its_use(others: int) -> None:
    """Where others save all the time the note is given up, not the answer; one note a second is enough."""
    world = World()
    inline(world)
    world.meddle("app", others)
    assert 200 == use(world, key="app").status
    world.before_save.clear()
    world.now += SECOND
    use(world, key="app")
    noted = world.rows["app"]
    use(world, key="app")
    assert (world.now, noted) == (noted.last_used_at, world.rows["app"])


def test_a_report_is_taken_to_heart() -> None:
    """What an API answered to the application's own call ends the token when it says so, and only then."""
    world = World()
    token = world.android()
    for fine in (answer({"ok": 1}), answer(b"<html>"), answer({"error": {"code": 100}}, 400)):
        assert token == world.run(flows.report(world.setting, "me", fine))
    ended = world.run(flows.report(world.setting, "me", answer(DEAD, 400)))
    assert ("invalidated", "password_changed") == (ended.state, ended.reason)


# Deriving.


def test_pages_are_derived_once_and_replaced_when_they_change() -> None:
    """Each child has its own key; a value that is still the same is left alone, a new one supersedes."""
    world = World()
    world.android()
    reply = answer({"data": [{"id": "p1", "name": "One", "access_token": "same"}]})
    world.script.append(reply)
    (first,) = world.pages()
    assert ("page/p1", "me", {"page_id": "p1", "user_id": "7", "name": "One"}) == (
        first.key,
        first.parent,
        dict(first.attributes),
    )
    world.script.append(reply)
    assert (first,) == world.pages()
    assert first == world.rows["page/p1"]
    newer = world.pages()[0]
    assert (first.id, 2) == (newer.supersedes, newer.revision)


def test_a_child_needs_what_its_spec_asks_of_the_parent() -> None:
    """derive.when, the parent's lifecycle and the parent's usability are asked before anything is sent."""
    world = World()
    world.android()
    world.elsewhere("me", attributes={"user_id": "7", "permissions": []})
    world.rotating()
    sent = len(world.requests)
    cases = {
        ("me", "facebook-page"): "derive_not_allowed",
        ("rot", "facebook-page"): "derive_not_allowed",
        ("rot", "facebook-user"): "derive_not_allowed",
    }
    for (parent, lifecycle), code in cases.items():
        with pytest.raises(Refused) as raised:
            world.run(flows.derive(world.setting, parent, lifecycle=lifecycle, key="k"))
        assert code == raised.value.code
    with pytest.raises(Refused) as raised:
        world.run(flows.derive(world.setting, "me", lifecycle="facebook-page", key="k", place="client"))
    assert "derive_not_allowed" == raised.value.code
    world.elsewhere("me", attributes={"user_id": "7", "permissions": ["manage_pages"]}, state="invalidated")
    with pytest.raises(Refused) as raised:
        world.pages()
    assert "parent_not_usable" == raised.value.code
    assert sent == len(world.requests)


@pytest.mark.proves("D8")
def test_no_child_outlives_a_parent_that_ended_while_it_was_derived() -> None:
    """A parent ended between the question and the answer has no children saved under it."""
    world = World()
    world.android()

    def replies(request: Request) -> Response:
        world.run(flows.invalidate(world.setting, "me"))
        return answer({"data": [{"id": "p1", "name": "One", "access_token": "x"}]})

    world.script.append(replies)
    with pytest.raises(Refused) as raised:
        world.pages()
    assert "parent_not_usable" == raised.value.code
    assert ["me"] == list(world.rows)


def test_no_child_is_saved_under_a_parent_that_was_replaced_meanwhile() -> None:
    """Children of a token that another login has superseded are not children of the new one."""
    world = World()
    world.android()

    def replies(request: Request) -> Response:
        world.android()
        return answer({"data": [{"id": "p1", "name": "One", "access_token": "x"}]})

    world.script.append(replies)
    with pytest.raises(Refused) as raised:
        world.pages()
    assert "parent_not_usable" == raised.value.code
    assert ["me"] == list(world.rows)


@pytest.mark.parametrize(
    ("template", "code"),
    [("page", "key_not_unique"), ("page/{user_id}", "key_not_unique"), ("page/{nick}", "attribute_missing")],
)
def test_a_key_template_must_tell_children_apart(template: str, code: str) -> None:
    """Two children under one key, or a name no child has, is refused and nobody is saved."""
    world = World()
    world.android()
    with pytest.raises(Refused) as raised:
        world.run(flows.derive(world.setting, "me", lifecycle="facebook-page", key=template))
    assert code == raised.value.code
    assert ["me"] == list(world.rows)


def test_a_child_of_another_identity_does_not_take_a_key() -> None:
    """Deriving again under a template that now means another page leaves the first page's token."""
    world = World()
    world.android()
    for number, page in enumerate(("p1", "p2")):
        world.script.append(answer({"data": [{"id": page, "name": "x", "access_token": f"v{number}"}]}))
    world.run(flows.derive(world.setting, "me", lifecycle="facebook-page", key="page"))
    with pytest.raises(Refused) as raised:
        world.run(flows.derive(world.setting, "me", lifecycle="facebook-page", key="page"))
    assert "other_identity" == raised.value.code
    assert "p1" == world.rows["page"].attributes["page_id"]


def test_children_are_saved_beside_other_saves() -> None:
    """A conflict while children are kept asks the issuer nothing again."""
    world = World()
    world.android()
    world.pages()
    world.meddle("page/p1", 3)
    world.pages()
    assert 2 == len(world.sent("accounts"))


# Ending.


def test_a_call_after_the_step_has_the_value_and_may_fail() -> None:
    """`then: call` runs after the save with the value the token had; its failure is told and ends nothing."""
    for reply in (answer({}), IssuerUnreachable("gone", sent=False)):
        world = World()
        token = world.rotating()
        world.script.append(reply)
        after = world.run(flows.raise_event(world.setting, "rot", "logout"))
        assert ("signed_out", None) == (after.state, after.access_token)
        (sent,) = world.sent("revoke")
        assert sent.form is not None
        assert token.access_token == sent.form["token"]
        assert isinstance(reply, Exception) == ("AttemptFailed" in kinds(world.told))


def test_introspection_takes_bad_news() -> None:
    """A token that the issuer calls dead is ended by what its reason means; one alive is left alone."""
    world = World()
    token = world.android()
    assert world.run(flows.introspect(world.setting, "me")).active
    assert token == world.rows["me"]
    world.script.append(answer({"active": False, "facts": {"code": 190, "subcode": 463}}))
    assert not world.run(flows.introspect(world.setting, "me")).active
    assert "expired" == world.rows["me"].state
    with pytest.raises(Refused) as raised:
        world.run(flows.introspect(world.setting, "me"))
    assert "not_usable" == raised.value.code


def test_a_token_called_dead_is_over_even_where_its_reason_is_unheard_of() -> None:
    """A non-expiring token that the issuer calls expired is dead all the same, and not handed out again."""
    world = World(marketing_access="standard")
    assert "non_expiring" == world.android().state
    world.script.append(answer({"active": False, "facts": {"code": 190, "subcode": 463}}))
    assert not world.run(flows.introspect(world.setting, "me")).active
    assert "invalidated" == world.rows["me"].state


def test_invalidating_twice_is_absorbed() -> None:
    """Late news of an end changes nothing."""
    world = World()
    world.android()
    once = world.run(flows.invalidate(world.setting, "me", reason="operator"))
    assert once == world.run(flows.invalidate(world.setting, "me", reason="later"))
    assert "Absorbed" == kinds(world.told)[-1]


# Serving.


def test_an_unknown_key_says_what_to_do() -> None:
    """TokenNotFound names the key and the mend."""
    with pytest.raises(TokenNotFound, match="acquire it first"):
        World().token("nobody")


def test_a_held_clock_serves_what_is_usable_and_sends_nothing() -> None:
    """T12: while the clock is held, timers rest; a usable token serves; extending and acquiring wait."""
    world = World()
    token = world.short()
    world.now, world.held = STALE, "the clock is behind"
    assert token == world.token()
    for asked in (
        flows.extend(world.setting, "me"),
        flows.acquire(world.setting, "rot", lifecycle="oauth2-rotating", platform="server"),
        flows.derive(world.setting, "me", lifecycle="facebook-page", key="k"),
    ):
        with pytest.raises(ClockHeld):
            world.run(asked)
    assert 1 == len(world.requests)
    world.now = START + 100 * DAY
    with pytest.raises(ClockHeld):
        world.token()
    assert token == world.rows["me"]


def test_what_needs_no_person_is_acquired_again_by_itself() -> None:
    """A dead token whose acquisition asks nobody is replaced on demand; one that needs a person says so."""
    world = World()
    first = world.rotating()
    world.run(flows.invalidate(world.setting, "rot"))
    again = world.token("rot")
    assert ("issued", first.id) == (again.state, again.supersedes)
    world.android()
    world.run(flows.invalidate(world.setting, "me"))
    with pytest.raises(PersonNeeded, match="over"):
        world.token()


def test_a_rule_against_the_command_leaves_the_stale_token_serving() -> None:
    """A token that may not be extended just now still serves while it lasts."""
    world = World(exchange_allowed=False)
    token = world.short()
    world.now = STALE
    assert token.access_token == world.token().access_token
    assert [] == world.sent("exchange")
    with pytest.raises(Refused) as raised:
        world.run(flows.extend(world.setting, "me"))
    assert "exchange-switched-off" == raised.value.code


def test_while_a_retry_waits_nobody_hammers_the_issuer() -> None:
    """R1: an unusable token with a retry to come answers with when, and sends nothing."""
    world = World()
    world.rotating()
    world.now = START + HOUR
    world.script.append(answer({}, 429, retry_after="300"))
    with pytest.raises(IssuerRefused):
        world.token("rot")
    with pytest.raises(IssuerUnreachable, match="asked again in 300 s"):
        world.token("rot")
    assert 1 == len(world.sent("refresh"))


def test_an_event_that_needs_a_command_runs_where_it_may() -> None:
    """A command of the server is not run for a client: its secret stays."""
    world = World()
    world.short()
    with pytest.raises(Refused) as raised:
        world.run(flows.extend(world.setting, "me", place="client"))
    assert "secret_not_allowed_here" == raised.value.code
    assert [] == world.sent("exchange")


def test_attending_does_what_is_due_and_raises_nothing() -> None:
    """A sweep runs the command that is due; failures are on record and not raised."""
    world = World()
    world.short()
    assert "issued" == world.run(flows.attend(world.setting, "me")).state
    world.now = STALE
    world.script.append(answer({}, 503))
    assert "issued" == world.run(flows.attend(world.setting, "me")).state
    attempt = world.rows["me"].attempt
    assert attempt is not None
    assert attempt.retry_at is not None
    world.now = attempt.retry_at
    assert "extended" == world.run(flows.attend(world.setting, "me")).state


def test_a_waiting_retry_survives_other_news() -> None:
    """R1: an event that stays does not send a waiting command early."""
    world = World()
    world.android()
    world.now = START + DAY
    world.script.append(answer({}, 429, retry_after="3600"))
    world.token()
    waiting = world.rows["me"].attempt
    world.run(flows.raise_event(world.setting, "me", "renamed", payload={"name": "Ann"}))
    assert waiting == world.rows["me"].attempt
    world.token()
    assert 1 == len(world.sent("exchange"))


def test_an_extension_that_stays_is_not_sent_again_at_once() -> None:
    """T7: after a failure and a success of the daily extension, the next is a day away."""
    world = World()
    world.android()
    world.now = START + DAY
    world.script.append(answer({"error": {"code": 100}}, 400))
    world.token()
    world.now += DAY
    world.token()
    assert 2 == len(world.sent("exchange"))
    for _ in range(3):
        world.token()
    assert 2 == len(world.sent("exchange"))
    world.now += DAY
    world.token()
    assert 3 == len(world.sent("exchange"))


@pytest.mark.proves("B8")
def test_no_secret_is_in_history_news_or_errors() -> None:
    """No event, told or stored, and no error holds a value that was kept or sent."""
    world = World()
    texts = []
    world.short()
    world.pages()
    world.now = STALE
    world.script.append(answer({"error": f"bad {world.rows['me'].access_token!s}"}, 400))
    for asked in (flows.extend(world.setting, "me"), flows.raise_event(world.setting, "me", "acquired")):
        try:
            world.run(asked)
        except TokenflowError as error:
            texts.append(str(error) + repr(vars(error)))
    shown = repr(world.history) + repr(world.told) + "".join(texts)
    for row in world.rows.values():
        assert row.access_token is not None
        assert row.access_token.reveal() not in shown


def test_a_save_is_what_its_history_says() -> None:
    """Each stored revision comes with at least the event that made it, about that token and key."""
    world = World()
    lone: list[str] = []

    def judge(stored: Token | None, change: Any) -> None:
        if not change.happened or any(event.about.key != change.token.key for event in change.happened):
            lone.append(change.token.key)

    world.judge = judge
    world.short()
    world.pages()
    world.now = STALE
    world.token()
    world.run(flows.invalidate(world.setting, "me"))
    assert [] == lone
    assert Save is not None
