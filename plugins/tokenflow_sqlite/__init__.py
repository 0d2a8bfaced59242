"""Tokens in one SQLite file: `--store sqlite:tokens.db`. Durable, with leases, safe to share on a host.

The rooms: `settings` what a URL may ask for, `files` what the file system must grant, `schema` what
stands in the file, `database` the connection (nobody else takes a DB-API), `link` who may use it
when, `statements` the SQL, `store` the contract. POSIX only: it stands on modes and owners.
"""

from collections.abc import Iterator

from tokenflow import Format, StoreBackend, StoreOrder, hookimpl
from tokenflow_sqlite.formats import formats
from tokenflow_sqlite.store import SqliteStore

__all__ = ["SqliteStore", "open_store", "tokenflow_formats", "tokenflow_stores"]


def open_store(order: StoreOrder) -> SqliteStore:
    """Open the file an order names; raises StoreError."""
    return SqliteStore(order.path, options=order.options, create=order.create)


@hookimpl
def tokenflow_stores() -> Iterator[StoreBackend]:
    """Offer sqlite."""
    yield StoreBackend(name="sqlite", open=open_store, capabilities=SqliteStore.capabilities)


@hookimpl
def tokenflow_formats() -> Iterator[Format]:
    """Offer the store's own file."""
    yield from formats()
