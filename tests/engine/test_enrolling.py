"""A store from before comes to vouch for its rows once, and nothing is believed without that afterwards."""

import json
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from tests.engine.rings_ground import DurableStore, key_at
from tests.engine.test_sealing import LIFECYCLE, simple
from tokenflow import RevisionConflict, Row, StoreUnreadable, TamperedRow, Write, WrongKey
from tokenflow.engine import enrolling
from tokenflow.engine.keys import look_keyed, open_keyed
from tokenflow.engine.rekeying import every_row
from tokenflow.engine.rings import Ring
from tokenflow.engine.sealing import from_row, to_row
from tokenflow.engine.vouching import is_vouched

KEYS = [f"k{number}" for number in range(5)]


def bare(row: Row, **changes: Any) -> Row:
    """Return a row as it was saved before rows were vouched for."""
    body = json.dumps({name: fact for name, fact in json.loads(row.body).items() if name != "mac"})
    return attrs.evolve(row, **{"body": body, "fingerprint": None, **changes})


class Old(DurableStore):
    """A store of before with five tokens, which may fail at the save of that number."""

    fails_at = 0
    saves = 0

    def save(self, writes: Sequence[Write], **more: Any) -> None:
        self.saves += 1
        if self.saves == self.fails_at:
            raise StoreUnreadable("killed")
        super().save(writes, **more)


@pytest.fixture
def key(tmp_path: Any) -> str:
    return key_at(tmp_path / "key")


@pytest.fixture
def store(key: str, monkeypatch: pytest.MonkeyPatch) -> Old:
    monkeypatch.setattr(enrolling, "PAGE", 2)
    found = Old()
    ring = open_keyed(found, key)
    rows = [bare(to_row(simple(key=key, id=key), LIFECYCLE, ring)) for key in KEYS]
    found.save([Write(row=attrs.evolve(row, revision=1), expected=0) for row in rows], mark=1)
    ring.change(lambda keys: attrs.evolve(keys, held=False, marked=False))
    found.saves = 0
    return found


def is_right(ring: Ring) -> bool:
    """Whether all is read, and held to its MAC and fingerprint."""
    rows = list(every_row(ring.store))
    tokens = [from_row(row, ring) for row in rows]
    marked = all(row.fingerprint is not None for row in rows)
    secrets = {"CANARY-a"} == {one.access_token.reveal() for one in tokens if one.access_token is not None}
    return ring.held and ring.keys.marked and marked and secrets and [one.key for one in tokens] == KEYS


def test_every_row_is_vouched_for_at_the_first_opening(store: Old, key: str) -> None:
    """Each is saved once, as its next revision; opened again, nothing is written."""
    looked = look_keyed(store, key)
    assert looked is not None
    assert [from_row(row, looked).key for row in every_row(store)] == KEYS
    assert is_right(open_keyed(store, key))
    assert {row.revision for row in every_row(store)} == {2}
    saves = store.saves
    assert is_right(open_keyed(store, key))
    assert store.saves == saves


@pytest.mark.proves("A2", "R11")
def test_a_row_whose_mac_is_taken_away_is_refused_from_then_on(store: Old, key: str) -> None:
    """Nobody who writes to the store makes it one of before again."""
    ring = open_keyed(store, key)
    row = store.load("default", "k1")
    assert row is not None
    store.save([Write(row=bare(row, revision=3), expected=2)], mark=1)
    with pytest.raises(TamperedRow, match="nothing vouches"):
        from_row(store.load("default", "k1") or row, open_keyed(store, key))
    assert ring.held


@pytest.mark.proves("R13")
@pytest.mark.parametrize("at", [1, 2, 3])
def test_it_goes_on_where_it_was_killed(store: Old, key: str, at: int) -> None:
    """Killed at any page, the store is as it was, can be looked at, and is enrolled by the next opening."""
    store.fails_at = at
    with pytest.raises(StoreUnreadable, match="killed"):
        open_keyed(store, key)
    looked = look_keyed(store, key)
    assert looked is not None
    assert not looked.held
    assert [from_row(row, looked).key for row in every_row(store)] == KEYS
    assert is_right(open_keyed(store, key))
    assert {row.revision for row in every_row(store)} == {2}


def test_somebody_may_save_meanwhile(store: Old, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that another saved first is read again, and what the other saved stays."""
    ring = look_keyed(store, key)
    assert ring is not None
    other = attrs.evolve(to_row(simple(key="k3", id="k3", revision=2, reason="other"), LIFECYCLE, ring))
    save = store.save

    def late(writes: Sequence[Write], **more: Any) -> None:
        if any(write.row.key == "k3" for write in writes):
            monkeypatch.setattr(store, "save", save)
            save([Write(row=other, expected=1)], mark=1)
            with pytest.raises(RevisionConflict):
                save(writes, **more)
            raise RevisionConflict("k3")
        save(writes, **more)

    monkeypatch.setattr(store, "save", late)
    assert is_right(open_keyed(store, key))
    assert store.load("default", "k3") == other


@pytest.mark.proves("A2")
def test_what_cannot_be_read_is_left(store: Old, key: str, caplog: pytest.LogCaptureFixture) -> None:
    """A value that was moved and a body that is none are not vouched for, but counted, and refused."""
    one, other = (store.load("default", key) for key in ("k1", "k2"))
    assert one is not None
    assert other is not None
    moved = attrs.evolve(one, access_token=other.access_token, revision=2)
    broken = attrs.evolve(other, body="{}", revision=2)
    store.save([Write(row=row, expected=1) for row in (moved, broken)], mark=1)
    ring = open_keyed(store, key)
    assert "2 rows cannot be read" in caplog.text
    assert (ring.held, ring.keys.marked) == (True, False)
    assert not is_vouched(moved)
    assert [store.load("default", key) for key in ("k1", "k2")] == [moved, broken]
    for row in (moved, broken):
        with pytest.raises((WrongKey, TamperedRow)):
            from_row(row, ring)
