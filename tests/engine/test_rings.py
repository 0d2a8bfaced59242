"""A ring seals under its newest term, opens any, follows what others make of it, and says when it cannot."""

import json
from pathlib import Path

import pytest

from tests.engine.rings_ground import DurableStore, key_at, ring_of
from tokenflow import Secret, StoreUnreadable, WrongKey
from tokenflow.engine.ciphers import UNHURRIED, binding, term_of
from tokenflow.engine.holders import Sources
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.rewrapping import rewrap

PLACE = binding("acme", "id-1", "access_token", 1)
SECRET = Secret("value")


@pytest.fixture
def key(tmp_path: Path) -> str:
    return key_at(tmp_path / "keys" / "one.key")


def test_a_ring_seals_under_its_newest_term_and_opens_any(key: str) -> None:
    """Values of every term open; each tells its term in its header."""
    ring = ring_of(DurableStore(), key)
    sealed = [ring.seal(SECRET, PLACE)]
    for now in range(3):
        ring.change(lambda keys, now=now: keys.rotated(now))  # type: ignore[misc]
        sealed.append(ring.seal(SECRET, PLACE))
    assert [term_of(one) for one in sealed] == [1, 2, 3, 4]
    assert [ring.open(one, PLACE) for one in sealed] == [SECRET] * 4
    assert [term_of(ring.turned(one, PLACE)) for one in sealed] == [4] * 4
    assert ring.open(ring.turned(sealed[0], PLACE), PLACE) == SECRET


@pytest.mark.proves("A1")
def test_no_key_is_in_a_store_in_the_clear(key: str, tmp_path: Path) -> None:
    """What a store keeps of its ring shows neither its keys nor its holder's, in either alphabet."""
    store = DurableStore()
    ring = ring_of(store, key)
    ring.named("other")
    kept = store.get("store", "ring") or b""
    held = [term.key for term in ring.keys.terms.values()] + list(ring.keys.named.values())
    texts = [one.reveal() for one in held] + [(tmp_path / "keys" / "one.key").read_text().strip()]
    assert len(texts) == 4
    for text in texts:
        assert text.rstrip("=").encode() not in kept
        assert text.rstrip("=").translate(str.maketrans("-_", "+/")).encode() not in kept
        assert text[:20] not in f"{ring!r}{ring.keys!r}{ring.holder!r}{vars(ring)!r}"


@pytest.mark.proves("A5")
def test_an_engine_that_runs_follows_at_once(key: str) -> None:
    """A ring opened before another process made a new term opens what that one sealed, and seals so too."""
    store = DurableStore()
    running, other = ring_of(store, key), ring_of(store, key)
    other.change(lambda keys: keys.rotated(1))
    assert running.open(other.seal(SECRET, PLACE), PLACE) == SECRET
    assert running.newest == 2


@pytest.mark.proves("A5")
def test_an_engine_looks_twice_a_second(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within half a second it seals as it knows; then under what others made the newest."""
    now = [100.0]
    monkeypatch.setattr("tokenflow.engine.rings.time.monotonic", lambda: now[0])
    store = DurableStore()
    running = ring_of(store, key)
    ring_of(store, key).change(lambda keys: keys.rotated(1))
    now[0] = 100.4
    assert term_of(running.seal(SECRET, PLACE)) == 1
    now[0] = 100.5
    assert term_of(running.seal(SECRET, PLACE)) == 2


def test_an_answer_is_sealed_without_a_look(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to be durable first asks no store for a minute; after that it does."""
    now = [100.0]
    monkeypatch.setattr("tokenflow.engine.rings.time.monotonic", lambda: now[0])
    store = DurableStore()
    running = ring_of(store, key)
    ring_of(store, key).change(lambda keys: keys.rotated(1))
    now[0] = 159.0
    assert term_of(running.seal(SECRET, PLACE, within=UNHURRIED)) == 1
    now[0] = 160.0
    assert term_of(running.seal(SECRET, PLACE, within=UNHURRIED)) == 2


def test_of_two_who_change_a_ring_neither_is_lost(key: str) -> None:
    """A change is made over what stands, not over what was seen."""
    store = DurableStore()
    one, other = ring_of(store, key), ring_of(store, key)
    one.change(lambda keys: keys.rotated(1))
    assert other.named("audit") == one.named("audit")
    other.change(lambda keys: keys.rotated(2))
    assert sorted(ring_of(store, key).keys.terms) == [1, 2, 3]
    assert ring_of(store, key).named("audit") == one.named("audit") != one.named("other")


@pytest.mark.proves("R14", "A5")
def test_who_is_left_behind_begins_nothing_and_loses_nothing(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the ring under a key it was not given an engine goes on; once others have a newer term it opens
    nothing more, and still seals what is in flight, under a term that others know."""
    now = [100.0]
    monkeypatch.setattr("tokenflow.engine.rings.time.monotonic", lambda: now[0])
    store = DurableStore()
    behind, other = ring_of(store, key), ring_of(store, key)
    (tmp_path / "keys" / "one.key").unlink()
    rewrap(other, Sources().holder(key_at(tmp_path / "keys" / "two.key")))
    sealed = behind.seal(SECRET, PLACE)
    now[0] += 1
    assert behind.open(sealed, PLACE) == SECRET
    other.change(lambda keys: keys.rotated(1))
    now[0] += 1
    in_flight = behind.seal(SECRET, PLACE)
    for _ in range(2):
        with pytest.raises(Exception, match=r"one\.key"):
            behind.open(sealed, PLACE)
    assert other.open(in_flight, PLACE) == SECRET


def test_a_term_that_is_in_no_ring_is_named(key: str) -> None:
    """A value of a term the ring has not, and one that is no sealed value, are WrongKey with a sentence."""
    ring, stranger = ring_of(DurableStore(), key), ring_of(DurableStore(), key)
    stranger.change(lambda keys: keys.rotated(1))
    with pytest.raises(WrongKey, match="term 2, which is not in the store's ring"):
        ring.open(stranger.seal(SECRET, PLACE), PLACE)
    with pytest.raises(WrongKey, match="not a sealed value"):
        ring.open(b"{}", PLACE)


@pytest.mark.proves("A2", "R14")
def test_a_ring_belongs_to_its_store(key: str) -> None:
    """Under the same key the ring of one store opens as no other's."""
    one, other = DurableStore(), DurableStore()
    ring_of(one, key), ring_of(other, key)
    other.put("store", "ring", one.get("store", "ring") or b"")
    with pytest.raises(WrongKey, match="does not open this store"):
        ring_of(other, key)


@pytest.mark.proves("A2")
@pytest.mark.parametrize("change", [{"newest": 1}, {"newest": 3}, {"wrapped": "AAAA"}, {"sealed": "AAAA"}])
def test_a_ring_that_was_changed_is_noticed(key: str, change: dict[str, object]) -> None:
    """Neither what it shows nor what it hides can be another."""
    store = DurableStore()
    ring_of(store, key).change(lambda keys: keys.rotated(1))
    shown = json.loads(store.get("store", "ring") or b"")
    store.put("store", "ring", json.dumps(shown | change).encode())
    with pytest.raises(WrongKey):
        ring_of(store, key)


@pytest.mark.parametrize("blob", [b"", b"{", b"[]", b'{"form": 2}', b'{"form": 1}', b"\xff"])
def test_a_ring_that_is_none_is_a_store_error(key: str, blob: bytes) -> None:
    """What cannot be read as a ring, or is of a later form, is the store's trouble and no crash."""
    store = DurableStore()
    ring_of(store, key)
    store.put("store", "ring", blob)
    with pytest.raises(StoreUnreadable, match="key ring cannot be read"):
        ring_of(store, key)


def test_a_fingerprint_is_the_store_s_and_the_tenant_s(key: str) -> None:
    """It is the same over terms and processes, and another for another value, tenant or store."""
    store = DurableStore()
    ring = ring_of(store, key)
    found = ring.fingerprint(SECRET, "acme")
    ring.change(lambda keys: keys.rotated(1))
    assert ring_of(store, key).fingerprint(SECRET, "acme") == found
    others = [ring.fingerprint(Secret("valuf"), "acme"), ring.fingerprint(SECRET, "other")]
    assert len({found, *others, ring_of(DurableStore(), key).fingerprint(SECRET, "acme")}) == 4


def test_a_new_ring_is_the_same_for_all_who_make_it(key: str) -> None:
    """Whoever comes second takes the one that stands."""

    class Raced(DurableStore):
        def keep(self, shelf: str, name: str, value: bytes) -> bytes:
            if name == "ring" and self.get(shelf, name) is None:
                self.put(shelf, name, value)  # another's, as far as the caller knows
                first.append(open_keyed(self, key).seal(SECRET, PLACE))
            return super().keep(shelf, name, value)

    first: list[bytes] = []
    ring = ring_of(Raced(), key)
    assert ring.open(first[0], PLACE) == SECRET
