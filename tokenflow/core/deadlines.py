"""What will fall due for a token, and when: its timers, and an attempt made again (rules T7, T11, R1)."""

from typing import Final, NamedTuple

from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.tokens import Attempt, Instant, Revoking, Token

REVOKE: Final = "revoke"
"""The event that ends a token on purpose."""


class Deadline(NamedTuple):
    """Something that will fall due."""

    at: Instant
    """When it may fire. A hard one that fires is dated to its own instant (rule T8)."""
    soft: bool
    position: int
    """Its place in the spec; settles a tie."""
    event: str
    timer: str | None
    """Its timer's name; None for an attempt that is made again, or looked into."""


def deadlines(lifecycle: Lifecycle, token: Token) -> list[Deadline]:
    """Return all that will fall due, the next one first.

    While a command's outcome is awaited nothing falls due before its lease ends, when the attempt itself
    does (rule T11). An attempt is soft and has no timer; while it stands, the timers that raise its event
    sleep. For a token that is being revoked nothing does, but that its issuer is told again.
    """
    if token.revoking is not None:
        return _told_again(lifecycle, token, token.revoking)
    attempt = token.attempt
    wait = attempt.lease_until if attempt is not None and attempt.open else None
    found: list[tuple[Instant, Deadline]] = []
    for timer in lifecycle.states[token.state].timers:
        due = timer.due(token)
        if due is not None and (timer.hard or not _sleeps(attempt, timer.event)):
            at = due if wait is None else max(due, wait)
            found.append((due, Deadline(at, not timer.hard, timer.position, timer.event, timer.name)))
    if attempt is not None and (at_last := _falls_due(lifecycle, token, attempt)) is not None:
        place = len(lifecycle.states[token.state].timers)
        found.append((at_last, Deadline(at_last, True, place, attempt.event, None)))
    found.sort(key=lambda one: (one[1].at, one[1].soft, one[0], one[1].position))
    return [line for _, line in found]


def _told_again(lifecycle: Lifecycle, token: Token, revoking: Revoking) -> list[Deadline]:
    if lifecycle.states[token.state].final:
        return []
    out = token.attempt.lease_until if token.attempt is not None and token.attempt.open else None
    return [Deadline(max(revoking.again_at, out or 0), True, 0, REVOKE, None)]


def _sleeps(attempt: Attempt | None, event: str) -> bool:
    """Whether timers that raise *event* leave it to the attempt: it is out, waits, or is not to be made."""
    if attempt is None or attempt.event != event:
        return False
    return attempt.retry_at is not None or attempt.open or attempt.uncertain or attempt.error == "reconsent"


def _falls_due(lifecycle: Lifecycle, token: Token, attempt: Attempt) -> Instant | None:
    """Return when an attempt is made again, or looked into; one in doubt waits for a state that takes it."""
    if attempt.doubted_since is not None and attempt.event not in lifecycle.states[token.state].accepts:
        return None
    return attempt.lease_until if attempt.open else attempt.retry_at


def due_at(lifecycle: Lifecycle, token: Token) -> Instant | None:
    """Return when the token next needs attention, or None."""
    lines = deadlines(lifecycle, token)
    return lines[0].at if lines else None


def hard_deadline(lifecycle: Lifecycle, token: Token) -> Instant | None:
    """Return when the clock next ends this state, or None."""
    return next((line.at for line in deadlines(lifecycle, token) if not line.soft), None)
