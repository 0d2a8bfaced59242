"""Explain one token: where it stands, what may happen and why, what ends it next, who is needed.

It looks and changes nothing: a deadline that has passed is told as what the next touch will find.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from tokenflow.core.conditions import View
from tokenflow.core.deadlines import deadlines
from tokenflow.core.decisions import Acquire, Use, Wait, decide
from tokenflow.core.endings import Ending, endings
from tokenflow.core.events import (
    AttemptBegun,
    AttemptFailed,
    HandedOver,
    HandOverReplayed,
    Happened,
    Inspected,
    LifetimeChanged,
    LoginParked,
    ReacquireWanted,
    Redeemed,
    RuleWarned,
    Transitioned,
)
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.steps import Settled, barred, is_usable, settle, view_of
from tokenflow.core.tokens import Instant, Revoking, Token
from tokenflow.runner.consents import wanted
from tokenflow.runner.grammar import article
from tokenflow.runner.hiding import hiding
from tokenflow.runner.looking import Glass
from tokenflow.runner.spans import iso, span
from tokenflow.runner.telling import in_words
from tokenflow.runner.verdicts import WORDS, asked

_WHO = {
    "caller": "the application",
    "timer": "its timer",
    "issuer": "the issuer",
    "operator": "an operator",
    "parent": "its parent",
    "command": "the answer",
}


@attrs.frozen(kw_only=True)
class Row:
    """One way an event may go."""

    state: str
    command: str | None
    verdict: str
    """yes, no, depends (on what the event will bring) or error."""
    conditions: tuple[tuple[str, str], ...]
    """(what it needs, yes, no, depends or error), every one of them asked (rule E2)."""


@attrs.frozen(kw_only=True)
class Legal:
    """One event the token's state takes."""

    event: str
    verdict: str
    rows: tuple[Row, ...]


@attrs.frozen(kw_only=True)
class Line:
    """Something with its instant: of the history, or to come."""

    at: Instant
    words: str


@attrs.frozen(kw_only=True)
class Explained:
    """A token, explained. Never its value."""

    key: str
    lifecycle: str
    state: str
    now: Instant
    usable: bool
    standing: str
    """A sentence: what it is, where it stands, until when."""
    why_not: str | None
    """Why it may not be used now, or None."""
    on_touch: tuple[str, ...]
    """What has fallen due and will be found by whoever touches it."""
    attempt: str | None
    """What is under way, waiting or uncertain."""
    person: str | None
    """What a person has to do and where, or None."""
    provenance: tuple[str, ...]
    """Who handed it over, and to whom a ticket for it was given: when and where."""
    hidden: str | None
    """Where its secret is hidden and what follows, where the lifecycle leaves the choice; else None."""
    held: str | None
    """Why timers are held (rule T12)."""
    ends_next: Ending | None
    endings: tuple[Ending, ...]
    deadlines: tuple[Line, ...]
    legal: tuple[Legal, ...]
    history: tuple[Line, ...]


def explain(glass: Glass, key: str) -> Explained:
    """Explain the token under *key*; raises TokenNotFound, SpecError when its spec is nowhere kept."""
    stored = glass.demand(key)
    lifecycle, clock = glass.lifecycle(stored), glass.time()
    settled = Settled(token=stored, steps=(), due=None)
    if clock.held is None:
        settled = settle(lifecycle, stored, clock.now)
    token, history = settled.token, [e for e in glass.history(key) if e.about.token_id == stored.id]
    usable, ends = is_usable(lifecycle, token, clock.now), endings(lifecycle, token)
    return Explained(
        key=key,
        lifecycle=lifecycle.ref,
        state=token.state,
        now=clock.now,
        usable=usable,
        standing=_standing(lifecycle, token, usable, clock.now),
        why_not=None if usable else _why_not(lifecycle, token, clock.now),
        on_touch=tuple(_on_touch(settled)),
        attempt=_attempt(token, clock.now),
        person=_person(lifecycle, token, settled.due, history, clock.now),
        provenance=tuple(_provenance(token, history, clock.now)),
        hidden=dict(hiding(lifecycle)).get(token.platform or ""),
        held=clock.held,
        ends_next=ends[0] if ends else None,
        endings=ends,
        deadlines=tuple(
            Line(
                at=one.at,
                words=f"{one.event} by timer {one.timer}" if one.timer else f"{one.event} is tried again",
            )
            for one in deadlines(lifecycle, token)
        ),
        legal=legal(lifecycle, token),
        history=tuple(Line(at=e.about.at, words=told(e)) for e in glass.history(key)),
    )


def legal(lifecycle: Lifecycle, token: Token) -> tuple[Legal, ...]:
    """Return every event the token's state takes, with every row and condition asked, in three values."""
    state, view = lifecycle.states[token.state], view_of(lifecycle, token, event=None)
    if state.final:
        return ()
    found = []
    for event in state.accepts:
        if barred(lifecycle, token, event):
            continue
        rows = tuple(_row(row, view, token.state) for row in lifecycle.chooser.rows(event, token.state))
        found.append(
            Legal(event=event, verdict=WORDS[lifecycle.chooser.verdict(event, token.state, view)], rows=rows)
        )
    return tuple(found)


def _row(row: Any, view: View, source: str) -> Row:
    conditions = tuple((condition.text, asked(condition, view)) for condition in row.conditions)
    verdicts = {verdict for _, verdict in conditions}
    whole = next((one for one in ("error", "no", "depends") if one in verdicts), "yes")
    return Row(state=row.target or source, command=row.data.get("do"), verdict=whole, conditions=conditions)


def _standing(lifecycle: Lifecycle, token: Token, usable: bool, now: Instant) -> str:
    state = lifecycle.states[token.state]
    kind = f"{article(str(token.kind))} token of {token.issuer or 'no issuer'}, following {token.lifecycle}"
    if state.final:
        why = f" ({token.reason})" if token.reason else ""
        return f"{kind}: it is over, `{token.state}`{why}, since {span(now - token.entered_at)}"
    since = f"`{token.state}` for {span(now - token.entered_at)}"
    if token.revoking is not None:
        return f"{kind}: {_revoked(token.revoking, now)}"
    may = "it may be used" if usable else "it may not be used now"
    if token.access_token is None and not state.usable:
        return f"{kind}: {since}, and holds no value"
    return f"{kind}: {since}; {may}; {_end(token, now)}"


def _revoked(mark: Revoking, now: Instant) -> str:
    """Say how far the end of a token on purpose has come."""
    begun = f"it is to end on purpose since {span(now - mark.since)}, and is used for nothing"
    if not mark.tries:
        return f"{begun}; its issuer is told in {span(max(0, mark.again_at - now))}"
    word = "irrevocable: " if mark.irrevocable_since is not None else ""
    again = f"its issuer was told {mark.tries} times in vain ({mark.why})"
    return f"{begun}; {word}{again}, and is told again in {span(max(0, mark.again_at - now))}"


def _end(token: Token, now: Instant) -> str:
    guess = " (estimated: the issuer named no end)" if token.estimated else ""
    if token.expires_at is None:
        return f"it does not end by time{guess}"
    if token.expires_at <= now:
        return f"its time was over {span(now - token.expires_at)} ago{guess}"
    return f"it ends in {span(token.expires_at - now)}, {iso(token.expires_at)}{guess}"


def _why_not(lifecycle: Lifecycle, token: Token, now: Instant) -> str:
    state = lifecycle.states[token.state]
    if state.final:
        return f"`{token.state}` is final" + (f": {token.reason}" if token.reason else "")
    if not state.usable:
        return f"`{token.state}` is not a usable state"
    if token.revoking is not None:
        return "it is being revoked"
    assert token.expires_at is not None, "a usable state without an end is usable"
    left = token.expires_at - now
    return f"it ends in {span(left)}, and is not handed out in its last {span(lifecycle.skew)}"


def _on_touch(settled: Settled) -> Iterator[str]:
    for step in settled.steps:
        for event in step.happened:
            if isinstance(event, Transitioned):
                yield f"{event.event}: {event.source} -> {event.state}, dated {iso(event.about.at)}"
    if settled.due is not None:
        yield f"{settled.due} is due, and runs its command"


def _attempt(token: Token, now: Instant) -> str | None:
    one = token.attempt
    if one is None:
        return None
    name = one.command or one.event
    if one.uncertain:
        return f"{name} may have been carried out; nobody can say, so it is not repeated (try {one.number})"
    if one.open:
        held = one.lease_until is not None and one.lease_until > now
        return (
            f"{name} is under way (try {one.number})"
            if held
            else f"{name} was begun and its outcome is not known"
        )
    if one.retry_at is not None:
        return (
            f"{name} failed ({one.error}, try {one.number}) and is tried again in {span(one.retry_at - now)}"
        )
    return f"{name} failed last ({one.error}, try {one.number})"


def _person(
    lifecycle: Lifecycle, token: Token, due: str | None, history: Sequence[Happened], now: Instant
) -> str | None:
    """Return what a person has to do, or None while time or a machine helps."""
    if token.state == lifecycle.initial:
        until = next((e.until for e in reversed(history) if isinstance(e, LoginParked)), None)
        waits = f", until {iso(until)}" if until is not None else ""
        return f"a login waits for a person{waits}; a new link: {_call(lifecycle, token)}"
    if token.attempt is not None and token.attempt.error == "reconsent":
        return f"a person has to consent again: {_call(lifecycle, token)}"
    if token.revoking is not None:
        if token.revoking.irrevocable_since is None:
            return None
        return f"end it at its issuer by hand, then here: engine.invalidate({token.key!r})"
    match decide(lifecycle, token, now, due):
        case Acquire() if token.parent is not None:
            return f"it came from {token.parent}: derive it again from there"
        case Acquire() if _by_machine(lifecycle, token):
            return None
        case Acquire():
            return f"a person has to log in again: {_call(lifecycle, token)}"
        case Use() | Wait():
            pass
    lacking = None if lifecycle.states[token.state].final else wanted(lifecycle, token)
    if lacking is not None:
        way, why = lacking
        return f"not to go on, but for what is lacking ({why}): {_call(lifecycle, token, way)}"
    asked_for = [e for e in history if isinstance(e, ReacquireWanted)]
    if asked_for and asked_for[-1].how == "ask" and asked_for[-1].about.at >= (token.refreshed_at or 0):
        return f"not yet, but the lifecycle asks for a new login: {_call(lifecycle, token)}"
    return None


def _provenance(token: Token, history: Sequence[Happened], now: Instant) -> Iterator[str]:
    if token.handed_by is not None:
        since = span(now - (token.entered_at if token.issued_at is None else token.issued_at))
        yield f"it was handed over by {token.handed_by}, {since} ago, and its issuer vouched for it"
    for event in history:
        match event:
            case HandedOver() | Redeemed() | HandOverReplayed():
                yield f"{_words(event)}, {span(now - event.about.at)} ago"


def _by_machine(lifecycle: Lifecycle, token: Token) -> bool:
    acquisition = lifecycle.acquisitions.get(token.platform or "")
    return acquisition is not None and acquisition.consent == "none" and acquisition.runs_on == "server"


def _call(lifecycle: Lifecycle, token: Token, platform: str | None = None) -> str:
    platform = platform or token.platform or next(iter(lifecycle.acquisitions), "...")
    return f"engine.acquire({token.key!r}, lifecycle={lifecycle.name!r}, platform={platform!r})"


def told(event: Happened) -> str:
    """Return what happened in plain words: who, what, by which command or rule, and what was answered."""
    match event:
        case AttemptBegun(command=command, number=number, event=name):
            return f"{command} is sent for {name} (try {number})"
        case AttemptFailed(detail=detail):
            return f"{_words(event)}: {detail}"
        case Transitioned(cause="parent", event=name, source=source, state=state, parent=str(parent)):
            because = f" ({event.parent_reason})" if event.parent_reason else ""
            return f"{parent} ended{because}, which brought {name}, and {source} -> {state}"
        case Transitioned(cause=cause, event=name, source=source, state=state, command=command, reason=why):
            by = f", by {command}" if command else ""
            because = f": {why}" if why else ""
            moved = f"{source} -> {state}" if source != state else f"it stays {state}"
            return f"{_WHO.get(cause, cause)} brought {name}{by}, and {moved}{because}"
        case Inspected(active=active):
            return f"the issuer was asked, and says it is {'good' if active else 'dead'}"
        case ReacquireWanted(how=how):
            return "a new login is wanted" if how == "ask" else "a new acquisition is wanted, by machine"
        case RuleWarned(rule=rule, act=act, because=because):
            return f"rule {rule} warned of {act}: {because}"
        case LifetimeChanged(lifetime=lifetime, why=why):
            return f"values of the class {lifetime} live otherwise: {why}"
    return _words(event)


def _words(event: Happened) -> str:
    words = in_words(event)
    return type(event).__name__ if words is None else words.removeprefix(f"{event.about.key}: ")
