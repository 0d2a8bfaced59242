"""Take a token out of service that is to be revoked, with the children that go with it. Nothing is sent.

What its issuer has to be told of is marked; what nobody can tell of ends here and now. A walk that died is
walked again by whoever comes next: what was taken already is left as it is.
"""

from typing import Final

import attrs

from tokenflow.core.effects import Change, Flow, LoadChildren, Save, Seen
from tokenflow.core.errors import Refused, Rejected
from tokenflow.core.events import About, RevocationBegun
from tokenflow.core.flows.calling import call_after
from tokenflow.core.flows.holding import current
from tokenflow.core.flows.saving import again, load, look, pinned, told_by
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.revoking import Outcome, Way, begun, standing, way_of
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step, choose, payload_of, settle, step, view_of
from tokenflow.core.tokens import Instant, Token

_AT_ONCE: Final = 100
"""Children taken out of service in one transaction."""


@attrs.frozen(kw_only=True)
class Retired:
    """What was taken out of service."""

    ended: tuple[Outcome, ...] = ()
    """What has come to its end."""
    ahead: tuple[tuple[str, ...], ...] = ()
    """Keys whose issuers are still to be told: children before their parents, those of a row in any order."""


@attrs.frozen(kw_only=True)
class _Taken:
    """What became of one child."""

    child: Token
    way: Way
    outcome: Outcome | None = None
    """None: its issuer is still to be told, or its own children come first."""


def retire(
    setting: Setting, key: str, *, place: str = "server", event_id: str | None = None
) -> Flow[Retired]:
    """Take *key* out of service, and the children that its end takes along.

    Raises TokenNotFound, Refused("cannot_revoke"). A repeated *event_id* changes nothing (rule E4).
    """
    if event_id is not None and (yield Seen(key, event_id)) is not None:
        return Retired(ended=(standing((yield from load(key))),))

    def marked() -> Flow[tuple[Token, Way | None]]:
        held = yield from current(setting, key)
        token = held.token
        if held.lifecycle.states[token.state].final:
            return token, None
        way = way_of(held.lifecycle, token, place)
        after = begun(token, held.now)
        if after is not token:
            note = RevocationBegun(about=About.of(after, held.now, event_id))
            yield Save((Change(token=after, expected=token.revision, happened=(note,)),))
        return after, way

    token, way = yield from again(marked)
    if way is None:
        return Retired(ended=(standing(token),))
    below = yield from retire_children(setting, token, way)
    return Retired(ended=below.ended, ahead=(*below.ahead, (key,)))


def retire_children(setting: Setting, parent: Token, way: Way, *, at_once: bool = False) -> Flow[Retired]:
    """Take the children of *parent* out of service that hear of its end, and theirs.

    *at_once*: their issuers are told by whoever sweeps next.
    """
    stored: list[Token] = yield LoadChildren(parent.key)
    ended: list[Outcome] = []
    below: list[tuple[str, ...]] = []
    for first in range(0, len(stored), _AT_ONCE):
        keys = tuple(one.key for one in stored[first : first + _AT_ONCE])
        found = yield from _page(setting, parent, way, keys, at_once)
        ended += [one.outcome for one in found if one.outcome is not None]
        for one in found:
            if one.outcome is None:
                theirs = yield from retire_children(setting, one.child, one.way, at_once=at_once)
                ended += theirs.ended
                below += theirs.ahead
        told = tuple(one.child.key for one in found if one.outcome is None)
        below += [told] if told else []
    return Retired(ended=tuple(ended), ahead=tuple(below))


def _page(
    setting: Setting, parent: Token, way: Way, keys: tuple[str, ...], at_once: bool
) -> Flow[list[_Taken]]:
    """Take some children out of service, in one transaction."""

    def attempt() -> Flow[list[_Taken]]:
        now = (yield from look()).now
        found: list[_Taken] = []
        changes: list[Change] = []
        ends: list[tuple[Lifecycle, Step]] = []
        for key in keys:
            child = yield from load(key)
            lifecycle = yield from pinned(child)
            event = _heard(lifecycle, child, way)
            if event is None:
                continue
            its = _way(lifecycle, child, event)
            grandchildren: list[Token] = yield LoadChildren(key)
            if its.upstream or grandchildren or child.revoking is not None:
                after = begun(child, now, at_once=at_once)
                if after is not child:
                    note = RevocationBegun(about=About.of(after, now))
                    changes.append(Change(token=after, expected=child.revision, happened=(note,)))
                found.append(_Taken(child=after, way=its))
                continue
            steps = _ended(parent, lifecycle, child, event, now)
            happened = tuple(one for moved in steps for one in moved.happened)
            changes.append(Change(token=steps[-1].after, expected=child.revision, happened=happened))
            ends += [(lifecycle, moved) for moved in steps]
            outcome = Outcome(key=key, verdict="unsupported", why=its.why, issuer=child.issuer)
            found.append(_Taken(child=child, way=its, outcome=outcome))
        if changes:
            yield Save(tuple(changes))
        for lifecycle, moved in ends:
            yield from call_after(setting, lifecycle, moved, now)
        return found

    return (yield from again(attempt))


def _way(lifecycle: Lifecycle, child: Token, event: str) -> Way:
    """Return how a child ends: where its spec names no end on purpose, by what it hears from its parent."""
    try:
        return way_of(lifecycle, child, None if child.revoking is not None else "server")
    except Refused as no:
        return Way(event=event, upstream=False, why=str(no).splitlines()[0])


def _heard(lifecycle: Lifecycle, child: Token, way: Way) -> str | None:
    """Return the event that its parent's end is to a child; None where it lives on, or is over."""
    if lifecycle.derivation is None or lifecycle.states[child.state].final:
        return None
    for cascade in way.cascades:
        event = lifecycle.derivation.on_parent.get(cascade)
        if event is None:
            continue
        if child.revoking is not None:
            return event
        try:
            row = choose(lifecycle, child, event, view_of(lifecycle, child, event=_news(lifecycle, event)))
        except Rejected:  # its own guard may say that this news is not for it
            continue
        if row is not None:
            return event
    return None


def _news(lifecycle: Lifecycle, event: str) -> dict[str, object]:
    return payload_of(lifecycle, event, {"reason": "parent_invalidated"})


def _ended(parent: Token, lifecycle: Lifecycle, child: Token, event: str, now: Instant) -> list[Step]:
    """Return the steps that end a child here; like every event it meets one that the clock has settled."""
    settled = settle(lifecycle, child, now)
    steps = [*settled.steps]
    if not lifecycle.states[settled.token.state].final:
        news = _news(lifecycle, event)
        taken = step(lifecycle, settled.token, event, now=now, cause="parent", payload=news)
        steps.append(told_by(attrs.evolve(parent, reason="revoked"), taken))
    return steps
