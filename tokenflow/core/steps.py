"""The pure step: a token and an event in, the next token and what happened out. Nothing is performed.

`step` applies one event, `settle` lets the clock have its say first (rules T8-T10), `legal` and
`due_at` answer what may happen and when. All of them read one machine and change nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core._machine import Chosen, Row
from tokenflow.core.conditions import UNKNOWN, View, token_facts
from tokenflow.core.deadlines import REVOKE, Deadline, deadlines
from tokenflow.core.errors import Rejected
from tokenflow.core.events import (
    About,
    Absorbed,
    Happened,
    Notified,
    ReacquireWanted,
    TimerMissed,
    TimerStopped,
    Transitioned,
)
from tokenflow.core.firing import still_fired
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.tokens import SILENT, Attempt, Expiry, Instant, Never, Silent, Token

_LONGEST: Final = 10_000
"""Moves that one settling may make: sixty days asleep, and a state for every ten minutes of them."""


@attrs.frozen(kw_only=True)
class Step:
    """What one event comes to."""

    before: Token
    after: Token
    row: Row | None
    """The row taken; None when the event was absorbed."""
    happened: tuple[Happened, ...]

    @property
    def cascades(self) -> tuple[str, ...]:
        """Events to raise on the token's children (rule F5)."""
        return tuple(effect["cascade"] for effect in effects(self.row) if "cascade" in effect)

    @property
    def calls(self) -> tuple[str, ...]:
        """Commands to run once the step is saved."""
        return tuple(effect["call"] for effect in effects(self.row) if "call" in effect)


@attrs.frozen(kw_only=True)
class Settled:
    """A token after the clock has had its say."""

    token: Token
    steps: tuple[Step, ...]
    due: str | None
    """The event of a soft timer or a retry that is due and needs a command; None when nothing is."""


def view_of(lifecycle: Lifecycle, token: Token, **facts: Mapping[str, Any] | None) -> View:
    """Return what guards may see about *token*, with further *facts* (event, platform, parent, request)."""
    platform = {"name": token.platform, "runs_on": token.runs_on, **(facts.pop("platform", None) or {})}
    return View(token=token_facts(token), app=lifecycle.app, platform=platform, **facts)  # type: ignore[arg-type]


def effects(row: Row | None) -> tuple[Mapping[str, Any], ...]:
    """Return a row's `then:`."""
    return () if row is None else tuple(row.data.get("then", ()))


def payload_of(lifecycle: Lifecycle, event: str, payload: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an event's payload with the spec's defaults filled in."""
    return {**lifecycle.events.get(event, {}), **(payload or {})}


def choose(lifecycle: Lifecycle, token: Token, event: str, view: View) -> Row | None:
    """Return the row *event* takes from the token's state, or None when it is absorbed.

    Raises Rejected: unknown_event, not_accepted, final_state, guard_failed, guard_error, revoking (rule E3).
    """
    state = lifecycle.states[token.state]
    if event not in lifecycle.events:
        raise _rejected(
            lifecycle, token, event, "unknown_event", f"`{event}` is not an event of {lifecycle.ref}"
        )
    if event in state.absorbs:
        return None
    if state.final:
        raise _rejected(
            lifecycle, token, event, "final_state", f"`{token.state}` is final", "acquire a new token"
        )
    if event not in state.accepts:
        raise _rejected(lifecycle, token, event, "not_accepted", f"no transition for it in `{token.state}`")
    try:
        chosen = lifecycle.chooser.choose(event, token.state, view)
    except Exception as error:  # noqa: BLE001  # a plugin's guard may raise anything; that is never "false" (rule E2)
        detail = f"a guard failed with {type(error).__name__}"
        raise _rejected(lifecycle, token, event, "guard_error", detail) from None
    if chosen.row is None:
        raise _rejected(lifecycle, token, event, "guard_failed", _why(chosen))
    if token.revoking is not None and "do" in chosen.row.data and event != REVOKE:
        raise _rejected(
            lifecycle, token, event, "revoking", "it is being revoked; nothing else is sent for it"
        )
    return chosen.row


def fitting(lifecycle: Lifecycle, row: Row, expires: Expiry) -> Row:
    """Return the row that takes a value which ends as the issuer says: *row*, or one beside it.

    A state whose lifetime is `never` keeps no value with an end, and another keeps none without. Where the
    issuer's word is not what the spec was told of the app, it wins: the first row of the same event and
    command whose state fits is taken. Silence, and a state without a lifetime, fit anything.
    """
    if isinstance(expires, Silent) or _keeps(lifecycle, row, expires):
        return row
    beside = lifecycle.chooser.rows(row.event, row.source)
    same = (one for one in beside if one.data.get("do") == row.data.get("do"))
    return next((one for one in same if _keeps(lifecycle, one, expires)), row)


def _keeps(lifecycle: Lifecycle, row: Row, expires: Expiry) -> bool:
    lifetime = lifecycle.lifetimes.get(lifecycle.states[row.target or row.source].lifetime or "")
    return lifetime is None or (lifetime.typical is None) == isinstance(expires, Never)


def _why(chosen: Chosen) -> str:
    return "it needs " + "; ".join(
        condition.text for condition, verdict in chosen.trail if verdict is not True
    )


def _rejected(
    lifecycle: Lifecycle, token: Token, event: str, code: str, detail: str, mend: str | None = None
) -> Rejected:
    return Rejected(
        code,
        f"{lifecycle.ref} token {token.key!r} is `{token.state}` and cannot take `{event}`: {detail}",
        event=event,
        state=token.state,
        legal=lifecycle.states[token.state].accepts,
        mend=mend,
    )


def step(
    lifecycle: Lifecycle,
    token: Token,
    event: str,
    *,
    now: Instant,
    cause: str,
    payload: Mapping[str, Any] | None = None,
    event_id: str | None = None,
) -> Step:
    """Apply *event* to *token* as of *now*; raises Rejected. A row's command is not run: see `flows`."""
    full = payload_of(lifecycle, event, payload)
    row = choose(lifecycle, token, event, view_of(lifecycle, token, event=full))
    if row is None:
        about = About.of(token, now, event_id)
        return Step(
            before=token,
            after=token,
            row=None,
            happened=(Absorbed(about=about, event=event, state=token.state),),
        )
    return take(lifecycle, token, row, now=now, cause=cause, payload=full, event_id=event_id)


def take(
    lifecycle: Lifecycle,
    token: Token,
    row: Row,
    *,
    now: Instant,
    cause: str,
    payload: Mapping[str, Any],
    event_id: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Step:
    """Take a chosen *row*, with *changes* to the token that its command brought."""
    after = attrs.evolve(
        token,
        **{
            "attempt": _still_out(token, row, changes or {}),
            **(changes or {}),
            "revision": token.revision + 1,
        },
    )
    after = attrs.evolve(after, attributes={**after.attributes, **_set(row, payload)})
    if row.target is None and "do" in row.data:
        after = attrs.evolve(after, fired=attempted(lifecycle, after, row.event, now))
    after = attrs.evolve(after, fired=still_fired(lifecycle, row, token, after, now))
    if row.event == REVOKE:
        after = attrs.evolve(after, revoking=None)
    if row.target is not None:
        after = attrs.evolve(after, state=row.target, entered_at=now)
        if isinstance(reason := payload.get("reason"), str):
            after = attrs.evolve(after, reason=reason)
    after = _forget(lifecycle, row, after)
    about = About.of(after, now, event_id)
    moved = Transitioned(
        about=about,
        event=row.event,
        source=token.state,
        state=after.state,
        cause=cause,
        command=row.data.get("do"),
        reason=after.reason if row.target is not None else None,
        expires_at=after.expires_at,
    )
    return Step(before=token, after=after, row=row, happened=(moved, *_announcements(row, about)))


def _still_out(token: Token, row: Row, changes: Mapping[str, Any]) -> Attempt | None:
    """Return the attempt that a row leaves: a new value or its own answer ends it.

    One that waits goes with its state; one in doubt stays, for the doubt is about what it was sent with.
    """
    attempt = token.attempt
    if attempt is None or "generation" in changes or (_tries(token, row.event) and "do" in row.data):
        return None
    stays = row.target is None and not _tries(token, row.event)
    return attempt if stays or attempt.doubted_since is not None else None


def _tries(token: Token, event: str) -> bool:
    return token.attempt is not None and token.attempt.event == event


def attempted(lifecycle: Lifecycle, token: Token, event: str, now: Instant) -> dict[str, Instant]:
    """Return `fired` after an attempt at *event* ended in the same state: `every` counts from now (rule T7).

    A timer whose moment is still to come, because a new value moved it say, has not fired (rule T4).
    """
    fired = dict(token.fired)
    for timer in lifecycle.states[token.state].timers:
        if timer.event == event and not timer.hard:
            at = timer.due(attrs.evolve(token, fired={}))
            fired.pop(timer.name, None)
            if at is not None and at <= now:
                fired[timer.name] = now
    return fired


def _set(row: Row, payload: Mapping[str, Any]) -> dict[str, Any]:
    wanted: Mapping[str, str] = row.data.get("set", {})
    return {name: payload.get(source.partition(".")[2]) for name, source in wanted.items()}


def _forget(lifecycle: Lifecycle, row: Row, token: Token) -> Token:
    """A final state keeps no value (rule F4); `forget:` drops what it names."""
    drop = {effect["forget"] for effect in effects(row) if "forget" in effect}
    if lifecycle.states[token.state].final:
        drop.add("all")
        token = attrs.evolve(token, attempt=None, revoking=None)
    if drop & {"access_token", "all"}:
        token = attrs.evolve(token, access_token=None)
    if drop & {"refresh_token", "all"}:
        token = attrs.evolve(token, refresh_token=None, refresh_expires=SILENT)
    return token


def _announcements(row: Row, about: About) -> tuple[Happened, ...]:
    """Return what a row's `then:` tells, each to be told at least once (rule F1)."""
    said: list[Happened] = []
    for effect in effects(row):
        if "notify" in effect:
            said.append(Notified(about=about.to_deliver(len(said)), name=effect["notify"]))
        if "reacquire" in effect:
            said.append(ReacquireWanted(about=about.to_deliver(len(said)), how=effect["reacquire"]))
    return tuple(said)


def is_usable(lifecycle: Lifecycle, token: Token, now: Instant) -> bool:
    """Return whether it may be handed out: a usable state, and not within the skew of its end (rule T6).

    One that is being revoked is not.
    """
    if not lifecycle.states[token.state].usable or token.revoking is not None:
        return False
    return token.expires_at is None or now < token.expires_at - lifecycle.skew


def settle(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
    """Let the clock have its say: fire what is due at *now* and needs no command.

    While a hard deadline is due, the earliest fires, dated to the deadline; soft timers due beside it
    are recorded as missed. Otherwise soft timers fire in order, at *now*, up to one that needs a
    command: that one is reported in `due` (rules T8, T9). For one that is being revoked time does nothing
    but bring the next try.
    """
    if token.revoking is not None:
        ripe = any(line.at <= now for line in deadlines(lifecycle, token))
        return Settled(token=token, steps=(), due=REVOKE if ripe else None)
    steps: list[Step] = []
    been = {(token.state, token.entered_at)}
    while True:
        due = [line for line in deadlines(lifecycle, token) if line.at <= now]
        if not due:
            return Settled(token=token, steps=tuple(steps), due=None)
        line = next((one for one in due if not one.soft), due[0])
        if line.soft and _needs_command(lifecycle, token, line.event):
            return Settled(token=token, steps=tuple(steps), due=line.event)
        moved = (
            _fire_soft(lifecycle, token, line, now) if line.soft else _fire_hard(lifecycle, token, line, due)
        )
        place = moved.after.state, moved.after.entered_at
        if place != (token.state, token.entered_at):
            if place in been or len(steps) >= _LONGEST:
                moved = _stopped(token, line, now)
            been.add(place)
        steps.append(moved)
        token = moved.after


def _stopped(token: Token, line: Deadline, now: Instant) -> Step:
    """Two states that chase each other at one instant would never rest: here the token does."""
    at = max(now, token.entered_at)
    spent = _spent(token, line.timer, at, event=line.event)
    note = TimerStopped(about=About.of(spent.after, at), timer=line.timer or line.event, state=token.state)
    return attrs.evolve(spent, happened=(note,))


def _timer_id(token: Token, timer: str | None) -> str:
    return f"timer:{timer}:{token.entered_at}:{token.revision}"


def _fire_hard(lifecycle: Lifecycle, token: Token, line: Deadline, due: list[Deadline]) -> Step:
    when = _own_instant(lifecycle, token, line)
    missed = tuple(
        TimerMissed(about=About.of(token, when), timer=one.timer) for one in due if one.soft and one.timer
    )
    try:
        moved = step(
            lifecycle, token, line.event, now=when, cause="timer", event_id=_timer_id(token, line.timer)
        )
    except Rejected:
        return _spent(token, line.timer, when, event=line.event)
    if moved.row is None or (moved.after.state == token.state and moved.after.entered_at == token.entered_at):
        # It stays: the soft ones go on.
        return _spent(moved.after, line.timer, when, moved.happened, event=line.event)
    return attrs.evolve(moved, happened=(*missed, *moved.happened))


def _own_instant(lifecycle: Lifecycle, token: Token, line: Deadline) -> Instant:
    """Return the instant a hard deadline is dated to, however long it waited for an outcome (rule T11)."""
    timers = lifecycle.states[token.state].timers
    own = next((timer.due(token) for timer in timers if timer.name == line.timer), None)
    return line.at if own is None else own


def _fire_soft(lifecycle: Lifecycle, token: Token, line: Deadline, now: Instant) -> Step:
    event, timer = line.event, line.timer
    try:
        moved = step(lifecycle, token, event, now=now, cause="timer", event_id=_timer_id(token, timer))
    except Rejected:
        return _spent(token, timer, now, event=event)
    if moved.after.entered_at == token.entered_at and moved.after.state == token.state:
        spent = _spent(moved.after, timer, now, event=event).after
        return attrs.evolve(moved, after=attrs.evolve(spent, revision=token.revision + 1))
    return moved


def _spent(
    token: Token, timer: str | None, now: Instant, happened: tuple[Happened, ...] = (), *, event: str
) -> Step:
    """Note that a timer (None: a retry) fired to no effect, so that it does not fire again at once."""
    fired = token.fired if timer is None else {**token.fired, timer: now}
    ended = timer is None or _tries(token, event)
    after = attrs.evolve(
        token,
        fired=fired,
        attempt=_let_go(token.attempt) if ended else token.attempt,
        revision=token.revision + 1,
    )
    return Step(before=token, after=after, row=None, happened=happened)


def _let_go(attempt: Attempt | None) -> Attempt | None:
    """Return what is left of an attempt that is not made again: its doubt, if there is one."""
    if attempt is None or attempt.doubted_since is None:
        return None
    return attrs.evolve(
        attempt,
        error=attempt.error or "transient",
        retry_at=None,
        lease_until=None,
        unknown_since=attempt.doubted_since,
    )


def _needs_command(lifecycle: Lifecycle, token: Token, event: str) -> bool:
    try:
        row = choose(
            lifecycle, token, event, view_of(lifecycle, token, event=payload_of(lifecycle, event, None))
        )
    except Rejected:
        return False
    return row is not None and "do" in row.data


def legal(lifecycle: Lifecycle, token: Token) -> dict[str, str]:
    """Return every event the token's state takes, with `yes`, `depends` (on its payload) or `no`."""
    words = {True: "yes", False: "no", UNKNOWN: "depends"}
    view = view_of(lifecycle, token, event=None)
    return {
        event: "no"
        if barred(lifecycle, token, event)
        else words[lifecycle.chooser.verdict(event, token.state, view)]
        for event in lifecycle.states[token.state].accepts
    }


def barred(lifecycle: Lifecycle, token: Token, event: str) -> bool:
    """Return whether *event* would only have something sent for a token that is being revoked."""
    if token.revoking is None or event == REVOKE:
        return False
    return all("do" in row.data for row in lifecycle.chooser.rows(event, token.state))
