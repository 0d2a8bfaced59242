"""What to do about a token: a value, computed here, performed elsewhere."""

from typing import TypeAlias

import attrs

from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.steps import is_usable, payload_of, view_of
from tokenflow.core.tokens import Instant, Token


@attrs.frozen
class Use:
    """It is fresh: hand it out."""

    token: Token


@attrs.frozen
class Extend:
    """Raise `event`, whose command brings a newer value. Not `urgent`: the held one still serves."""

    token: Token
    event: str
    urgent: bool


@attrs.frozen
class Wait:
    """It cannot be used now; a command is under way or tried again at `until`."""

    token: Token
    until: Instant


@attrs.frozen
class Acquire:
    """It is over: only a new acquisition helps."""

    reason: str


Decision: TypeAlias = Use | Extend | Wait | Acquire


def decide(lifecycle: Lifecycle, token: Token, now: Instant, due: str | None) -> Decision:
    """Return what to do about a settled *token*; *due* is what `settle` reported.

    A usable token with a command due is stale, not over: it still serves if the issuer says no.
    """
    if is_usable(lifecycle, token, now):
        return Extend(token, due, urgent=False) if due is not None else Use(token)
    if token.revoking is not None:
        return Acquire("it is being revoked")
    if token.attempt is not None:
        if token.attempt.error == "reconsent":
            return Acquire("a person has to consent again")
        if token.attempt.uncertain and token.attempt.retry_at is None and not token.attempt.open:
            return Acquire("the answer to its last renewal was lost")
        until = token.attempt.lease_until if token.attempt.open else token.attempt.retry_at
        if until is not None and until > now:
            return Wait(token, until)
    event = due or renewing_event(lifecycle, token)
    if event is None:
        return Acquire(token.reason or token.state)
    again = None if due is not None else _tried_again(lifecycle, token, event)
    if again is not None and again > now:
        return Wait(token, again)
    return Extend(token, event, urgent=True)


def _tried_again(lifecycle: Lifecycle, token: Token, event: str) -> Instant | None:
    """Return when a timer repeats a command that was tried and failed: callers do not hurry it (T7).

    In a usable state, near its end, they do: there is no later.
    """
    if lifecycle.states[token.state].usable:
        return None
    timers = (one for one in lifecycle.states[token.state].timers if one.event == event)
    return min(
        (at for one in timers if one.name in token.fired and (at := one.due(token)) is not None), default=None
    )


def renewing_event(lifecycle: Lifecycle, token: Token) -> str | None:
    """Return the first event whose command would bring the token (back) to a usable state, or None."""
    for event in lifecycle.states[token.state].accepts:
        for row in lifecycle.chooser.rows(event, token.state):
            target = lifecycle.states[row.target or token.state]
            if "do" not in row.data or not target.usable:
                continue
            view = view_of(lifecycle, token, event=payload_of(lifecycle, event, None))
            if all(condition.check(view) is True for condition in row.conditions):
                return event
    return None
