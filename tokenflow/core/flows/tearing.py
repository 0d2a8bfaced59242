"""Put a ticket's record away, and tear it off once; a second use is told, loudly."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from tokenflow.core.effects import Change, Emit, Flow, Save
from tokenflow.core.errors import ClockHeld, Refused, TokenNotFound
from tokenflow.core.events import About, HandOverReplayed
from tokenflow.core.flows.saving import again, load, look
from tokenflow.core.secret import Secret
from tokenflow.core.shelves import LookUp, NamesOn, PutAway, TakeAway
from tokenflow.core.tickets import is_over, mark_of, not_good, place_of, same
from tokenflow.core.tokens import Instant, Token

_TIDIED: Final = 100
"""Stubs thrown away at most each time another is kept."""


@attrs.frozen(kw_only=True)
class Torn:
    """A ticket's record, torn off: nobody else gets it."""

    content: Mapping[str, Any] = attrs.field(repr=False)
    place: str
    now: Instant

    @property
    def mark(self) -> str:
        """The event id under which what became of it is remembered."""
        return mark_of(self.place)

    def about(self, event_id: str | None) -> About:
        """Return what an event about it begins with, be its token there or not."""
        told = self.content
        return About(
            tenant=told["tenant"],
            key=told["key"],
            token_id=told.get("token_id", ""),
            revision=told.get("revision", 0),
            at=self.now,
            event_id=event_id or self.mark,
        )

    def demand(self, audience: str) -> None:
        """Raise Refused (ticket_expired, other_audience) unless it is shown in time, where it was meant."""
        if self.now >= self.content["until"]:
            raise Refused("ticket_expired", "the ticket is over")
        if not same(self.content["audience"], audience):
            raise Refused("other_audience", "the ticket was made for another audience")


def put_away(shelf: str, ticket: Secret, content: Mapping[str, Any], now: Instant) -> Flow[None]:
    """Keep what *ticket* is good for, and a stub that stays when it is torn; old ones go."""
    place = place_of(ticket)
    assert place is not None, "it was written by us"
    names: list[str] = yield NamesOn(_stubs(shelf))
    for name in [one for one in names[:_TIDIED] if is_over(one, now)]:
        yield TakeAway(shelf, name)
        yield TakeAway(_stubs(shelf), name)
    yield PutAway(_stubs(shelf), place, content)
    yield PutAway(shelf, place, content)


def _stubs(shelf: str) -> str:
    return f"{shelf}-stubs"


def key_of(shelf: str, ticket: Secret) -> Flow[str | None]:
    """Return the key a ticket is about, or None when nothing is known of it; it is not torn."""
    place = place_of(ticket)
    stub = None if place is None else (yield LookUp(_stubs(shelf), place))
    return None if stub is None else stub["key"]


def torn(shelf: str, ticket: Secret) -> Flow[Torn]:
    """Tear *ticket* off; raises Refused (ticket_refused) when there is none, or none any more.

    While the clock cannot be trusted nothing is torn: ClockHeld.
    """
    place = place_of(ticket)
    stub: Mapping[str, Any] | None = None if place is None else (yield LookUp(_stubs(shelf), place))
    if place is None or stub is None:
        raise not_good()
    clock = yield from look()
    if clock.held is not None:
        raise ClockHeld(clock.held, mend="set the clock right, or open the engine with accept_clock=True")
    content: Mapping[str, Any] | None = yield TakeAway(shelf, place)
    if content is None:
        yield from _replayed(shelf, Torn(content=stub, place=place, now=clock.now))
        raise not_good()
    return Torn(content=content, place=place, now=clock.now)


def _replayed(shelf: str, shown: Torn) -> Flow[None]:
    """Tell once that a used ticket was shown again: one of the two was not meant to have it."""
    stub = yield TakeAway(_stubs(shelf), shown.place)
    if stub is None:
        return
    event_id, audience = f"{shown.mark}/again", shown.content["audience"]
    try:
        yield from on_record(
            shown.content["key"],
            shown.now,
            event_id,
            lambda about: (HandOverReplayed(about=about.to_deliver(), audience=audience),),
        )
    except TokenNotFound:
        yield Emit((HandOverReplayed(about=shown.about(event_id), audience=audience),))


def on_record(
    key: str, at: Instant, event_id: str | None, tell: Callable[[About], tuple[Any, ...]]
) -> Flow[Token]:
    """Add what *tell* says to the history of *key*, on whatever revision there is; raises TokenNotFound."""

    def noted() -> Flow[Token]:
        latest = yield from load(key)  # as stored: a value that is never kept is not in it
        moved = attrs.evolve(latest, revision=latest.revision + 1)
        happened = tell(About.of(moved, at, event_id))
        yield Save((Change(token=moved, expected=latest.revision, happened=happened),))
        return moved

    return (yield from again(noted))
