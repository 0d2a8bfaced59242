"""Where tokens rest: a store's URL, opened to be used or only looked into. It loads no engine."""

from collections.abc import Iterator
from contextlib import contextmanager

from tokenflow.core.errors import SpecError
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.stores import Store
from tokenflow.hooks.records import StoreOrder
from tokenflow.hooks.registry import Registry


def open_store(url: str, registry: Registry, *, create: bool = True) -> Store:
    """Open the store a URL names: `memory`, or `scheme:path?option=value` of a plugin; raises StoreError."""
    if url in ("memory", "memory:"):
        return MemoryStore()
    scheme, found, rest = url.partition(":")
    if not found:
        raise SpecError(f"{url!r} is not a store", mend="write it like sqlite:tokens.db, or memory")
    path, _, query = rest.partition("?")
    options = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    order = StoreOrder(path=path, options=options, create=create)
    store: Store = registry.store(scheme).open(order)
    return store


@contextmanager
def look_into(url: str, registry: Registry | None = None) -> Iterator[Store]:
    """Open an existing store to read, and close it; raises StoreError when there is none."""
    store = open_store(url, registry or Registry.installed(), create=False)
    try:
        yield store
    finally:
        store.close()
