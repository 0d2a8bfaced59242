"""See an attempt through: ask the issuer, and keep its answer, or note its no (rules F1-F3, R1, T11).

An attempt that was written down is concluded by whoever can: its own worker when the answer comes, or,
where that worker died with the answer in its journal, by the next who touches the token.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.doubts import doubt_of, exchange_time, leaves_doubt, precious
from tokenflow.core.effects import Code, Flow, Journal, Journaled, Order, Response, Send
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    IssuerRefused,
    IssuerUnreachable,
    PluginError,
    PromptExpired,
    Refused,
    StoreError,
    TokenflowError,
)
from tokenflow.core.flows.asking import with_asked_end
from tokenflow.core.flows.failing import advised, failed
from tokenflow.core.flows.journaling import Exchange, answered, arrival, journaled
from tokenflow.core.flows.keeping import Answer, Sending, dealt_with, kept
from tokenflow.core.flows.learning import Notes, of_scope, taught
from tokenflow.core.flows.saving import look
from tokenflow.core.grants import demand_value, learned, received
from tokenflow.core.lifecycles import CommandSpec, Lifecycle
from tokenflow.core.locks import Guard
from tokenflow.core.policies import meaning_of
from tokenflow.core.refresh import (
    Came,
    Do,
    End,
    Found,
    Guarded,
    Intent,
    Judged,
    Kept,
    Locked,
    Noted,
    Protocol,
)
from tokenflow.core.setting import Setting
from tokenflow.core.steps import fitting
from tokenflow.core.tokens import Attempt, Grant, Inspection, Instant, Token


def conclude(
    setting: Setting,
    lifecycle: Lifecycle,
    begun: Token,
    row: Row,
    sending: Sending,
    protocol: Protocol,
    entries: Sequence[Any] = (),
) -> Flow[Token]:
    """Run the command of *row* for a token whose attempt is written down, and keep what comes of it.

    *entries* are answers that came before its worker died. Raises IssuerError and the like once the
    failure is noted; a StoreError leaves the attempt open and its answer in the journal.
    """
    command = lifecycle.commands[row.data["do"]]
    order = setting.command_order(lifecycle, command, begun, sending.place)
    receipt = _receipt(begun, row, sending) if precious(command, order.issuer) else None
    noted = list(entries)
    try:
        answer = yield from _asked(setting, command, order, protocol, begun, receipt, noted)
        if isinstance(answer, Grant):
            yield from _same_subject(setting, lifecycle, command, begun, answer)
        came = arrival(noted)
        now = came if came is not None else (yield from look()).now
        name = lifecycle.states[row.target or row.source].lifetime or command.produces
        if isinstance(answer, Grant):
            demand_value(lifecycle, answer)
            answer = yield from with_asked_end(setting, lifecycle, begun, answer, name)
            row = fitting(lifecycle, row, answer.expires)
            name = lifecycle.states[row.target or row.source].lifetime or command.produces
        elif command.produces is not None or command.rotates:
            raise AnswerNotUnderstood(f"{begun.key}: `{command.use}` brought no token; the held one stays")
        changes = _changes(lifecycle, answer, begun, name, now)
    except StoreError:
        raise
    except TokenflowError as error:
        end = _judged_by(protocol, lifecycle, command, error)
        overtaken = yield from failed(setting, lifecycle, begun, row, command, error, end, sending.event_id)
        if end is End.HALFWAY and receipt is not None:
            yield Journal(begun.key, {**receipt, "entries": noted, "halfway": True})
        elif end is not End.UNSENT:
            yield from dealt_with(begun, receipt)
        protocol.hears(Noted.DONE if overtaken is None else Noted.OVERTAKEN)
        if overtaken is not None:
            return overtaken
        raise advised(error, meaning_of(lifecycle, error)) from None
    notes: Notes = ()
    if "generation" in changes:
        dead = sending.cause == "issuer"  # its word brought the renewal
        with suppress(StoreError):  # a lesson lost is learned again; the answer may be the only copy
            changes, notes = yield from taught(lifecycle, begun, changes, name, now=now, found_dead=dead)
    notes = (*notes, *of_scope(begun, changes, now))
    if protocol.turn.do is Do.GUARD:  # a command that asks nobody
        _unasked(protocol)
    protocol.hears(Judged.VALUE)
    brought = Answer(
        setting=setting,
        lifecycle=lifecycle,
        begun=begun,
        row=row,
        changes=changes,
        came=now,
        sending=sending,
        notes=notes,
        receipt=receipt,
        protocol=protocol,
    )
    return (yield from kept(brought))


def _unasked(protocol: Protocol) -> None:
    for news in (Guarded(safe=True), Came.ANSWER, Kept(well=False)):
        protocol.hears(news)


def _judged_by(protocol: Protocol, lifecycle: Lifecycle, command: CommandSpec, error: TokenflowError) -> End:
    """Take *error* for what became of the try, and return that."""
    known = bool(meaning_of(lifecycle, error).match)
    answered = isinstance(error, IssuerRefused | IssuerUnreachable)
    unclear = leaves_doubt(command, error, known=known) or not answered
    match protocol.turn.do:
        case Do.GUARD:
            protocol.hears(Guarded(safe=False))  # something was missing before anything was sent
        case Do.SEND:
            protocol.hears(Came.NOTHING)
        case Do.KEEP:
            protocol.hears(Kept(well=False))
            protocol.hears(Judged.UNCLEAR)
        case Do.JUDGE:
            protocol.hears(Judged.UNCLEAR if unclear else Judged.NO)
    assert protocol.turn.end is not None, "a failure is noted, and of an end"
    return protocol.turn.end


def _changes(
    lifecycle: Lifecycle,
    answer: Grant | Inspection | Code | None,
    begun: Token,
    name: str | None,
    now: Instant,
) -> dict[str, Any]:
    match answer:
        case Grant():
            return received(lifecycle, answer, begun, name, now)
        case Inspection():
            return learned(lifecycle, answer, begun)
        case _:
            return {}


def finished(setting: Setting, lifecycle: Lifecycle, token: Token, now: Instant) -> Flow[bool]:
    """Conclude an attempt whose answer is in the journal (rule F2); False when it is not."""
    attempt = token.attempt
    command = lifecycle.commands.get(attempt.command) if attempt is not None else None
    if attempt is None or command is None or not precious(command, setting.issuer_of(lifecycle)):
        return False
    receipt: Mapping[str, Any] | None = yield Journaled(token.key, attempt.worker)
    if receipt is None or receipt["of"] != _named(token, attempt):
        return False
    if receipt.get("halfway") and now < (attempt.retry_at or 0):
        return False  # what belongs to it is asked for again in its time
    protocol = Protocol(doubt_of(command, setting.issuer_of(lifecycle), attempt.started_at, can_ask=False))
    intent = Intent(since=attempt.started_at, quiet_from=attempt.quiet_from or attempt.started_at)
    protocol.hears(Locked(mine=True))
    protocol.hears(Found(moved=False, intent=intent, answered=True, now=attempt.started_at))
    rows = lifecycle.chooser.rows(attempt.event, receipt["state"])
    row = next(one for one in rows if one.index == receipt["row"])
    try:
        sending = Sending(**receipt["sending"])
        yield from conclude(setting, lifecycle, token, row, sending, protocol, receipt["entries"])
    except StoreError:
        raise
    except TokenflowError:
        return True  # the journaled answer was a no, and is noted
    return True


def _receipt(begun: Token, row: Row, sending: Sending) -> dict[str, Any]:
    assert begun.attempt is not None, "an attempt is written down before it is made"
    of = _named(begun, begun.attempt)
    who = begun.attempt.worker
    return {
        "of": of,
        "worker": who,
        "state": row.source,
        "row": row.index,
        "sending": attrs.asdict(sending),
    }


def _named(token: Token, attempt: Attempt) -> list[Any]:
    """Return what tells one attempt from every other."""
    return [token.id, token.generation, attempt.event, attempt.number, attempt.started_at]


def _asked(
    setting: Setting,
    command: CommandSpec,
    order: Order,
    protocol: Protocol,
    begun: Token,
    receipt: Mapping[str, Any] | None,
    entries: list[Any],
) -> Flow[Grant | Inspection | Code | None]:
    """Run the plugin's flow; a fault of its own is an error like another, so that the attempt ends."""
    flow = setting.plugins.command(command.use)(order)
    failures: list[TokenflowError] = []
    sent = _guarded(protocol, exchange_time(command, order.issuer), begun, receipt)
    try:
        answer = yield from journaled(flow, entries, exchange=_heeded(protocol, sent, failures))
        if failures:
            raise failures[0]
        return answer
    except PromptExpired:
        failure: TokenflowError = AnswerNotUnderstood(
            f"{order.key}: `{command.use}` has changed since its answer came, and does not read it"
        )
    except TokenflowError:
        raise
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything; no attempt is left open by it
        failure = PluginError(
            f"{command.use} failed with {type(error).__name__}",
            mend="this is a fault of the plugin; report it there",
        )
    raise failure


def _heeded(protocol: Protocol, sent: Exchange, failures: list[TokenflowError]) -> Exchange:
    """Return the exchange after whose failure a plugin can neither send nor bring anything more."""

    def exchange(asked: Send, entries: list[Any]) -> Flow[Response]:
        if failures:
            raise failures[0]
        try:
            return (yield from sent(asked, entries))
        except TokenflowError as error:
            if protocol.turn.do is not Do.JUDGE:
                failures.append(error)
            raise

    return exchange


def _guarded(protocol: Protocol, within: int, begun: Token, receipt: Mapping[str, Any] | None) -> Exchange:
    """Return how requests are sent: guarded, once, their answers durable before they are read."""
    assert begun.attempt is not None, "an attempt is written down before it is made"
    decided_at = begun.attempt.started_at

    def exchange(asked: Send, entries: list[Any]) -> Flow[Response]:
        if protocol.turn.do is Do.JUDGE:
            protocol.hears(Judged.FURTHER)
        safe: bool = yield Guard(key=begun.key, since=None if protocol.turn.halfway else decided_at)
        if protocol.hears(Guarded(safe)) is not Do.SEND:
            raise IssuerUnreachable(
                f"{begun.key}: this process stood still too long to send anything now", sent=False
            )
        try:
            response: Response = yield attrs.evolve(asked, within=within)
        except TokenflowError as error:
            unsent = isinstance(error, Refused) or (isinstance(error, IssuerUnreachable) and not error.sent)
            if protocol.turn.doubt.harmless:  # its plugin may go on without it
                protocol.hears(Came.ANSWER)
                protocol.hears(Kept(well=False))
            else:
                protocol.hears(Came.UNSENT if unsent else Came.NOTHING)
            raise
        protocol.hears(Came.ANSWER)
        yield from answered(response, entries)
        well = receipt is not None
        if receipt is not None:
            try:
                yield Journal(begun.key, {**receipt, "entries": list(entries)})
            except StoreError:  # the answer is in hand: if it cannot be saved either, that is said then
                well = False
        protocol.hears(Kept(well))
        return response

    return exchange


def _same_subject(
    setting: Setting, lifecycle: Lifecycle, command: CommandSpec, token: Token, grant: Grant
) -> Flow[None]:
    """Refuse another user's token (security.md D9). A rotated answer is the only copy: no risk for it."""
    probe = lifecycle.commands.get("introspect")
    if probe is None or command.rotates or grant.access_token is None:
        return
    try:
        found = yield from setting.plugins.command(probe.use)(setting.verify_order(lifecycle, token, grant))
    except TokenflowError:
        return  # it could not be asked; the answer itself stands
    held = token.attributes.get("user_id")
    if (
        isinstance(found, Inspection)
        and found.subject is not None
        and held is not None
        and found.subject != str(held)
    ):
        raise AnswerNotUnderstood(
            f"{token.key}: the issuer answered with another user's token; the held one stays"
        )
