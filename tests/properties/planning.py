"""Stores as they may be when a plan is made: logins, children and time, at an issuer that is well."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Final
from unittest.mock import patch

import attrs
from hypothesis import strategies as st

from tests.properties.issuing import APP, CLIENT, Issuer, ScriptedTransport
from tests.properties.lives import NOW, ROOTS, SPECS, USERS
from tokenflow import SECOND, Engine, MemoryStore, Secret, TokenflowError, VirtualClock
from tokenflow.core.events import Happened
from tokenflow.core.plans import Plan, begun
from tokenflow.core.tokens import Instant
from tokenflow.engine.opening import read_all
from tokenflow.hooks.registry import Registry
from tokenflow.runner.looking import Glass, glass
from tokenflow.runner.planning import plan

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
REGISTRY: Final = Registry.installed()
DOCUMENTS: Final = read_all(SPECS, REGISTRY)

deeds = st.one_of(
    st.tuples(st.just("log_in"), st.sampled_from(ROOTS)),
    st.tuples(st.just("extend"), st.sampled_from(ROOTS)),
    st.tuples(st.just("invalidate"), st.sampled_from(ROOTS)),
    st.tuples(st.just("derive"), st.sampled_from(USERS)),
    st.tuples(st.just("pass"), st.sampled_from([MINUTE, 40 * MINUTE, 2 * HOUR, 3 * DAY, 55 * DAY])),
)
pasts = st.lists(deeds, min_size=1, max_size=8).map(lambda more: [("log_in", "fb/ada"), *more])
spans = st.sampled_from([0, HOUR, 5 * HOUR, DAY])


@attrs.define
class World:
    """A store, an engine on it, and what the engine began and when."""

    clock: VirtualClock
    issuer: Issuer
    store: MemoryStore
    engine: Engine
    began: list[tuple[Instant, str]]

    def do(self, deed: tuple[str, Any]) -> None:
        """Let something happen."""
        act, what = deed
        with suppress(TokenflowError):
            match act:
                case "log_in":
                    face, _, user = what.partition("/")
                    self.engine.acquire(
                        what,
                        lifecycle={"fb": "facebook-user", "rot": "oauth2-rotating"}[face],
                        platform="server",
                        payload={"code": user, "redirect_uri": "https://app.example/back"},
                    )
                case "derive":
                    self.engine.derive(
                        f"fb/{what}", lifecycle="facebook-page", key="page/{page_id}/{admin_id}"
                    )
                case "pass":
                    self.clock.advance(what)
                case _:
                    getattr(self.engine, act)(what)

    def glass(self, documents: Any = DOCUMENTS) -> Glass:
        """A look at its store."""
        return glass(self.store, documents, registry=REGISTRY, tenant="default", clock=self.clock)

    def plan(self, until: int) -> Plan:
        """What would happen in the next *until* microseconds."""
        return plan(self.glass(), until=until, specs=SPECS)

    def live_on(self, until: Instant) -> None:
        """Let the engine attend to whatever is due, when it is due, up to *until*."""
        while rows := self.store.due("default", until, 1):
            due = rows[0].due_at
            assert due is not None
            self.clock.advance(max(due - self.clock(), 0))
            self.engine.sweep(1000)


@contextmanager
def world(past: Sequence[tuple[str, Any]]) -> Iterator[World]:
    """A world with a *past*; what happens from then on is noted."""
    clock, numbers = VirtualClock(NOW), count()
    began: list[tuple[Instant, str]] = []
    issuer, store = Issuer(clock), MemoryStore()

    def hear(events: Sequence[Happened]) -> None:
        began.extend((clock(), line) for line in begun(tuple(events)))

    with (
        patch("tokenflow.engine.performer.secrets.token_urlsafe", lambda size: f"{next(numbers):043}"),
        Engine.open(
            SPECS,
            store,
            clock=clock,
            transport=lambda: ScriptedTransport(issuer),
            issuer="https://issuer.example",
            client_ids={"facebook": APP, "sandbox-oauth2": CLIENT},
            redirect_uri="https://app.example/back",
            secrets={"env:FB_APP_SECRET": Secret("s"), "env:OAUTH2_CLIENT_SECRET": Secret("s")},
            trust_cache=0.0,
            on_event=hear,
        ) as engine,
    ):
        found = World(clock, issuer, store, engine, began)
        for deed in past:
            found.do(deed)
        began.clear()
        yield found


class Patience(threading.Event):
    """Waiting, in virtual time: what `stop.wait` is to a clock that somebody has to move. Nobody sets it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Let that time pass."""
        assert timeout is not None, "nobody would end it"
        self._clock.advance(max(round(timeout * SECOND), 1))
        return False


def by_key(lines: Sequence[tuple[Instant, str]]) -> dict[str, list[tuple[Instant, str]]]:
    """Return the lines of each key, in order: between keys at one instant there is none."""
    found: dict[str, list[tuple[Instant, str]]] = {}
    for at, line in lines:
        found.setdefault(line.partition(":")[0], []).append((at, line))
    return found
