"""The store in memory fulfils the contract."""

from pathlib import Path

from tokenflow.engine.memory import MemoryStore
from tokenflow.testing import store_conformance


def _open(folder: Path) -> MemoryStore:
    return MemoryStore()


TestMemoryStore = store_conformance(_open)


def test_two_stores_share_nothing() -> None:
    """Each memory store is its own."""
    one, other = MemoryStore(), MemoryStore()
    one.put("shelf", "name", b"value")
    assert other.get("shelf", "name") is None
