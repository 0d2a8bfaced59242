"""Tenants of one engine: what is another's is not there."""

import ast
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.engine.tenancy import KEYED, SPEC, Issuing, acquire, opened, options
from tests.house import ROOT
from tokenflow import Engine, MemoryStore, PromptPending, Refused, TokenflowError, TokenNotFound
from tokenflow.engine.access import CAPABILITIES, VERBS
from tokenflow.engine.guards import Gate

TENANTS = ("acme", "zoo", "default")
KEYS = ("k", "acme/k", "zoo")
AUDIENCE = "https://b.example"


class Tenants(RuleBasedStateMachine):
    """Three tenants of one engine, against three dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = opened(Issuing())
        self.handles = {name: self.engine.for_tenant(name, may=CAPABILITIES) for name in TENANTS}
        self.held: dict[str, dict[str, str]] = {name: {} for name in TENANTS}
        self.tickets: list[tuple[str, Any]] = []

    def teardown(self) -> None:
        self.engine.close()

    @rule(tenant=st.sampled_from(TENANTS), key=st.sampled_from(KEYS))
    def acquire(self, tenant: str, key: str) -> None:
        token = acquire(self.handles[tenant], key)
        self.held[tenant][key] = token.access_token.reveal()

    @rule(tenant=st.sampled_from(TENANTS), key=st.sampled_from(KEYS), verb=st.sampled_from(sorted(KEYED)))
    def ask(self, tenant: str, key: str, verb: str) -> None:
        """A key of somebody else's is as unknown as one of nobody's: only one's own keys are guessed."""
        if key not in self.held[tenant]:
            with pytest.raises(TokenNotFound) as caught:
                KEYED[verb](self.handles[tenant], key)
            assert str(caught.value) == str(TokenNotFound(key, among=sorted(self.held[tenant])))

    @rule(tenant=st.sampled_from(TENANTS), key=st.sampled_from(KEYS))
    def end(self, tenant: str, key: str) -> None:
        if key in self.held[tenant]:
            self.handles[tenant].revoke(key)
            assert self.handles[tenant].forget(key)
            del self.held[tenant][key]
        else:
            assert not self.handles[tenant].forget(key)

    @rule(tenant=st.sampled_from(TENANTS), key=st.sampled_from(KEYS))
    def hand_over(self, tenant: str, key: str) -> None:
        if key in self.held[tenant]:
            ticket = self.handles[tenant].hand_over(key, to="server", audience=AUDIENCE)
            self.tickets.append((tenant, ticket.value))

    @precondition(lambda self: self.tickets)
    @rule(tenant=st.sampled_from(TENANTS))
    def redeem(self, tenant: str) -> None:
        """A foreign ticket is as unknown as a made-up one, and stays good for whose it is."""
        owner, ticket = self.tickets[-1]
        if tenant != owner:
            with pytest.raises(Refused) as foreign:
                self.handles[tenant].redeem(ticket, AUDIENCE)
            with pytest.raises(Refused) as made_up:
                self.handles[tenant].redeem("x" * len(ticket.reveal()), AUDIENCE)
            assert (foreign.value.code, str(foreign.value)) == (made_up.value.code, str(made_up.value))

    @invariant()
    def each_sees_its_own(self) -> None:
        for name, handle in self.handles.items():
            assert handle.keys() == sorted(self.held[name])
            assert handle.health().kept == len(self.held[name])
            for key, value in self.held[name].items():
                assert handle.token(key).secret.reveal() == value

    @precondition(lambda self: any(self.held.values()))
    @rule(tenant=st.sampled_from(TENANTS))
    def ask_whose(self, tenant: str) -> None:
        """Another's token that turned up is nobody's, here."""
        for owner, held in self.held.items():
            for key, value in held.items():
                assert self.handles[tenant].whose(value) == (key if tenant == owner else None)

    @invariant()
    def nobody_brings_anothers_over(self) -> None:
        for name, handle in self.handles.items():
            assert handle.migrate([key for key in KEYS if key not in self.held[name]]) == ()


TestTenants = pytest.mark.proves("E1")(Tenants.TestCase)
TestTenants.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)


@pytest.mark.proves("E1")
def test_every_verb_with_a_key_is_asked_of_a_foreign_one() -> None:
    """The machine asks all there are; a verb that is added has to be said to take no key."""
    without_key = {"keys", "deletion", "health", "receive", "revoke_all", "migrate", "sweep", "reap", "keep"}
    of_values = {"redeem", "accept", "whose"}
    begins = {"acquire", "answer", "invite"}
    assert KEYED.keys() | {"forget"} | without_key | of_values | begins == VERBS.keys()


@pytest.mark.proves("E1")
@pytest.mark.parametrize("name", ["", "a/b", "/", "x" * 201, "a\nb", "\x00", "a\ud800"])
def test_a_tenant_is_named_so_that_no_place_is_two(name: str) -> None:
    """With a slash in it the tenant `a/b` would share the shelves of the tenant `a`."""
    with pytest.raises(Refused) as caught:
        Engine.open([], tenant=name, **options(Issuing()))
    assert caught.value.code == "bad_tenant"
    with opened(Issuing()) as engine, pytest.raises(Refused):
        engine.for_tenant(name)


@pytest.mark.proves("E1")
def test_a_parked_login_is_its_tenants() -> None:
    """What waits for a person under a key is not what waits under the same key of another tenant."""
    with Engine.open(["oauth2-rotating"], **options(Issuing())) as engine:
        one, other = (engine.for_tenant(name, may="admin") for name in ("acme", "zoo"))
        with pytest.raises(PromptPending) as parked:
            one.acquire("k", lifecycle="oauth2-rotating", platform="web")
        state = parse_qs(urlsplit(parked.value.url).query)["state"][0]
        with pytest.raises(TokenflowError) as foreign:
            other.answer("k", {"state": state, "code": "c"})
        with pytest.raises(TokenflowError) as unknown:
            other.answer("nobodys", {"state": state, "code": "c"})
        assert type(foreign.value) is type(unknown.value)
        assert str(foreign.value).replace("k", "") == str(unknown.value).replace("nobodys", "").replace(
            "k", ""
        )


@pytest.mark.proves("E6")
def test_handles_share_no_current_tenant() -> None:
    """Threads of different tenants at once each get their own."""
    with opened(Issuing()) as engine:
        wanted = {f"t{n}": acquire(engine.for_tenant(f"t{n}", may=CAPABILITIES), "k") for n in range(8)}
        wrong: list[str] = []

        def read(name: str) -> None:
            for _ in range(20):
                if engine.for_tenant(name, may="read").token("k").secret != wanted[name].access_token:
                    wrong.append(name)

        threads = [threading.Thread(target=read, args=(name,)) for name in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_handles_of_a_tenant_share_what_is_in_flight() -> None:
    """Two handles on one tenant are one desk: its locks, its cache and its keeper."""
    with opened(Issuing()) as engine:
        one, other = (engine.for_tenant("acme", may=CAPABILITIES) for _ in range(2))
        token = acquire(one, "k")
        assert other.token("k").secret == token.access_token
        with one.keep():
            assert other.health().alive
            assert not engine.health().alive


def test_tenants_share_gate_and_connections() -> None:
    """One issuer's budget is one, whoever asks: the engine makes one transport, and closes it once."""
    made: list[Issuing] = []

    def make() -> Issuing:
        made.append(Issuing())
        return made[-1]

    with Engine.open([SPEC], **{**options(Issuing()), "transport": make}) as engine:
        for name in ("acme", "zoo"):
            acquire(engine.for_tenant(name, may="admin"), "k")
        gates: list[Gate] = [engine.desk.gate, *(engine.for_tenant(n)._engine.desk.gate for n in TENANTS)]
        assert len(made) == len({id(gate) for gate in gates}) == 1
        handle = engine.for_tenant("acme", may="read")
        handle.token("k")
    with pytest.raises(Exception, match="closed"):
        handle.token("k")


def test_a_tenants_news_is_told_to_who_listens_and_to_its_own_keeper_only() -> None:
    """An engine's listener hears all of its tenants; what waits to be told is told when one is asked for."""
    heard: list[tuple[str, str]] = []
    store = MemoryStore()
    with Engine.open(
        [SPEC],
        store,
        on_event=lambda events: heard.extend((e.about.tenant, e.about.key) for e in events),
        **options(Issuing()),
    ) as engine:
        acquire(engine.for_tenant("acme", may="admin"), "k")
        acquire(engine, "own")
    assert set(heard) == {("acme", "k"), ("default", "own")}
    assert [key for tenant in TENANTS for key in store.keys(tenant)] == ["k", "own"]


UNSCOPED = {
    "rows": {"enrolling.py", "keys.py", "reaping.py", "rekeying.py"},
    "census": {"timekeeping.py"},
    "shelves": {"rekeying.py"},
}
"""The questions about all tenants, and who asks: for the key ring, the clock, and what specs are named."""


def unscoped(source: str) -> set[str]:
    """Which of them a source asks of a store."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, of_whom = node.func.attr, ast.unparse(node.func.value)
            scoped = name == "census" and len(node.args) > 2
            if name in UNSCOPED and of_whom.endswith("store") and not scoped:
                found.add(name)
    return found


@pytest.mark.proves("E1")
def test_nobody_who_answers_to_a_tenant_asks_about_all() -> None:
    """Every other question of the contract names a tenant; who asks one of these gives nothing of it out."""
    asked: dict[str, set[str]] = {name: set() for name in UNSCOPED}
    for file in sorted([*ROOT.glob("tokenflow/engine/*.py"), *ROOT.glob("tokenflow/web/*.py")]):
        for name in unscoped(file.read_text(encoding="utf-8")):
            asked[name].add(file.name)
    assert asked == UNSCOPED
    assert unscoped("desk.store.rows(None, 1); store.census(1, 2, tenant); self._store.census(1, 2)") == {
        "rows",
        "census",
    }
