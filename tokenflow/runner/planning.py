"""What would happen to the tokens of a store until an instant, found out by rehearsing it (see `rehearsing`).

Acts are found in the order of time, each by letting the flows attend to one token at the instant it is
due. Nothing is written: the store is read, and everything else happens in memory.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

import attrs

from tokenflow.core import flows
from tokenflow.core.deadlines import deadlines, due_at
from tokenflow.core.errors import StoreUnreadable, TokenflowError
from tokenflow.core.events import (
    AttemptFailed,
    Happened,
    Migrated,
    Notified,
    ReacquireWanted,
    TimerMissed,
)
from tokenflow.core.flows.commanding import carry_out
from tokenflow.core.flows.holding import current
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.migrating import newer, prospect
from tokenflow.core.plans import Act, Plan, Reason, Sight, begun
from tokenflow.core.steps import is_usable, payload_of, view_of
from tokenflow.core.tokens import Instant, Token
from tokenflow.engine.sealing import unopened
from tokenflow.engine.wishes import Wanted
from tokenflow.runner.looking import Glass
from tokenflow.runner.rehearsing import Rehearsal
from tokenflow.runner.verdicts import WORDS, asked

MOST: Final = 100_000
"""Acts a plan holds."""
MOST_OF_ONE: Final = 10_000
"""Acts a plan holds of one token. It ends there for all, and is whole until that instant."""
_EVERY_ROW: Final = 1 << 62


def plan(
    glass: Glass, *, until: int, wishes: Sequence[Wanted] = (), specs: Sequence[str] = (), most: int = MOST
) -> Plan:
    """Return what would be done in the next *until* microseconds, by the engine and the keeper.

    *wishes* are the entries of Tokens files: what is missing would be acquired. Of lifecycles that
    *glass* was opened with, tokens pinned to an older version would be migrated.
    """
    clock = glass.time()
    whole = Plan(
        made=clock.now,
        until=clock.now + until,
        tenant=glass.tenant,
        store=(glass.store.get("store", "id") or b"").decode(errors="replace"),
        looked_at=glass.store.census(0, 0, glass.tenant)[0],
        held=clock.held,
        specs=tuple(specs),
        digests={one.ref: one.digest for one in glass.lifecycles.values()},
    )
    if clock.held is not None:
        return whole
    acts: list[Act] = []
    often: Counter[str] = Counter()
    for act in _Planner(glass, clock.now, whole.until, {one.key: one for one in wishes}).acts():
        if len(acts) == most or often[act.key] == MOST_OF_ONE:
            return attrs.evolve(whole, acts=tuple(acts), cut=True)
        acts.append(act)
        often[act.key] += 1
    return attrs.evolve(whole, acts=tuple(acts))


class _Planner:
    """Walks through time; the heap holds who is due next."""

    def __init__(self, glass: Glass, now: Instant, until: Instant, wishes: Mapping[str, Wanted]) -> None:
        self._glass, self._now, self._until, self._wishes = glass, now, until, wishes
        self._stage = Rehearsal(glass, now)
        self._queue: list[tuple[Instant, int, str]] = []
        self._waits: dict[str, Instant | None] = {}
        """key -> when it is due; whatever else the heap holds of it is out of date."""
        self._order = count()

    def acts(self) -> Iterator[Act]:
        """Yield the acts in the order in which they would be done."""
        yield from self._migrations()
        for key in sorted(self._wishes):
            yield from self._wished(key, self._now)
        for row in self._glass.store.due(self._glass.tenant, self._until, _EVERY_ROW):
            if row.key not in self._stage.tokens:
                self._push(row.key, row.due_at)
        while self._queue:
            at, _, key = heapq.heappop(self._queue)
            if self._waits[key] != at:
                continue  # or one that is queued twice would be looked at twice for ever
            self._waits[key] = None
            yield from self._attended(key, max(at, self._now))

    def _push(self, key: str, at: Instant | None) -> None:
        self._waits[key] = at
        if at is not None and at <= self._until:
            heapq.heappush(self._queue, (at, next(self._order), key))

    def _migrations(self) -> Iterator[Act]:
        """Tokens of an older version come over when they are touched, which may be now (rule M3)."""
        for key in self._glass.store.keys(self._glass.tenant) if self._glass.lifecycles else ():
            try:
                token = self._glass.token(key)
                new = None if token is None else newer(self._glass.lifecycles, token)
                if token is None or new is None:
                    continue
                old = self._glass.lifecycle(token)
            except TokenflowError as lost:
                yield self._lost(key, lost)
                continue
            found = prospect(old, new, token, self._now)
            if found.refused:
                yield Act(
                    key=key,
                    does="refuse",
                    due=self._now,
                    at=self._now,
                    lifecycle=new.ref,
                    event="migrate",
                    source=token.state,
                    verdict="no",
                    why=found.why,
                    sees=Sight.of(token),
                )
            elif found.code is None:
                yield from self._attended(key, self._now)

    def _wished(self, key: str, at: Instant) -> Iterator[Act]:
        """What the keeper would do about one entry of a Tokens file that has no live token."""
        try:
            token = self._stage.token(key)
            if token is not None and not self._over(token, at):
                return
        except TokenflowError as lost:
            yield self._lost(key, lost)
            return
        yield from self._acquired(self._wishes[key], token, at)

    def _over(self, token: Token, at: Instant) -> bool:
        lifecycle = self._glass.lifecycle(token)
        state = lifecycle.states[token.state]
        return state.final or (not is_usable(lifecycle, token, at) and not deadlines(lifecycle, token))

    def _acquired(self, wish: Wanted, token: Token | None, at: Instant) -> Iterator[Act]:
        stage, lifecycle = self._stage, self._glass.lifecycles[wish.lifecycle]
        acquisition = lifecycle.acquisitions.get(wish.platform)
        act = Act(
            key=wish.key,
            does="acquire",
            due=at,
            at=at,
            lifecycle=lifecycle.ref,
            event="acquired",
            source=None if token is None else token.state,
            platform=wish.platform,
            attributes=wish.attributes,
            scope=tuple(wish.scope),
            sees=Sight.of(token),
        )
        if acquisition is not None and (acquisition.consent != "none" or acquisition.runs_on != "server"):
            who = "an admin" if acquisition.consent == "admin" else "a person"
            where = "" if acquisition.runs_on == "server" else f" on the {acquisition.runs_on}"
            person = f"{who} has to log in by {wish.platform}{where}"
            yield attrs.evolve(act, verdict="depends", person=person)
            return
        stage.now, stage.acquiring = max(stage.now, at), lifecycle
        stage.forget()
        try:
            new = stage.run(
                flows.acquire(
                    stage.setting,
                    wish.key,
                    lifecycle=wish.lifecycle,
                    platform=wish.platform,
                    attributes=wish.attributes,
                    scope=frozenset(wish.scope),
                    tenant=self._glass.tenant,
                )
            )
        except TokenflowError as no:
            yield attrs.evolve(act, does="refuse", verdict="no", why=_line(no))
            return
        yield attrs.evolve(
            act, state=new.state, calls=tuple(stage.calls), begins=begun(tuple(stage.happened))
        )
        self._push(wish.key, due_at(lifecycle, new))

    def _attended(self, key: str, at: Instant) -> Iterator[Act]:
        stage = self._stage
        try:
            token = stage.token(key)
            if token is None:
                return
            lifecycle = self._glass.lifecycle(token)
            due = due_at(lifecycle, token)
            coming = newer(self._glass.lifecycles, token) is not None and key not in stage.tokens
            if not coming and (due is None or due > at):
                self._push(key, due)  # somebody else moved it meanwhile: a parent, or a migration
                return
        except TokenflowError as lost:
            yield self._lost(key, lost)
            return
        stage.now = max(stage.now, at)
        stage.forget()
        after = stage.run(flows.attend(stage.setting, key))
        act = _act(lifecycle, token, after, stage, self._glass.lifecycle(after), at)
        if key not in stage.saved:
            yield attrs.evolve(act, does="refuse", verdict="no", why=self._refusal(key) or act.why)
            return
        yield act
        for saved in sorted(stage.saved):
            changed = stage.tokens[saved]
            if not self._glass.lifecycle(changed).states[changed.state].final:
                self._push(saved, due_at(self._glass.lifecycle(changed), changed))
        if key in self._wishes and (_wants_another(stage.happened) or self._over(after, at)):
            yield from self._acquired(self._wishes[key], after, at)

    def _refusal(self, key: str) -> str | None:
        """Return why a command that is due is not even tried."""
        try:
            held = self._stage.run(current(self._stage.setting, key))
            if held.due is not None:
                self._stage.run(carry_out(self._stage.setting, held, held.due, cause="timer"))
        except TokenflowError as no:
            return _line(no)
        return None

    def _lost(self, key: str, error: TokenflowError) -> Act:
        """A token whose row or spec cannot be read keeps no other waiting."""
        unread = "?" if isinstance(error, StoreUnreadable) else str(self._spec_of(key))
        return Act(
            key=key,
            does="refuse",
            due=self._now,
            at=self._now,
            lifecycle=unread,
            verdict="error",
            why=_line(error),
        )

    def _spec_of(self, key: str) -> str:
        row = self._glass.store.load(self._glass.tenant, key)
        return "?" if row is None else unopened(row).lifecycle


def _act(
    lifecycle: Lifecycle, token: Token, after: Token, stage: Rehearsal, now: Lifecycle, at: Instant
) -> Act:
    """Return what attending came to: *after* follows *now*, another than *lifecycle* once migrated."""
    lines = [line for line in deadlines(lifecycle, token) if line[0] <= at]
    hard = next((line for line in lines if not line[1]), None)
    due, soft, _, event, timer = hard or (lines[0] if lines else (at, True, 0, None, None))
    happened = tuple(stage.happened)
    migrated = any(isinstance(one, Migrated) for one in happened)
    verdict, reasons = ("yes", ()) if event is None else verdict_of(lifecycle, token, event)
    attempt = next((one for one in happened if isinstance(one, AttemptFailed)), None)
    commands = [row.data.get("do") for row in _rows(lifecycle, token, event) if "do" in row.data]
    state = now.states[after.state]
    return Act(
        key=token.key,
        does="migrate" if migrated else "fire",
        due=min(due, at),
        at=at,
        lifecycle=after.lifecycle,
        event="migrate" if migrated and event is None else event,
        timer=timer,
        hard=not soft,
        command=commands[0] if commands and stage.calls else None,
        source=token.state,
        state=after.state,
        ends=state.final or (lifecycle.states[token.state].usable and not state.usable),
        calls=tuple(stage.calls),
        begins=begun(happened),
        verdict=verdict,
        reasons=reasons,
        notices=_notices(happened, token.key),
        person=_person(happened, token.key),
        why=None if attempt is None else attempt.detail,
        sees=Sight.of(token),
    )


def verdict_of(lifecycle: Lifecycle, token: Token, event: str) -> tuple[str, tuple[Reason, ...]]:
    """Return whether a timer's *event* would be taken, and what every condition of it comes to (rule E2)."""
    if event not in lifecycle.states[token.state].accepts:
        return "no", ()
    view = view_of(lifecycle, token, event=payload_of(lifecycle, event, None))
    reasons = tuple(
        Reason(needs=condition.text, verdict=asked(condition, view), leads_to=row.target or token.state)
        for row in lifecycle.chooser.rows(event, token.state)
        for condition in row.conditions
    )
    return WORDS[lifecycle.chooser.verdict(event, token.state, view)], reasons


def _rows(lifecycle: Lifecycle, token: Token, event: str | None) -> list[Any]:
    if event is None or event not in lifecycle.states[token.state].accepts:
        return []
    return lifecycle.chooser.rows(event, token.state)


def _notices(happened: Sequence[Happened], key: str) -> tuple[str, ...]:
    said = []
    for event in happened:
        match event:
            case Notified(name=name) if event.about.key == key:
                said.append(f"notice {name}")
            case TimerMissed(timer=timer) if event.about.key == key:
                said.append(f"timer {timer} is missed")
    return tuple(said)


def _person(happened: Sequence[Happened], key: str) -> str | None:
    asked = any(isinstance(e, ReacquireWanted) and e.how == "ask" and e.about.key == key for e in happened)
    return "a person has to log in again" if asked else None


def _wants_another(happened: Sequence[Happened]) -> bool:
    return any(isinstance(event, ReacquireWanted) and event.how == "auto" for event in happened)


def _line(error: TokenflowError) -> str:
    return str(error).partition("\n")[0]
