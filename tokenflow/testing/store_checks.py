"""The contract of every store in named sentences. Each check gets an empty store and says what it found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs
import pytest

from tokenflow.core.errors import AlreadyLive, RevisionConflict
from tokenflow.engine.stores import Reseal, Store, Write
from tokenflow.testing.store_rows import add, entry, row


def a_row_comes_back_as_it_was_saved(store: Store) -> None:
    """Every field comes back, to the last microsecond and byte."""
    full = row(
        identity='["u1"]',
        parent="boss",
        due_at=2**53 + 1,
        expires_at=-1,
        digest="d",
        body='"\u00e9\u4e2d\U0001f511"',
        access_token=b"\x00\xff'\";--",
        refresh_token=b"",
        fingerprint=b"\x00hash",
    )
    add(store, full, row("bare"))
    assert store.load("acme", "reports") == full
    assert store.load("acme", "bare") == row("bare")
    assert store.load("other", "reports") is None, "a tenant must not see another's key"


def a_stale_write_is_refused(store: Store) -> None:
    """Only a write that expects the revision that stands is taken."""
    add(store, row())
    second = attrs.evolve(row(), revision=2, state="extended")
    for expected in (0, 2, 7):
        with pytest.raises(RevisionConflict):
            store.save([Write(row=second, expected=expected)], mark=1)
    with pytest.raises(RevisionConflict):
        store.save([Write(row=row("missing", revision=2), expected=1)], mark=1)
    assert store.load("acme", "reports") == row(), "a refused write must change nothing"
    store.save([Write(row=second, expected=1)], mark=1)
    assert store.load("acme", "reports") == second


def one_live_row_has_an_identity(store: Store) -> None:
    """A second live row of the tenant with an identity is AlreadyLive; others may have it."""
    add(store, row("a", identity="u1"), row("b"))
    with pytest.raises(AlreadyLive):
        add(store, row("c", identity="u1"))
    with pytest.raises(AlreadyLive):
        store.save([Write(row=row("b", revision=2, identity="u1"), expected=1)], mark=1)
    add(store, row("a", tenant="other", identity="u1"), row("d", live=False, identity="u1"))
    store.save([Write(row=row("a", revision=2, identity="u1", live=False), expected=1)], mark=1)
    add(store, row("c", identity="u1"))
    assert store.load("acme", "c") == row("c", identity="u1")


def the_live_row_of_an_identity_is_found(store: Store) -> None:
    """By its identity only the tenant's own live row is found, and after a hand-over its successor."""
    add(store, row("a", identity="u1"), row("b"), row("dead", live=False, identity="u2"))
    add(store, row("a", tenant="other", identity="u3"))
    assert store.find("acme", "u1") == row("a", identity="u1")
    assert [store.find("acme", one) for one in ("u2", "u3", "")] == [None, None, None]
    ended = row("a", revision=2, identity="u1", live=False)
    store.save([Write(row=ended, expected=1)], mark=1)
    assert store.find("acme", "u1") is None, "a tombstone holds no identity"
    add(store, row("c", identity="u1"))
    assert store.find("acme", "u1") == row("c", identity="u1")


def several_writes_are_saved_together_or_not_at_all(store: Store) -> None:
    """One bad write among several leaves no row, no entry, no event id and no mark."""
    add(store, row("old"), mark=5)
    good = Write(row=row("new"), expected=0, entries=(entry(row("new"), event_id="e1"),))
    bad = Write(row=row("old", revision=9), expected=8, entries=(entry(row("old")),))
    for writes in ([good, bad], [bad, good]):
        with pytest.raises(RevisionConflict):
            store.save(writes, mark=9)
    assert store.load("acme", "new") is None, "a row of a refused batch must not stand"
    assert store.history("acme", "new") == [], "an entry of a refused batch must not stand"
    assert store.history("acme", "old") == [], "an entry of a refused batch must not stand"
    assert store.seen("acme", "id-new", "e1") is None, "an event id of a refused batch must not be remembered"
    assert store.mark() == 5, "a refused batch must not raise the mark"


def writes_are_judged_in_order(store: Store) -> None:
    """Within one save a row may end and another take its identity, and a key may move twice."""
    add(store, row("a", identity="u1"))
    end, begin = row("a", revision=2, identity="u1", live=False), row("b", identity="u1")
    store.save([Write(row=end, expected=1), Write(row=begin, expected=0)], mark=1)
    again = attrs.evolve(begin, revision=2), attrs.evolve(begin, revision=3)
    store.save([Write(row=again[0], expected=1), Write(row=again[1], expected=2)], mark=1)
    assert store.load("acme", "a") == end
    assert store.load("acme", "b") == again[1]


def due_rows_come_in_order_up_to_the_limit(store: Store) -> None:
    """Due rows of a tenant, and no other's, come by (due_at, key), at most *limit* of them."""
    placed = [("acme", "c", 20), ("acme", "b", 10), ("zoo", "a", 10), ("acme", "a", 10), ("acme", "d", 5)]
    add(store, *(row(key, tenant=tenant, due_at=due) for tenant, key, due in placed))
    wanted = [("acme", "d"), ("acme", "a"), ("acme", "b"), ("acme", "c")]
    for limit in (0, 1, 3, 9):
        assert [(one.tenant, one.key) for one in store.due("acme", 99, limit)] == wanted[:limit]
    assert [one.key for one in store.due("zoo", 99, 9)] == ["a"]


def a_row_is_due_at_its_instant(store: Store) -> None:
    """A row is due at due_at itself and not a microsecond earlier; a row without one never is."""
    add(store, row("a", due_at=1_000_000), row("b"))
    assert store.due("acme", 999_999, 9) == []
    assert [one.key for one in store.due("acme", 1_000_000, 9)] == ["a"]
    assert [one.key for one in store.due("acme", 2**62, 9)] == ["a"]


def a_walk_over_due_rows_goes_on_where_it_stopped(store: Store) -> None:
    """Pages that begin after the last row seen hold every due row once, also where instants tie."""
    placed = [("acme", "b", 10), ("zoo", "a", 10), ("acme", "a", 10), ("acme", "d", 5), ("acme", "c", 20)]
    add(store, *(row(key, tenant=tenant, due_at=due) for tenant, key, due in placed))
    wanted = sorted((due, key) for tenant, key, due in placed if due <= 10 and tenant == "acme")
    for size in (1, 2, 3):
        seen: list[tuple[int, str]] = []
        for _ in range(len(wanted) + 1):
            page = store.due("acme", 10, size, seen[-1] if seen else None)
            seen += [(one.due_at or 0, one.key) for one in page]
        assert seen == wanted


def a_tombstone_is_never_due(store: Store) -> None:
    """A row that is not live is not due, whatever its due_at says, and counts nowhere."""
    add(store, row("a", due_at=1, expires_at=1, live=False))
    assert store.due("acme", 99, 9) == []
    assert store.census(0, 99) == (0, 0)


def the_census_counts_who_lives_and_who_ends(store: Store) -> None:
    """The census counts live rows of one tenant or of all, and those that expire in (after, until]."""
    add(
        store,
        row("a", expires_at=10),
        row("b", expires_at=20),
        row("c", tenant="zoo", expires_at=30),
        row("d"),
    )
    assert store.census(10, 30) == (4, 2)
    assert store.census(9, 10) == (4, 1)
    assert store.census(10, 30, "acme") == (3, 1)
    assert store.census(10, 30, "zoo") == (1, 1)
    assert store.census(10, 30, "void") == (0, 0)


def what_is_counted_is_counted_by_name(store: Store) -> None:
    """Live rows of a tenant count under the name they were last saved with, up to their own instant."""
    one = row("one", counted="a x", counted_until=20)
    add(store, one, row("two", counted="a x", counted_until=30), row("three", counted="b"))
    add(store, row("four"), row("five", live=False, counted="b"))
    add(store, row("two", tenant="zoo", counted="b"))
    assert store.counted("acme", 19) == {"a x": 2, "b": 1}
    assert store.counted("acme", 20) == {"a x": 1, "b": 1}
    assert store.counted("acme", 2**62) == {"b": 1}
    assert store.counted("zoo", 0) == {"b": 1}
    assert store.counted("void", 0) == {}
    store.save([Write(row=attrs.evolve(one, revision=2, counted=None), expected=1)], mark=1)
    assert store.counted("acme", 0) == {"a x": 1, "b": 1}
    assert store.load("acme", "two") == row("two", counted="a x", counted_until=30)


def the_mark_only_rises(store: Store) -> None:
    """The high-water mark is 0 in a new store, rises with a save, also an empty one, and never falls."""
    assert store.mark() == 0
    add(store, row("a"), mark=50)
    add(store, row("b"), mark=20)
    assert store.mark() == 50
    store.save([], mark=60)
    assert store.mark() == 60


def history_keeps_the_order_of_saving(store: Store) -> None:
    """A key's history comes in the order it was saved, whatever the instants say, over all its token ids."""
    first, second = row("a"), row("a", id="next", revision=2)
    lines = (
        entry(first, at=9, happened="1"),
        entry(first, at=3, happened="2"),
        entry(second, at=5, happened="3"),
    )
    store.save([Write(row=first, expected=0, entries=lines[:2])], mark=1)
    store.save([Write(row=second, expected=1, entries=lines[2:])], mark=1)
    add(store, row("b"))
    assert store.history("acme", "a") == list(lines)
    assert store.history("acme", "b") == []
    assert store.history("other", "a") == []


def an_event_id_is_remembered_once(store: Store) -> None:
    """Of entries with one event id the first is remembered, for its token id and tenant only."""
    first, second = row("a"), row("a", revision=2)
    lines = entry(first, event_id="e1", happened="1"), entry(first, event_id="e1", happened="2")
    store.save([Write(row=first, expected=0, entries=lines)], mark=1)
    store.save([Write(row=second, expected=1, entries=(entry(second, event_id="e1", happened="3"),))], mark=1)
    assert store.seen("acme", "id-a", "e1") == lines[0]
    assert store.seen("acme", "id-b", "e1") is None
    assert store.seen("other", "id-a", "e1") is None
    assert store.seen("acme", "id-a", "e2") is None


def a_note_is_a_line_of_history_that_changes_no_row(store: Store) -> None:
    """A note stands among the lines in its place, is found by its event id, and leaves the row as it was."""
    kept = row("a")
    before, note, after = entry(kept, event_id="e1"), entry(kept, event_id="e2"), entry(kept, event_id="e3")
    store.save([Write(row=kept, expected=0, entries=(before,))], mark=5)
    store.note(note, 9)
    assert store.load("acme", "a") == kept
    assert store.mark() == 5
    store.save([Write(row=row("a", revision=2), expected=1, entries=(after,))], mark=5)
    assert store.history("acme", "a") == [before, note, after]
    assert store.seen("acme", "id-a", "e2") == note


def of_notes_a_key_keeps_the_last(store: Store) -> None:
    """Beyond the bound the oldest note of a key goes, with its event id; other lines and keys keep theirs."""
    kept, other = row("a"), row("b")
    line = entry(kept, event_id="saved")
    store.save([Write(row=kept, expected=0, entries=(line,)), Write(row=other, expected=0)], mark=1)
    store.note(entry(other, event_id="theirs"), 3)
    for number in range(7):
        store.note(entry(kept, event_id=f"e{number}", happened=str(number)), 3)
    assert [one.event_id for one in store.history("acme", "a")] == ["saved", "e4", "e5", "e6"]
    assert store.seen("acme", "id-a", "e3") is None, "a line that is gone must not be remembered"
    assert store.seen("acme", "id-a", "saved") == line
    assert len(store.history("acme", "b")) == 1


def keys_and_children_are_sorted_and_their_tenants_own(store: Store) -> None:
    """Keys and children come sorted, tombstones among them, and only those of the tenant."""
    add(store, row("b", parent="boss"), row("a", parent="boss", live=False), row("\u00e9", parent="b"))
    add(store, row("c", tenant="other", parent="boss"))
    assert store.keys("acme") == ["a", "b", "\u00e9"]
    assert store.keys("nobody") == []
    assert [one.key for one in store.children("acme", "boss")] == ["a", "b"]
    assert store.children("acme", "nobody") == []


def a_row_is_found_by_its_fingerprint(store: Store) -> None:
    """By a fingerprint the tenant's own row is found, the first by key; by one that was replaced none is."""
    add(store, row("b", fingerprint=b"f"), row("a", fingerprint=b"f"), row("c"))
    add(store, row("z", tenant="other", fingerprint=b"g"))
    assert store.whose("acme", b"f") == row("a", fingerprint=b"f")
    assert store.whose("acme", b"g") is None, "another tenant's is another's"
    assert store.whose("acme", b"") is None
    store.save([Write(row=row("a", revision=2, fingerprint=b"h"), expected=1)], mark=1)
    assert store.whose("acme", b"f") == row("b", fingerprint=b"f")
    assert store.whose("acme", b"h") == row("a", revision=2, fingerprint=b"h")


def a_walk_over_all_rows_goes_on_where_it_stopped(store: Store) -> None:
    """Pages of rows hold every row of every tenant once, by (tenant, key), tombstones among them."""
    placed = [("zoo", "a"), ("acme", "b"), ("acme", "\u00e9"), ("acme", "a"), ("acme2", "a")]
    add(store, *(row(key, tenant=tenant, live=key != "a") for tenant, key in placed))
    for size in (1, 2, 9):
        seen: list[tuple[str, str]] = []
        for _ in range(len(placed) + 1):
            page = store.rows(seen[-1] if seen else None, size)
            assert len(page) <= size
            seen += [(one.tenant, one.key) for one in page]
        assert seen == sorted(placed)


def only_what_still_stands_is_resealed(store: Store) -> None:
    """A reseal changes the sealed values and nothing else, and only where they are still the old ones."""
    old = [row(key, access_token=b"1", refresh_token=b"2", fingerprint=b"f") for key in "abcd"]
    add(store, *old)
    moved = attrs.evolve(old[1], revision=2)
    store.save([Write(row=moved, expected=1)], mark=1)
    changes = [
        Reseal(attrs.evolve(old[0], state="of no account"), b"3", None, b"g"),
        Reseal(old[1], b"3", None, b"g"),
        Reseal(attrs.evolve(old[2], refresh_token=None), b"3", None, b"g"),
        Reseal(row("missing"), b"3", None, b"g"),
        Reseal(old[3], b"4", b"2", b"f"),
    ]
    assert store.reseal(changes) == 2
    first = attrs.evolve(old[0], access_token=b"3", refresh_token=None, fingerprint=b"g")
    kept = [store.load("acme", key) for key in "abcd"]
    assert kept == [first, moved, old[2], attrs.evolve(old[3], access_token=b"4")]
    assert store.load("acme", "missing") is None
    assert store.whose("acme", b"g") == first
    assert store.reseal(changes) == 0
    assert store.reseal([]) == 0


def only_a_tombstone_is_forgotten(store: Store) -> None:
    """Forgetting removes a tombstone with history and event ids; a live row stays; then the key is new."""
    dead = row("a", live=False)
    store.save([Write(row=dead, expected=0, entries=(entry(dead, event_id="e1"),))], mark=1)
    add(store, row("b"))
    assert store.forget("acme", "a") is True
    assert store.forget("acme", "a") is False
    assert store.forget("acme", "b") is False
    assert store.load("acme", "a") is None
    assert store.load("acme", "b") == row("b")
    assert store.history("acme", "a") == []
    assert store.seen("acme", "id-a", "e1") is None
    add(store, row("a"))


def what_is_erased_is_gone(store: Store) -> None:
    """Erasing removes the rows that are named, live or not, with all of their history; their keys are new."""
    live, dead = row("a", identity="u1", parent="p"), row("b", live=False)
    lines = [entry(one, event_id="e1") for one in (live, dead)]
    writes = [
        Write(row=one, expected=0, entries=(line,)) for one, line in zip((live, dead), lines, strict=True)
    ]
    store.save(writes, mark=1)
    add(store, row("c"), row("a", tenant="zoo"))
    assert store.erase("acme", ["a", "b", "missing"]) == 2
    assert store.erase("acme", []) == 0
    assert [one.key for one in store.rows(None, 9)] == ["c", "a"]
    assert store.history("acme", "a") == store.history("acme", "b") == []
    assert store.children("acme", "p") == []
    assert store.seen("acme", "id-a", "e1") is None
    assert store.find("acme", "u1") is None
    add(store, row("a", identity="u1"))


def shelves_keep_blobs_apart(store: Store) -> None:
    """A blob is found by shelf and name, replaced by a second put, and listed sorted."""
    store.put("specs", "b", b"1")
    store.put("specs", "a", b"\x00\xff")
    store.put("specs", "b", b"2")
    assert store.get("specs", "b") == b"2"
    assert store.get("specs", "a") == b"\x00\xff"
    assert store.get("logins", "b") is None
    assert store.names("specs") == ["a", "b"]
    assert store.names("logins") == []


def the_first_keep_stands(store: Store) -> None:
    """Of many threads that keep a blob under one name, all get the same one, and later ones too."""
    with ThreadPoolExecutor(8) as pool:
        stood = list(pool.map(lambda n: store.keep("store", "id", b"%d" % n), range(32)))
    assert set(stood) == {store.get("store", "id")}
    assert store.keep("store", "id", b"late") == stood[0]


def a_blob_is_taken_once(store: Store) -> None:
    """Of many threads that take one blob, exactly one gets it."""
    for turn in range(10):
        store.put("logins", "reports", b"%d" % turn)
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda _: store.take("logins", "reports"), range(8)))
        assert [one for one in taken if one is not None] == [b"%d" % turn]
    assert store.names("logins") == []


def a_blob_is_swapped_while_it_stands(store: Store) -> None:
    """Of many threads that swap one blob exactly one does; one that is not there is not put."""
    store.put("specs", "a", b"0")
    with ThreadPoolExecutor(8) as pool:
        swapped = list(pool.map(lambda n: store.swap("specs", "a", b"0", b"%d" % (n + 1)), range(16)))
    assert sum(swapped) == 1
    assert store.get("specs", "a") == b"%d" % (swapped.index(True) + 1)
    assert not store.swap("specs", "b", b"", b"1")
    assert not store.swap("logins", "a", b"0", b"1")
    assert store.names("specs") == ["a"]
    assert store.names("logins") == []


def shelves_are_those_with_something_on_them(store: Store) -> None:
    """Shelves come sorted, and one that was emptied comes no more."""
    assert store.shelves() == []
    for shelf in ("specs", "logins", "\u00e9"):
        store.put(shelf, "a", b"1")
    store.put("specs", "b", b"1")
    assert store.shelves() == ["logins", "specs", "\u00e9"]
    store.take("logins", "a")
    assert store.shelves() == ["specs", "\u00e9"]


def of_many_threads_one_saves(store: Store) -> None:
    """Of many threads that replace one revision, exactly one does; the others meet RevisionConflict."""
    add(store, row())

    def replace(number: int) -> bool:
        try:
            store.save([Write(row=row(revision=2, state=f"s{number}"), expected=1)], mark=1)
        except RevisionConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(replace, range(16))) == 1


CHECKS: Final[tuple[Callable[[Store], None], ...]] = (
    a_row_comes_back_as_it_was_saved,
    a_stale_write_is_refused,
    one_live_row_has_an_identity,
    the_live_row_of_an_identity_is_found,
    several_writes_are_saved_together_or_not_at_all,
    writes_are_judged_in_order,
    due_rows_come_in_order_up_to_the_limit,
    a_row_is_due_at_its_instant,
    a_walk_over_due_rows_goes_on_where_it_stopped,
    a_tombstone_is_never_due,
    the_census_counts_who_lives_and_who_ends,
    what_is_counted_is_counted_by_name,
    the_mark_only_rises,
    history_keeps_the_order_of_saving,
    an_event_id_is_remembered_once,
    a_note_is_a_line_of_history_that_changes_no_row,
    of_notes_a_key_keeps_the_last,
    keys_and_children_are_sorted_and_their_tenants_own,
    a_row_is_found_by_its_fingerprint,
    a_walk_over_all_rows_goes_on_where_it_stopped,
    only_what_still_stands_is_resealed,
    only_a_tombstone_is_forgotten,
    what_is_erased_is_gone,
    shelves_keep_blobs_apart,
    the_first_keep_stands,
    a_blob_is_taken_once,
    a_blob_is_swapped_while_it_stands,
    shelves_are_those_with_something_on_them,
    of_many_threads_one_saves,
)
