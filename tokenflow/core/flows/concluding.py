"""See an attempt through: ask the issuer, and keep its answer, or note its no (rules F1-F3, R1, T11).

An attempt that was written down is concluded by whoever can: its own worker when the answer comes, or,
where that worker died with the answer in its journal, by the next who touches the token.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.doubts import precious
from tokenflow.core.effects import Code, Flow, Journal, Journaled, Load, Order, Unjournal
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    PluginError,
    PromptExpired,
    RevisionConflict,
    StoreError,
    TokenflowError,
    TokenNotFound,
)
from tokenflow.core.flows.asking import with_asked_end
from tokenflow.core.flows.failing import advised, failed
from tokenflow.core.flows.journaling import arrival, journaled
from tokenflow.core.flows.learning import Notes, of_scope, taught
from tokenflow.core.flows.saving import keep, look, pinned
from tokenflow.core.grants import demand_value, learned, received
from tokenflow.core.lifecycles import CommandSpec, Lifecycle
from tokenflow.core.migrating import onward
from tokenflow.core.policies import meaning_of
from tokenflow.core.setting import Setting
from tokenflow.core.steps import fitting, take
from tokenflow.core.tokens import Attempt, Grant, Inspection, Instant, Token

_TRIES: Final = 5


@attrs.frozen(kw_only=True)
class Sending:
    """What an attempt is made for."""

    cause: str
    place: str
    payload: Mapping[str, Any]
    event_id: str | None = None


def conclude(
    setting: Setting,
    lifecycle: Lifecycle,
    begun: Token,
    row: Row,
    sending: Sending,
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
        answer = yield from _asked(setting, command, order, receipt, noted)
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
        overtaken = yield from failed(setting, lifecycle, begun, row, command, error, sending.event_id)
        yield from _dealt_with(begun, receipt)
        if overtaken is not None:
            return overtaken
        raise advised(error, meaning_of(lifecycle, error)) from None
    notes: Notes = ()
    if "generation" in changes:
        dead = sending.cause == "issuer"  # its word brought the renewal
        with suppress(StoreError):  # a lesson lost is learned again; the answer may be the only copy
            changes, notes = yield from taught(lifecycle, begun, changes, name, now=now, found_dead=dead)
    notes = (*notes, *of_scope(begun, changes, now))
    kept = yield from _keep_answer(setting, lifecycle, begun, row, changes, now, sending, notes)
    yield from _dealt_with(begun, receipt)
    return kept


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


def finished(setting: Setting, lifecycle: Lifecycle, token: Token) -> Flow[bool]:
    """Conclude an open attempt whose answer is in the journal (rule F2); False when it is not."""
    attempt = token.attempt
    command = lifecycle.commands.get(attempt.command) if attempt is not None else None
    if attempt is None or command is None or not precious(command, setting.issuer_of(lifecycle)):
        return False
    receipt: Mapping[str, Any] | None = yield Journaled(token.key)
    if receipt is None or receipt["of"] != _named(token, attempt):
        return False
    rows = lifecycle.chooser.rows(attempt.event, receipt["state"])
    row = next(one for one in rows if one.index == receipt["row"])
    try:
        yield from conclude(setting, lifecycle, token, row, Sending(**receipt["sending"]), receipt["entries"])
    except StoreError:
        raise
    except TokenflowError:
        return True  # the journaled answer was a no, and is noted
    return True


def _receipt(begun: Token, row: Row, sending: Sending) -> dict[str, Any]:
    assert begun.attempt is not None, "an attempt is written down before it is made"
    of = _named(begun, begun.attempt)
    return {"of": of, "state": row.source, "row": row.index, "sending": attrs.asdict(sending)}


def _named(token: Token, attempt: Attempt) -> list[Any]:
    """Return what tells one attempt from every other."""
    return [token.id, token.generation, attempt.event, attempt.number, attempt.started_at]


def _dealt_with(begun: Token, receipt: Mapping[str, Any] | None) -> Flow[None]:
    if receipt is not None:
        yield Unjournal(begun.key, receipt)


def _asked(
    setting: Setting,
    command: CommandSpec,
    order: Order,
    receipt: Mapping[str, Any] | None,
    entries: list[Any],
) -> Flow[Grant | Inspection | Code | None]:
    """Run the plugin's flow; a fault of its own is an error like another, so that the attempt ends."""

    def durable(noted: list[Any]) -> Flow[None]:
        yield Journal(order.key, {**(receipt or {}), "entries": list(noted)})

    kept = None if receipt is None else durable
    flow = setting.plugins.command(command.use)(order)
    try:
        return (yield from journaled(flow, entries, keep=kept, within=command.timeout))
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


def _keep_answer(
    setting: Setting,
    lifecycle: Lifecycle,
    token: Token,
    row: Row,
    changes: Mapping[str, Any],
    now: Instant,
    sending: Sending,
    notes: Notes,
) -> Flow[Token]:
    """Save an answer by lineage: on whatever revision still holds the value it replaces.

    A store that is locked a while is asked more than once: it may be the only copy.
    """
    held, refused = (
        token,
        StoreError(f"{token.key}: others kept saving it; the issuer's answer could not be kept"),
    )
    for _ in range(_TRIES):
        moved = take(
            lifecycle,
            held,
            _row_for(lifecycle, held, row, sending.payload) if changes else row,
            now=max(now, held.entered_at),
            cause=sending.cause,
            payload=sending.payload,
            event_id=sending.event_id,
            changes=changes,
        )
        try:
            yield from keep(setting, [moved], before=notes)
        except RevisionConflict:
            latest: Token | None = yield Load(token.key)
            if latest is None:
                raise TokenNotFound(token.key) from None
            replaced = latest.id != token.id or latest.generation != token.generation
            now_pinned = yield from pinned(latest)
            if replaced or now_pinned.states[latest.state].final:
                return latest
            if now_pinned.digest != lifecycle.digest:  # it came over meanwhile (rule M3)
                lifecycle, row = now_pinned, onward(now_pinned, latest, row, sending.payload)
            if "attributes" in changes:
                changes = {**changes, "attributes": _merged(token, latest, changes["attributes"])}
            held = latest
        except StoreError as error:
            refused = error
        else:
            return moved.after
    raise refused


def _row_for(lifecycle: Lifecycle, held: Token, row: Row, payload: Mapping[str, Any]) -> Row:
    """Return the row that takes an answer for the token as it is *held* now.

    A row without a target means the state that the command began in. Where a deadline has led out of use
    meanwhile, the answer leads back: the issuer's success wins (rule T11).
    """
    if row.target is not None or held.state == row.source:
        return row
    found = onward(lifecycle, held, row, payload)
    usable = lifecycle.states[found.target or held.state].usable
    return found if usable else Row(row.event, held.state, row.source, (), {"do": row.data["do"]}, 0)


def _merged(before: Token, latest: Token, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an answer changed in *before*'s attributes, on top of what others set meanwhile."""
    brought = {name: value for name, value in after.items() if before.attributes.get(name) != value}
    return {**latest.attributes, **brought}
