"""Fast lanes: a stretch of life that was seen before is not played again, it is known.

Theory. After a move that brings a new value and a new entry of a state, a token's deadlines hang on
that instant alone: it is in a *situation*, the token with its instants counted from there. Guards see
no time, so what its next timer brings, alone and at an issuer that is well, is always the same; only
the timer's spread differs, and that is computed as the core computes it. So the engine's own flows
play each such move once, and every token after that takes the *jump*. Whatever hangs on more than
that instant (a failed call, two deadlines or two moves at once, an act from outside, an old value in a
new state, an age) is no jump, and is played.
"""

from typing import Any, Final

import attrs

from tokenflow.core.events import Transitioned
from tokenflow.core.moments import Timer, spread
from tokenflow.core.tokens import At, Instant, Token
from tokenflow.runner.simulation.issuer import FAR
from tokenflow.runner.simulation.life import Life, Stage
from tokenflow.runner.simulation.tally import Tally

_MOST: Final = 512
"""More situations than these are not remembered: then nothing repeats."""
_NO_MATTER: Final = frozenset({"id", "key", "revision", "generation", "supersedes", "issued_at"})
"""What no deadline and no guard of a situation hangs on."""


@attrs.define(eq=False)
class Situation:
    """A token right after a move; its instants are as they were when it was first seen."""

    token: Token
    since: Instant
    timers: tuple[tuple[int, int, str], ...]
    """(microseconds from the move, reach of its jitter, name) of those that may be the next."""
    serves: int
    """For how long from the move the token may be handed out."""
    jumps: dict[str, "Jump"] = attrs.field(factory=dict)
    """By timer, as they are met."""

    def next(self, token_id: str, at: Instant) -> tuple[Instant, str]:
        """Return when the next timer of a token that moved *at* is due, and which; "" for two at once."""
        if len(self.timers) == 1:
            raw, jitter, name = self.timers[0]
            if not jitter:
                return at + max(raw, 0), name
            return max(at + raw - int(jitter * spread(token_id, name, at)), at), name
        best, which = FAR, ""
        for raw, jitter, name in self.timers:
            due = max(at + raw - int(jitter * spread(token_id, name, at)), at) if jitter else at + max(raw, 0)
            if due < best:
                best, which = due, name
            elif due == best:
                which = ""
        return best, which


@attrs.frozen(eq=False)
class Jump:
    """What a timer brings: the situation after it, and the calls it takes."""

    target: Situation
    calls: tuple[str, ...]
    revisions: int
    births: int
    reborn: bool
    """Whether another token, with another id, took its place."""


@attrs.define(eq=False)
class Seat:
    """A life that is in a fast lane, and how far it has come there."""

    situation: Situation
    at: Instant
    revision: int


@attrs.define(eq=False)
class Lanes:
    """The situations and jumps of one stage: filled as they are met."""

    stage: Stage
    known: dict[Any, Situation] = attrs.field(factory=dict)
    birth: Jump | None = None
    """What the first acquisition brings, once it was seen."""

    def run(self, life: Life, end: Instant, tally: Tally) -> None:
        """Live *life* until *end*, and count what happens in *tally*."""
        tally.mine = life.account
        if life.world.token is None and self._born(life, end, tally):
            return
        while True:
            seat = self._seated(life)
            waiting = None if seat is None else self._race(life, seat, end, tally)
            at = life.next()
            if at is None or at >= end:
                return
            before = life.world.births
            asked = len(life.agenda)
            moves = sum(isinstance(one, Transitioned) for one in life.go())
            if seat is not None and waiting and moves == 1:
                self._learn(seat, waiting, life, calm=len(life.agenda) == asked, births=before)
            tally.steps += 1
            tally.note(life)

    def _born(self, life: Life, end: Instant, tally: Tally) -> bool:
        """Play the first acquisition, or take it as known; return whether *end* comes before it."""
        at = life.next()
        if at is None or at >= end:
            return True
        allowance = life.stage.allowance
        ready = life.first() and not life.issuer.in_trouble(at)
        if (
            self.birth is not None
            and ready
            and (allowance is None or allowance.room(at, len(self.birth.calls)))
        ):
            life.skip(at)
            seat = Seat(self.birth.target, at, self.birth.revisions)
            tally.count(self.birth.calls, at)
            _leave(life, seat, f"{life.world.number}.{self.birth.births}", self.birth.births)
            tally.jumps += 1
        else:
            life.go()
            calls = tuple(one.name for one in life.issuer.calls)
            after = None if life.world.token is None else self._situation(life.token)
            if ready and after is not None and all(one.outcome == "answered" for one in life.issuer.calls):
                self.birth = Jump(after, calls, life.token.revision, life.world.births, True)
        tally.note(life)
        return False

    def _seated(self, life: Life) -> Seat | None:
        """Return where *life* enters a fast lane, or None when it cannot."""
        token, at = life.world.token, life.next()
        if token is None or at is None or life.down_since is not None or life.issuer.in_trouble(at):
            return None
        situation = self._situation(token)
        return None if situation is None else Seat(situation, token.entered_at, token.revision)

    def _situation(self, token: Token) -> Situation | None:
        """Return what *token* has been in since it entered its state, or None when more than that counts."""
        now = token.entered_at
        if token.fired or token.attempt or (isinstance(token.expires, At) and token.refreshed_at != now):
            return None
        timers = self.stage.lifecycle.states[token.state].timers
        if any(timer.moment.attribute is not None and timer.due(token) is not None for timer in timers):
            return None  # an attribute's instant does not move with the token
        shape = _shape(token, now, {timer.moment.anchor for timer in timers})
        if shape not in self.known:
            if len(self.known) >= _MOST:
                return None
            ends = token.expires_at
            serves = FAR if ends is None else ends - self.stage.lifecycle.skew - now
            self.known[shape] = Situation(token, now, _rivals(timers, token, now), serves)
        found = self.known[shape]
        return found if found.timers else None

    def _race(self, life: Life, seat: Seat, end: Instant, tally: Tally) -> str:
        """Jump as far as it goes; leave *life* there, and return the timer that has to be played."""
        number, births, token_id = life.world.number, life.world.births, life.token.id
        limit = min(end, life.agenda[0][0]) if life.agenda else end
        trouble = life.issuer.well_until(seat.at)
        situation, at, revision = seat.situation, seat.at, seat.revision
        allowance, count = life.stage.allowance, tally.count
        jumped = 0
        while True:
            due, which = situation.next(token_id, at)
            jump = situation.jumps.get(which)
            if jump is None or due >= limit or not 0 < due - at <= situation.serves:
                break
            if due >= trouble:
                if life.issuer.in_trouble(due):
                    break
                trouble = life.issuer.well_until(due)
            if allowance is not None and not allowance.room(due, len(jump.calls)):
                break
            count(jump.calls, due)
            births += jump.births
            if jump.reborn:
                token_id = f"{number}.{births}"
            at, revision, situation = due, revision + jump.revisions, jump.target
            jumped += 1
        tally.jumps += jumped
        seat.situation, seat.at, seat.revision = situation, at, revision
        if jumped:
            _leave(life, seat, token_id, births)
        return which if jump is None and due < limit and 0 < due - at <= situation.serves else ""

    def _learn(self, seat: Seat, timer: str, life: Life, *, calm: bool, births: int) -> None:
        """Remember what *timer* brought, if it is a jump."""
        token, world = life.token, life.world
        told = life.ended or life.logins or life.downs or life.down_since is not None or life.asked
        well = all(one.outcome == "answered" for one in life.issuer.calls)
        reborn = token.issued_at == world.now
        here = token.entered_at == world.now and (not reborn or token.id == world.name())
        if told or not calm or not well or not here or self._carries(seat, token, reborn):
            return
        after = self._situation(token)
        if after is not None and not life.issuer.in_trouble(world.now):
            seat.situation.jumps[timer] = Jump(
                target=after,
                calls=tuple(one.name for one in life.issuer.calls),
                revisions=token.revision - seat.revision,
                births=world.births - births,
                reborn=reborn,
            )

    def _carries(self, seat: Seat, token: Token, reborn: bool) -> bool:
        """Return whether a deadline of *token* hangs on an instant that is older than the move to it."""
        anchors = {timer.moment.anchor for timer in self.stage.lifecycle.states[token.state].timers}
        older = _moved(seat.situation.token.refresh_expires, seat.at - seat.situation.since)
        kept = isinstance(older, At) and token.refresh_expires == older
        return kept or (not reborn and bool(anchors & {"issued", "last_used"}))


def _shape(token: Token, now: Instant, anchors: set[str]) -> tuple[Any, ...]:
    """Return all that the token's future hangs on, its instants counted from *now*."""
    issued = token.issued_at if anchors & {"issued", "last_used"} else None
    shape: list[Any] = [None if issued is None else issued - now]
    for field in attrs.fields(Token):
        if field.name in _NO_MATTER:
            continue
        value = getattr(token, field.name)
        match field.name:
            case "access_token" | "refresh_token":
                shape.append(value is not None)
            case "entered_at" | "refreshed_at" | "last_used_at":
                shape.append(None if value is None else value - now)
            case "expires" | "refresh_expires":
                shape.append(value.instant - now if isinstance(value, At) else type(value).__name__)
            case "attributes":
                shape.append(repr(sorted(value.items())))
            case _:
                shape.append(repr(value))
    return tuple(shape)


def _rivals(timers: tuple[Timer, ...], token: Token, now: Instant) -> tuple[tuple[int, int, str], ...]:
    """Return the timers that may be the next: those that never wait behind another are left."""
    found = [
        (at - now, timer.reach(at - now), timer.name)
        for timer in timers
        if (at := timer.moment.at(token)) is not None
    ]
    latest = min((max(raw, 0) for raw, _, _ in found), default=0)
    return tuple(one for one in found if one[0] - one[1] <= latest)


def _leave(life: Life, seat: Seat, token_id: str, births: int) -> None:
    """Put *life* where its seat is: the token of the situation, moved to that instant."""
    shift, model = seat.at - seat.situation.since, seat.situation.token
    was = life.world.token
    issued = was.issued_at if was is not None and token_id == was.id else seat.at
    assert model.refreshed_at is not None
    token = attrs.evolve(
        model,
        id=token_id,
        entered_at=model.entered_at + shift,
        refreshed_at=model.refreshed_at + shift,
        expires=_moved(model.expires, shift),
        refresh_expires=_moved(model.refresh_expires, shift),
        issued_at=issued,
        revision=seat.revision,
    )
    life.world.token, life.world.now, life.world.births = token, seat.at, births
    life.issuer.believe(token)
    life.rest()


def _moved(expires: Any, shift: int) -> Any:
    return At(expires.instant + shift) if isinstance(expires, At) else expires
