"""Carry an event out: choose its row, and begin its command if it has one (rules E1-E5, F1, F3).

Order: decide, write the attempt down, ask the issuer, then one transaction with value, state and
history. A failed command leaves the held token in place; its retry is a stored deadline.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.doubts import Said, brings, doubt_of, in_doubt, lasting, said_by, spent_by, uncertain
from tokenflow.core.effects import Admit, Change, Emit, Flow, Load, MayRenew, Save, Worker
from tokenflow.core.errors import (
    Busy,
    IssuerRefused,
    IssuerUnreachable,
    PersonNeeded,
    Refused,
    Rejected,
    RevisionConflict,
    StoreError,
    TokenflowError,
)
from tokenflow.core.events import About, AttemptBegun, Inspected, RuleWarned, WasRefused, WasRejected
from tokenflow.core.flows.concluding import conclude, finished
from tokenflow.core.flows.failing import probe_of
from tokenflow.core.flows.holding import Held, current, demand_clock
from tokenflow.core.flows.keeping import Sending
from tokenflow.core.flows.learning import buried
from tokenflow.core.flows.saving import again, keep, look
from tokenflow.core.lifecycles import CommandSpec, Lifecycle
from tokenflow.core.locks import Hold, Lock
from tokenflow.core.policies import check_rules, lend, meaning_of
from tokenflow.core.refresh import Asked, Do, End, Found, Intent, Locked, Protocol, Turn, Written
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step, attempted, choose, payload_of, step, view_of
from tokenflow.core.tokens import SECOND, Attempt, Inspection, Instant, Token


def carry_out(
    setting: Setting,
    held: Held,
    event: str,
    *,
    cause: str,
    place: str | None = None,
    payload: Mapping[str, Any] | None = None,
    event_id: str | None = None,
    patient: bool = True,
) -> Flow[Token]:
    """Take *event* and return the token it leaves; raises Rejected, Refused, Busy or IssuerError.

    *place* is where it is asked for; None: nobody asks, as with a timer, and a command runs where its
    spec says. *patient*: wait while another process works on the token.
    """
    lifecycle, token = held.lifecycle, held.token
    full = payload_of(lifecycle, event, payload)
    try:
        row = choose(lifecycle, token, event, view_of(lifecycle, token, event=full))
    except Rejected as no:
        about = About.of(token, held.now, event_id)
        yield Emit((WasRejected(about=about, event=event, state=token.state, code=no.code),))
        raise
    if row is None or "do" not in row.data:
        moved = step(lifecycle, token, event, now=held.now, cause=cause, payload=full, event_id=event_id)
        if moved.row is None:
            yield Emit(moved.happened)
            return token
        ended = cause == "issuer" and not lifecycle.states[moved.after.state].usable
        notes = (yield from buried(lifecycle, token, full.get("reason"), held.now)) if ended else ()
        yield from keep(setting, [moved], before=notes)
        return moved.after
    return (
        yield from _command(
            setting,
            held,
            row,
            cause=cause,
            place=place,
            payload=full,
            event_id=event_id,
            patient=patient,
        )
    )


def _command(
    setting: Setting,
    held: Held,
    row: Row,
    *,
    cause: str,
    place: str | None,
    payload: Mapping[str, Any],
    event_id: str | None,
    patient: bool,
) -> Flow[Token]:
    lifecycle, token = held.lifecycle, held.token
    command = lifecycle.commands[row.data["do"]]
    place = command.runs_on if place is None else place
    try:
        warned = _allowed(lifecycle, token, command, place, held.now)
    except Refused as no:
        about = About.of(token, held.now, event_id)
        yield Emit((WasRefused(about=about, act=row.event, code=no.code),))
        raise
    demand_clock(held)
    yield Admit(lifecycle.issuer)
    issuer = setting.issuer_of(lifecycle)
    protocol = Protocol(doubt_of(command, issuer, 0, can_ask=probe_of(setting, lifecycle) is not None))
    yield from _locked(protocol, held, patient=patient)
    if token.attempt is not None and (yield from finished(setting, lifecycle, token, held.now)):
        raise RevisionConflict(f"{token.key!r}: an answer came meanwhile", mend="load it and decide again")
    if brings(command):  # asked last: who waited for the lock may have been told to stop
        yield MayRenew(lifecycle.issuer)
    number, now = yield from _number(setting, held, row, command, protocol)
    attempt = Attempt(
        event=row.event,
        command=command.name,
        number=number,
        started_at=now,
        lease_until=now + max(command.lease, lasting(command, issuer)),
        quiet_from=now + lasting(command, issuer),
        worker=(yield Worker()),
        unknown_since=in_doubt(lifecycle, token.attempt),
        uncertain=token.attempt is not None and token.attempt.uncertain,
    )
    begun = attrs.evolve(token, attempt=attempt, revision=token.revision + 1)
    about = About.of(begun, now)
    note = AttemptBegun(about=about, event=row.event, command=command.name, number=number)
    yield from _intended(protocol, Change(token=begun, expected=token.revision, happened=(*warned, note)))
    sending = Sending(cause=cause, place=place, payload=payload, event_id=event_id)
    return (yield from conclude(setting, lifecycle, begun, row, sending, protocol))


def _locked(protocol: Protocol, held: Held, *, patient: bool) -> Flow[None]:
    """Take the token's lock, and see that the row is still the one decided on; raises Busy, RevisionConflict.

    Where there are no locks, the lease of an open attempt is one (rule T11).
    """
    token, attempt = held.token, held.token.attempt
    hold: Hold = yield Lock(token.key, patient)
    leased = attempt is not None and attempt.open and held.now < (attempt.lease_until or 0)
    mine = hold is Hold.FIRM or (hold is Hold.LEASED and not leased)
    if protocol.hears(Locked(mine)) is Do.READ:
        latest: Token | None = yield Load(token.key)
        if latest is not None and (latest.id, latest.revision) == (token.id, token.revision):
            return
        protocol.hears(Found(moved=True, intent=None, answered=False, now=held.now))
        raise RevisionConflict(f"{token.key!r} was saved by another process", mend="load it and decide again")
    if attempt is None or not leased:
        raise Busy(f"{token.key}: another process works on it", mend="try again")
    seconds = ((attempt.lease_until or 0) - held.now) // SECOND
    raise Busy(
        f"{token.key}: `{attempt.command}` is under way elsewhere; what became of it is known in {seconds} s",
        mend="try again then",
    )


def _intended(protocol: Protocol, change: Change) -> Flow[None]:
    """Write the attempt down, durably, before anything is sent; raises RevisionConflict, StoreError."""
    try:
        yield Save((change,))
    except RevisionConflict:
        protocol.hears(Written.MOVED)
        raise
    except StoreError:
        protocol.hears(Written.FAILED)
        raise
    protocol.hears(Written.DURABLE)


def _allowed(
    lifecycle: Lifecycle, token: Token, command: CommandSpec, place: str, now: Instant
) -> tuple[RuleWarned, ...]:
    """Return warnings; raises Refused when custody or a rule forbids the command from *place*."""
    lend(lifecycle, command.secrets, place)
    if command.runs_on != place:
        raise Refused("wrong_place", f"{lifecycle.ref}: `{command.name}` runs on the {command.runs_on} only")
    view = view_of(lifecycle, token, platform={"runs_on": place})
    return check_rules(lifecycle, "command", view, About.of(token, now))


def _number(
    setting: Setting, held: Held, row: Row, command: CommandSpec, protocol: Protocol
) -> Flow[tuple[int, Instant]]:
    """Return the number of the try that may be made, and as of when; raises IssuerUnreachable, PersonNeeded.

    What may still arrive is waited for, and what is in doubt is not repeated unless that is harmless (F3).
    """
    token, attempt = held.token, held.token.attempt
    since = in_doubt(held.lifecycle, attempt)
    intent = None
    if attempt is not None and since is not None and brings(command):
        intent = Intent(since=since, quiet_from=attempt.quiet_from or since)
    now = (yield from look()).now  # to be admitted, and to wait for the lock, took its time
    do = protocol.hears(Found(moved=False, intent=intent, answered=False, now=now))
    if do is Do.ASK and intent is not None:
        said, _ = yield from _said(setting, held, probe_of(setting, held.lifecycle), spent_by(token))
        now = (yield from look()).now
        do = protocol.hears(Asked(said=said, since=intent.since, now=now))
    if do is Do.STOP and attempt is not None:
        yield from _unrepeated(setting, held, row, command, attempt, protocol.turn)
    again = attempt is not None and attempt.event == row.event
    return (attempt.number + 1 if attempt is not None and again else 1), now


def _said(
    setting: Setting, held: Held, probe: str | None, about: Token
) -> Flow[tuple[Said, Inspection | None]]:
    """Ask the issuer whether a token is alive."""
    if about.access_token is None or probe is None:
        return Said.NOTHING, None
    try:
        order = setting.probe_order(held.lifecycle, about)
        found = yield from setting.plugins.command(probe)(order)
    except TokenflowError as error:
        return said_by(error, meaning_of(held.lifecycle, error).kind), None
    if not isinstance(found, Inspection):
        return Said.NOTHING, None
    return (Said.ALIVE if found.active else Said.DEAD), found


def _unrepeated(
    setting: Setting, held: Held, row: Row, command: CommandSpec, attempt: Attempt, turn: Turn
) -> Flow[NoReturn]:
    """Leave an attempt as it is, and say so once; raises IssuerUnreachable or PersonNeeded.

    What is held serves to its end, if the issuer does not call it dead.
    """
    lifecycle, token = held.lifecycle, held.token
    if turn.until is not None:
        seconds = (turn.until - held.now) // SECOND
        raise IssuerUnreachable(
            f"{token.key}: `{attempt.command}` may still arrive there; "
            f"what became of it is known in {seconds} s",
            sent=False,
        )
    later = held.now + command.retry.longest if turn.end is End.LATER else None
    doubted = attrs.evolve(
        attempt,
        event=row.event,
        error=attempt.error or "transient",
        retry_at=later,
        lease_until=None,
        unknown_since=in_doubt(lifecycle, attempt),
        uncertain=True,
    )
    fired = attempted(lifecycle, token, row.event, held.now)
    after = attrs.evolve(token, attempt=doubted, fired=fired, revision=token.revision + 1)
    happened = () if attempt.uncertain else uncertain(after, held.now)
    yield from keep(setting, [Step(before=token, after=after, row=None, happened=happened)])
    if turn.end is End.LATER:
        raise IssuerUnreachable(
            f"{token.key}: what became of the last `{attempt.command}` is not known yet; it is not repeated",
            sent=False,
        )
    probe = probe_of(setting, lifecycle)
    if probe is not None and token.refresh_token is not None:
        said, found = yield from _said(setting, held, probe, token)
        if found is not None:
            yield Emit((Inspected(about=About.of(after, held.now), active=found.active),))
        if said is Said.DEAD and found is not None:
            yield from told(setting, attrs.evolve(held, token=after), found)
    raise PersonNeeded(
        f"{token.key}: the answer to `{attempt.command}` was lost, and with it the next refresh token",
        mend=f"what is held serves to its end; then engine.acquire({token.key!r}, "
        f"lifecycle={lifecycle.name!r}, platform=...)",
    )


def told(setting: Setting, held: Held, found: Inspection, event_id: str | None = None) -> Flow[Token]:
    """Take the issuer's word that a token is dead: raise what its reason means, else `invalidate`."""
    error = IssuerRefused("the issuer calls the token dead", status=400, facts=dict(found.facts))
    meaning = meaning_of(held.lifecycle, error)
    accepts = held.lifecycle.states[held.token.state].accepts
    event = meaning.event if meaning.event in accepts else "invalidate"  # dead is dead, whatever it is called
    if event not in accepts:
        return held.token
    return (yield from heard(setting, held, event, meaning.payload, event_id))


def heard(
    setting: Setting,
    held: Held,
    event: str,
    payload: Mapping[str, Any] | None = None,
    event_id: str | None = None,
) -> Flow[Token]:
    """Take the issuer's news of a *held* value, on whatever revision still holds it (rule E5).

    Asking took its time. News of a value that was replaced meanwhile, or that its state does not take any
    more, changes nothing.
    """

    def attempt() -> Flow[Token]:
        latest = yield from current(setting, held.token.key)
        token, state = latest.token, latest.lifecycle.states[latest.token.state]
        same = (token.id, token.generation) == (held.token.id, held.token.generation)
        if not same or event not in state.absorbs | frozenset(state.accepts):
            return token
        return (
            yield from carry_out(setting, latest, event, cause="issuer", payload=payload, event_id=event_id)
        )

    return (yield from again(attempt))
