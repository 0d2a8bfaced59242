"""Two engines on one store, one with the newer specs: whole lives while an upgrade rolls out (M1, M3)."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.core.lifecycles import PAGE, ROTATING, USER, lifecycle_of
from tests.core.test_lives import GATE, Lives, keys
from tests.core.upgrading import renaming
from tokenflow.core import flows
from tokenflow.core.effects import Change, Request, Response
from tokenflow.core.flows import holding
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.migrating import version_of
from tokenflow.core.tokens import Token

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
            assert told.code in (None, "over", "current", "under_way")
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
