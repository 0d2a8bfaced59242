"""A store's secrets sealed anew: under a new term, row by row and blob by blob, while engines use it.

Step 1. A new term is put into the ring, and that a rotation has begun. From now on engines seal under it.
Step 2. Wait until every engine has looked (`rings`, rule 2), so that one walk finds all that is older.
Step 3. Walk over the rows in the order of their names, and over the shelves: what is of an older term is
        opened and sealed again, if it is still what was read. A row that changed meanwhile was sealed anew
        by whoever changed it.
Step 4. Note that the rotation is done.
Step 5. Drop the terms that nothing uses, an hour after another took their place: no exchange that was in
        flight then is still to be saved.

Killed anywhere, it goes on where it was when it is begun again, and all can be read at any time.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, pairwise
from typing import Final

import attrs

from tokenflow.core.errors import WrongKey
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.ciphers import LOOK, binding, shelved, term_of
from tokenflow.engine.rings import Keys, Ring
from tokenflow.engine.segments import sealed_in
from tokenflow.engine.stores import Reseal, Row, Store

PAGE: Final = 1000
"""Rows that are sealed anew in one transaction."""
SETTLE: Final = 2 * LOOK
"""Seconds after which every engine that runs has seen a new term."""
GRACE: Final = 3600 * SECOND
"""Microseconds a term stays though nothing uses it."""
_NO_TERM: Final = 0
"""Where what is no sealed value is counted: somebody changed it by hand."""
_AGAIN: Final = 8
_SEALED: Final = ("access_token", "refresh_token")


@attrs.frozen(kw_only=True)
class Rekeyed:
    """What a rotation did."""

    term: int
    """What everything is sealed under now."""
    rows: int = 0
    blobs: int = 0
    """Sealed anew in this run."""
    unopened: tuple[str, ...] = ()
    """What no key of the ring opens: `row tenant/key`, `blob shelf/name`. It was left as it is."""
    dropped: tuple[int, ...] = ()
    """Terms that nothing used any more."""


def rotate(ring: Ring, *, settle: float = SETTLE, tell: Callable[[int], None] = lambda rows: None) -> Rekeyed:
    """Seal everything under a new term, or go on with a rotation that was begun; raises StoreError.

    *tell* hears now and then how many rows were walked over.
    """
    ring.change(lambda keys: keys if keys.rotating else keys.rotated(_now()))
    time.sleep(settle)
    rows, lost = _turn_rows(ring, tell)
    blobs, lost_too = _turn_blobs(ring)
    ring.change(lambda keys: attrs.evolve(keys, rotating=False, marked=keys.marked or not lost))
    return Rekeyed(
        term=ring.newest, rows=rows, blobs=blobs, unopened=(*lost, *lost_too), dropped=drop(ring, _now())
    )


def drop(ring: Ring, now: Instant) -> tuple[int, ...]:
    """Take the terms from the ring that nothing uses any more, and return them; raises StoreError."""
    past = _past(ring.keys, now)
    if ring.keys.rotating or not past:
        return ()
    free = past - uses(ring).keys()
    if free:
        ring.change(lambda keys: keys.without(free))
    return tuple(sorted(free))


def _past(keys: Keys, now: Instant) -> frozenset[int]:
    """Return the terms that others took the place of long enough ago."""
    since = sorted((number, term.since) for number, term in keys.terms.items())
    return frozenset(number for (number, _), (_, until) in pairwise(since) if until + GRACE <= now)


@attrs.define
class Use:
    """How much is sealed under a term."""

    rows: int = 0
    blobs: int = 0


def uses(ring: Ring) -> dict[int, Use]:
    """Return how much is sealed under each term. It reads the whole store, and opens nothing."""
    found: dict[int, Use] = {}
    for row in every_row(ring.store):
        for term in {term_of(sealed) for field in _SEALED if (sealed := getattr(row, field)) is not None}:
            found.setdefault(term or _NO_TERM, Use()).rows += 1
    for sealed in chain((blob for _, _, blob in every_sealed_blob(ring.store)), _journaled(ring.store)):
        found.setdefault(term_of(sealed) or _NO_TERM, Use()).blobs += 1
    return found


def _journaled(store: Store) -> Iterator[bytes]:
    """Yield what processes were answered and have not saved; whoever holds the token's lock takes it up."""
    folder = getattr(store, "folder", None)
    return iter(()) if folder is None else sealed_in(folder)


def every_row(store: Store, tenant: str | None = None) -> Iterator[Row]:
    """Yield all rows, or all of a tenant's, in the order of their names."""
    for page in _pages(store, None if tenant is None else (tenant, "")):
        for row in page:
            if tenant is not None and row.tenant != tenant:
                return
            yield row


def _pages(store: Store, after: tuple[str, str] | None = None) -> Iterator[list[Row]]:
    while page := store.rows(after, PAGE):
        yield page
        after = page[-1].tenant, page[-1].key


def every_sealed_blob(store: Store) -> Iterator[tuple[str, str, bytes]]:
    """Yield (shelf, name, blob) of each blob that is sealed; the others begin with no version byte."""
    for shelf in store.shelves():
        for name in store.names(shelf):
            blob = store.get(shelf, name)
            if blob is not None and term_of(blob) is not None:
                yield shelf, name, blob


def _turn_rows(ring: Ring, tell: Callable[[int], None]) -> tuple[int, list[str]]:
    """Walk over all rows. While one page is written the next, which was read before, is sealed."""
    seen, lost, writes = 0, list[str](), deque[Future[int]]()
    pages = _pages(ring.store)
    page, done = next(pages, None), 0
    with ThreadPoolExecutor(1, thread_name_prefix="tokenflow-rekeying") as writer:
        while page:
            changes = _turned_page(ring, page, lost)
            done += writes.popleft().result() if writes else 0
            seen += len(page)
            page = next(pages, None)
            writes.append(writer.submit(_put, ring, changes, lost))
            tell(seen)
        done += sum(write.result() for write in writes)
    return done, lost


def _turned_page(ring: Ring, page: Sequence[Row], lost: list[str]) -> list[Reseal]:
    return [change for row in page if (change := _turned(ring, row, lost)) is not None]


def _put(ring: Ring, changes: list[Reseal], lost: list[str]) -> int:
    """Put a page in place in one transaction; look again at what changed meanwhile."""
    done = 0
    for _ in range(_AGAIN):
        if not changes:
            break
        resealed = ring.store.reseal(changes)
        done += resealed
        if resealed == len(changes):
            break
        names = [(change.row.tenant, change.row.key) for change in changes]
        page = [row for name in names if (row := ring.store.load(*name)) is not None]
        changes = _turned_page(ring, page, lost)
    return done


def _turned(ring: Ring, row: Row, lost: list[str]) -> Reseal | None:
    """Return the row's values under the newest term, or None when they are."""
    try:
        access_token = _value(ring, row, "access_token", row.access_token)
        refresh_token = _value(ring, row, "refresh_token", row.refresh_token)
        fingerprint = row.fingerprint
        if fingerprint is None and access_token is not None:
            identity = binding(row.tenant, row.id, "access_token", row.generation)
            fingerprint = ring.fingerprint(ring.open(access_token, identity), row.tenant)
    except WrongKey:
        lost.append(f"row {row.tenant}/{row.key}")
        return None
    if (
        access_token is row.access_token
        and refresh_token is row.refresh_token
        and fingerprint is row.fingerprint
    ):
        return None
    return Reseal(row, access_token, refresh_token, fingerprint)


def _value(ring: Ring, row: Row, field: str, sealed: bytes | None) -> bytes | None:
    if sealed is None or term_of(sealed) == ring.newest:
        return sealed
    return ring.turned(sealed, binding(row.tenant, row.id, field, row.generation))


def _turn_blobs(ring: Ring) -> tuple[int, list[str]]:
    done, lost = 0, list[str]()
    for shelf, name, blob in every_sealed_blob(ring.store):
        if term_of(blob) == ring.newest:
            continue
        new = _turned_blob(ring, shelf, name, blob)
        if new is None:
            lost.append(f"blob {shelf}/{name}")
        else:
            done += ring.store.swap(shelf, name, blob, new)
    return done, lost


def _turned_blob(ring: Ring, shelf: str, name: str, blob: bytes) -> bytes | None:
    identity = identity_of_blob(ring, shelf, name, blob)
    return None if identity is None else ring.turned(blob, identity)


def identity_of_blob(ring: Ring, shelf: str, name: str, blob: bytes) -> bytes | None:
    """Return the identity that a blob opens under, as its name says; None when it does not open.

    Each place a name may be parted at is tried: a tenant may have a slash in it, and one place alone opens.
    """
    for place, letter in enumerate(name):
        if letter == "/":
            _, identity = shelved(shelf, name[:place], name[place + 1 :])
            with suppress(WrongKey):
                ring.open(blob, identity)
                return identity
    return None


def _now() -> Instant:
    return time.time_ns() // 1000
