"""How far an issuer's clock is from ours, by the Date header of its answers (RFC 9110 §6.6.1).

Lifetimes counted from now (`expires_in`) need no clock but ours. Instants the issuer names by its own
clock (`expires_at`) do: where its clock is ahead of ours, such a token ends sooner here than it says.
A Date only ever shortens a life, and never by more than half of what is left: it is not sealed, and a
wild one must neither keep a token beyond its end nor end it.
"""

import attrs

from tokenflow.core.tokens import SECOND, At, Expiry, Instant


@attrs.frozen(kw_only=True)
class Skew:
    """One look at another clock."""

    offset: int
    """Microseconds it is ahead of ours; negative when it is behind."""
    error: int
    """How far that may be wrong: half the round trip, and half of the second that Date leaves open."""

    def beyond(self, tolerance: int) -> bool:
        """Return whether the clocks surely disagree by more than *tolerance* microseconds."""
        return abs(self.offset) - self.error > tolerance

    @property
    def ahead(self) -> int:
        """Microseconds its clock is surely ahead of ours; 0 when it may be right, or is behind."""
        return max(self.offset - self.error, 0)


def measured(date: Instant, *, sent: Instant, received: Instant) -> Skew:
    """Return the skew that an answer dated *date* shows, to a request *sent* and answered at *received*."""
    trip = max(received - sent, 0)
    return Skew(offset=date + SECOND // 2 - (sent + trip // 2), error=trip // 2 + SECOND // 2)


def on_record(reported: Skew | None, seen: Skew, tolerance: int) -> Skew | None:
    """Return the skew to have on record after a look: None while the clocks agree within *tolerance*.

    It is the one *reported* unless there is news: the clocks surely part, surely meet again, or the
    gap moved by more than *tolerance*. So a gap near the limit is no news with every answer.
    """
    if reported is None:
        return seen if seen.beyond(tolerance) else None
    if abs(seen.offset) + seen.error <= tolerance:
        return None
    return seen if abs(seen.offset - reported.offset) > tolerance else reported


def by_our_clock(expires: Expiry, now: Instant, ahead: int) -> Expiry:
    """Return an end that the issuer named by its clock, by ours: *ahead* microseconds sooner.

    Never later than named, and never by more than half of what is left at *now*.
    """
    if not isinstance(expires, At) or ahead <= 0 or expires.instant <= now:
        return expires
    return At(max(expires.instant - ahead, now + (expires.instant - now) // 2))
