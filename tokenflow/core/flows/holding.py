"""Hold a token as it is now: what was under way is finished, the clock has had its say, and it is saved."""

import attrs

from tokenflow.core.doubts import doubt_of
from tokenflow.core.effects import Flow, Quiet, Seen, Worker
from tokenflow.core.errors import (
    AlreadyLive,
    ClockHeld,
    ConsentDenied,
    IssuerRefused,
    PersonNeeded,
    Refused,
    Rejected,
)
from tokenflow.core.events import (
    AttemptFailed,
    Happened,
    Transitioned,
    WasRefused,
    WasRejected,
)
from tokenflow.core.flows.concluding import finished
from tokenflow.core.flows.saving import again, keep, load, look, pinned
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.locks import Hold, Lock
from tokenflow.core.migrating import newer, upgrade
from tokenflow.core.moments import Trusted
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Settled, settle
from tokenflow.core.tokens import Attempt, Instant, Token


@attrs.frozen(kw_only=True)
class Held:
    """A token as it is now: settled, saved, with its lifecycle and what is due."""

    token: Token
    lifecycle: Lifecycle
    clock: Trusted
    due: str | None = None

    @property
    def now(self) -> Instant:
        """The instant it was settled at."""
        return self.clock.now


def decided(key: str, event_id: str | None) -> Flow[bool]:
    """Return whether this event id was decided before; raises again the no it was answered then (rule E4)."""
    if event_id is None:
        return False
    found: Happened | None = yield Seen(key, event_id)
    match found:
        case None:
            return False
        case WasRejected(event=event, state=state, code=code):
            raise Rejected(
                code, f"{key}: `{event}` was not taken in `{state}` before", event=event, state=state
            )
        case WasRefused(act=act, code=code):
            raise Refused(code, f"{key}: `{act}` was refused before")
        case AttemptFailed(error="reconsent", detail=detail):
            raise PersonNeeded(f"a person has to consent again: {detail}")
        case AttemptFailed(detail=detail):
            raise IssuerRefused(
                detail, status=0, facts={}, mend="this event was decided before; it was not sent again"
            )
        case Transitioned(cause="issuer", event="refused"):
            raise ConsentDenied(f"{key}: the person said no")
        case Transitioned(cause="issuer", event=event):
            raise IssuerRefused(f"{key}: the issuer's no was taken as `{event}` before", status=0, facts={})
        case _:
            return True


def current(setting: Setting, key: str) -> Flow[Held]:
    """Return the token under *key* after the clock has had its say; raises TokenNotFound.

    Where a newer version of its lifecycle is open that takes it, it is brought over (rule M3).
    An attempt whose answer is in the journal is concluded first (rule F2). While the clock cannot be
    trusted its timers are held: the token is returned as it was stored.
    """

    def attempt() -> Flow[Held]:
        token = yield from load(key)
        lifecycle = yield from pinned(token)
        clock = yield from look()
        if token.attempt is not None and token.attempt.doubted_since is not None:
            token = yield from _taken_up(setting, lifecycle, token, clock.now)
        if clock.held is not None:
            return Held(token=token, lifecycle=lifecycle, clock=clock)
        settled = settle(lifecycle, token, clock.now)
        over = yield from _brought_over(setting, lifecycle, settled, clock)
        if over is not None:
            return over
        if settled.steps:
            yield from keep(setting, settled.steps)
        return Held(token=settled.token, lifecycle=lifecycle, clock=clock, due=settled.due)

    return (yield from again(attempt))


def _taken_up(setting: Setting, lifecycle: Lifecycle, token: Token, now: Instant) -> Flow[Token]:
    """Return a token with an attempt in doubt: concluded from the journal, or no longer under way.

    Whose lock is free has died, and so has an attempt of this worker's own that is open, for one flow runs
    for a key at a time. What its request may still do is waited for by all, unless a second one is harmless.
    """
    hold: Hold = yield Lock(token.key, patient=False)
    if hold is Hold.BUSY:
        return token
    if (yield from finished(setting, lifecycle, token, now)):
        return (yield from load(token.key))
    attempt = token.attempt
    if attempt is None or not attempt.open or attempt.lease_until is None:
        return token
    worker: str = yield Worker()
    harmless = _harmless(setting, lifecycle, attempt)
    own = attempt.worker == worker
    if not own and not (hold is Hold.FIRM and harmless):
        return token
    settled: bool = harmless or (yield Quiet())
    quiet = attempt.quiet_from if attempt.quiet_from is None or not settled else min(attempt.quiet_from, now)
    over = attrs.evolve(attempt, lease_until=min(attempt.lease_until, now), quiet_from=quiet)
    return attrs.evolve(token, attempt=over)


def _harmless(setting: Setting, lifecycle: Lifecycle, attempt: Attempt) -> bool:
    command = lifecycle.commands.get(attempt.command)
    return (
        command is not None
        and doubt_of(command, setting.issuer_of(lifecycle), attempt.started_at, can_ask=False).harmless
    )


def _brought_over(
    setting: Setting, lifecycle: Lifecycle, settled: Settled, clock: Trusted
) -> Flow[Held | None]:
    """Save the token as the newer version of its lifecycle has it (rule M3); None when it stays as it is."""
    new = newer(setting.lifecycles, settled.token)
    if new is None:
        return None
    try:
        moved = upgrade(lifecycle, new, settled, clock.now)
    except Refused:
        return None
    try:
        yield from keep(setting, moved.steps)
    except AlreadyLive:  # by its new identity it would be a second one
        return None
    return Held(token=moved.token, lifecycle=new, clock=clock, due=moved.due)


def demand_clock(held: Held) -> None:
    """Raise ClockHeld when the clock cannot be trusted: acquiring and extending wait (rule T12)."""
    if held.clock.held is not None:
        raise ClockHeld(
            held.clock.held, mend="set the clock right, or open the engine with accept_clock=True"
        )
