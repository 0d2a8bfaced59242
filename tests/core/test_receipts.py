"""A rotated answer is durable before it is read (rule F2)."""

# ruff: noqa: SIM300  # expected == actual, constants too

from contextlib import suppress
from typing import Any

import pytest

from tests.core.dying import dies, nth, other, probed, rotated, strict, until
from tests.core.lifecycles import HOUR, MINUTE, SECOND, START
from tests.core.performing import GRAPH, World, answer
from tokenflow.core import flows
from tokenflow.core.effects import (
    Effect,
    Flow,
    Journal,
    Order,
    Recall,
    Request,
    Save,
    Send,
    Unjournal,
    send,
)
from tokenflow.core.errors import (
    IssuerUnreachable,
    PersonNeeded,
    StoreError,
)
from tokenflow.core.events import AnswerUnsaved
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import At, Grant


def test_a_rotated_answer_is_journaled_before_it_is_read() -> None:
    """Rule F2: the raw answer is sealed away between the request and its reading, and removed once kept."""
    world = rotated(World())
    world.log.clear()
    token = world.token("rot")
    order = [name for name in world.log if name in ("Send", "Journal", "Save", "Unjournal")]
    assert ["Save", "Send", "Journal", "Save", "Unjournal"] == order
    assert {} == world.journal
    assert token == world.rows["rot"]


def test_what_can_be_asked_for_again_is_not_journaled() -> None:
    """Rule F2: an idempotent exchange costs no extra write."""
    world = World()
    world.short()
    world.log.clear()
    world.run(flows.extend(world.setting, "me"))
    assert "Journal" not in world.log


CRASHES: dict[str, tuple[type, int, bool]] = {
    "after the journal": (Journal, 1, True),
    "before the save": (Save, 2, False),
    "before the journal is emptied": (Unjournal, 1, False),
    "after the journal is emptied": (Unjournal, 1, True),
}


@pytest.mark.proves("R1")
@pytest.mark.parametrize("where", CRASHES)
@pytest.mark.parametrize("worker", ["the same", "another"])
def test_a_process_that_dies_with_its_answer_loses_nothing(where: str, worker: str) -> None:
    """Rule F2: from the journal on the next touch brings the new value; nothing is sent again."""
    world = rotated(World())
    kind, number, done = CRASHES[where]
    dies(world, flows.token(world.setting, "rot"), nth(kind, number), done=done)
    (sent,) = world.sent("refresh")
    if worker == "another":
        other(world)
    came = world.now
    world.now += 10 * SECOND
    token = world.token("rot")
    assert [sent] == world.sent("refresh")
    assert (2, None, "issued") == (token.generation, token.attempt, token.state)
    assert At(came + HOUR) == token.expires, "its life is counted from when its answer came"
    assert (came, came) == (token.refreshed_at, token.entered_at)
    world.run(flows.extend(world.setting, "rot"))
    first, second = [request.form["refresh_token"] for request in world.sent("refresh") if request.form]
    assert first != second, "no refresh token is presented twice"


@pytest.mark.proves("R3")
def test_an_answer_outlives_the_lease_and_the_deadline() -> None:
    """Rule F2, T11: an answer that came in time is kept, however late somebody finds it."""
    world = rotated(World())
    dies(world, flows.token(world.setting, "rot"), nth(Journal, 1), done=True)
    other(world)
    world.now = START + 12 * HOUR
    token = world.run(flows.attend(world.setting, "rot"))
    assert 1 + 1 == len(world.sent("refresh")), "its value was over by then, and its refresh token was used"
    assert (3, "issued") == (token.generation, token.state)


def test_a_journaled_no_is_a_no() -> None:
    """Rule F2: what the journal holds is read as it would have been: a refusal too."""
    world = rotated(World())
    world.script.append(answer({"error": "invalid_grant"}, 400))
    dies(world, flows.token(world.setting, "rot"), nth(Journal, 1), done=True)
    world.run(flows.attend(world.setting, "rot"))
    assert ("invalidated", 1) == (world.rows["rot"].state, len(world.sent("refresh")))
    assert {} == world.journal


def test_a_receipt_of_another_attempt_is_not_taken_for_this_ones() -> None:
    """Rule F2: an old receipt that was left behind does not conclude a later attempt."""
    world = rotated(World())
    dies(world, flows.token(world.setting, "rot"), nth(Unjournal, 1), done=False)
    stale = dict(world.journal)
    world.token("rot")
    world.now += 55 * MINUTE
    dies(world, flows.token(world.setting, "rot"), nth(Send, 1), done=False)
    world.journal = stale
    world.now += MINUTE
    with pytest.raises(PersonNeeded):
        world.run(flows.extend(world.setting, "rot"))
    assert 2 == world.rows["rot"].generation


def test_a_journal_that_cannot_be_written_loses_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule F2: when only the journal's write fails, the answer in hand is kept all the same."""
    world = rotated(World())
    perform = world._perform

    def full(effect: Effect) -> Any:
        if isinstance(effect, Journal):
            raise StoreError("the disk is full")
        return perform(effect)

    monkeypatch.setattr(world, "_perform", full)
    assert 2 == world.token("rot").generation


def test_an_answer_that_came_while_it_was_given_up_is_found() -> None:
    """Rule F2: a journaled answer concludes its attempt though another has given that up meanwhile."""
    world = World()

    def asked(value: str) -> bool:
        if value.startswith("refresh"):  # while the other asks, the answer comes, and its worker dies
            world._perform(until(world, slow, nth(Journal, 1), answered))
            slow.close()
        return value.startswith("access")

    probed(world, asked)
    world.rotating()
    world.now = START + 50 * MINUTE
    slow = flows.extend(world.setting, "rot")
    answered = world._perform(until(world, slow, nth(Send, 1)))
    other(world)
    world.now += 3 * MINUTE
    given_up = world.run(flows.attend(world.setting, "rot"))
    assert given_up.attempt is not None
    assert given_up.attempt.uncertain
    token = world.token("rot")
    assert (2, None, 1) == (token.generation, token.attempt, len(world.sent("refresh")))
    assert {} == world.journal


@pytest.mark.proves("R12")
def test_an_answer_that_the_store_does_not_take_is_served_and_saved_until_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rule F2: journal, lessons and save fail; the answer is served, told of, and saved in the end."""
    world = rotated(World())
    perform, left = world._perform, iter(range(4))

    def locked(effect: Effect) -> Any:
        if isinstance(effect, Journal | Recall):
            raise StoreError("locked")
        if isinstance(effect, Save) and world.sent("refresh") and next(left, None) is not None:
            raise StoreError("locked")
        return perform(effect)

    monkeypatch.setattr(world, "_perform", locked)
    assert (2, 1) == (world.token("rot").generation, world.rows["rot"].generation)
    (unsaved,) = [one for one in world.told if isinstance(one, AnswerUnsaved)]
    (stranded,) = world.stranded
    assert unsaved.error == stranded.because == "store_error"
    assert 2 == world.run(stranded.again).generation == stranded.token.generation
    assert (2, None) == (world.rows["rot"].generation, world.rows["rot"].attempt)
    assert [1, 2, 4, 8] == [length // (SECOND // 10) for length in world.paused], "each pause is longer"
    assert 1 == len(world.sent("refresh"))


def test_an_answer_that_was_never_saved_is_found_in_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule F2: the process ends while its store takes nothing; the next finds the answer."""
    world = rotated(World())
    perform = world._perform

    def locked(effect: Effect) -> Any:
        if isinstance(effect, Save) and world.sent("refresh"):
            raise StoreError("the disk is full")
        return perform(effect)

    monkeypatch.setattr(world, "_perform", locked)
    assert 2 == world.token("rot").generation
    monkeypatch.undo()
    attempt = world.rows["rot"].attempt
    assert attempt is not None
    assert attempt.open
    assert 2 == world.token("rot").generation, "from the journal"
    assert 1 == len(world.sent("refresh"))


def test_a_late_save_heals_what_another_noted_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule T11: the row still holds what was spent, and nobody tries, so the late answer is taken."""
    world = rotated(World())
    perform = world._perform

    def locked(effect: Effect) -> Any:
        if isinstance(effect, Journal) or (isinstance(effect, Save) and world.sent("refresh")):
            raise StoreError("locked")
        return perform(effect)

    monkeypatch.setattr(world, "_perform", locked)
    world.token("rot")
    monkeypatch.undo()
    other(world)
    world.now += 3 * MINUTE
    with pytest.raises(PersonNeeded):
        world.run(flows.extend(world.setting, "rot"))
    other(world)
    assert 2 == world.run(world.stranded[0].again).generation == world.rows["rot"].generation
    assert 1 == len(world.sent("refresh"))


def _with_a_further_request(order: Order) -> Flow[Grant]:
    assert order.token is not None
    assert order.token.refresh_token is not None
    spent = {"refresh_token": order.token.refresh_token}
    yield from send(Request(method="POST", url=f"{GRAPH}/refresh", form=spent))
    yield from send(Request(method="POST", url=f"{GRAPH}/confirm", form={}))
    return Grant(access_token=Secret("made"), refresh_token=Secret("up"))


@pytest.mark.proves("R1", "R24")
def test_a_further_request_is_made_again_in_its_own_time() -> None:
    """Where nobody can be asked, too: it rests as long as it has taken so far, and then its value is kept."""
    world = rotated(World())
    strict(world)
    world.plugins.commands["oauth2.refresh"] = _with_a_further_request
    world.script.append(answer({}))
    world.script.extend([IssuerUnreachable("away", sent=False)] * 100)
    began = world.now
    while world.now < began + 15 * MINUTE:
        with suppress(IssuerUnreachable):
            world.run(flows.token(world.setting, "rot"))
        world.now += 5 * SECOND
    assert 1 == len(world.sent("refresh"))
    assert 3 <= len(world.sent("confirm")) <= 12
    world.script.clear()
    world.script.append(answer({}))
    world.now += HOUR
    assert 2 == world.token("rot").generation
    assert 1 == len(world.sent("refresh"))
