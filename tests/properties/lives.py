"""Tokens' lives as they may go: two engines on one store, a moody issuer, and what must always hold."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.properties.issuing import APP, CLIENT, MODES, PAGES, Issuer, ScriptedTransport
from tokenflow import (
    SECOND,
    Call,
    Engine,
    MemoryStore,
    Response,
    Row,
    Secret,
    Token,
    TokenflowError,
    VirtualClock,
)
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.sealing import from_row

NOW = 1_800_000_000 * SECOND
MINUTE, HOUR, DAY = 60, 3600, 86_400
SPECS = ("facebook-user", "facebook-page", "oauth2-rotating")
USERS = ("ada", "bob")
ROOTS = tuple(f"{face}/{user}" for face in ("fb", "rot") for user in USERS)
KEYS = (*ROOTS, *(f"page/{page}/{user}" for page in PAGES for user in USERS))
SPANS = (1, 59, 10 * MINUTE, 45 * MINUTE, HOUR, 90 * MINUTE, 6 * HOUR, DAY, 8 * DAY, 53 * DAY, 61 * DAY)
BAD_NEWS = Response(
    status=400,
    headers={"content-type": "application/json"},
    body=b'{"error": {"code": 190, "error_subcode": 460}}',
)

keys = st.sampled_from(KEYS)
roots = st.sampled_from(ROOTS)
engines = st.integers(0, 1)
others = st.sampled_from(["extend", "revoke", "invalidate", "token", "log_in", "derive"])


class Lives(RuleBasedStateMachine):
    """Rules are what callers, time, people and the issuer do; invariants are the language's own."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock(NOW)
        self.issuer = Issuer(self.clock)
        self.store = MemoryStore()
        self.rows: dict[str, Row] = {}
        self.tokens: dict[str, Token] = {}
        self.wrong: list[BaseException] = []
        self.engines: list[Engine] = []
        # Jitter follows from a token's random id, and a life must go the same way when it is played again.
        numbers = count()
        self.chance = patch(
            "tokenflow.engine.performer.secrets.token_urlsafe", lambda size: f"n{next(numbers)}"
        )
        self.chance.start()

    @initialize()
    def begin(self) -> None:
        """Open both engines; a first login gives every life something to begin with."""
        self.engines = [self._open() for _ in range(2)]
        self.cipher = open_keyed(self.store, None)
        self._login("fb/ada", 0)

    def _open(self) -> Engine:
        return Engine.open(
            SPECS,
            self.store,
            clock=self.clock,
            transport=lambda: ScriptedTransport(self.issuer),
            issuer="https://issuer.example",
            client_ids={"facebook": APP, "sandbox-oauth2": CLIENT},
            redirect_uri="https://app.example/back",
            secrets={"env:FB_APP_SECRET": Secret("s"), "env:OAUTH2_CLIENT_SECRET": Secret("s")},
            trust_cache=0.0,
        )

    def teardown(self) -> None:
        """Close what was opened."""
        for engine in self.engines:
            engine.close()
        self.chance.stop()

    # What callers do.

    @rule(key=roots, which=engines)
    def log_in(self, key: str, which: int) -> None:
        """A person logs in, for the first time or again."""
        with suppress(TokenflowError):
            self._login(key, which)

    def _login(self, key: str, which: int) -> None:
        face, _, user = key.partition("/")
        lifecycle = {"fb": "facebook-user", "rot": "oauth2-rotating"}[face]
        payload = {"code": user, "redirect_uri": "https://app.example/back"}
        self.engines[which].acquire(key, lifecycle=lifecycle, platform="server", payload=payload)

    @rule(key=keys, which=engines)
    def ask(self, key: str, which: int) -> None:
        """Whatever is served is usable now, and the last the issuer gave for that key."""
        try:
            held = self.engines[which].token(key)
        except TokenflowError:
            return
        now, lifecycle = self.clock(), self._lifecycle(held.token)
        assert lifecycle.states[held.state].usable
        assert held.expires_at is None or now < held.expires_at - lifecycle.skew
        truth = self.issuer.of(held.secret.reveal())
        assert truth.key == key
        assert truth.expires_at is None or now < truth.expires_at
        if key not in self.issuer.raced:
            assert held.secret.reveal() == self.issuer.last(key)

    @rule(key=keys, which=engines, act=st.sampled_from(["extend", "revoke", "invalidate", "introspect"]))
    def command(self, key: str, which: int, act: str) -> None:
        """Extend it, end it, or ask about it."""
        with suppress(TokenflowError):
            getattr(self.engines[which], act)(key)

    @rule(key=keys, which=engines)
    def use(self, key: str, which: int) -> None:
        """Call the issuer's API with it."""
        with suppress(TokenflowError):
            self.engines[which].use(key, Call(path="https://issuer.example/v23.0/me"))

    @rule(key=keys, which=engines)
    def report(self, key: str, which: int) -> None:
        """Bring the news that it is dead."""
        with suppress(TokenflowError):
            self.engines[which].report(key, BAD_NEWS)

    @rule(user=st.sampled_from(USERS), which=engines)
    def derive(self, user: str, which: int) -> None:
        """Get the page tokens of a user."""
        self._derive(user, which)

    def _derive(self, user: str, which: int) -> None:
        with suppress(TokenflowError):
            self.engines[which].derive(
                f"fb/{user}", lifecycle="facebook-page", key="page/{page_id}/{admin_id}"
            )

    @rule(which=engines)
    def sweep(self, which: int) -> None:
        """Attend to what is due."""
        self.engines[which].sweep()

    @precondition(lambda self: not self.issuer.meanwhile)
    @rule(key=roots, act=others)
    def act_in_between(self, key: str, act: str) -> None:
        """While the next request is under way, a third engine on the store acts on a key."""
        self.issuer.meanwhile.append(lambda: self._elsewhere(key, act))

    @rule(key=roots, which=engines, mine=st.sampled_from(["extend", "revoke", "log_in"]), theirs=others)
    def race(self, key: str, which: int, mine: str, theirs: str) -> None:
        """Two engines act on one key at once, while the issuer is well."""
        self.issuer.mode = "well"
        self.issuer.meanwhile = [lambda: self._elsewhere(key, theirs)]
        with suppress(TokenflowError):
            if mine == "log_in":
                self._login(key, which)
            else:
                getattr(self.engines[which], mine)(key)

    @rule(user=st.sampled_from(USERS), which=engines)
    def family(self, user: str, which: int) -> None:
        """A person whose token lives long lends it for pages, whose tokens never end."""
        self.issuer.mode = "well"
        with suppress(TokenflowError):
            self._login(f"fb/{user}", which)
            self.engines[which].extend(f"fb/{user}")
            self._derive(user, which)

    def _elsewhere(self, key: str, act: str) -> None:
        doing: dict[str, Callable[[], Any]] = {
            "log_in": lambda: self._login(key, 2),
            "derive": lambda: self._derive(key.partition("/")[2], 2),
        }
        if len(self.engines) < 3:
            self.engines.append(self._open())
        try:
            with suppress(TokenflowError):
                doing.get(act, lambda: getattr(self.engines[2], act)(key))()
            self._check()  # what was saved in between must not be undone either
        except BaseException as error:  # noqa: BLE001
            self.wrong.append(error)

    @rule(key=keys, which=engines)
    def look(self, key: str, which: int) -> None:
        """Whoever looks meets the state behind every hard deadline, and an end that is the issuer's."""
        try:
            found = self.engines[which].explain(key)
        except TokenflowError:
            return
        token, now = found.token, self.clock()
        state = self._lifecycle(token).states[token.state]
        assert not (state.usable and token.expires_at is not None and token.expires_at <= now)
        assert found.usable <= state.usable
        if token.access_token is not None:
            assert token.expires_at == self.issuer.of(token.access_token.reveal()).expires_at

    # What time, people and the issuer do.

    @rule(span=st.sampled_from(SPANS))
    def time_passes(self, span: int) -> None:
        """Let time pass for everybody."""
        self.clock.advance(span * SECOND)

    @rule(mode=st.sampled_from(("well", "well", *MODES)))
    def weather(self, mode: str) -> None:
        """The issuer falls ill or recovers."""
        self.issuer.mode = mode

    @rule(user=st.sampled_from(USERS))
    def change_password(self, user: str) -> None:
        """Every token of a person dies at the issuer; the engines are not told."""
        self.issuer.kill(user)

    # What must always hold.

    def _lifecycle(self, token: Token) -> Any:
        return self.engines[0].desk.setting.lifecycle(token.lifecycle.partition("@")[0])

    @invariant()
    def nothing_went_wrong_elsewhere(self) -> None:
        """No error but tokenflow's own was met in between."""
        assert not self.wrong, self.wrong

    @invariant()
    def the_rules_hold(self) -> None:
        """Language.md 4.5, as ruling 23 amends it."""
        self._check()

    def _check(self) -> None:
        identities: dict[str, str] = {}
        for key in self.store.keys("default") if self.engines else ():
            row = self.store.load("default", key)
            assert row is not None
            token = from_row(row, self.cipher)
            self._holds(token, row)
            self._follows(key, token, row)
            if row.live and row.identity is not None:
                assert identities.setdefault(row.identity, key) == key
            self.rows[key], self.tokens[key] = row, token
        self._children_follow()

    def _holds(self, token: Token, row: Row) -> None:
        state = self._lifecycle(token).states[token.state]
        assert token.entered_at <= self.clock()
        if state.final:
            assert (token.access_token, token.refresh_token) == (None, None)
            assert (row.live, row.due_at) == (False, None)
        if state.usable:
            assert token.access_token is not None
        if token.access_token is not None:
            truth = self.issuer.of(token.access_token.reveal())
            assert (truth.key, truth.expires_at) == (token.key, token.expires_at)

    def _follows(self, key: str, token: Token, row: Row) -> None:
        """A row changes only by growing, and what ended in it stays ended."""
        if key not in self.rows:
            return
        before, old = self.rows[key], self.tokens[key]
        assert row == before or row.revision > before.revision
        if token.id != old.id:
            return
        states = self._lifecycle(token).states
        if states[old.state].final:
            assert token.state == old.state
        if token.state == "expired" and old.access_token is not None:
            truth = self.issuer.of(old.access_token.reveal())
            assert truth.dead or (truth.expires_at is not None and truth.expires_at <= self.clock())
        if token.generation == old.generation and not states[old.state].usable:
            assert not states[token.state].usable
        assert token.generation >= old.generation

    def _children_follow(self) -> None:
        """What is derived from a token that was ended does not outlive it (rule F5)."""
        for token in self.tokens.values():
            parent = self.tokens.get(token.parent or "")
            if parent is not None and parent.state in ("invalidated", "signed_out"):
                assert self._lifecycle(token).states[token.state].final
