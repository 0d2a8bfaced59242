"""Public documents of issuers, their signing keys say: fetched now and then, and kept for all flows.

Whoever forges tokens chooses what is looked for in such a document, so looking for it costs nothing: a
document is fetched at most once in five minutes, however often something newer is asked for, and one that
cannot be had is tried once in ten seconds (security.md D7). No token travels with it.
"""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from tokenflow.core.answers import body_of
from tokenflow.core.effects import Published, Request, Response
from tokenflow.core.errors import IssuerUnreachable, TokenflowError
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.clocks import Clock

FRESH: Final = 12 * 3600 * SECOND
"""So long a document is given out unasked; then it is fetched again when it is next wanted."""
LAST: Final = 24 * 3600 * SECOND
"""So long it serves while its issuer does not answer: a key that was withdrawn is not trusted for ever."""
PAUSE: Final = 5 * 60 * SECOND
"""Between two fetches of a document that is there."""
MISSED: Final = 10 * SECOND
"""After a fetch that brought nothing, while nothing is kept: who asks meanwhile is told so, unasked."""

Fetch: TypeAlias = Callable[[Request], Awaitable[Response]]


@attrs.frozen
class _Kept:
    document: Mapping[str, Any] = attrs.field(repr=False)
    wall: Instant
    """When it was fetched."""
    boot: int
    """The same by the clock that nobody sets."""
    asked: int
    """When it was last asked for, answered or not, by that clock."""


class Publications:
    """What an engine keeps of public documents. May be used on any loop; each fetches once at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._missed: dict[str, int] = {}
        self._locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = (
            weakref.WeakKeyDictionary()
        )

    async def read(self, wanted: Published, fetch: Fetch) -> Mapping[str, Any]:
        """Return the document; raises IssuerError where there is none and none can be had."""
        locks = self._locks.setdefault(asyncio.get_running_loop(), {})
        async with locks.setdefault(wanted.url, asyncio.Lock()):
            kept = self._kept.get(wanted.url)
            if kept is not None and not self._wants_another(kept, wanted):
                return kept.document
            before = self._clock.reading()
            if before.boot - self._missed.get(wanted.url, before.boot - MISSED) < MISSED:
                raise IssuerUnreachable(
                    "a public document of the issuer could not be had a moment ago", sent=False
                )
            try:
                response = await fetch(Request(method="GET", url=wanted.url))
                document = body_of(response)
            except TokenflowError:
                if kept is None or before.boot - kept.boot >= LAST:
                    self._missed[wanted.url] = before.boot
                    raise
                self._kept[wanted.url] = attrs.evolve(kept, asked=before.boot)
                return kept.document
            self._kept[wanted.url] = _Kept(document, before.wall, before.boot, before.boot)
            self._missed.pop(wanted.url, None)
            return document

    def _wants_another(self, kept: _Kept, wanted: Published) -> bool:
        now = self._clock.reading().boot
        if now - kept.boot >= LAST:
            return True
        stale = now - kept.boot >= FRESH or (wanted.at_least is not None and kept.wall < wanted.at_least)
        return stale and now - kept.asked >= PAUSE
