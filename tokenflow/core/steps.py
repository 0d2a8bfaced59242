"""The pure step: a token and an event in, the next token and what happened out. Nothing is performed.

`step` applies one event, `settle` lets the clock have its say first (rules T8-T10), `legal` and
`due_at` answer what may happen and when. All of them read one machine and change nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core._machine import Chosen, Row
from tokenflow.core.conditions import UNKNOWN, View, token_facts
from tokenflow.core.errors import Rejected
from tokenflow.core.events import (
    About,
    Absorbed,
    Happened,
    Notified,
    ReacquireWanted,
    TimerMissed,
    Transitioned,
)
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.tokens import SILENT, Instant, Token

_NEVER_SETTLES: Final = 1000


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
    ends = {"ends_by_time": token.expires_at is not None}
    return View(token={**token_facts(token), **ends}, app=lifecycle.app, platform=platform, **facts)  # type: ignore[arg-type]


def effects(row: Row | None) -> tuple[Mapping[str, Any], ...]:
    """Return a row's `then:`."""
    return () if row is None else tuple(row.data.get("then", ()))


def payload_of(lifecycle: Lifecycle, event: str, payload: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an event's payload with the spec's defaults filled in."""
    return {**lifecycle.events.get(event, {}), **(payload or {})}


def choose(lifecycle: Lifecycle, token: Token, event: str, view: View) -> Row | None:
    """Return the row *event* takes from the token's state, or None when it is absorbed.

    Raises Rejected: unknown_event, not_accepted, final_state, guard_failed or guard_error (rule E3).
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
    return chosen.row


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
    waiting = token.attempt if row.target is None and not _tries(token, row.event) else None
    after = attrs.evolve(token, **{"attempt": waiting, **(changes or {}), "revision": token.revision + 1})
    after = attrs.evolve(after, attributes={**after.attributes, **_set(row, payload)})
    if row.target is None and "do" in row.data:
        after = attrs.evolve(after, fired=attempted(lifecycle, after, row.event, now))
    if row.target is not None:
        after = attrs.evolve(after, state=row.target, entered_at=now, fired={})
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
    if drop & {"access_token", "all"}:
        token = attrs.evolve(token, access_token=None)
    if drop & {"refresh_token", "all"}:
        token = attrs.evolve(token, refresh_token=None, refresh_expires=SILENT)
    return token


def _announcements(row: Row, about: About) -> tuple[Happened, ...]:
    said: list[Happened] = []
    for effect in effects(row):
        if "notify" in effect:
            said.append(Notified(about=about, name=effect["notify"]))
        if "reacquire" in effect:
            said.append(ReacquireWanted(about=about, how=effect["reacquire"]))
    return tuple(said)


def deadlines(lifecycle: Lifecycle, token: Token) -> list[tuple[Instant, bool, int, str, str | None]]:
    """Return (when, soft, position, event, timer name) of all that will fall due, the next one first.

    A retry is soft and has no timer; while it waits, the timers that raise the same event sleep. So they
    do while a person has to consent again.
    """
    waits = token.attempt is not None and (
        token.attempt.retry_at is not None or token.attempt.error == "reconsent"
    )
    retrying = token.attempt if waits else None
    found: list[tuple[Instant, bool, int, str, str | None]] = []
    for timer in lifecycle.states[token.state].timers:
        due = timer.due(token)
        if due is not None and not (
            retrying is not None and not timer.hard and timer.event == retrying.event
        ):
            found.append((due, not timer.hard, timer.position, timer.event, timer.name))
    if retrying is not None and retrying.retry_at is not None:
        found.append(
            (retrying.retry_at, True, len(lifecycle.states[token.state].timers), retrying.event, None)
        )
    return sorted(found, key=lambda line: line[:3])


def due_at(lifecycle: Lifecycle, token: Token) -> Instant | None:
    """Return when the token next needs attention, or None."""
    lines = deadlines(lifecycle, token)
    return lines[0][0] if lines else None


def hard_deadline(lifecycle: Lifecycle, token: Token) -> Instant | None:
    """Return when the clock next ends this state, or None."""
    return next((when for when, soft, *_ in deadlines(lifecycle, token) if not soft), None)


def is_usable(lifecycle: Lifecycle, token: Token, now: Instant) -> bool:
    """Return whether it may be handed out: a usable state, and not within the skew of its end (rule T6)."""
    if not lifecycle.states[token.state].usable:
        return False
    return token.expires_at is None or now < token.expires_at - lifecycle.skew


def settle(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
    """Let the clock have its say: fire what is due at *now* and needs no command.

    While a hard deadline is due, the earliest fires, dated to the deadline; soft timers due beside it
    are recorded as missed. Otherwise soft timers fire in order, at *now*, up to one that needs a
    command: that one is reported in `due` (rules T8, T9).
    """
    steps: list[Step] = []
    for _ in range(_NEVER_SETTLES):
        due = [line for line in deadlines(lifecycle, token) if line[0] <= now]
        hard = next((line for line in due if not line[1]), None)
        if hard is not None:
            moved = _fire_hard(lifecycle, token, hard, due)
        elif due:
            _, _, _, event, timer = due[0]
            if _needs_command(lifecycle, token, event):
                return Settled(token=token, steps=tuple(steps), due=event)
            moved = _fire_soft(lifecycle, token, event, timer, now)
        else:
            return Settled(token=token, steps=tuple(steps), due=None)
        steps.append(moved)
        token = moved.after
    raise AssertionError(f"{lifecycle.ref}: the timers of `{token.state}` never come to rest")


def _timer_id(token: Token, timer: str | None) -> str:
    return f"timer:{timer}:{token.entered_at}:{token.revision}"


def _fire_hard(
    lifecycle: Lifecycle, token: Token, line: tuple[Instant, bool, int, str, str | None], due: list[Any]
) -> Step:
    when, _, _, event, timer = line
    missed = tuple(
        TimerMissed(about=About.of(token, when), timer=name) for _, soft, _, _, name in due if soft and name
    )
    try:
        moved = step(lifecycle, token, event, now=when, cause="timer", event_id=_timer_id(token, timer))
    except Rejected:
        return _spent(token, timer, when, event=event)
    if moved.row is None or (moved.after.state == token.state and moved.after.entered_at == token.entered_at):
        return _spent(moved.after, timer, when, moved.happened, event=event)  # it stays: the soft ones go on
    return attrs.evolve(moved, happened=(*missed, *moved.happened))


def _fire_soft(lifecycle: Lifecycle, token: Token, event: str, timer: str | None, now: Instant) -> Step:
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
    waiting = None if timer is None or _tries(token, event) else token.attempt
    after = attrs.evolve(token, fired=fired, attempt=waiting, revision=token.revision + 1)
    return Step(before=token, after=after, row=None, happened=happened)


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
        event: words[lifecycle.chooser.verdict(event, token.state, view)]
        for event in lifecycle.states[token.state].accepts
    }
