"""Two engines on one store, one with the newer specs: whole lives while an upgrade rolls out (M1, M3)."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.core.lifecycles import PAGE, ROTATING, USER, lifecycle_of
from tests.core.test_lives import GATE, HUNT, Lives, keys
from tests.core.upgrading import renaming
from tokenflow.core import flows, migrating
from tokenflow.core.effects import Change, Request, Response
from tokenflow.core.events import About, Migrated
from tokenflow.core.flows import holding
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.migrating import version_of
from tokenflow.core.steps import Settled, Step
from tokenflow.core.tokens import Instant, Token

RENAMED = {
    "facebook-user": {"issued": "fresh", "extended": "prolonged"},
    "facebook-page": {"issued": "open_for_use"},
    "oauth2-rotating": {"issued": "fresh", "awaiting_refresh": "waiting"},
}


def _newer(data: dict[str, Any], timers: str) -> Lifecycle:
    """Return the next version: states renamed, an attribute more, and a `migrate` entry that says so."""
    data = copy.deepcopy(data)
    states = RENAMED[data["metadata"]["name"]]
    for old, new in states.items():
        renaming(data, old, new)
    data["metadata"]["version"] = "2.0.0"
    data["token"]["attributes"]["note"] = {"type": "string", "default": "none", "required": True}
    data["migrate"] = [{"from": "<2.0.0", "states": states, "timers": timers}]
    return lifecycle_of(data)


NEWER = [_newer(USER, "keep"), _newer(PAGE, "recompute"), _newer(ROTATING, "keep")]


class Rolling(Lives):
    """The verbs of `Lives`, by whichever of the two engines is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.older = self.world.setting
        self.newer = attrs.evolve(
            self.older, lifecycles={**self.older.lifecycles, **{one.name: one for one in NEWER}}
        )
        self.world.pins |= {one.digest: one for one in NEWER}

    def _judge(self, stored: Token | None, change: Change) -> None:
        super()._judge(stored, change)
        token = change.token
        assert token.state in self.world.pins[token.digest].states, "a state its spec does not have"
        assert self.world.pins[token.digest].ref == token.lifecycle
        if stored is not None and stored.id == token.id:
            assert version_of(token) >= version_of(stored), "an engine with an older spec took it back"

    @contextmanager
    def _other(self) -> Iterator[None]:
        """Let the other engine act."""
        mine = self.world.setting, self.world.worker
        self._asked(newer=self.world.setting is self.older)
        try:
            yield
        finally:
            self.world.setting, self.world.worker = mine

    def _asked(self, *, newer: bool) -> None:
        self.world.setting = self.newer if newer else self.older
        self.world.worker = "newer" if newer else "older"

    @rule(newer=st.booleans())
    def the_engine_that_is_asked_is_another(self, newer: bool) -> None:
        self._asked(newer=newer)

    @rule(key=keys)
    def the_other_touches_it_while_we_send(self, key: str) -> None:
        def replies(request: Request) -> Response:
            with self._other():
                self._try(holding.current(self.world.setting, key))
            return self.world._issuer(request)

        self.world.script.append(replies)

    @rule(key=keys, skip=st.integers(0, 2))
    def the_other_touches_it_before_we_save(self, key: str, skip: int) -> None:
        def touch() -> None:
            with self._other():
                self._try(holding.current(self.world.setting, key))

        self.world.before_save.extend([None] * skip + [touch])

    @rule(some=st.lists(keys, unique=True))
    def they_are_migrated(self, some: list[str]) -> None:
        for told in self.world.run(flows.migrate(self.newer, some)):
            assert told.code in (None, "over", "current", "under_way", "revision_conflict")
            if told.code is None and not self.world.before_save:
                assert self.world.rows[told.key].lifecycle == told.after
                assert self.world.rows[told.key].state == told.state


ROLL = settings(GATE, max_examples=60, stateful_step_count=25)
TestRolling = Rolling.TestCase
TestRolling.settings = ROLL


@pytest.mark.campaign
def test_many_upgrades_roll_out() -> None:
    """The same, thousands of times and longer."""
    run_state_machine_as_test(Rolling, settings=settings(GATE, max_examples=3000, stateful_step_count=80))


def _takes_it_back(patch: pytest.MonkeyPatch) -> None:
    def other(lifecycles: Mapping[str, Lifecycle], token: Token) -> Lifecycle | None:
        found = lifecycles.get(token.lifecycle.rpartition("@")[0])
        return None if found is None or found.ref == token.lifecycle else found

    def repinned(old: Lifecycle, new: Lifecycle, settled: Settled, now: Instant) -> Settled:
        names = RENAMED.get(new.name, {})
        names = names if new.version == "2.0.0" else {new: old for old, new in names.items()}
        state = names.get(settled.token.state, settled.token.state)
        moved = attrs.evolve(
            settled.token,
            state=state,
            lifecycle=new.ref,
            digest=new.digest,
            fired={},
            revision=settled.token.revision + 1,
        )
        note = Migrated(
            about=About.of(moved, now),
            from_lifecycle=settled.token.lifecycle,
            to_lifecycle=new.ref,
            source=settled.token.state,
            state=state,
        )
        step = Step(before=settled.token, after=moved, row=None, happened=(note,))
        return Settled(token=moved, steps=(*settled.steps, step), due=None)

    patch.setattr(holding, "newer", other)
    patch.setattr(holding, "upgrade", repinned)


def _keeps_the_old_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migrating, "_target", lambda old, new, token, passage: old.states[token.state])


@pytest.mark.parametrize("plant", [_takes_it_back, _keeps_the_old_name])
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two engines that take a token to and fro, a state left unmapped: found."""
    plant(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        run_state_machine_as_test(Rolling, settings=HUNT)
