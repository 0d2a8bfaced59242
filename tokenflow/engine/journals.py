"""What a command was answered, until it is saved: in this process's segment, else in the store (rule F2)."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenflow.core.secret import Secret
from tokenflow.engine import segments
from tokenflow.engine.ciphers import UNHURRIED, Cipher, binding
from tokenflow.engine.segments import Segment
from tokenflow.engine.stores import Store

SHELF: Final = "journal"


class Journals:
    """Keeps receipts of one tenant's tokens, sealed, under the name of the worker that wrote them."""

    def __init__(
        self, store: Store, tenant: str, cipher: Cipher, folder: Path | None, segment: Segment | None
    ) -> None:
        """*folder* is where segments stand, *segment* this worker's; None: the store keeps receipts."""
        self._store, self._tenant, self._cipher = store, tenant, cipher
        self._folder, self._segment = folder, segment

    @classmethod
    def opened(
        cls, store: Store, tenant: str, cipher: Cipher, folder: Path | None, worker: str
    ) -> "Journals":
        """Return the journals of a worker; nothing is made before the first receipt."""
        return cls(store, tenant, cipher, folder, None if folder is None else Segment(folder, worker))

    def of(self, tenant: str) -> "Journals":
        """Return those of another tenant, in the same segment."""
        return Journals(self._store, tenant, self._cipher, self._folder, self._segment)

    def keep(self, key: str, receipt: Mapping[str, Any]) -> None:
        """Make a receipt durable; raises StoreError."""
        text = Secret(json.dumps(dict(receipt), default=str))
        sealed = self._cipher.seal(text, self._binding(key), within=UNHURRIED)
        if self._segment is None or not self._segment.put(self._name(key), sealed):
            self._store.put(SHELF, f"{self._tenant}/{key}", sealed)

    def find(self, key: str, worker: str) -> Any:
        """Return the newest receipt that *worker* kept for a key, or None."""
        opened = self._opened(key, worker)
        return opened[-1][0] if opened else None

    def drop(self, key: str, receipt: Mapping[str, Any]) -> None:
        """Take a receipt away that was dealt with; another that has replaced it stays."""
        name = f"{self._tenant}/{key}"
        for kept, sealed in self._opened(key, receipt["worker"]):
            if kept["of"] != receipt["of"]:
                continue
            if self._folder is not None:
                segments.erase(self._folder, receipt["worker"], self._name(key), sealed)
            if self._store.get(SHELF, name) == sealed:
                taken = self._store.take(SHELF, name)
                if taken is not None and taken != sealed:
                    self._store.keep(SHELF, name, taken)

    def close(self) -> None:
        """Let go of the segment."""
        if self._segment is not None:
            self._segment.close()

    def _opened(self, key: str, worker: str) -> list[tuple[Any, bytes]]:
        """Return what is kept for a key, opened and sealed, the newest last.

        An older one is left where its process died before it could zero it, or where the newer one did not
        fit into the segment: by that the second request of an attempt would be sent again.
        """
        found = [] if self._folder is None else segments.kept(self._folder, worker, self._name(key))
        in_store = self._store.get(SHELF, f"{self._tenant}/{key}")
        if in_store is not None:
            found.append(in_store)
        opened = [(json.loads(self._cipher.open(one, self._binding(key)).reveal()), one) for one in found]
        return sorted(opened, key=lambda one: _age(one[0]))

    def _binding(self, key: str) -> bytes:
        return binding(self._tenant, key, SHELF, 0)

    def _name(self, key: str) -> bytes:
        return record_name(self._tenant, key)


def _age(receipt: Mapping[str, Any]) -> tuple[int, int, bool]:
    """Return what orders receipts: when the attempt began, how many answers it had, and that it was noted."""
    return receipt["of"][-1], len(receipt["entries"]), bool(receipt.get("halfway"))


def record_name(tenant: str, key: str) -> bytes:
    """Return the name of a token's record in a segment."""
    return hashlib.blake2b(f"{len(tenant)}:{tenant}{key}".encode(), digest_size=16).digest()
