"""A store, its ring and its audit trail, opened for what an operator does to the whole of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from tokenflow.core.errors import StoreError
from tokenflow.engine.auditing import Auditor, look_auditor, open_auditor
from tokenflow.engine.clocks import SystemClock
from tokenflow.engine.holders import Sources
from tokenflow.engine.keys import look_keyed, open_keyed
from tokenflow.engine.performer import forget_locals
from tokenflow.engine.places import look_into, open_store
from tokenflow.engine.rings import Ring
from tokenflow.engine.stores import Store
from tokenflow.hooks.registry import Registry


@attrs.frozen
class Opened:
    """What there is of a store."""

    store: Store
    ring: Ring
    auditor: Auditor | None
    """None: the store keeps no trail, or it was only looked into and has none yet."""
    sources: Sources
    registry: Registry

    @property
    def acting(self) -> Auditor:
        """Its auditor, where it was opened to act."""
        assert self.auditor is not None, "it was opened to act on"
        return self.auditor


@contextmanager
def looked_into(url: str, key: str | None) -> Iterator[Opened]:
    """Open an existing store and change nothing; raises StoreError when nothing was kept in it, WrongKey."""
    registry = Registry.installed()
    sources = Sources.of(registry)
    with look_into(url, registry) as store:
        ring = look_keyed(store, key, sources)
        if ring is None:
            raise StoreError("nothing was ever kept in this store", mend="is it the right one?")
        auditor = look_auditor(store, ring, SystemClock()) if "audit" in store.capabilities else None
        yield Opened(store, ring, auditor, sources, registry)


@contextmanager
def opened(url: str, key: str | None, *, create: bool = False) -> Iterator[Opened]:
    """Open a store to act on it, and anchor its trail in the end; raises StoreError, WrongKey."""
    registry = Registry.installed()
    sources = Sources.of(registry)
    store = open_store(url, registry, create=create)
    try:
        ring = open_keyed(store, key, sources)
        auditor = open_auditor(store, ring, SystemClock())
        yield Opened(store, ring, auditor, sources, registry)
        auditor.close()
    except BaseException as error:
        forget_locals(error)  # of an export, or an import, they hold values
        raise
    finally:
        store.close()
