"""The hot read: a dict lookup and a comparison. No lock, log or hook, and no object is made."""

from typing import Final

from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.held import HeldToken

LIMIT: Final = 100_000
"""Entries kept; beyond it the oldest go."""


class Cache:
    """Fresh tokens by key. An entry is trusted until `fresh_until`, then the store is asked again.

    That bounds how long another process's revocation goes unseen.
    """

    __slots__ = ("_entries", "trusted_for")

    def __init__(self, trusted_for: float) -> None:
        """*trusted_for* is in seconds; 0 asks the store every time."""
        self.trusted_for = int(trusted_for * SECOND)
        self._entries: dict[str, tuple[HeldToken, Instant, Instant]] = {}

    def get(self, key: str, now: Instant) -> HeldToken | None:
        """Return a fresh token, or None."""
        entry = self._entries.get(key)
        if entry is not None and entry[1] <= now < entry[2]:
            return entry[0]
        return None

    def put(self, key: str, held: HeldToken, now: Instant, fresh_until: Instant) -> None:
        """Keep a token that was found fresh at *now*."""
        until = min(fresh_until, now + self.trusted_for)
        if until <= now:
            return
        while len(self._entries) >= LIMIT:
            self._entries.pop(next(iter(self._entries)), None)
        self._entries[key] = (held, now, until)

    def drop(self, key: str) -> None:
        """Forget what is known of *key*."""
        self._entries.pop(key, None)

    def close(self) -> None:
        """Forget everything and keep nothing more."""
        self.trusted_for = 0
        self._entries.clear()
