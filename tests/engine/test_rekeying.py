"""A rotation seals everything under a new term while engines use it, and goes on wherever it was killed."""

import threading
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.engine.rings_ground import DurableStore, fill, key_at, place, readable, ring_of, sealed_row
from tokenflow import Secret, WrongKey
from tokenflow.engine import rekeying
from tokenflow.engine.ciphers import shelved, term_of
from tokenflow.engine.holders import Sources
from tokenflow.engine.keyfiles import default_key_file, replace_key_file
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.rekeying import GRACE, drop, every_row, rotate, uses
from tokenflow.engine.rewrapping import rewrap
from tokenflow.engine.rings import Ring
from tokenflow.engine.segments import Segment, erase
from tokenflow.engine.stores import Store, Write
from tokenflow.testing.store_rows import row
from tokenflow_sqlite import SqliteStore

ROWS, BLOBS = 7, 5
WRITES = ("swap", "reseal", "take", "put", "keep", "save")


@pytest.fixture
def key(tmp_path: Path) -> str:
    return key_at(tmp_path / "keys" / "one.key")


@pytest.fixture
def ring(key: str, monkeypatch: pytest.MonkeyPatch) -> Ring:
    """Return the ring of a store with a few rows and blobs, walked over three at a time."""
    monkeypatch.setattr(rekeying, "PAGE", 3)
    ring = ring_of(DurableStore(), key)
    fill(ring, ROWS, BLOBS)
    return ring


def terms(store: Store) -> set[int | None]:
    """Return the terms that anything in the store is sealed under."""
    sealed = [one for row in store.rows(None, 99) for one in (row.access_token, row.refresh_token) if one]
    blobs = [store.get(shelf, name) or b"" for shelf in ("parked", "journal") for name in store.names(shelf)]
    return {term_of(one) for one in (*sealed, *blobs)}


@pytest.mark.proves("A5")
def test_a_rotation_seals_everything_anew(ring: Ring) -> None:
    """Rows and blobs stand under the new term, unchanged but for that; what opened before opens."""
    before = [attrs.evolve(one, access_token=None, refresh_token=None) for one in ring.store.rows(None, 99)]
    told: list[int] = []
    done = rotate(ring, settle=0, tell=told.append)
    assert (done.term, done.rows, done.blobs, done.unopened, done.dropped) == (2, ROWS, BLOBS, (), ())
    assert terms(ring.store) == {2}
    assert told == [3, 6, 7]
    after = [attrs.evolve(one, access_token=None, refresh_token=None) for one in ring.store.rows(None, 99)]
    assert after == before
    assert readable(ring.store, ring, ROWS, BLOBS)
    assert not ring.keys.rotating
    assert rotate(ring, settle=0).term == 3


class Died(BaseException):
    """The process is gone."""


@attrs.define
class MortalStore:
    """A store whose process dies at one of its writes, before it is done or after."""

    store: Store
    lives: int
    after: bool

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        if name not in WRITES:
            return method

        def write(*arguments: Any) -> Any:
            self.lives -= 1
            if self.lives < 0:
                if self.after:
                    method(*arguments)
                raise Died
            return method(*arguments)

        return write


@pytest.mark.proves("A5")
@pytest.mark.parametrize("after", [False, True])
def test_a_rotation_that_is_killed_goes_on(after: bool, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever write it died at, all can be read then; begun again it ends under one term, made once."""
    monkeypatch.setattr(rekeying, "PAGE", 3)
    for lives in range(100):
        store = DurableStore()
        fill(ring_of(store, key), ROWS, BLOBS)
        try:
            rotate(ring_of(MortalStore(store, lives, after), key), settle=0)
        except Died:
            other = ring_of(store, key)
            assert readable(store, other, ROWS, BLOBS), f"after {lives} writes"
            assert other.newest <= 2
            expected = other.newest + (not other.keys.rotating)
            assert rotate(other, settle=0).term == expected
        else:
            break
        assert terms(store) == {ring_of(store, key).newest}
        assert readable(store, ring_of(store, key), ROWS, BLOBS)
    assert lives == 1 + 3 + BLOBS + 1, "each write of a rotation was the last one once"


@pytest.mark.proves("A5")
def test_engines_go_on_meanwhile(ring: Ring, key: str) -> None:
    """What others save, park and take while a rotation runs is neither lost nor left behind."""
    other, stop, wrong = ring_of(ring.store, key), threading.Event(), list[str]()
    name, identity = shelved("parked", "acme", "mine")

    def save() -> None:
        revision = 1
        while not stop.is_set():
            for number in range(ROWS):
                kept = ring.store.load("acme", f"k{number:05}")
                assert kept is not None
                value = other.open(kept.access_token or b"", place(kept, "access_token"))
                if value != Secret(f"{kept.key}'s access"):
                    wrong.append(kept.key)
                new = sealed_row(other, kept.key, revision=revision + 1)
                ring.store.save([Write(row=new, expected=revision)], mark=1)
            revision += 1
            ring.store.put("parked", name, other.seal(Secret("mine"), identity))
            other.open(ring.store.take("parked", name) or b"", identity)

    thread = threading.Thread(target=save)
    thread.start()
    try:
        rotate(ring, settle=0.01)
        for _ in range(3):
            rotate(ring, settle=0)
    finally:
        stop.set()
        thread.join()
    assert not wrong
    assert readable(ring.store, ring, ROWS, BLOBS)
    assert readable(ring.store, other, ROWS, BLOBS)


@pytest.mark.proves("A5")
def test_a_term_is_dropped_an_hour_after_and_when_nothing_uses_it(ring: Ring, key: str) -> None:
    """Neither sooner, nor while a row or a blob is left under it, nor in the middle of a rotation."""
    late = attrs.evolve(ring.store.rows(None, 1)[0], revision=2)
    rotate(ring, settle=0)
    since = ring.keys.terms[2].since
    assert drop(ring, since + GRACE - 1) == ()
    ring.store.save([Write(row=late, expected=1)], mark=1)  # in flight when the rotation began
    assert drop(ring, since + GRACE) == ()
    assert uses(ring)[1].rows == 1
    ring.change(lambda keys: attrs.evolve(keys, rotating=True))
    rotate(ring, settle=0)
    assert drop(ring, since + GRACE) == (1,)
    assert sorted(ring_of(ring.store, key).keys.terms) == [2]
    for one in every_row(ring.store):
        assert ring.open(one.access_token or b"", place(one, "access_token")) == Secret(f"{one.key}'s access")
    assert rotate(ring, settle=0).term == 3, "the number of a term is not given again"


@pytest.mark.proves("A5")
def test_a_term_stays_while_a_dead_process_s_answer_is_sealed_under_it(key: str, tmp_path: Path) -> None:
    """What stands in a response journal counts, until whoever comes next has taken it up."""
    store = SqliteStore(tmp_path / "data" / "tokens.db")
    ring = ring_of(store, key)
    fill(ring, 1, 1)
    segment = Segment(store.folder, "worker")
    sealed = ring.seal(Secret("{}"), b"place")
    assert segment.put(b"n" * 16, sealed)
    rotate(ring, settle=0)
    past = ring.keys.terms[2].since + GRACE
    assert (drop(ring, past), uses(ring)[1].blobs) == ((), 1)
    erase(store.folder, "worker", b"n" * 16, sealed)
    assert drop(ring, past) == (1,)
    segment.close()
    store.close()


def test_what_no_key_opens_is_left_and_named(ring: Ring) -> None:
    """A row and a blob that somebody changed stay as they are, hold up nothing, and keep their term."""
    held = ring.store.rows(None, 99)
    spoilt = attrs.evolve(held[1], revision=2, access_token=held[2].access_token)
    ring.store.save([Write(row=spoilt, expected=1)], mark=1)
    blob = ring.store.get("parked", "acme/b0/0") or b""
    ring.store.put("parked", "acme/elsewhere", blob)
    done = rotate(ring, settle=0)
    assert done.unopened == ("row acme/k00001", "blob parked/acme/elsewhere")
    assert (done.rows, done.blobs) == (ROWS - 1, BLOBS)
    assert ring.store.load("acme", "k00001") == spoilt
    assert drop(ring, ring.keys.terms[2].since + GRACE) == ()


def test_what_is_not_sealed_is_left_alone(ring: Ring) -> None:
    """Resolved specs, lessons, ids and tombstones are no business of a rotation."""
    ring.store.put("specs", "digest", b'{"kind": "Lifecycle"}')
    ring.store.put("callbacks", "seen", b"")
    ring.store.save([Write(row=row("zz", live=False), expected=0)], mark=1)
    done = rotate(ring, settle=0)
    assert (done.rows, done.blobs, done.unopened) == (ROWS, BLOBS, ())
    assert ring.store.get("specs", "digest") == b'{"kind": "Lifecycle"}'


def test_rows_of_before_get_their_fingerprint(ring: Ring) -> None:
    """A rotation takes the fingerprint of values that were saved when there was none."""
    for one in ring.store.rows(None, 99):
        bare = attrs.evolve(one, revision=2, fingerprint=None)
        ring.store.save([Write(row=bare, expected=1)], mark=1)
    rotate(ring, settle=0)
    found = ring.store.whose("acme", ring.fingerprint(Secret("k00003's access"), "acme"))
    assert found is not None
    assert found.key == "k00003"


def test_another_key_takes_the_ring_over(ring: Ring, key: str, tmp_path: Path) -> None:
    """After a rewrap the new key opens the store and the old one does not; no value was touched."""
    before = ring.store.rows(None, 99)
    new = f"file:{tmp_path / 'other' / 'new.key'}"
    assert rewrap(ring, Sources().holder(new)).place == new
    assert ring.store.rows(None, 99) == before
    assert readable(ring.store, ring_of(ring.store, new), ROWS, BLOBS)
    with pytest.raises(WrongKey, match="does not open this store"):
        ring_of(ring.store, key)


def test_a_file_s_first_line_is_its_new_key(ring: Ring, key: str) -> None:
    """Who keeps the key file puts a new key before the old one, rewraps, and takes the old one out."""
    path = Path(key.removeprefix("file:"))
    old, new = path.read_text(), "B" * 42 + "A\n"
    path.write_text(new + old)
    assert readable(ring.store, ring_of(ring.store, key), ROWS, BLOBS), "both are tried"
    rewrap(ring_of(ring.store, key))
    path.write_text(new)
    assert readable(ring.store, ring_of(ring.store, key), ROWS, BLOBS)
    path.write_text(new * 3)
    with pytest.raises(WrongKey, match="holds no sealing key"):
        ring_of(ring.store, key)


@pytest.mark.proves("A5", "R14")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(3))
def test_the_store_s_own_key_is_replaced_wherever_it_is_killed(
    step: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file always holds the key that opens the ring; begun again, the old key is gone from it."""
    store = DurableStore()
    fill(open_keyed(store, None), ROWS, BLOBS)
    file = default_key_file((store.get("store", "id") or b"").decode())
    before, left = file.read_text(), [step]

    def mortal(do: Any) -> Any:
        def call(*arguments: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0:
                return do(*arguments)
            if after:
                do(*arguments)
            raise Died

        return call

    with monkeypatch.context() as patch:
        patch.setattr("tokenflow.engine.rewrapping.replace_key_file", mortal(replace_key_file))
        patch.setattr(store, "swap", mortal(store.swap))
        with pytest.raises(Died):
            rewrap(open_keyed(store, None))
    assert readable(store, open_keyed(store, None), ROWS, BLOBS)
    rewrap(open_keyed(store, None))
    assert readable(store, open_keyed(store, None), ROWS, BLOBS)
    assert before not in file.read_text()
    assert len(file.read_text().split()) == 1
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_of_two_who_replace_the_store_s_key_neither_loses_it() -> None:
    """Threads that rewrap at once leave one key in the file, and it opens the store."""
    store = DurableStore()
    fill(open_keyed(store, None), ROWS, BLOBS)
    threads = [threading.Thread(target=lambda: rewrap(open_keyed(store, None))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file = default_key_file((store.get("store", "id") or b"").decode())
    assert len(file.read_text().split()) == 1
    assert readable(store, open_keyed(store, None), ROWS, BLOBS)
