"""Between a token and its row: everything comes back, nothing secret is readable, nothing can be moved."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.engine.ground import NOW, Ground
from tokenflow import (
    DAY,
    NEVER,
    SECOND,
    SILENT,
    At,
    Lifecycle,
    Row,
    Secret,
    StoreError,
    TamperedRow,
    Token,
    TokenKind,
    Write,
    WrongKey,
)
from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.deadlines import due_at
from tokenflow.core.tokens import Attempt, Revoking
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
    quiet_from=maybe,
)
endings = st.none() | st.builds(
    Revoking,
    since=instants,
    again_at=instants,
    tries=st.integers(0, 9),
    why=st.none() | words,
    irrevocable_since=maybe,
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
    revoking=endings,
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


@st.composite
def changes(draw: st.DrawFn) -> tuple[Row, Row]:
    """A row, and what somebody who can write to the store makes of one of its columns."""
    row = to_row(draw(tokens), LIFECYCLE, CIPHER)
    other = to_row(simple(key="another key", id="another id", parent="p"), LIFECYCLE, CIPHER)
    field = draw(st.sampled_from([one.name for one in attrs.fields(Row)]))
    value = draw(st.none() | words | instants | st.booleans() | st.binary(max_size=40))
    return row, attrs.evolve(row, **{field: draw(st.sampled_from([value, getattr(other, field)]))})


@pytest.mark.proves("A2", "R11")
@settings(max_examples=40)
@given(found=changes())
def test_no_column_of_a_row_can_be_changed(found: tuple[Row, Row]) -> None:
    """Whatever one column is given, also what stands there in another row, the row is refused."""
    row, changed = found
    assume(changed != row)
    with pytest.raises(StoreError):
        from_row(changed, CIPHER)


@pytest.mark.proves("A2", "R11")
@settings(max_examples=40)
@given(token=tokens, data=st.data())
def test_no_letter_of_a_body_can_be_changed(token: Token, data: st.DataObject) -> None:
    """A letter replaced, put in or taken out, in the facts or the MAC: TamperedRow, which names the key."""
    row = to_row(token, LIFECYCLE, CIPHER)
    place = data.draw(st.integers(0, len(row.body) - 1))
    letters = data.draw(st.text(max_size=2))
    body = row.body[:place] + letters + row.body[place + data.draw(st.integers(0, 1)) :]
    assume(body != row.body)
    with pytest.raises(TamperedRow) as caught:
        from_row(attrs.evolve(row, body=body), CIPHER)
    assert repr(token.key) in str(caught.value)


@pytest.mark.proves("A2", "R11")
@pytest.mark.parametrize(
    "field", ["tenant", "key", "id", "revision", "generation", "state", "parent", "digest"]
)
def test_a_body_belongs_to_its_own_row(field: str) -> None:
    """The body of another row, tenant or revision is not taken for this one's, with the same facts."""
    bare: dict[str, Any] = {"access_token": None, "refresh_token": None, "revision": 3}
    other = {"revision": 2, "generation": 7, "state": "extended"}.get(field, "another")
    row, theirs = (to_row(simple(**bare | it), LIFECYCLE, CIPHER) for it in ({}, {field: other}))
    with pytest.raises(TamperedRow):
        from_row(attrs.evolve(row, body=theirs.body), CIPHER)


@pytest.mark.proves("A2", "R11")
def test_a_row_is_held_to_its_own_store() -> None:
    """A row with no values is refused under another store's ring, and without its MAC under its own."""
    row = to_row(simple(access_token=None, refresh_token=None), LIFECYCLE, CIPHER)
    bare = json.dumps({name: fact for name, fact in json.loads(row.body).items() if name != "mac"})
    blob: Any = row.body.encode()
    for body, ring in ((row.body, ANOTHER), (bare, CIPHER), (blob, CIPHER)):
        with pytest.raises(TamperedRow, match="'ada'"):
            from_row(attrs.evolve(row, body=body), ring)


@pytest.mark.proves("A2")
def test_a_row_outlives_every_rotation() -> None:
    """What was saved under one term is vouched for under all later ones."""
    ring = open_keyed(MemoryStore(), None)
    token = simple(access_token=None, refresh_token=None)
    row = to_row(token, LIFECYCLE, ring)
    for _ in range(3):
        ring.change(lambda keys: keys.rotated(0))
    assert from_row(row, ring) == token


@pytest.mark.proves("A2", "R11")
def test_no_two_rows_share_a_text() -> None:
    """What is vouched for says of each part what it is and how long: nothing moves from one to the next."""
    row = to_row(simple(parent="a", digest="b"), LIFECYCLE, CIPHER)
    for changed in ({"parent": "a|1:b", "digest": ""}, {"parent": "", "digest": "ab"}, {"parent": None}):
        with pytest.raises(TamperedRow):
            from_row(attrs.evolve(row, **changed), CIPHER)


@pytest.mark.proves("A2")
def test_the_row_of_another_key_is_not_served(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that answers with a row that is whole and another's is told so."""
    with ground.open() as engine:
        ground.rotating(engine, "ada")
        ground.rotating(engine, "bob", person="200")
        store = engine.desk.store
        monkeypatch.setattr(store, "load", lambda tenant, key, load=store.load: load(tenant, "bob"))
        with pytest.raises(TamperedRow, match="'ada'"):
            engine.explain("ada")
        assert engine.explain("bob").token.key == "bob"


@pytest.mark.proves("A2", "R11")
def test_nothing_is_served_sent_or_removed_on_the_word_of_a_changed_row(ground: Ground) -> None:
    """It is not served, renewed or reaped, nobody is told it ended, and it keeps no other from its end."""
    with ground.open() as engine:
        for key in ("ada", "bob", "cem"):
            ground.rotating(engine, key)
        store, calls = engine.desk.store, ground.calls
        ada, bob = store.load("default", "ada"), store.load("default", "bob")
        assert ada is not None
        assert bob is not None
        for row in (
            attrs.evolve(ada, body=ada.body.replace("sandbox-oauth2", "elsewhere"), due_at=1),
            attrs.evolve(bob, state="revoked", live=False, due_at=None),
        ):
            store.save([Write(row=attrs.evolve(row, revision=9), expected=row.revision)], mark=0)
        ground.pass_time(40 * DAY // SECOND)
        sent = calls(grant="refresh_token")
        engine.sweep()
        assert calls(grant="refresh_token") == sent + 1, "cem's alone"
        for key in ("ada", "bob"):
            with pytest.raises(TamperedRow, match=f"'{key}'"):
                engine.token(key)
        assert engine.reap().reaped == ()
        told = engine.revoke_all(issuer="sandbox-oauth2").outcomes
        assert {one.key: one.verdict for one in told} == {"ada": "failed", "bob": "failed", "cem": "revoked"}


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
