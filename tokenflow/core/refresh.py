"""The refresh protocol: what may be done next about a token whose value is to be replaced. Pure.

A refresh token that is good once must be presented once, and its answer is the only copy of what comes
next. So every exchange that brings a value goes through these steps, whoever performs them: a flow of
either engine, over any store. `advance` is the whole of it; the model checker under tests/ explores it
with crashes, pauses, lost and late messages, and a flow cannot send, keep or save unless it says so.

    LOCK ──▶ READ ──▶ INTEND ──▶ GUARD ──▶ SEND ──▶ KEEP ──▶ JUDGE ──▶ SAVE ──▶ STOP
      │        │ ╲       │         │         │                 │ │       ▲ │
      │        │  ╲ in   │         │         │ nothing came    │ │ more  │ │ failed: again,
      │        │   ╲doubt│         │         ▼                 │ └─▶GUARD│ │ for ever
      │        │    ▼    │         └──────▶ NOTE ◀─────────────┘         └─┘
      │        │   ASK ──┤ alive                │        a no
      ▼        ▼    ▼    ▼                      ▼
    STOP: busy, moved, later, never, unwritten, unsent, halfway, refused, doubtful, saved

1 the lock dies with its holder; 2 the row is read again under it; 3 the intent is durable before anything is
sent, which also proves that the disk is writable; 4 what outlived its time is not sent; 5 an answer is
durable before it is read, and saved by lineage; 6 a no is definite or it is none; 7 what is in doubt is
quiet before it is asked about, and asked about before it is repeated; 8 an answer that another request
belongs to stays in the journal until that one is answered too (security.md §3.1).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeAlias

import attrs

from tokenflow.core.doubts import Doubt, Said, Verdict, resolve
from tokenflow.core.tokens import Instant


class Do(Enum):
    """What is to be done next."""

    LOCK = "take the token's lock"
    READ = "read the row again, under the lock"
    ASK = "ask the issuer whether what would be spent is alive"
    INTEND = "write the intent down"
    GUARD = "see that the lock is held and time is left"
    SEND = "send, once"
    KEEP = "put the answer into the journal"
    JUDGE = "read the answer"
    SAVE = "save value, state and history in one transaction"
    NOTE = "note what failed"
    STOP = "let go of the lock"


class End(Enum):
    """How it ended. Only `saved` brought a value; after `never` nothing more is ever sent."""

    BUSY = "another holds the lock"
    MOVED = "somebody was first: use what they brought"
    LATER = "what became of the last try is not known yet"
    NEVER = "what became of the last try will not be known"
    UNWRITTEN = "the intent could not be written: nothing was sent"
    UNSENT = "nothing was sent"
    HALFWAY = "an answer is in the journal, and the request that belongs to it is not answered"
    REFUSED = "the issuer said no"
    DOUBTFUL = "it may have been carried out"
    SAVED = "the new value is durable"


@attrs.frozen(kw_only=True)
class Turn:
    """One go at a token's next value, and how far it has come."""

    doubt: Doubt
    """The command's contract; its `since` is of no account before an intent is found."""
    do: Do = Do.LOCK
    end: End | None = None
    """Set with STOP."""
    halfway: bool = False
    """An answer came that another request belongs to: what failed since has spent what is held."""
    until: Instant | None = None
    """With LATER: not before then; None: when it is tried again anyway."""


@attrs.frozen(kw_only=True)
class Intent:
    """A try on record that was begun and is not settled."""

    since: Instant
    """When the first request in doubt was sent."""
    quiet_from: Instant
    """From then on its request can arrive no more."""


# What is heard of the step that was done.


@attrs.frozen
class Locked:
    """Whether the lock is ours."""

    mine: bool


@attrs.frozen(kw_only=True)
class Found:
    """What stands in the row, and in the journal of whoever wrote its intent."""

    moved: bool
    """It is not the row that was decided on."""
    intent: Intent | None
    answered: bool
    """The journal holds the answer to the intent."""
    now: Instant


@attrs.frozen(kw_only=True)
class Asked:
    """What the issuer said of the token that would be spent."""

    said: Said
    since: Instant
    now: Instant


class Written(Enum):
    """What became of the intent."""

    DURABLE = "durable"
    MOVED = "moved"
    FAILED = "failed"


@attrs.frozen
class Guarded:
    """Whether the lock is still held, and its time left enough for a whole exchange."""

    safe: bool


class Came(Enum):
    """What came of sending."""

    ANSWER = "answer"
    NOTHING = "nothing"
    UNSENT = "unsent"
    """It certainly never left."""


@attrs.frozen
class Kept:
    """Whether the answer is in the journal; in hand it is in any case."""

    well: bool


class Judged(Enum):
    """What the answer is."""

    VALUE = "value"
    NO = "no"
    UNCLEAR = "unclear"
    """It is none, or another's: something behind the request did act."""
    FURTHER = "further"
    """Another request belongs to it."""


class Saved(Enum):
    """What became of the save."""

    DONE = "done"
    OVERTAKEN = "overtaken"
    FAILED = "failed"


class Noted(Enum):
    """What became of the note."""

    DONE = "done"
    """It stands in the row, as far as the store let it."""
    OVERTAKEN = "overtaken"


News: TypeAlias = Locked | Found | Asked | Written | Guarded | Came | Kept | Judged | Saved | Noted


class OutOfTurn(AssertionError):
    """A step was done that was not next: going on could spend a token twice."""


_STEPS: Final[Mapping[tuple[Do, News], tuple[Do, End | None]]] = {
    (Do.LOCK, Locked(mine=True)): (Do.READ, None),
    (Do.LOCK, Locked(mine=False)): (Do.STOP, End.BUSY),
    (Do.INTEND, Written.DURABLE): (Do.GUARD, None),
    (Do.INTEND, Written.MOVED): (Do.STOP, End.MOVED),
    (Do.INTEND, Written.FAILED): (Do.STOP, End.UNWRITTEN),
    (Do.GUARD, Guarded(safe=True)): (Do.SEND, None),
    (Do.GUARD, Guarded(safe=False)): (Do.NOTE, End.UNSENT),
    (Do.SEND, Came.ANSWER): (Do.KEEP, None),
    (Do.SEND, Came.NOTHING): (Do.NOTE, End.DOUBTFUL),
    (Do.SEND, Came.UNSENT): (Do.NOTE, End.UNSENT),
    (Do.KEEP, Kept(well=True)): (Do.JUDGE, None),
    (Do.KEEP, Kept(well=False)): (Do.JUDGE, None),
    (Do.JUDGE, Judged.VALUE): (Do.SAVE, None),
    (Do.JUDGE, Judged.NO): (Do.NOTE, End.REFUSED),
    (Do.JUDGE, Judged.UNCLEAR): (Do.NOTE, End.DOUBTFUL),
    (Do.SAVE, Saved.DONE): (Do.STOP, End.SAVED),
    (Do.SAVE, Saved.OVERTAKEN): (Do.STOP, End.MOVED),
    (Do.SAVE, Saved.FAILED): (Do.SAVE, None),
    (Do.NOTE, Noted.OVERTAKEN): (Do.STOP, End.MOVED),
}
"""The drawing above, but for what the row and the issuer say."""


def advance(turn: Turn, news: News) -> Turn:
    """Return the turn after *news* of the step it asked for; raises OutOfTurn for any other."""
    match turn.do, news:
        case Do.READ, Found():
            return _found(turn, news)
        case Do.ASK, Asked(said=said, since=since, now=now):
            return _resolved(turn, resolve(attrs.evolve(turn.doubt, since=since), now, said))
        case Do.JUDGE, Judged.FURTHER:
            return attrs.evolve(turn, do=Do.GUARD, halfway=True)
        case (Do.GUARD, Guarded(safe=False)) | (Do.SEND, Came.NOTHING | Came.UNSENT) if turn.halfway:
            return attrs.evolve(turn, do=Do.NOTE, end=End.HALFWAY)
        case Do.JUDGE, Judged.NO if turn.halfway:  # to the further request: the first one was carried out
            return attrs.evolve(turn, do=Do.NOTE, end=End.DOUBTFUL)
        case Do.NOTE, Noted.DONE:
            return attrs.evolve(turn, do=Do.STOP)
        case step if step in _STEPS:
            do, end = _STEPS[step]
            return attrs.evolve(turn, do=do, end=end)
    raise OutOfTurn(f"{news} is no news of {turn.do.name}")


def _found(turn: Turn, found: Found) -> Turn:
    if found.moved:
        return _stopped(turn, End.MOVED)
    if found.intent is None:
        return attrs.evolve(turn, do=Do.INTEND)
    if found.answered:
        return attrs.evolve(turn, do=Do.JUDGE)
    if not turn.doubt.harmless and found.now < found.intent.quiet_from:
        return _stopped(turn, End.LATER, found.intent.quiet_from)
    doubt = attrs.evolve(turn.doubt, since=found.intent.since, last=found.intent.quiet_from)
    return _resolved(turn, resolve(doubt, found.now))


def _resolved(turn: Turn, verdict: Verdict) -> Turn:
    match verdict:
        case Verdict.REPEAT:
            return attrs.evolve(turn, do=Do.INTEND)
        case Verdict.ASK:
            return attrs.evolve(turn, do=Do.ASK)
        case Verdict.LATER:
            return _stopped(turn, End.LATER)
    return _stopped(turn, End.NEVER)


def _stopped(turn: Turn, end: End, until: Instant | None = None) -> Turn:
    return attrs.evolve(turn, do=Do.STOP, end=end, until=until)


def takes(*, spent: tuple[str, int], row: tuple[str, int], anothers: bool) -> bool:
    """Return whether a row takes the answer to what was *spent*: it still holds that, and nobody else tries.

    Both are (id, generation). Not the revision: others may have noted things meanwhile, and even called the
    token lost, which a late answer heals (lineage). *anothers*: an attempt of another's is on record there,
    under way or in doubt.
    """
    return row == spent and not anothers


class Protocol:
    """A turn in the hands of whoever performs it."""

    __slots__ = ("turn",)

    def __init__(self, doubt: Doubt) -> None:
        """*doubt* is what the command and its issuer's contract say of a try in doubt."""
        self.turn = Turn(doubt=doubt)

    def hears(self, news: News) -> Do:
        """Take *news* of the step that was next, and return the one that is; raises OutOfTurn."""
        self.turn = advance(self.turn, news)
        return self.turn.do
