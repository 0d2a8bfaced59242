"""Load a token, let the clock have its say, and save what changed together with its children."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeVar

import attrs

from tokenflow.core.effects import Change, Flow, Load, LoadChildren, Look, Pinned, Save, Seen
from tokenflow.core.errors import (
    AlreadyLive,
    ClockHeld,
    ConsentDenied,
    IssuerRefused,
    PersonNeeded,
    Refused,
    Rejected,
    RevisionConflict,
    TokenNotFound,
)
from tokenflow.core.events import AttemptFailed, Happened, Transitioned
from tokenflow.core.flows.calling import call_after
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.migrating import newer, upgrade
from tokenflow.core.moments import Trusted
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Settled, Step, settle, step
from tokenflow.core.tokens import Instant, Token

T = TypeVar("T")
_TRIES: Final = 3
_DEEPEST: Final = 10


@attrs.frozen(kw_only=True)
class Held:
    """A token as it is now: settled, saved, with its lifecycle and what is due."""

    token: Token
    lifecycle: Lifecycle
    clock: Trusted
    due: str | None = None

    @property
    def now(self) -> Instant:
        """The instant it was settled at."""
        return self.clock.now


def again(attempt: Callable[[], Flow[T]]) -> Flow[T]:
    """Run *attempt*; when somebody saved first, run it again from the start, three times (rule E5)."""
    for _ in range(_TRIES):
        try:
            return (yield from attempt())
        except RevisionConflict:
            continue
    return (yield from attempt())


def look() -> Flow[Trusted]:
    """Return the clock's reading, and whether it is held."""
    trusted: Trusted = yield Look()
    return trusted


def pinned(token: Token) -> Flow[Lifecycle]:
    """Return the lifecycle *token* is pinned to (rule M1)."""
    lifecycle: Lifecycle = yield Pinned(token)
    return lifecycle


def load(key: str) -> Flow[Token]:
    """Return the token under *key* as stored; raises TokenNotFound."""
    token: Token | None = yield Load(key)
    if token is None:
        raise TokenNotFound(key)
    return token


def decided(key: str, event_id: str | None) -> Flow[bool]:
    """Return whether this event id was decided before; raises again the no it was answered then (rule E4)."""
    if event_id is None:
        return False
    found: Happened | None = yield Seen(key, event_id)
    match found:
        case None:
            return False
        case AttemptFailed(error="reconsent", detail=detail):
            raise PersonNeeded(f"a person has to consent again: {detail}")
        case AttemptFailed(detail=detail):
            raise IssuerRefused(
                detail, status=0, facts={}, mend="this event was decided before; it was not sent again"
            )
        case Transitioned(cause="issuer", event="refused"):
            raise ConsentDenied(f"{key}: the person said no")
        case Transitioned(cause="issuer", event=event):
            raise IssuerRefused(f"{key}: the issuer's no was taken as `{event}` before", status=0, facts={})
        case _:
            return True


def current(setting: Setting, key: str) -> Flow[Held]:
    """Return the token under *key* after the clock has had its say; raises TokenNotFound.

    Where a newer version of its lifecycle is open that takes it, it is brought over (rule M3).
    While the clock cannot be trusted its timers are held: the token is returned as it was stored.
    """

    def attempt() -> Flow[Held]:
        token = yield from load(key)
        lifecycle = yield from pinned(token)
        clock = yield from look()
        if clock.held is not None:
            return Held(token=token, lifecycle=lifecycle, clock=clock)
        settled = settle(lifecycle, token, clock.now)
        over = yield from _brought_over(setting, lifecycle, settled, clock)
        if over is not None:
            return over
        if settled.steps:
            yield from keep(setting, settled.steps)
        return Held(token=settled.token, lifecycle=lifecycle, clock=clock, due=settled.due)

    return (yield from again(attempt))


def _brought_over(
    setting: Setting, lifecycle: Lifecycle, settled: Settled, clock: Trusted
) -> Flow[Held | None]:
    """Save the token as the newer version of its lifecycle has it (rule M3); None when it stays as it is."""
    new = newer(setting.lifecycles, settled.token)
    if new is None:
        return None
    try:
        moved = upgrade(lifecycle, new, settled, clock.now)
    except Refused:
        return None
    try:
        yield from keep(setting, moved.steps)
    except AlreadyLive:  # by its new identity it would be a second one
        return None
    return Held(token=moved.token, lifecycle=new, clock=clock, due=moved.due)


def demand_clock(held: Held) -> None:
    """Raise ClockHeld when the clock cannot be trusted: acquiring and extending wait (rule T12)."""
    if held.clock.held is not None:
        raise ClockHeld(
            held.clock.held, mend="set the clock right, or open the engine with accept_clock=True"
        )


def keep(setting: Setting, steps: Iterable[Step], before: tuple[Any, ...] = ()) -> Flow[None]:
    """Save one token's *steps* and all they cascade to, in one transaction; raises RevisionConflict.

    *before* are events that come first in its history.
    """
    taken = tuple(steps)
    first, last = taken[0].before, taken[-1].after
    happened = (*before, *(event for one in taken for event in one.happened))
    changes = {last.key: Change(token=last, expected=first.revision, happened=happened)}
    every = [*taken]
    for one in taken:
        for event in one.cascades:
            yield from _cascade(one.after.key, event, one.happened[0].about.at, changes, every, 1)
    yield Save(tuple(changes.values()))
    for one in every:
        if one.calls:
            lifecycle = yield from pinned(one.after)
            yield from call_after(setting, lifecycle, one, one.happened[0].about.at)


def _cascade(
    parent: str, event: str, at: Instant, changes: dict[str, Change], every: list[Step], depth: int
) -> Flow[None]:
    """Add what a parent's *event*, dated *at*, changes in its live children, depth first (rule F5).

    Like every event, it finds a child that the clock has settled (rule T10). *every* gathers the steps.
    """
    assert depth <= _DEEPEST, f"{parent}: children more than {_DEEPEST} deep"
    children: list[Token] = yield LoadChildren(parent)
    for stored in children:
        earlier = changes.get(stored.key)
        child = stored if earlier is None else earlier.token
        lifecycle = yield from pinned(child)
        mapped = lifecycle.derivation.on_parent.get(event) if lifecycle.derivation is not None else None
        if mapped is None or lifecycle.states[child.state].final:
            continue
        settled = settle(lifecycle, child, at)
        steps = [*settled.steps]
        with suppress(
            Rejected
        ):  # its own guard may say that this news is not for it: a page that never expires
            news = {"reason": "parent_invalidated"}
            steps.append(step(lifecycle, settled.token, mapped, now=at, cause="parent", payload=news))
        if not steps or steps[-1].after is child:
            continue
        happened = tuple(event for one in steps for event in one.happened)
        changes[child.key] = Change(
            token=steps[-1].after,
            expected=stored.revision,
            happened=happened if earlier is None else (*earlier.happened, *happened),
        )
        every += steps
        for one in steps:
            for further in one.cascades:
                yield from _cascade(child.key, further, one.happened[0].about.at, changes, every, depth + 1)
