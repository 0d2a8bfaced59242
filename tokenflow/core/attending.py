"""Whether somebody will look after a token before it ends: the one number an operator wakes up for."""

from typing import Final

from tokenflow.core.deadlines import deadlines
from tokenflow.core.decisions import renewing_event
from tokenflow.core.doubts import brings
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.steps import effects
from tokenflow.core.tokens import Token

EXPIRING: Final = "expiring_unattended"
REVOKING: Final = "revoking"
IRREVOCABLE: Final = "irrevocable"


def counted_as(lifecycle: Lifecycle, token: Token) -> str | None:
    """Return what an operator counts *token* as, or None where nobody has to know of it."""
    if token.revoking is not None:
        return REVOKING if token.revoking.irrevocable_since is None else IRREVOCABLE
    return EXPIRING if unattended(lifecycle, token) else None


def renews(lifecycle: Lifecycle, token: Token, event: str | None) -> bool:
    """Return whether *event* may bring a new value: by a command, or by an acquisition without a person."""
    if event is None or event not in lifecycle.states[token.state].accepts:
        return False
    for row in lifecycle.chooser.rows(event, token.state):
        command = lifecycle.commands.get(row.data.get("do", ""))
        if command is not None and brings(command):
            return True
        if any(effect.get("reacquire") == "auto" for effect in effects(row)):
            return True
    return False


def unattended(lifecycle: Lifecycle, token: Token) -> bool:
    """Return whether *token* ends before the next attempt to renew it, though its lifecycle could renew it.

    Its tries are used up, a person has to consent, an answer was lost, or a spec tries too late. One that
    nothing can renew from here, or that is to end, is nobody's omission.
    """
    ends, state = token.expires_at, lifecycle.states[token.state]
    if ends is None or not state.usable or token.revoking is not None:
        return False
    if renewing_event(lifecycle, token) is None and not any(
        renews(lifecycle, token, timer.event) for timer in state.timers
    ):
        return False
    tries = (line.at for line in deadlines(lifecycle, token) if renews(lifecycle, token, line.event))
    return min(tries, default=ends) >= ends
