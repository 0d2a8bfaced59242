"""Watches the issuers' clocks: a look at every answer's Date, a word when one parts from ours.

The latest word is kept on a shelf of the store: `skews`, by host, which `doctor` reads.
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from tokenflow.core.dates import http_date
from tokenflow.core.effects import Issuer, Request, Response
from tokenflow.core.skews import Skew, measured, on_record
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.transports import Transport

SHELF: Final = "skews"
DEFAULT: Final = 60 * SECOND
"""Tolerated of a host that no issuer's document names, microseconds."""
log = logging.getLogger(__name__)


class SkewWatch:
    """A transport that looks at the clocks of those it speaks to."""

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Callable[[], Instant],
        issuers: Mapping[str, Issuer],
        note: Callable[[str, bytes], object],
    ) -> None:
        """*clock* tells our own time; *note* keeps a word about a host."""
        self._transport, self._clock, self._issuers, self._note = transport, clock, issuers, note
        self._reported: dict[str, Skew | None] = {}

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Return the response, with how far its issuer's clock is ahead of ours."""
        sent = self._clock()
        return self._seen(request.url, await self._transport.send(request, step=step), sent)

    async def close(self) -> None:
        """Close connections."""
        await self._transport.close()

    def _seen(self, url: str, response: Response, sent: Instant) -> Response:
        """A gap is reported when it opens, moves or closes, not with every answer."""
        date, now = http_date(response.headers.get("date", "")), self._clock()
        if date is None:
            return response
        host = urlsplit(url).netloc
        skew, tolerance = measured(date, sent=sent, received=now), self._tolerance(host)
        before = self._reported.get(host)
        after = self._reported[host] = on_record(before, skew, tolerance)
        if after != before:
            self._report(host, skew, tolerance, now)
        return attrs.evolve(response, ahead=skew.ahead) if skew.beyond(tolerance) else response

    def _tolerance(self, host: str) -> int:
        """Return the strictest tolerance of the issuers at a host."""
        there = (
            issuer
            for issuer in self._issuers.values()
            if any(urlsplit(url).netloc == host for url in issuer.endpoints.values())
        )
        return min((issuer.skew for issuer in there), default=DEFAULT)

    def _report(self, host: str, skew: Skew, tolerance: int, now: Instant) -> None:
        apart = skew.beyond(tolerance)
        seconds, way = abs(skew.offset) // SECOND, "ahead of" if skew.offset > 0 else "behind"
        if apart:
            log.warning("the clock of %s is %d s %s ours", host, seconds, way)
        else:
            log.info("the clock of %s agrees with ours again", host)
        self._note(host, json.dumps(_facts(skew, tolerance, now)).encode())


def _facts(skew: Skew, tolerance: int, now: Instant) -> dict[str, Any]:
    """Return a word as it is kept: microseconds, and whether the clocks are apart."""
    return {
        "offset": skew.offset,
        "error": skew.error,
        "tolerance": tolerance,
        "apart": skew.beyond(tolerance),
        "at": now,
    }
