"""Keep an issuer's answer: by lineage, and for ever if need be: it may be the only copy (rules F1, T11)."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.effects import Emit, Flow, Load, Unjournal
from tokenflow.core.errors import RevisionConflict, StoreError, TokenNotFound
from tokenflow.core.events import About, AnswerUnsaved
from tokenflow.core.flows.failing import anothers
from tokenflow.core.flows.learning import Notes
from tokenflow.core.flows.saving import keep, pinned
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.locks import Pause, Strand
from tokenflow.core.migrating import onward
from tokenflow.core.refresh import Protocol, Saved, takes
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step, take
from tokenflow.core.tokens import SECOND, Instant, Token

_FIRST_PAUSE: Final = SECOND // 10
_LONGEST_PAUSE: Final = 30 * SECOND


@attrs.frozen(kw_only=True)
class Sending:
    """What an attempt is made for."""

    cause: str
    place: str
    payload: Mapping[str, Any]
    event_id: str | None = None


@attrs.frozen(kw_only=True)
class Answer:
    """What an issuer's answer changes, and in what."""

    setting: Setting
    lifecycle: Lifecycle
    begun: Token
    """The token with the attempt that brought it."""
    row: Row
    changes: Mapping[str, Any] = attrs.field(repr=False)
    came: Instant
    sending: Sending
    notes: Notes
    receipt: Mapping[str, Any] | None = attrs.field(repr=False)
    """What was journaled of it; None: it is no only copy."""
    protocol: Protocol


def kept(answer: Answer) -> Flow[Token]:
    """Save an answer and return the token it leaves, on whatever revision still holds what it replaces.

    Where the store does not take it, the engine goes on with that by itself, serves what is in hand, and
    sends nothing more for the token meanwhile. Raises StoreError where no value is at stake.
    """
    try:
        return (yield from _saved(answer))
    except StoreError as error:
        if "generation" not in answer.changes:
            raise
        code = error.code
    after = _taken(answer, answer.lifecycle, answer.begun, answer.row, answer.changes).after
    yield Strand(after, code, _at_last(answer))
    yield Emit((AnswerUnsaved(about=About.of(after, answer.came), error=code),))
    return after


def _at_last(answer: Answer) -> Flow[Token]:
    """Save it, for ever if need be."""
    pause = _FIRST_PAUSE
    while True:
        yield Pause(pause)
        try:
            return (yield from _saved(answer))
        except StoreError:
            pause = min(2 * pause, _LONGEST_PAUSE)


def dealt_with(begun: Token, receipt: Mapping[str, Any] | None) -> Flow[None]:
    """Take what was dealt with out of the journal; what cannot be taken out belongs to no intent any more."""
    if receipt is not None:
        with suppress(StoreError):
            yield Unjournal(begun.key, receipt)


def _saved(answer: Answer) -> Flow[Token]:
    begun, lifecycle, held = answer.begun, answer.lifecycle, answer.begun
    row, changes = answer.row, answer.changes
    while True:
        moved = _taken(answer, lifecycle, held, row, changes)
        try:
            yield from keep(answer.setting, [moved], before=answer.notes)
        except RevisionConflict:
            latest: Token | None = yield Load(begun.key)
            if latest is None:
                answer.protocol.hears(Saved.OVERTAKEN)
                yield from dealt_with(begun, answer.receipt)
                raise TokenNotFound(begun.key) from None
            now_pinned = yield from pinned(latest)
            if not _takes(begun, latest) or now_pinned.states[latest.state].final:
                answer.protocol.hears(Saved.OVERTAKEN)
                yield from dealt_with(begun, answer.receipt)
                return latest
            if now_pinned.digest != lifecycle.digest:  # it came over meanwhile (rule M3)
                lifecycle, row = now_pinned, onward(now_pinned, latest, row, answer.sending.payload)
            if "attributes" in changes:
                changes = {**changes, "attributes": _merged(begun, latest, changes["attributes"])}
            held = latest
        except StoreError:
            answer.protocol.hears(Saved.FAILED)
            raise
        else:
            answer.protocol.hears(Saved.DONE)
            yield from dealt_with(begun, answer.receipt)
            return moved.after


def _taken(answer: Answer, lifecycle: Lifecycle, held: Token, row: Row, changes: Mapping[str, Any]) -> Step:
    return take(
        lifecycle,
        held,
        _row_for(lifecycle, held, row, answer.sending.payload) if changes else row,
        now=max(answer.came, held.entered_at),
        cause=answer.sending.cause,
        payload=answer.sending.payload,
        event_id=answer.sending.event_id,
        changes=changes,
    )


def _takes(begun: Token, latest: Token) -> bool:
    return takes(
        spent=(begun.id, begun.generation),
        row=(latest.id, latest.generation),
        anothers=anothers(latest, begun),
    )


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
