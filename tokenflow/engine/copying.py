"""A backup: the store as of one instant, in a file of its own, looked through before it is called one."""

from pathlib import Path

import attrs

from tokenflow.core.errors import StoreError
from tokenflow.engine.anchoring import Moorings
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.holders import Sources
from tokenflow.engine.keys import look_keyed
from tokenflow.engine.places import look_into
from tokenflow.engine.verifying import Copyable, Verified, verify
from tokenflow.engine.witnessing import look_witness
from tokenflow.hooks.registry import Registry


@attrs.frozen(kw_only=True)
class Backup:
    """What was written where, and what is in it."""

    url: str
    verified: Verified


def back_up(auditor: Auditor, path: Path, key: str | None, sources: Sources, registry: Registry) -> Backup:
    """Copy a store, while others use it, to a new file at *path*, and look through the copy.

    It is sealed as the store is, and opens with the same key. Raises StoreError, also when the copy is not
    as it should be: then it stays, to be looked at. Without its line in the audit trail nothing is copied.
    """
    store = auditor.store
    if not isinstance(store, Copyable):
        raise StoreError(
            "this store cannot be copied while it is used", mend="use its own tools, or: tokenflow export"
        )
    auditor.write("backup")
    url = store.copy(path.absolute())
    with look_into(url, registry) as copy:
        ring = look_keyed(copy, key, sources)
        if ring is None:
            raise StoreError(f"{url} has no key ring", mend="it is no backup: make another")
        witness = look_witness(copy, ring)
        moorings = None
        if witness is not None:  # what is noted beside the store is of the original
            moorings = Moorings(store=copy, witness=witness, store_id=ring.store_id, file=None)
        return Backup(url=url, verified=verify(ring, moorings))
