"""Which of a token's deadlines ends it next, and which only renew it.

A token has several: its own expiry, the refresh token's, a cap of the spec's. What ends it is a deadline
whose event leads out of use: to a final state, or from a usable to an unusable one. A deadline whose
command would bring a new value ends nothing.
"""

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.deadlines import Deadline, deadlines
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.moments import Timer
from tokenflow.core.steps import payload_of, view_of
from tokenflow.core.tokens import Instant, Token


@attrs.frozen(kw_only=True)
class Ending:
    """One way a token ends by time alone."""

    at: Instant
    """UTC microseconds; what a hard deadline is dated to, also while it waits for an outcome (rule T11)."""
    event: str | None
    """None where no timer says so: its value is over then, and is no longer handed out (rule T6)."""
    state: str
    """Where it leads."""
    why: str


def endings(lifecycle: Lifecycle, token: Token) -> tuple[Ending, ...]:
    """Return what will end *token* by time, the next first; empty where only news can."""
    state = lifecycle.states[token.state]
    if state.final:
        return ()
    found = [
        one for line in deadlines(lifecycle, token) if (one := _ending(lifecycle, token, line)) is not None
    ]
    expires_at = token.expires_at
    if state.usable and expires_at is not None and not any(one.at <= expires_at for one in found):
        why = "its value is over, and is no longer handed out"
        found.append(Ending(at=expires_at, event=None, state=token.state, why=why))
    return tuple(sorted(found, key=lambda one: one.at))


def _ending(lifecycle: Lifecycle, token: Token, line: Deadline) -> Ending | None:
    row = _row(lifecycle, token, line.event)
    if row is None or row.target is None:
        return None
    before, after = lifecycle.states[token.state], lifecycle.states[row.target]
    if not after.final and not (before.usable and not after.usable):
        return None
    timer = next((one for one in before.timers if one.name == line.timer), None)
    return Ending(at=_dated(token, line, timer), event=line.event, state=row.target, why=_why(line, timer))


def _row(lifecycle: Lifecycle, token: Token, event: str) -> Row | None:
    """Return the row a deadline's event would take now; a guard that cannot be asked takes none."""
    if event not in lifecycle.states[token.state].accepts:
        return None
    view = view_of(lifecycle, token, event=payload_of(lifecycle, event, None))
    try:
        return lifecycle.chooser.choose(event, token.state, view).row
    except Exception:  # noqa: BLE001  # firing would be rejected with guard_error, too (rule E2)
        return None


def _dated(token: Token, line: Deadline, timer: Timer | None) -> Instant:
    own = timer.due(token) if timer is not None and timer.hard else None
    return line.at if own is None else own


def _why(line: Deadline, timer: Timer | None) -> str:
    if timer is None:
        return f"`{line.event}` is tried again"
    kind = "a fact about the world" if timer.hard else "the spec's own wish"
    return f"timer `{timer.name}`, counted from `{timer.moment.anchor}`: {kind}"
