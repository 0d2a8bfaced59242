"""Carry an event out: choose its row, run its command, keep the answer (rules E1-E5, F1, R1).

Order: decide, write the attempt down, ask the issuer, then one transaction with value, state and
history. A failed command leaves the held token in place; its retry is a stored deadline.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.effects import Change, Emit, Flow, Load, Order, Save
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    IssuerRefused,
    PersonNeeded,
    PluginError,
    Refused,
    Rejected,
    RevisionConflict,
    StoreError,
    TokenflowError,
    TokenNotFound,
)
from tokenflow.core.events import (
    About,
    AttemptBegun,
    AttemptFailed,
    Happened,
    ReacquireWanted,
    WasRejected,
)
from tokenflow.core.flows.asking import with_asked_end
from tokenflow.core.flows.holding import Held, again, demand_clock, keep, look
from tokenflow.core.grants import demand_value, received
from tokenflow.core.lifecycles import CommandSpec, Lifecycle, Meaning
from tokenflow.core.policies import check_rules, lend, meaning_of, retry_at, until_of
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step, attempted, choose, hard_deadline, payload_of, step, take, view_of
from tokenflow.core.tokens import Attempt, Grant, Inspection, Instant, Token

_TRIES: Final = 5


def carry_out(
    setting: Setting,
    held: Held,
    event: str,
    *,
    cause: str,
    place: str = "server",
    payload: Mapping[str, Any] | None = None,
    event_id: str | None = None,
) -> Flow[Token]:
    """Take *event* and return the token it leaves; raises Rejected, Refused or IssuerError."""
    lifecycle, token = held.lifecycle, held.token
    full = payload_of(lifecycle, event, payload)
    try:
        row = choose(lifecycle, token, event, view_of(lifecycle, token, event=full))
    except Rejected as no:
        about = About.of(token, held.now)
        yield Emit((WasRejected(about=about, event=event, state=token.state, code=no.code),))
        raise
    if row is None or "do" not in row.data:
        moved = step(lifecycle, token, event, now=held.now, cause=cause, payload=full, event_id=event_id)
        if moved.row is None:
            yield Emit(moved.happened)
            return token
        yield from keep(setting, [moved])
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
    place: str,
    payload: Mapping[str, Any],
    event_id: str | None,
) -> Flow[Token]:
    lifecycle, token = held.lifecycle, held.token
    command = lifecycle.commands[row.data["do"]]
    lend(lifecycle, command.secrets, place)
    if command.runs_on != place:
        raise Refused("wrong_place", f"{lifecycle.ref}: `{command.name}` runs on the {command.runs_on} only")
    demand_clock(held)
    warned = check_rules(
        lifecycle,
        "command",
        view_of(lifecycle, token, platform={"runs_on": place}),
        About.of(token, held.now),
    )
    earlier = token.attempt if token.attempt is not None and token.attempt.event == row.event else None
    attempt = Attempt(
        event=row.event,
        number=earlier.number + 1 if earlier is not None else 1,
        started_at=held.now,
        # Until this try has an outcome its own deadline stands: a process that dies in it is made up for.
        retry_at=earlier.retry_at if earlier is not None else None,
    )
    begun = attrs.evolve(token, attempt=attempt, revision=token.revision + 1)
    about = About.of(begun, held.now)
    note = AttemptBegun(about=about, event=row.event, command=command.name, number=attempt.number)
    yield Save((Change(token=begun, expected=token.revision, happened=(*warned, note)),))
    try:
        order = setting.command_order(lifecycle, command, token, place)
        answer = yield from _asked(setting, command, order)
        if isinstance(answer, Grant):
            yield from _same_subject(setting, lifecycle, command, token, answer)
        clock = yield from look()
        name = lifecycle.states[row.target or token.state].lifetime or command.produces
        if isinstance(answer, Grant):
            demand_value(lifecycle, answer)
            answer = yield from with_asked_end(setting, lifecycle, token, answer, name)
        elif command.produces is not None or command.rotates:
            raise AnswerNotUnderstood(f"{token.key}: `{command.use}` brought no token; the held one stays")
        changes = received(lifecycle, answer, token, name, clock.now) if isinstance(answer, Grant) else {}
    except StoreError:
        raise
    except TokenflowError as error:
        return (yield from _failed(setting, lifecycle, begun, row, command, error, event_id))
    return (
        yield from _keep_answer(
            setting,
            lifecycle,
            begun,
            row,
            changes,
            now=clock.now,
            cause=cause,
            payload=payload,
            event_id=event_id,
        )
    )


def _asked(setting: Setting, command: CommandSpec, order: Order) -> Flow[Grant | Inspection | None]:
    """Run the plugin's flow; a fault of its own is an error like another, so that the attempt ends."""
    try:
        return (yield from setting.plugins.command(command.use)(order))
    except TokenflowError:
        raise
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything; no attempt is left open by it
        failed = type(error).__name__
    raise PluginError(
        f"{command.use} failed with {failed}", mend="this is a fault of the plugin; report it there"
    )


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
    *,
    now: Instant,
    cause: str,
    payload: Mapping[str, Any],
    event_id: str | None,
) -> Flow[Token]:
    """Save an answer by lineage: on whatever revision still holds the value it replaces."""
    held = token
    for _ in range(_TRIES):
        moved = take(
            lifecycle, held, row, now=now, cause=cause, payload=payload, event_id=event_id, changes=changes
        )
        try:
            yield from keep(setting, [moved])
        except RevisionConflict:
            latest: Token | None = yield Load(token.key)
            if latest is None:
                raise TokenNotFound(token.key) from None
            replaced = latest.id != token.id or latest.generation != token.generation
            if replaced or lifecycle.states[latest.state].final:
                return latest
            if "attributes" in changes:
                changes = {**changes, "attributes": _merged(token, latest, changes["attributes"])}
            held = latest
        else:
            return moved.after
    raise StoreError(f"{token.key}: others kept saving it; the issuer's answer could not be kept")


def _merged(before: Token, latest: Token, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an answer changed in *before*'s attributes, on top of what others set meanwhile."""
    brought = {name: value for name, value in after.items() if before.attributes.get(name) != value}
    return {**latest.attributes, **brought}


def _failed(
    setting: Setting,
    lifecycle: Lifecycle,
    begun: Token,
    row: Row,
    command: CommandSpec,
    error: TokenflowError,
    event_id: str | None,
) -> Flow[Token]:
    """Note a failed attempt; schedule the next, or raise the event the spec names. Always raises *error*,
    unless somebody else's attempt has meanwhile succeeded: then theirs is the answer."""
    meaning = meaning_of(lifecycle, error)

    def noted() -> Flow[Token | None]:
        clock = yield from look()
        latest: Token | None = yield Load(begun.key)
        if latest is None:
            raise error
        if latest.generation != begun.generation or latest.id != begun.id:
            return latest
        accepts = lifecycle.states[latest.state].accepts
        number = begun.attempt.number if begun.attempt is not None else 1
        at = None
        if row.event in accepts:  # nothing is tried again on a token that was ended meanwhile
            at = retry_at(
                command.retry,
                latest,
                number=number,
                kind=meaning.kind,
                now=clock.now,
                until=until_of(meaning, error, clock.now),
                before=hard_deadline(lifecycle, latest),
            )
        following = row.data.get("on_error", {}).get(meaning.kind, "stay") if at is None else "stay"
        token = _after_failure(latest, row.event, number, meaning, at, clock.now, lifecycle)
        moved = None
        if following in accepts:
            moved = _followed(lifecycle, token, following, clock.now, meaning, event_id)
        note = AttemptFailed(
            about=About.of(token, clock.now, event_id if moved is None else None),
            event=row.event,
            command=command.name,
            number=number,
            error=meaning.kind,
            detail=str(error).splitlines()[0],
            retry_at=at,
        )
        happened: tuple[Happened, ...] = (note,)
        if meaning.kind == "reconsent" and not _asks_for_consent(latest):
            happened = (note, ReacquireWanted(about=note.about, how="ask"))
        step_of_note = Step(before=latest, after=token, row=None, happened=happened)
        yield from keep(setting, [step_of_note] if moved is None else [step_of_note, moved])
        return None

    overtaken = yield from again(noted)
    if overtaken is not None:
        return overtaken
    raise advised(error, meaning) from None


def _asks_for_consent(token: Token) -> bool:
    return token.attempt is not None and token.attempt.error == "reconsent"


def _followed(
    lifecycle: Lifecycle, token: Token, event: str, now: Instant, meaning: Meaning, event_id: str | None
) -> Step | None:
    """Return the step that a failure leads to; None when the spec's own guards decline it."""
    try:
        return step(
            lifecycle, token, event, now=now, cause="issuer", payload=meaning.payload, event_id=event_id
        )
    except Rejected:
        return None


def _after_failure(
    token: Token,
    event: str,
    number: int,
    meaning: Meaning,
    at: Instant | None,
    now: Instant,
    lifecycle: Lifecycle,
) -> Token:
    """`every` counts from the end of the last attempt (rule T7). Who has to consent again is not asked twice:
    the attempt stays, and while it does no timer makes another."""
    if at is not None or meaning.kind == "reconsent":
        started = token.attempt.started_at if token.attempt is not None else now
        waiting = Attempt(event=event, number=number, started_at=started, retry_at=at, error=meaning.kind)
        return attrs.evolve(token, attempt=waiting, revision=token.revision + 1)
    fired = attempted(lifecycle, token, event, now)
    return attrs.evolve(token, attempt=None, fired=fired, revision=token.revision + 1)


def advised(error: TokenflowError, meaning: Meaning) -> TokenflowError:
    """Return *error* with the spec's advice for a human, if it has any; PersonNeeded where one has to consent."""
    if not isinstance(error, IssuerRefused):
        return error
    if meaning.kind == "reconsent":
        return PersonNeeded(
            f"a person has to consent again: {str(error).splitlines()[0]}",
            mend=meaning.advice or "let them log in again with engine.acquire(...); the held token stays",
        )
    if meaning.advice is None:
        return error
    return IssuerRefused(
        str(error).splitlines()[0],
        status=error.status,
        facts=error.facts,
        retry_after=error.retry_after,
        mend=meaning.advice,
    )
