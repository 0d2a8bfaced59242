"""What values taught, kept on a shelf of the store: `learned`, by lifecycle and lifetime class.

Most lives are calm, and a write for each would double the cost of a refresh: between verdicts they are
counted here only. Another process's verdict is read when it is asked for.
"""

import json
from typing import Final

from tokenflow.core.learning import Learned, from_data, to_data
from tokenflow.engine.stores import Store

SHELF: Final = "learned"


class Lessons:
    """The lessons of one engine's tokens; used on its store thread only."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store, self._tenant = store, tenant
        self._counted: dict[str, Learned] = {}
        self._kept: dict[str, bytes | None] = {}
        """What the shelf held when it was last looked at."""

    def recall(self, name: str) -> Learned:
        """Return what the class called *name* has taught."""
        kept = self._store.get(SHELF, self._shelved(name))
        if name not in self._counted or kept != self._kept[name]:
            self._counted[name], self._kept[name] = read(kept), kept
        return self._counted[name]

    def remember(self, name: str, learned: Learned) -> None:
        """Remember what the class called *name* has taught, beyond this process when the verdict changed."""
        before = read(self._kept.get(name))
        self._counted[name] = learned
        if (before.life, before.promised) != (learned.life, learned.promised):
            text = json.dumps(to_data(learned), separators=(",", ":")).encode()
            self._store.put(SHELF, self._shelved(name), text)
            self._kept[name] = text
        else:
            self._kept.setdefault(name, None)

    def _shelved(self, name: str) -> str:
        return f"{self._tenant}/{name}"


def read(kept: bytes | None) -> Learned:
    """Return what a shelf holds; nothing where it cannot be read: a lesson lost is learned again."""
    try:
        return Learned() if kept is None else from_data(json.loads(kept))
    except ValueError:
        return Learned()
