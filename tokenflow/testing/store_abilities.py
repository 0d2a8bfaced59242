"""What a store's capabilities add to its contract: leases, an outbox, and that it is durable."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs
import pytest

from tokenflow.core.errors import RevisionConflict
from tokenflow.engine.stores import Store, Write
from tokenflow.testing.store_rows import entry, row


def a_lease_holds_until_its_instant(store: Store) -> None:
    """A lease keeps others out until its instant, and not at it; its owner may take it again."""
    assert store.claim("acme", "a", "w1", now=0, until=10)
    assert not store.claim("acme", "a", "w2", now=9, until=20), "a running lease must keep others out"
    assert store.claim("acme", "a", "w1", now=9, until=12), "an owner may lengthen its lease"
    assert not store.claim("acme", "a", "w2", now=11, until=20)
    assert store.claim("acme", "a", "w2", now=12, until=20), "a lease must end at its instant"
    assert store.claim("other", "a", "w1", now=13, until=20), "another tenant's key is another key"


def only_its_owner_releases_a_lease(store: Store) -> None:
    """A release by somebody else does nothing; by the owner it lets the next one in."""
    assert store.claim("acme", "a", "w1", now=0, until=10)
    store.release("acme", "a", "w2")
    assert not store.claim("acme", "a", "w2", now=1, until=10)
    store.release("acme", "a", "w1")
    assert store.claim("acme", "a", "w2", now=1, until=10)


def of_many_threads_one_claims(store: Store) -> None:
    """Of many threads that claim one key, exactly one gets it."""
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: store.claim("acme", "a", f"w{n}", now=0, until=10), range(16)))
    assert sum(got) == 1


def what_is_to_be_told_is_pending_until_it_was(store: Store) -> None:
    """An entry with a delivery is pending from its save, in the order of saving, until it is delivered."""
    first, second, alien = row("b"), row("a"), row("a", tenant="other")
    lines = [entry(first, at=9, delivery="b:1:0"), entry(first), entry(first, at=1, delivery="b:1:1")]
    store.save([Write(row=first, expected=0, entries=tuple(lines))], mark=1)
    later, theirs = entry(second, delivery="a:1:0"), entry(alien, delivery="b:1:0")
    store.save(
        [
            Write(row=second, expected=0, entries=(later,)),
            Write(row=alien, expected=0, entries=(theirs,)),
        ],
        mark=1,
    )
    assert store.pending("acme", 9) == [lines[0], lines[2], later]
    assert store.pending("acme", 2) == [lines[0], lines[2]]
    store.delivered([lines[0]])
    assert store.pending("acme", 9) == [lines[2], later], "delivering one must leave the others"
    assert store.pending("other", 9) == [theirs], "another tenant's is another's"
    store.delivered([lines[0], lines[2], later])
    store.delivered([])
    assert store.pending("acme", 9) == []
    assert store.history("acme", "b") == lines, "what was told stays in the history"


def nothing_of_a_refused_batch_is_to_be_told(store: Store) -> None:
    """What a save that failed would have told is not pending; a note never is."""
    good = Write(row=row("a"), expected=0, entries=(entry(row("a"), delivery="a:1:0"),))
    with pytest.raises(RevisionConflict):
        store.save([good, Write(row=row("b"), expected=7)], mark=1)
    assert store.pending("acme", 9) == []
    store.save([attrs.evolve(good, entries=())], mark=1)
    store.note(entry(row("a"), event_id="e1"), 9)
    assert store.pending("acme", 9) == []


def what_is_forgotten_is_not_told(store: Store) -> None:
    """Forgetting a tombstone takes what it had still to tell."""
    dead, other = row("a", live=False), row("b")
    line = entry(other, delivery="b:1:0")
    store.save(
        [
            Write(row=dead, expected=0, entries=(entry(dead, delivery="a:1:0"),)),
            Write(row=other, expected=0, entries=(line,)),
        ],
        mark=1,
    )
    store.forget("acme", "a")
    assert store.pending("acme", 9) == [line]


def what_was_saved_survives_a_reopen(reopen: Callable[[], Store]) -> None:
    """Rows, history, event ids, mark, leases, what is to be told, and blobs stand after a reopen."""
    kept = row("a", due_at=7, access_token=b"sealed")
    line, note = entry(kept, event_id="e1", delivery="a:1:0"), entry(kept, event_id="e2")
    store = reopen()
    leases = "leases" in store.capabilities
    try:
        store.save([Write(row=kept, expected=0, entries=(line,))], mark=40)
        store.note(note, 9)
        store.put("specs", "d", b"spec")
        if leases:
            store.claim("acme", "a", "w1", now=0, until=10)
    finally:
        store.close()
    store = reopen()
    try:
        assert store.due("acme", 7, 9) == [kept]
        assert store.history("acme", "a") == [line, note]
        assert store.seen("acme", "id-a", "e1") == line
        if "outbox" in store.capabilities:
            assert store.pending("acme", 9) == [line], "what is to be told must survive a reopen"
        assert store.mark() == 40
        assert store.get("specs", "d") == b"spec"
        if leases:
            assert not store.claim("acme", "a", "w2", now=9, until=20), "a lease must survive a reopen"
    finally:
        store.close()


LEASE_CHECKS: Final[tuple[Callable[[Store], None], ...]] = (
    a_lease_holds_until_its_instant,
    only_its_owner_releases_a_lease,
    of_many_threads_one_claims,
)
OUTBOX_CHECKS: Final[tuple[Callable[[Store], None], ...]] = (
    what_is_to_be_told_is_pending_until_it_was,
    nothing_of_a_refused_batch_is_to_be_told,
    what_is_forgotten_is_not_told,
)
DURABLE_CHECKS: Final[tuple[Callable[[Callable[[], Store]], None], ...]] = (what_was_saved_survives_a_reopen,)
