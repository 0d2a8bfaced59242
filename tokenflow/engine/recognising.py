"""The verb of a token that turned up somewhere: whose is it? Its key is named, and it is kept nowhere.

It is looked for by its fingerprint, so no value is compared with another. What was found is opened and its
fingerprint taken again, since whoever can write to the store could name any key.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from hmac import compare_digest

from tokenflow.core.secret import Secret
from tokenflow.engine.desk import Desk
from tokenflow.engine.rekeying import every_row
from tokenflow.engine.rings import Ring
from tokenflow.engine.sealing import opened
from tokenflow.engine.stores import Row


def whose(desk: Desk, value: Secret | str) -> "Future[str | None]":
    """Return the key that an access token of the tenant's is kept under, or None; raises StoreError."""
    shown = value if isinstance(value, Secret) else Secret(value)
    return desk.begin(_whose(desk, shown))


async def _whose(desk: Desk, value: Secret) -> str | None:
    ring = desk.performer.cipher
    return await desk.on_store(lambda: owner_of(ring, desk.tenant, value))


def owner_of(ring: Ring, tenant: str, value: Secret) -> str | None:
    """Return the key that *value* is kept under by *tenant*, or None; raises StoreError."""
    wanted = ring.fingerprint(value, tenant)
    found = ring.store.whose(tenant, wanted)
    candidates = iter((found,)) if found is not None else _unmarked(ring, tenant)
    return next((row.key for row in candidates if compare_digest(_taken(ring, row), wanted)), None)


def _unmarked(ring: Ring, tenant: str) -> Iterator[Row]:
    """Yield what was saved before there were fingerprints; none once the store was sealed anew."""
    if not ring.keys.marked:
        rows = (row for row in every_row(ring.store, tenant) if row.fingerprint is None)
        yield from (row for row in rows if row.access_token is not None)


def _taken(ring: Ring, row: Row) -> bytes:
    value = opened(row, "access_token", ring)
    return b"" if value is None else ring.fingerprint(value, row.tenant)
