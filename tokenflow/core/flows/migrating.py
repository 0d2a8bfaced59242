"""Bring tokens over to the versions the engine was opened with (rule M3).

Every save is compare-and-swap like any other: an engine may run meanwhile, and whoever dies in the
middle has done what it has done. The rest is found again.
"""

from collections.abc import Sequence

import attrs

from tokenflow.core.effects import Change, Flow, Load, Save
from tokenflow.core.errors import (
    AlreadyLive,
    ClockHeld,
    Refused,
    RevisionConflict,
    SpecError,
    StoreUnreadable,
    TamperedRow,
    WrongKey,
)
from tokenflow.core.flows.saving import again, keep, load, look, pinned
from tokenflow.core.migrating import Migration, comes_over, lost, stays, upgrade
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step, settle
from tokenflow.core.tokens import Token


@attrs.frozen
class _Way:
    """How one token comes over."""

    token: Token
    steps: tuple[Step, ...]
    migration: Migration


def migrate(setting: Setting, keys: Sequence[str]) -> Flow[tuple[Migration, ...]]:
    """Bring the tokens under *keys* over; return what became of each one of an opened lifecycle.

    They are saved in one transaction; when somebody else saves one of them first, or one cannot be
    saved, each goes by itself.
    """
    found: list[_Way | Migration] = []
    for key in keys:
        one = yield from _way(setting, key)
        if one is not None:
            found.append(one)
    together = [one for one in found if isinstance(one, _Way) and not _reaches_others(one)]
    saved = yield from _saved(together)
    told = []
    for one in found:
        if isinstance(one, _Way) and not (saved and one in together):
            last = yield from _by_itself(setting, one.token.key)
            told += [] if last is None else [last]
        else:
            told.append(one if isinstance(one, Migration) else one.migration)
    return tuple(told)


def _way(setting: Setting, key: str) -> Flow[_Way | Migration | None]:
    """Return how *key* comes over, or why it stays; None for what is not there, or of another lifecycle."""
    try:
        token: Token | None = yield Load(key)
        new = None if token is None else setting.lifecycles.get(token.lifecycle.rpartition("@")[0])
        if token is None or new is None:
            return None
        old = yield from pinned(token)
    except (SpecError, StoreUnreadable, TamperedRow, WrongKey) as trouble:  # it keeps no other waiting
        return lost(key, trouble)
    clock = yield from look()
    if clock.held is not None:
        return stays(token, ClockHeld(clock.held, mend="set the clock right"))
    try:
        over = upgrade(old, new, settle(old, token, clock.now), clock.now)
    except Refused as no:
        return stays(token, no)
    return _Way(token, over.steps, comes_over(token, over))


def _reaches_others(way: _Way) -> bool:
    return any(one.cascades or one.calls for one in way.steps)


def _saved(ways: Sequence[_Way]) -> Flow[bool]:
    if not ways:
        return False
    changes = (
        Change(
            token=way.steps[-1].after,
            expected=way.token.revision,
            happened=tuple(event for one in way.steps for event in one.happened),
        )
        for way in ways
    )
    try:
        yield Save(tuple(changes))
    except (AlreadyLive, RevisionConflict):
        return False
    return True


def _by_itself(setting: Setting, key: str) -> Flow[Migration | None]:
    """Bring *key* over on its own; one that others keep saving is left for the next time."""

    def attempt() -> Flow[Migration | None]:
        way = yield from _way(setting, key)
        if not isinstance(way, _Way):
            return way
        try:
            yield from keep(setting, way.steps)
        except AlreadyLive as no:
            return stays(way.token, no)
        return way.migration

    try:
        return (yield from again(attempt))
    except RevisionConflict as busy:
        token = yield from load(key)
        return stays(token, RevisionConflict(str(busy), mend="run it again"))
