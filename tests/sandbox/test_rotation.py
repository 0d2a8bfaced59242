"""The four rotation contracts, over every tree of generations that a client can grow."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tests.sandbox.ground import NOW
from tokenflow.sandbox import Sandbox
from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.errors import OAuthError
from tokenflow.sandbox.oauth2 import grants, issuing
from tokenflow.sandbox.tokens import death_of, find
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Client, Person, World

GRACE = 60


def call(refresh_token: str) -> Call:
    """Return a refresh request."""
    form = (
        ("grant_type", "refresh_token"),
        ("client_id", "c"),
        ("client_secret", "s"),
        ("refresh_token", refresh_token),
    )
    return Call(method="POST", path="oauth2/token", base="http://localhost", form=form)


def world_of(rotation: str) -> tuple[World, Client]:
    """Return a world with one client of that contract."""
    world = Sandbox(now=NOW).state().world
    client = Client(client_id="c", client_secret="s", rotation=rotation, grace=GRACE, expires_in=600)
    world.clients["c"] = client
    world.people["1"] = Person(id="1", name="Ada")
    return world, client


class Tree(RuleBasedStateMachine):
    """Refresh with any token ever seen, at any time, and hold the answer against a plain table.

    `expected` follows each token's generation and, where the contract looks back, when the next began.
    """

    seen = Bundle("seen")

    @initialize(target=seen, rotation=st.sampled_from(["none", "grace", "idempotent", "strict"]))
    def log_in(self, rotation: str) -> str:
        self.rotation = rotation
        self.world, client = world_of(rotation)
        first = issuing.refresh_token(self.world, client, "1", ("read",), "family", 1)
        self.generation = {first.value: 1}
        self.began = {1: NOW}
        self.over = False
        return first.value

    @rule(seconds=st.sampled_from([1, GRACE - 1, GRACE, 1000]))
    def wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(target=seen, presented=seen)
    def refresh(self, presented: str) -> str:
        newest, mine = max(self.began), self.generation[presented]
        if not self.works(mine, newest):
            with pytest.raises(OAuthError, match="invalid_grant"):
                grants.token(self.world, call(presented))
            self.over = self.over or self.rotation == "strict"
            return presented
        answer = grants.token(self.world, call(presented))
        return self.given(presented, answer, mine, newest)

    def works(self, mine: int, newest: int) -> bool:
        """Say what the contract says of a token of generation *mine*."""
        if self.over:
            return False
        if self.rotation in {"none", "strict"} or mine == newest:
            return mine == newest
        if mine != newest - 1:
            return False
        return self.rotation == "idempotent" or self.world.clock.now() < self.began[newest] + GRACE * SECOND

    def given(self, presented: str, answer: dict[str, Any], mine: int, newest: int) -> str:
        """Hold what came back against the contract."""
        if self.rotation == "none":
            assert "refresh_token" not in answer
            return presented
        value = str(answer["refresh_token"])
        if self.rotation == "idempotent" and mine < newest:
            assert self.generation[value] == newest
            return value
        assert value not in self.generation
        if mine == newest:
            self.began[newest + 1] = self.world.clock.now()
        self.generation[value] = max(self.began)
        return value

    @invariant()
    def a_family_that_is_over_has_nothing_alive(self) -> None:
        if getattr(self, "over", False):
            family = issuing.of_family(self.world, "family")
            assert [token for token in family if death_of(self.world, token) is None] == []

    @invariant()
    def a_family_that_is_not_over_has_a_living_refresh_token(self) -> None:
        if hasattr(self, "world") and not self.over:
            tokens = [find(self.world, value) for value in self.generation]
            assert any(token and death_of(self.world, token) is None for token in tokens)


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=120, stateful_step_count=25, deadline=None)


def grown(rotation: str, generations: int) -> tuple[World, list[str]]:
    """Return a world and the refresh tokens of a straight line of *generations*."""
    world, client = world_of(rotation)
    values = [issuing.refresh_token(world, client, "1", (), "family", 1).value]
    while len(values) < generations:
        values.append(str(grants.token(world, call(values[-1]))["refresh_token"]))
    return world, values


@pytest.mark.parametrize("old", [0, 1, 2])
def test_under_strict_any_old_token_ends_every_generation(old: int) -> None:
    world, values = grown("strict", 4)
    with pytest.raises(OAuthError, match="invalid_grant"):
        grants.token(world, call(values[old]))

    assert {death.reason for each in world.tokens.values() if (death := death_of(world, each))} >= {"reused"}
    assert not [each for each in world.tokens.values() if death_of(world, each) is None]


def test_under_grace_only_the_immediately_previous_token_works() -> None:
    world, values = grown("grace", 4)

    assert "refresh_token" in grants.token(world, call(values[2]))
    for old in values[:2]:
        with pytest.raises(OAuthError, match="invalid_grant"):
            grants.token(world, call(old))
    assert "refresh_token" in grants.token(world, call(values[3]))


def test_under_grace_the_window_ends() -> None:
    world, values = grown("grace", 2)
    world.clock.advance(GRACE)
    with pytest.raises(OAuthError, match="invalid_grant"):
        grants.token(world, call(values[0]))

    assert "refresh_token" in grants.token(world, call(values[1]))


def test_under_idempotent_a_retry_gets_the_same_successor_until_that_is_used() -> None:
    world, values = grown("idempotent", 2)
    world.clock.advance(10**6)

    assert [grants.token(world, call(values[0]))["refresh_token"] for _ in range(3)] == [values[1]] * 3
    grants.token(world, call(values[1]))
    with pytest.raises(OAuthError, match="invalid_grant"):
        grants.token(world, call(values[0]))


def test_under_none_the_token_stays_and_is_not_sent_again() -> None:
    world, values = grown("none", 1)

    assert all("refresh_token" not in grants.token(world, call(values[0])) for _ in range(3))


@pytest.mark.parametrize("rotation", ["none", "grace", "idempotent", "strict"])
def test_another_client_s_refresh_token_is_refused_and_unharmed(rotation: str) -> None:
    world, values = grown(rotation, 1)
    world.clients["other"] = Client(client_id="other", client_secret="s")
    form = tuple((name, "other" if name == "client_id" else value) for name, value in call(values[0]).form)
    foreign = Call(method="POST", path="oauth2/token", base="http://localhost", form=form)
    with pytest.raises(OAuthError, match="invalid_grant"):
        grants.token(world, foreign)

    assert "access_token" in grants.token(world, call(values[0]))
