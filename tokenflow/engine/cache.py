"""The hot read: a dict lookup and a comparison. No lock, log or hook, and no object is made."""

from typing import Final

from tokenflow.core.tokens import SECOND, Instant, Token
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
        self._entries: dict[str, tuple[HeldToken, Instant, Instant, Instant]] = {}
        """By key: the token, when it was found, until when it is trusted, and until when it is good."""

    def get(self, key: str, now: Instant) -> HeldToken | None:
        """Return a fresh token, or None."""
        entry = self._entries.get(key)
        if entry is not None and entry[1] <= now < entry[2]:
            return entry[0]
        return None

    def last(self, key: str, now: Instant) -> HeldToken | None:
        """Return what was found last, if it is still good: for when the store cannot be asked."""
        entry = self._entries.get(key)
        if entry is not None and entry[1] <= now < entry[3]:
            return entry[0]
        return None

    def put(
        self, key: str, held: HeldToken, now: Instant, fresh_until: Instant, good_until: Instant | None = None
    ) -> None:
        """Keep a token that was found fresh at *now*; *good_until* is when it ends, if that is later."""
        if fresh_until <= now:
            return
        good_until = fresh_until if good_until is None else max(good_until, fresh_until)
        while len(self._entries) >= LIMIT:
            self._entries.pop(next(iter(self._entries)), None)
        self._entries[key] = (held, now, min(fresh_until, now + self.trusted_for), good_until)

    def saved(self, token: Token) -> None:
        """Hear of a save: the store is asked again; what has another value or state now is forgotten."""
        entry = self._entries.get(token.key)
        if entry is None:
            return
        held, found, _, good_until = entry
        if token.revoking is None and _value(token) == _value(held.token):
            self._entries[token.key] = held, found, found, good_until
        else:
            self.drop(token.key)

    def drop(self, key: str) -> None:
        """Forget what is known of *key*."""
        self._entries.pop(key, None)

    def close(self) -> None:
        """Forget everything and keep nothing more."""
        self.trusted_for = 0
        self._entries.clear()


def _value(token: Token) -> tuple[str, int, str]:
    return token.id, token.generation, token.state
