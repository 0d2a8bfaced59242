"""The rows of a store from before are vouched for, once: each is read, and saved as it is with its MAC.

Until all of them are, the ring says so (`held`), and a row without is taken for one that is still to come.
Afterwards it is refused, so that nobody gains by taking a MAC away: the ring is not theirs to change.

Killed anywhere it begins again at the next opening and passes by what it did. What cannot be read is left as
it is: nobody reads it afterwards either, and `tokenflow verify` names it.
"""

import logging
from collections.abc import Iterator
from typing import Final

import attrs

from tokenflow.core.errors import RevisionConflict, StoreError
from tokenflow.engine.rings import Ring
from tokenflow.engine.sealing import from_row
from tokenflow.engine.stores import Row, Write
from tokenflow.engine.vouching import is_vouched, vouched

PAGE: Final = 500
"""Rows that are saved in one transaction."""
log = logging.getLogger(__name__)


def enroll(ring: Ring) -> None:
    """Have every row of the ring's store vouched for, and held to it from now on; raises StoreError."""
    if ring.held:
        return
    after: tuple[str, str] | None = None
    left = 0
    while page := ring.store.rows(after, PAGE):
        writes = list(_writes(ring, page))
        try:
            ring.store.save(writes, mark=0)
        except RevisionConflict:
            continue  # somebody saved one of them just now: the page is read again
        left += sum(not is_vouched(row) for row in page) - len(writes)
        after = page[-1].tenant, page[-1].key
    if left:
        log.error("%d rows cannot be read, and are left as they are: tokenflow verify", left)
    ring.change(lambda keys: attrs.evolve(keys, held=True, marked=keys.marked or not left))


def _writes(ring: Ring, page: list[Row]) -> Iterator[Write]:
    for row in page:
        if is_vouched(row):
            continue
        try:
            token = from_row(row, ring)
        except StoreError:
            continue
        value = token.access_token
        fingerprint = None if value is None else ring.fingerprint(value, token.tenant)
        new = attrs.evolve(row, revision=row.revision + 1, fingerprint=fingerprint)
        yield Write(row=vouched(new, ring), expected=row.revision)
