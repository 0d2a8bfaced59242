"""Between a token and its row: everything comes back, nothing secret is readable, nothing can be moved."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.ground import NOW, Ground
from tokenflow import (
    DAY,
    NEVER,
    SILENT,
    At,
    Lifecycle,
    Row,
    Secret,
    StoreError,
    Token,
    TokenKind,
    Write,
    WrongKey,
)
from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.deadlines import due_at
from tokenflow.core.tokens import Attempt
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.sealing import from_row, to_row, unopened
from tokenflow.hooks.registry import Registry
from tokenflow.spec import load

CIPHER, ANOTHER = (open_keyed(MemoryStore(), None) for _ in range(2))
REGISTRY = Registry.installed()
DOCUMENT, ISSUER = load("facebook-user"), load("facebook")
LIFECYCLE: Lifecycle = compile_lifecycle(
    DOCUMENT.data, digest=DOCUMENT.digest, guards=REGISTRY.guards(), issuer=ISSUER.data, app={}
)
WORD = "CANARY"

words = st.text(min_size=1, max_size=8)
instants = st.integers(NOW - 100 * DAY, NOW + 100 * DAY)
maybe = st.none() | instants
facts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
expiries = st.just(NEVER) | st.just(SILENT) | instants.map(At)
secrets = st.none() | st.text(max_size=20).map(lambda text: Secret(WORD + text))
attempts = st.none() | st.builds(
    Attempt,
    event=words,
    number=st.integers(1, 9),
    started_at=instants,
    command=words,
    lease_until=maybe,
    worker=words,
    retry_at=maybe,
    error=st.none() | words,
    unknown_since=maybe,
    uncertain=st.booleans(),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = dict(  # noqa: C408  # reads as the class does
    key=words,
    tenant=words,
    id=words,
    kind=st.sampled_from(["user", "system_user"]).map(TokenKind),
    lifecycle=words,
    digest=words,
    issuer=words,
    state=st.sampled_from(sorted(LIFECYCLE.states)),
    attributes=st.dictionaries(words, facts, max_size=3),
    identity=st.lists(words, max_size=3).map(tuple),
    scope=st.frozensets(words, max_size=3),
    access_token=secrets,
    refresh_token=secrets,
    entered_at=instants,
    issued_at=maybe,
    refreshed_at=maybe,
    expires=expiries,
    estimated=st.booleans(),
    refresh_expires=expiries,
    learned_life=st.none() | st.integers(1, 400 * DAY),
    handed_by=st.none() | st.just("https://app.example"),
    last_used_at=maybe,
    platform=st.none() | words,
    runs_on=st.sampled_from(["client", "server"]),
    parent=st.none() | words,
    supersedes=st.none() | words,
    reason=st.none() | words,
    fired=st.dictionaries(words, instants, max_size=2),
    attempt=attempts,
    revision=st.integers(1, 2**40),
    generation=st.integers(0, 2**40),
)
tokens = st.builds(Token, **FIELDS)


def test_every_field_of_a_token_is_drawn() -> None:
    """The round trip below draws every field a token has, so that a new one cannot be forgotten."""
    assert {field.name for field in attrs.fields(Token)} == FIELDS.keys()


@given(token=tokens)
def test_a_token_comes_back_from_its_row(token: Token) -> None:
    """A token is the same after it was written as a row and read again."""
    assert from_row(to_row(token, LIFECYCLE, CIPHER), CIPHER) == token


@given(token=tokens)
def test_a_token_is_looked_at_without_its_key(token: Token) -> None:
    """All but the values is there, and where a value is kept something stands for it."""
    looked = unopened(to_row(token, LIFECYCLE, CIPHER))
    bare: dict[str, Any] = {"access_token": None, "refresh_token": None}
    assert attrs.evolve(looked, **bare) == attrs.evolve(token, **bare)
    assert (looked.access_token is None, looked.refresh_token is None) == (
        token.access_token is None,
        token.refresh_token is None,
    )


@given(token=tokens)
def test_a_row_says_of_a_token_what_the_lifecycle_says(token: Token) -> None:
    """Live, due and identity agree with the lifecycle, and a tombstone is never due."""
    row = to_row(token, LIFECYCLE, CIPHER)
    final = LIFECYCLE.states[token.state].final
    assert row.live is not final
    assert row.due_at == (None if final else due_at(LIFECYCLE, token))
    assert row.identity == (json.dumps(token.identity) if token.identity else None)
    assert row.expires_at == token.expires_at


@pytest.mark.proves("A1")
@given(token=tokens)
def test_no_secret_is_readable_in_a_row(token: Token) -> None:
    """Neither the body nor a sealed value holds a secret's text, and the row's repr shows none."""
    row = to_row(token, LIFECYCLE, CIPHER)
    assert WORD not in row.body
    assert WORD not in repr(row)
    for sealed in (row.access_token, row.refresh_token):
        assert sealed is None or WORD.encode() not in sealed


def simple(**changes: Any) -> Token:
    return Token(
        **{
            "key": "ada",
            "id": "1",
            "kind": TokenKind("user"),
            "lifecycle": "l@1",
            "digest": "d",
            "issuer": "i",
            "state": "issued",
            "entered_at": NOW,
            "access_token": Secret("CANARY-a"),
            "refresh_token": Secret("CANARY-r"),
            **changes,
        }
    )


@pytest.mark.proves("A2")
@pytest.mark.parametrize(
    "moved",
    [
        {"access_token": to_row(simple(key="bob", id="2"), LIFECYCLE, CIPHER).access_token},
        {"access_token": to_row(simple(tenant="other"), LIFECYCLE, CIPHER).access_token},
        {"access_token": to_row(simple(generation=7), LIFECYCLE, CIPHER).access_token},
        {"access_token": to_row(simple(), LIFECYCLE, CIPHER).refresh_token},
        {"access_token": to_row(simple(), LIFECYCLE, ANOTHER).access_token},
        {"access_token": b"short"},
        {"generation": 1},
        {"tenant": "other"},
        {"id": "2"},
    ],
)
def test_a_value_opens_in_its_own_place_only(moved: dict[str, Any]) -> None:
    """A value from another row, tenant, generation, field or key does not open; the error names the key."""
    row: Row = attrs.evolve(to_row(simple(), LIFECYCLE, CIPHER), **moved)
    with pytest.raises(WrongKey, match="'ada'") as caught:
        from_row(row, CIPHER)
    assert WORD not in str(caught.value)


@pytest.mark.parametrize("body", ["", "{}", "[]", "7", "{", '{"kind": "Not a kind"}'])
def test_a_damaged_body_is_a_store_error(body: str) -> None:
    """A row whose facts cannot be read is the store's trouble, named by its key, and no crash."""
    row = attrs.evolve(to_row(simple(), LIFECYCLE, CIPHER), body=body)
    with pytest.raises(StoreError, match="'ada'"):
        from_row(row, CIPHER)


@pytest.mark.proves("A2")
def test_swapped_values_of_two_live_tokens_are_noticed(ground: Ground) -> None:
    """Whoever swaps two sealed values in the store gets neither served: WrongKey names the key."""
    with ground.open() as engine:
        ground.rotating(engine, "ada")
        ground.rotating(engine, "bob", person="200")
        store = engine.desk.store
        ada, bob = store.load("default", "ada"), store.load("default", "bob")
        assert ada is not None
        assert bob is not None
        swapped = attrs.evolve(ada, access_token=bob.access_token, revision=ada.revision + 1)
        store.save([Write(row=swapped, expected=ada.revision)], mark=0)
        with pytest.raises(WrongKey, match="'ada'"):
            engine.token("ada")
        assert engine.token("bob").state == "issued"


def test_one_row_in_trouble_keeps_no_sweep_from_the_others(ground: Ground) -> None:
    """A sweep attends to what it can, though the row that is due first does not open."""
    with ground.open() as engine:
        ground.rotating(engine, "ada")
        store = engine.desk.store
        ada = store.load("default", "ada")
        assert ada is not None
        broken = attrs.evolve(ada, access_token=b"\x01broken", revision=ada.revision + 1, due_at=1)
        store.save([Write(row=broken, expected=ada.revision)], mark=0)
        ground.rotating(engine, "bob", person="200")
        ground.pass_time(3500)
        swept = engine.sweep()
        assert swept.attended == 1
        assert swept.next_due is not None
        assert swept.next_due > ground.clock()
        assert engine.explain("bob").token.state == "extended"
