"""Load tokens, and save what changed together with all it cascades to."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeVar

import attrs

from tokenflow.core.effects import Change, Flow, Load, LoadChildren, Look, Pinned, Save
from tokenflow.core.errors import Rejected, RevisionConflict, TokenNotFound
from tokenflow.core.events import Transitioned
from tokenflow.core.flows.calling import call_after
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.moments import Trusted
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step, settle, step
from tokenflow.core.tokens import Instant, Token

T = TypeVar("T")
_TRIES: Final = 3
_DEEPEST: Final = 10


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
            yield from _cascade(one.after, event, one.happened[0].about.at, changes, every, 1)
    yield Save(tuple(changes.values()))
    for one in every:
        if one.calls:
            lifecycle = yield from pinned(one.after)
            yield from call_after(setting, lifecycle, one, one.happened[0].about.at)


def _cascade(
    parent: Token, event: str, at: Instant, changes: dict[str, Change], every: list[Step], depth: int
) -> Flow[None]:
    """Add what a parent's *event*, dated *at*, changes in its live children, depth first (rule F5).

    Like every event, it finds a child that the clock has settled (rule T10). *every* gathers the steps.
    A child's own history says whose end it was, and why that one ended.
    """
    assert depth <= _DEEPEST, f"{parent.key}: children more than {_DEEPEST} deep"
    children: list[Token] = yield LoadChildren(parent.key)
    for stored in children:
        earlier = changes.get(stored.key)
        child = stored if earlier is None else earlier.token
        lifecycle = yield from pinned(child)
        mapped = lifecycle.derivation.on_parent.get(event) if lifecycle.derivation is not None else None
        if mapped is None or lifecycle.states[child.state].final or child.revoking is not None:
            continue  # where it is being revoked, its own issuer has the last word
        settled = settle(lifecycle, child, at)
        steps = [*settled.steps]
        with suppress(
            Rejected
        ):  # its own guard may say that this news is not for it: a page that never expires
            news = {"reason": "parent_invalidated"}
            taken = step(lifecycle, settled.token, mapped, now=at, cause="parent", payload=news)
            steps.append(told_by(parent, taken))
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
                yield from _cascade(one.after, further, one.happened[0].about.at, changes, every, depth + 1)


def told_by(parent: Token, taken: Step) -> Step:
    """Return a child's step with whose end it was, and why that one ended."""
    first, *others = taken.happened
    if isinstance(first, Transitioned):
        first = attrs.evolve(first, parent=parent.key, parent_reason=parent.reason)
    return attrs.evolve(taken, happened=(first, *others))
