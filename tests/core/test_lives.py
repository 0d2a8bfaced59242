"""Whole lives: any verbs, any weather, any other process, and the invariants of §4.5 (ruling 23)."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.core.lifecycles import DAY, MINUTE, SECOND
from tests.core.performing import Reply, World, answer
from tokenflow.core import flows
from tokenflow.core.deadlines import due_at, hard_deadline
from tokenflow.core.effects import Call, Change, Flow, Request, Response
from tokenflow.core.errors import IssuerUnreachable, RevisionConflict, TokenflowError
from tokenflow.core.events import Transitioned
from tokenflow.core.flows import holding, saving
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.steps import Settled, settle
from tokenflow.core.tokens import NEVER, At, Instant, Token

WEATHER: dict[str, Reply] = {
    "unreachable": IssuerUnreachable("gone", sent=True),
    "down": answer({}, 503),
    "busy": answer({}, 429, retry_after="90"),
    "revoked": answer({"error": {"code": 190, "error_subcode": 460}}, 400),
    "expired": answer({"error": {"code": 190, "error_subcode": 463}}, 400),
    "invalid_grant": answer({"error": "invalid_grant"}, 400),
    "permanent": answer({"error": {"code": 100}}, 400),
    "html": Response(status=200, headers={"content-type": "text/html"}, body=b"<html>"),
    "empty": answer(b""),
    "half": answer(b'{"access_token":'),
    "no token": answer({"token_type": "bearer"}),
    "negative": answer({"access_token": "x", "expires_in": -1}),
    "brief": answer({"access_token": "brief", "refresh_token": "b", "expires_in": 30}),
    "silent": answer({"access_token": "silent", "data": []}),
    "another's": answer({"active": True, "app_id": "app", "user_id": "8"}),
    "dead": answer({"active": False}),
}
KEYS = ("me", "rot", "app", "page/p1", "page/p2")
ENDED = ("invalidated", "revoked")
keys = st.sampled_from(KEYS)


class Lives(RuleBasedStateMachine):
    """Some tokens of each lifecycle in one world; every rule is a verb, or something that befalls them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.judge = self._judge
        self.ended: dict[str, str] = {}

    def _judge(self, stored: Token | None, change: Change) -> None:
        """Assert of every single save what may never be otherwise."""
        token = change.token
        assert token.entered_at <= self.world.now
        if stored is not None and stored.id == token.id:
            assert token.generation >= stored.generation
            assert stored.issued_at in (None, token.issued_at)
        for event in change.happened:
            assert event.about.at <= self.world.now
            if isinstance(event, Transitioned) and event.cause == "timer" and event.event == "expire":
                self._dated_to_its_deadline(stored, event)

    def _dated_to_its_deadline(self, stored: Token | None, event: Transitioned) -> None:
        """T8: only a token with an end is ended by the clock, and as of that end."""
        assert stored is not None
        if event.source in ("issued", "extended"):
            assert isinstance(stored.expires, At), "the clock ended a token that has no end"
            assert max(stored.expires.instant, stored.entered_at) == event.about.at

    def _try(self, flow: Flow[Any]) -> Any:
        """Run a verb; whatever is raised on purpose is an answer too."""
        try:
            return self.world.run(flow)
        except TokenflowError:
            return None

    @initialize(lives=st.sampled_from([2 * 60 * MINUTE, 60 * DAY, None]))
    def begin(self, lives: int | None) -> None:
        self.world.android(lives=lives)
        self.world.rotating()
        self.world.pages()
        self.world.run(flows.acquire(self.world.setting, "app", lifecycle="facebook-app", platform="inline"))

    # What befalls them.

    @rule(span=st.sampled_from([1, SECOND, MINUTE, 20 * MINUTE, 3 * 60 * MINUTE, DAY, 8 * DAY, 70 * DAY]))
    def time_passes(self, span: int) -> None:
        self.world.now += span

    @rule(key=keys, offset=st.sampled_from([-1, 0, 1]))
    def the_next_deadline_comes(self, key: str, offset: int) -> None:
        row = self.world.rows.get(key)
        due = None if row is None else due_at(self.world.pins[row.digest], row)
        if due is not None:
            self.world.now = max(self.world.now, due + offset)

    @rule(replies=st.lists(st.sampled_from(sorted(WEATHER)), min_size=1, max_size=3))
    def weather_comes_up_at_the_issuer(self, replies: list[str]) -> None:
        self.world.script.extend(WEATHER[name] for name in replies)

    @rule()
    def the_issuer_recovers(self) -> None:
        self.world.script.clear()

    @rule(key=keys, skip=st.integers(0, 2), times=st.integers(1, 5))
    def another_process_saves_in_between(self, key: str, skip: int, times: int) -> None:
        def save() -> None:
            if key in self.world.rows:
                self.world.elsewhere(key)

        self.world.before_save.extend([None] * skip + [save] * times)

    @rule(event=st.sampled_from(["renamed", "invalidate"]), key=st.sampled_from(["me", "rot"]))
    def another_process_acts_while_we_send(self, event: str, key: str) -> None:
        world = self.world

        def replies(request: Request) -> Response:
            self._try(flows.raise_event(world.setting, key, event, payload={"name": "x"}))
            return world._issuer(request)

        world.script.append(replies)

    # The verbs.

    @rule(key=keys)
    def a_token_is_asked_for(self, key: str) -> None:
        token: Token | None = self._try(flows.token(self.world.setting, key))
        if token is None:
            return
        assert self.world.usable(token), f"a token in `{token.state}` was handed out"
        assert token.access_token is not None
        assert token.expires_at is None or self.world.now < token.expires_at
        stored = self.world.rows[key]
        assert (stored.id, stored.state, None) == (token.id, token.state, stored.revoking)

    @rule(key=keys)
    def it_is_extended(self, key: str) -> None:
        self._try(flows.extend(self.world.setting, key))

    @rule(key=keys)
    def a_sweep_attends(self, key: str) -> None:
        self._try(flows.attend(self.world.setting, key))

    @rule(key=st.sampled_from(["me", "rot"]))
    def it_is_invalidated(self, key: str) -> None:
        self._try(flows.invalidate(self.world.setting, key))

    @rule()
    def it_is_revoked(self) -> None:
        self._try(flows.retire(self.world.setting, "me"))
        self._try(flows.tell(self.world.setting, "me"))

    @rule()
    def its_person_logs_out(self) -> None:
        self._try(flows.raise_event(self.world.setting, "rot", "logout"))

    @rule(key=keys)
    def it_is_used(self, key: str) -> None:
        self._try(flows.use(self.world.setting, key, Call(path="/me")))

    @rule(key=keys)
    def it_is_introspected(self, key: str) -> None:
        self._try(flows.introspect(self.world.setting, key))

    @rule()
    def pages_are_derived(self) -> None:
        self._try(flows.derive(self.world.setting, "me", lifecycle="facebook-page", key="page/{page_id}"))

    @rule(lives=st.sampled_from([3600, 5_184_000, None]))
    def it_is_acquired_anew(self, lives: int | None) -> None:
        payload = {"access_token": "again", "user_id": "7", **({"expires_in": lives} if lives else {})}
        self._try(
            flows.acquire(
                self.world.setting, "me", lifecycle="facebook-user", platform="android", payload=payload
            )
        )

    @rule(key=keys, on_time=st.booleans())
    @precondition(lambda self: not self.world.before_save)
    def the_clock_has_its_say(self, key: str, on_time: bool) -> None:
        if key not in self.world.rows:
            return
        row = self.world.rows[key]
        due = due_at(self.world.pins[row.digest], row)
        if on_time and due is not None:
            self.world.now = max(self.world.now, due)
        held = self.world.run(holding.current(self.world.setting, key))
        deadline = hard_deadline(held.lifecycle, held.token)
        assert deadline is None or deadline > self.world.now, "a settled token has a hard deadline behind it"
        assert held.token == self.world.rows[key]

    # The invariants.

    @invariant()
    def what_is_final_holds_no_value_and_what_is_usable_has_one(self) -> None:
        for row in self.world.rows.values():
            lifecycle = self.world.pins[row.digest]
            state = lifecycle.states[row.state]
            if state.final:
                assert row.access_token is None
                assert row.refresh_token is None
                assert row.attempt is None
            acquisition = lifecycle.acquisitions.get(row.platform or "")
            declared = acquisition is not None and not acquisition.keep_value
            if state.usable:
                assert declared or row.access_token is not None
            if declared:
                assert row.access_token is None
            assert set(row.fired) <= {timer.name for timer in state.timers}

    @invariant()
    def nothing_rises_again(self) -> None:
        for row in self.world.rows.values():
            final = self.world.pins[row.digest].states[row.state].final
            if row.id in self.ended:
                assert self.ended[row.id] == row.state, "a token that was over has come back"
            elif final:
                self.ended[row.id] = row.state

    @invariant()
    def no_child_outlives_a_parent_that_was_ended(self) -> None:
        for row in self.world.rows.values():
            parent = self.world.rows.get(row.parent or "")
            if parent is None or self.world.pins[row.digest].states[row.state].final or row.revoking:
                continue
            assert parent.state not in ENDED, "a page lives on after its parent was invalidated"
            assert parent.state != "expired" or row.expires == NEVER, "a page outlives its parent's end"


GATE = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
HUNT = settings(
    max_examples=4000,  # the first that breaks a rule ends it
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

TestLives = Lives.TestCase
TestLives.settings = GATE


@pytest.mark.campaign
def test_many_long_lives() -> None:
    """The same lives, thousands of them and longer."""
    run_state_machine_as_test(Lives, settings=settings(GATE, max_examples=3000, stateful_step_count=80))


def _early(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
    return settle(lifecycle, token, now - 1)


def _dated_now(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
    found = settle(lifecycle, token, now)
    dated = [
        attrs.evolve(one, happened=tuple(_at(event, now) for event in one.happened)) for one in found.steps
    ]
    return attrs.evolve(found, steps=tuple(dated))


def _at(event: Any, now: Instant) -> Any:
    return attrs.evolve(event, about=attrs.evolve(event.about, at=now))


def _no_cascade(*_: Any) -> Flow[None]:
    return None
    yield


def _first_child_only(
    parent: Token, event: str, at: Instant, changes: Any, every: Any, depth: int
) -> Flow[None]:
    for key in list(changes):
        yield from _whole_cascade(parent, event, at, changes, every, depth)
        for other in [other for other in changes if other.endswith("p2") and other != key]:
            del changes[other]


_whole_cascade = saving._cascade


def _never_is_zero(token: Token) -> Instant | None:
    return token.expires.instant if isinstance(token.expires, At) else 0


def _plant_settle(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "settle", _early)


def _plant_dating(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holding, "settle", _dated_now)


def _plant_no_cascade(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(saving, "_cascade", _no_cascade)


def _plant_half_cascade(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(saving, "_cascade", _first_child_only)


def _plant_sentinel(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Token, "expires_at", property(_never_is_zero))


@pytest.mark.parametrize(
    "plant", [_plant_settle, _plant_dating, _plant_no_cascade, _plant_half_cascade, _plant_sentinel]
)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settling late, dating to the wake-up, forgetting children, Never taken for 0: found."""
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Lives, settings=HUNT)


def test_the_world_itself_refuses_a_stale_save() -> None:
    """The small world compares and swaps, or no conflict above would mean anything."""
    world = World()
    world.android()
    world.meddle("me", 4)
    with pytest.raises(RevisionConflict):
        world.run(flows.raise_event(world.setting, "me", "renamed"))
