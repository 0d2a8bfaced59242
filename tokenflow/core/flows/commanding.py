"""Carry an event out: choose its row, and begin its command if it has one (rules E1-E5, F1, F3).

Order: decide, write the attempt down, ask the issuer, then one transaction with value, state and
history. A failed command leaves the held token in place; its retry is a stored deadline.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.doubts import (
    Said,
    Verdict,
    brings,
    doubt_of,
    in_doubt,
    resolve,
    said_by,
    spent_by,
    uncertain,
)
from tokenflow.core.effects import Admit, Change, Emit, Flow, MayRenew, Save, Worker
from tokenflow.core.errors import (
    IssuerRefused,
    IssuerUnreachable,
    PersonNeeded,
    Refused,
    Rejected,
    TokenflowError,
)
from tokenflow.core.events import About, AttemptBegun, Inspected, RuleWarned, WasRefused, WasRejected
from tokenflow.core.flows.concluding import Sending, conclude
from tokenflow.core.flows.failing import probe_of
from tokenflow.core.flows.holding import Held, current, demand_clock
from tokenflow.core.flows.learning import buried
from tokenflow.core.flows.saving import again, keep, look
from tokenflow.core.lifecycles import CommandSpec, Lifecycle
from tokenflow.core.policies import check_rules, lend, meaning_of
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
) -> Flow[Token]:
    """Take *event* and return the token it leaves; raises Rejected, Refused or IssuerError.

    *place* is where it is asked for; None: nobody asks, as with a timer, and a command runs where its
    spec says.
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
        yield from _command(setting, held, row, cause=cause, place=place, payload=full, event_id=event_id)
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
    if brings(command):
        yield MayRenew(lifecycle.issuer)
    number = yield from _number(setting, held, row, command)
    now = (yield from look()).now  # to be admitted, and to ask about a doubt, takes its time
    attempt = Attempt(
        event=row.event,
        command=command.name,
        number=number,
        started_at=now,
        lease_until=now + max(command.lease, command.timeout or 0),
        worker=(yield Worker()),
        unknown_since=in_doubt(lifecycle, token.attempt),
        uncertain=token.attempt is not None and token.attempt.uncertain,
    )
    begun = attrs.evolve(token, attempt=attempt, revision=token.revision + 1)
    about = About.of(begun, now)
    note = AttemptBegun(about=about, event=row.event, command=command.name, number=number)
    yield Save((Change(token=begun, expected=token.revision, happened=(*warned, note)),))
    sending = Sending(cause=cause, place=place, payload=payload, event_id=event_id)
    return (yield from conclude(setting, lifecycle, begun, row, sending))


def _allowed(
    lifecycle: Lifecycle, token: Token, command: CommandSpec, place: str, now: Instant
) -> tuple[RuleWarned, ...]:
    """Return warnings; raises Refused when custody or a rule forbids the command from *place*."""
    lend(lifecycle, command.secrets, place)
    if command.runs_on != place:
        raise Refused("wrong_place", f"{lifecycle.ref}: `{command.name}` runs on the {command.runs_on} only")
    view = view_of(lifecycle, token, platform={"runs_on": place})
    return check_rules(lifecycle, "command", view, About.of(token, now))


def _number(setting: Setting, held: Held, row: Row, command: CommandSpec) -> Flow[int]:
    """Return the number of the try that may be made now; raises IssuerUnreachable or PersonNeeded.

    Another's attempt is waited for (rule T11), and one whose outcome nobody knows is not repeated
    unless that is harmless (rule F3).
    """
    token, attempt = held.token, held.token.attempt
    if attempt is None:
        return 1
    if (
        attempt.lease_until is not None
        and held.now < attempt.lease_until
        and (attempt.open or brings(command))
    ):
        seconds = (attempt.lease_until - held.now) // SECOND
        how = "is under way elsewhere" if attempt.open else "may still arrive there"
        raise IssuerUnreachable(
            f"{token.key}: `{attempt.command}` {how}; what became of it is known in {seconds} s", sent=False
        )
    since = in_doubt(held.lifecycle, attempt)
    if since is not None and brings(command):
        verdict = yield from _verdict(setting, held, command, since)
        if verdict is not Verdict.REPEAT:
            yield from _unrepeated(setting, held, row, command, verdict)
    return attempt.number + 1 if attempt.event == row.event else 1


def _verdict(setting: Setting, held: Held, command: CommandSpec, since: Instant) -> Flow[Verdict]:
    """Return what is to be done about an attempt in doubt, having asked the issuer if that helps."""
    probe = probe_of(setting, held.lifecycle)
    issuer = setting.issuer_of(held.lifecycle)
    doubt = doubt_of(command, issuer, since, can_ask=probe is not None)
    verdict = resolve(doubt, held.now)
    if verdict is not Verdict.ASK or probe is None:
        return verdict
    said, _ = yield from _said(setting, held, probe, spent_by(held.token))
    return resolve(doubt, held.now, said)


def _said(setting: Setting, held: Held, probe: str, about: Token) -> Flow[tuple[Said, Inspection | None]]:
    """Ask the issuer whether a token is alive."""
    if about.access_token is None:
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
    setting: Setting, held: Held, row: Row, command: CommandSpec, verdict: Verdict
) -> Flow[NoReturn]:
    """Leave an attempt as it is, and say so once; raises IssuerUnreachable or PersonNeeded.

    What is held serves to its end, if the issuer does not call it dead.
    """
    lifecycle, token, attempt = held.lifecycle, held.token, held.token.attempt
    assert attempt is not None, "only an attempt is in doubt"
    later = held.now + command.retry.longest if verdict is Verdict.LATER else None
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
    if verdict is Verdict.LATER:
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
