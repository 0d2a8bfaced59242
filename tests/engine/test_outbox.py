"""Rule F1: what a spec notifies of is told at least once, in order per token, after its commit."""

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.ground import HOUR, Ground
from tokenflow import Engine, Entry, MemoryStore, Row, StoreError, Write
from tokenflow.core.events import About, Happened, Notified, Transitioned, to_json
from tokenflow.engine.outbox import Outbox


class Listener:
    """Hears what is told, and fails when it is told to."""

    def __init__(self) -> None:
        self.heard: list[Happened] = []
        self.fails: set[str] = set()
        """Names of notices, or keys, that it fails at."""

    def __call__(self, events: Sequence[Happened]) -> None:
        for event in events:
            if isinstance(event, Notified) and self.fails & {event.name, event.about.key}:
                raise ValueError("not now")
        self.heard += events

    def notices(self) -> list[tuple[str, str]]:
        """Return key and name of each notice heard."""
        return [(one.about.key, one.name) for one in self.heard if isinstance(one, Notified)]


def expire(ground: Ground, engine: Engine, *keys: str) -> None:
    """Let tokens of Facebook's end on record: each tells `token.expired`."""
    for person, key in zip(("100", "200"), keys, strict=False):
        payload = ground.payload("javascript", person)
        engine.acquire(key, lifecycle="facebook-user", platform="javascript", payload=payload)
    ground.pass_time(3 * HOUR)
    for key in keys:
        engine.explain(key)


@pytest.mark.proves("R20")
def test_a_listener_that_failed_is_told_again_by_the_next_sweep(ground: Ground) -> None:
    """Rule F1: the notice stays pending, others go on, and a later sweep tells it under the same key."""
    hear, store = Listener(), MemoryStore()
    hear.fails = {"ada"}
    with ground.open(store, on_event=hear) as engine:
        expire(ground, engine, "ada", "bob")
        assert hear.notices() == [("bob", "token.expired")]
        pending = store.pending("default", 9)
        assert [one.key for one in pending] == ["ada", "ada"], "what is wanted next waits for the notice"
        engine.sweep()
        assert store.pending("default", 9) == pending
        hear.fails = set()
        engine.sweep()
    assert hear.notices() == [("bob", "token.expired"), ("ada", "token.expired")]
    assert [one.about.delivery for one in hear.heard[-2:]] == [one.delivery for one in pending]
    assert store.pending("default", 9) == []


def test_a_listener_that_fails_is_not_asked_again_with_every_commit(ground: Ground) -> None:
    """Rule F1: what could not be told waits for the next sweep; a further notice costs one try."""
    tries: list[str] = []

    def fails(events: Sequence[Happened]) -> None:
        told = [one.about.key for one in events if isinstance(one, Notified)]
        tries.extend(told)
        if told:
            raise ValueError("not now")

    with ground.open(on_event=fails) as engine:
        expire(ground, engine, "ada", "bob")
        assert tries == ["ada", "bob"]
        engine.sweep()
    assert tries == ["ada", "bob", "ada", "bob"]


def test_what_a_newer_tokenflow_has_to_tell_waits_for_it_and_stops_nobody(ground: Ground) -> None:
    """Rule F1: an event that cannot be read stays pending; engines open, and others' notices are told."""
    hear, store = Listener(), MemoryStore()
    with ground.open(store) as engine:
        engine.acquire("app", lifecycle="oauth2-app", platform="server")
    row = store.load("default", "app")
    assert row is not None
    news = Entry(
        tenant="default",
        key="app",
        token_id=row.id,
        revision=9,
        at=0,
        happened='{"happened": "Foretold"}',
        delivery="x:9:0",
    )
    store.save([Write(row=attrs.evolve(row, revision=9), expected=row.revision, entries=(news,))], mark=0)
    with ground.open(store, on_event=hear) as engine:
        expire(ground, engine, "ada")
    assert hear.notices() == [("ada", "token.expired")]
    assert store.pending("default", 9) == [news]


def test_what_happened_besides_is_told_once_and_before(ground: Ground) -> None:
    """Rule F1: the move itself is told as well as it goes, and what it notifies of follows."""
    hear = Listener()
    with ground.open(on_event=hear) as engine:
        expire(ground, engine, "ada")
    kinds = [type(one) for one in hear.heard]
    assert kinds.index(Transitioned) < kinds.index(Notified)
    assert kinds.count(Notified) == 1


@pytest.mark.parametrize("durable", [False, True])
def test_a_process_that_dies_before_it_tells_is_made_up_for_at_the_next_open(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    """Rule F1: between commit and telling nothing is lost: the next engine tells it when it opens."""
    store = MemoryStore()
    first = ground.durable() if durable else ground.open(store)
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "deliver", lambda self: 0)
        with first as engine:
            expire(ground, engine, "ada")
    hear = Listener()
    with ground.durable(on_event=hear) if durable else ground.open(store, on_event=hear):
        assert hear.notices() == [("ada", "token.expired")]
    again = Listener()
    with ground.durable(on_event=again) if durable else ground.open(store, on_event=again):
        assert again.notices() == []


def test_a_store_that_fails_while_it_is_told_tells_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule F1: what was heard and could not be ticked off is told twice, under one key, and nobody fails."""
    hear, store = Listener(), MemoryStore()

    def broken(entries: Sequence[Entry]) -> None:
        raise StoreError("the disk is full")

    with ground.open(store, on_event=hear) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(store, "delivered", broken)
            expire(ground, engine, "ada")
        engine.sweep()
    first, second = [one.about.delivery for one in hear.heard if isinstance(one, Notified)]
    assert first == second


def test_a_store_without_an_outbox_is_told_from_as_well_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the capability everything is told at once, in one batch, and nothing is asked of the store."""
    batches: list[Sequence[Happened]] = []

    monkeypatch.setattr(MemoryStore, "capabilities", frozenset())

    def hear(events: Sequence[Happened]) -> bool:
        batches.append(events)
        return True

    outbox = Outbox(MemoryStore(), "default", hear)
    events = [_notice("a", 1, 0), _notice("a", 1, 1)]
    outbox.tell(events)
    assert batches == [events]
    assert outbox.deliver() == 0


def _notice(token: str, revision: int, number: int) -> Notified:
    about = About(tenant="default", key=token, token_id=token, revision=revision, at=revision)
    return Notified(about=about.to_deliver(number), name=f"{token}{revision}{number}")


def _saved(store: MemoryStore, token: str, revision: int, number: int) -> list[Happened]:
    notices = [_notice(token, revision, place) for place in range(number)]
    entries = tuple(
        Entry(
            tenant="default",
            key=token,
            token_id=token,
            revision=revision,
            at=revision,
            happened=to_json(one),
            delivery=one.about.delivery,
        )
        for one in notices
    )
    row = Row(tenant="default", key=token, id=token, revision=revision, generation=1, state="s", live=True)
    store.save([Write(row=row, expected=revision - 1, entries=entries)], mark=1)
    return list(notices)


ACTS = st.one_of(
    st.tuples(st.just("save"), st.sampled_from("ab"), st.integers(1, 3)),
    st.tuples(st.just("sweep"), st.none(), st.none()),
    st.tuples(st.just("die"), st.none(), st.integers(1, 4)),
    st.tuples(st.just("fail"), st.none(), st.integers(0, 3)),
)


@settings(deadline=None)
@given(st.lists(ACTS, max_size=25))
def test_whatever_fails_each_is_heard_at_least_once_and_first_in_order(
    acts: list[tuple[str, Any, Any]],
) -> None:
    """Rule F1: listeners fail and processes die while they tell: all is heard, and first in order."""
    store = MemoryStore()
    heard: list[Notified] = []
    saved: dict[str, list[str | None]] = {"a": [], "b": []}
    revisions = {"a": 0, "b": 0}
    failing = 0
    dying: int | None = None

    def hear(events: Sequence[Happened]) -> bool:
        nonlocal failing, dying
        if failing:
            failing -= 1
            return False
        heard.extend(one for one in events if isinstance(one, Notified))
        if dying is not None:
            dying -= 1
            if dying == 0:
                dying = None
                raise KeyboardInterrupt
        return True

    def alive(act: Any, *given: Any) -> None:
        try:
            act(*given)
        except KeyboardInterrupt:
            Outbox(store, "default", hear).deliver()

    for act, token, number in acts:
        outbox = Outbox(store, "default", hear)
        if act == "save":
            revisions[token] += 1
            notices = _saved(store, token, revisions[token], number)
            saved[token] += [one.about.delivery for one in notices]
            alive(outbox.tell, notices)
        elif act == "sweep":
            alive(outbox.deliver)
        elif act == "die":
            dying = number
        else:
            failing = number
    failing, dying = 0, None
    assert Outbox(store, "default", hear).deliver() == 0
    for token, wanted in saved.items():
        got = dict.fromkeys(one.about.delivery for one in heard if one.about.token_id == token)
        assert list(got) == wanted
