"""Bugs planted in the protocol, or in how it is performed: each takes one rule away, and must be found."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from tests.model.setups import Setup
from tests.model.steps import LOST_ANSWER, NOW, REPLAY, STEPS, Rules, Step, guard, intend, note, read, stop
from tests.model.values import NONE, QUIET, Entry, Issuer, Outcome, Process, Row
from tests.model.world import SILENT, TWO, UNPROVOKED, World
from tokenflow.core.doubts import Said
from tokenflow.core.refresh import (
    Asked,
    Came,
    Do,
    End,
    Found,
    Guarded,
    Judged,
    News,
    Saved,
    Turn,
    Written,
    advance,
)


@attrs.frozen(kw_only=True)
class Plant:
    """A rule that is gone, and what its absence must break."""

    gone: str
    breaks: str
    setup: Setup
    changes: Mapping[str, Any] = attrs.field(factory=dict)

    def world(self) -> World:
        """Return the world without the rule."""
        return World(self.setup, **self.changes)


# The protocol's function, with a rule taken away.


def _instead(wrong: Callable[[Turn, News], Turn | None]) -> Mapping[str, Any]:
    def planted(turn: Turn, news: News) -> Turn:
        found = wrong(turn, news)
        return advance(turn, news) if found is None else found

    return {"advance": planted}


def _never_quiet(turn: Turn, news: News) -> Turn | None:
    if isinstance(news, Found) and news.intent is not None:
        return advance(turn, attrs.evolve(news, intent=attrs.evolve(news.intent, quiet_from=NOW)))
    return None


def _dead_is_alive(turn: Turn, news: News) -> Turn | None:
    return advance(turn, attrs.evolve(news, said=Said.ALIVE)) if isinstance(news, Asked) else None


def _not_durable(turn: Turn, news: News) -> Turn | None:
    return advance(turn, Written.DURABLE) if news is Written.FAILED else None


def _sent_again(turn: Turn, news: News) -> Turn | None:
    return turn if news is Came.NOTHING else None


def _gateways_no(turn: Turn, news: News) -> Turn | None:
    return attrs.evolve(turn, do=Do.NOTE, end=End.UNSENT) if news is Judged.UNCLEAR else None


def _halfway_is_unsent(turn: Turn, news: News) -> Turn | None:
    return advance(attrs.evolve(turn, halfway=False), news)


def _no_to_the_first(turn: Turn, news: News) -> Turn | None:
    return attrs.evolve(turn, do=Do.NOTE, end=End.REFUSED) if news is Judged.NO else None


def _to_the_last_moment(turn: Turn, news: News) -> Turn | None:
    return advance(attrs.evolve(turn, doubt=attrs.evolve(turn.doubt, lasts=0)), news)


def _asked_at_once(turn: Turn, news: News) -> Turn | None:
    then = advance(turn, news)
    asks_later = isinstance(news, Found) and then.end is End.LATER and then.until is None
    return attrs.evolve(turn, do=Do.ASK) if asks_later else then


def _saved_once(turn: Turn, news: News) -> Turn | None:
    return attrs.evolve(turn, do=Do.STOP, end=End.DOUBTFUL) if news is Saved.FAILED else None


# A step, performed without its care.


def _performed(do: Do, step: Step) -> Mapping[str, Any]:
    return {"steps": {**STEPS, do: step}}


def _not_read(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    q = rules.heard(p, Found(moved=False, intent=None, answered=False, now=NOW))
    yield Outcome("goes by what it knew", q._replace(secret=p.generation, fresh=True), row, issuer)


def _no_intent(
    rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool
) -> Iterator[Outcome]:
    yield Outcome("writes nothing down", rules.heard(p, Written.DURABLE), row, issuer)


def _no_guard(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    yield Outcome("looks at no clock", rules.heard(p, Guarded(safe=True)), row, issuer)


def _guard_from_intent(
    rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool
) -> Iterator[Outcome]:
    for outcome in intend(rules, p, row, issuer, left, free):
        yield outcome._replace(process=outcome.process._replace(late=0))


def _lock_only_guard(
    rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool
) -> Iterator[Outcome]:
    yield from guard(rules, p._replace(late=0), row, issuer, left, free)


def _by_lease(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    if p.lock:
        yield from STEPS[Do.SAVE](rules, p, row, issuer, left, free)
    else:
        yield Outcome("finds its lease over", rules.heard(p, Saved.OVERTAKEN), row, issuer)


def _clears_doubt(
    rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool
) -> Iterator[Outcome]:
    for outcome in note(rules, p, row, issuer, left, free):
        settled = outcome.row._replace(intent=None)
        unsent = rules.end(p) is End.UNSENT and outcome.wrote
        yield outcome._replace(row=settled, wrote=2) if unsent else outcome


def _forgets_when(
    rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool
) -> Iterator[Outcome]:
    for outcome in note(rules, p, row, issuer, left, free):
        intent = outcome.row.intent if outcome.wrote and p.answer != NONE else None
        since = intent and intent._replace(quiet=-intent.age)
        yield outcome._replace(row=outcome.row._replace(intent=since)) if since else outcome


def _anothers_note(
    rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool
) -> Iterator[Outcome]:
    for outcome in note(rules, p, row, issuer, left, free):
        anothers = not p.own and rules.end(p) is End.UNSENT
        yield outcome._replace(row=row._replace(intent=None), wrote=2) if anothers else outcome


def _zeroed_whatever(
    rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool
) -> Iterator[Outcome]:
    for outcome in stop(rules, p, row, issuer, left, free):
        yield outcome._replace(zeroed=True)


def _unheeded(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    for outcome in read(rules, p, row._replace(intent=None), issuer, NONE, free):
        yield outcome._replace(row=row)


def _lineage(*, spent: tuple[str, int], row: tuple[str, int], anothers: bool) -> bool:
    return row == spent


def _any(*, spent: tuple[str, int], row: tuple[str, int], anothers: bool) -> bool:
    return True


def _generation(*, spent: tuple[str, int], row: tuple[str, int], anothers: bool) -> bool:
    return row[1] == spent[1] and not anothers


def _unread(entry: Entry) -> int:
    return NONE


def _anothers_answer(entry: Entry) -> int:
    return entry.answer


PLANTS: Final = (
    Plant(gone="the lock", breaks=TWO, setup=Setup(), changes={"locks": False}),
    Plant(gone="the row is read again", breaks=REPLAY, setup=Setup(), changes=_performed(Do.READ, _not_read)),
    Plant(
        gone="the intent that was found",
        breaks=REPLAY,
        setup=Setup(crash=1),
        changes=_performed(Do.READ, _unheeded),
    ),
    Plant(gone="the intent", breaks=SILENT, setup=Setup(crash=1), changes=_performed(Do.INTEND, _no_intent)),
    Plant(
        gone="the intent is durable first",
        breaks=SILENT,
        setup=Setup(full=1),
        changes=_instead(_not_durable),
    ),
    Plant(gone="quiet", breaks=REPLAY, setup=Setup(crash=1), changes=_instead(_never_quiet)),
    Plant(gone="the probe is heeded", breaks=REPLAY, setup=Setup(crash=1), changes=_instead(_dead_is_alive)),
    Plant(
        gone="a repeat arrives within grace",
        breaks=REPLAY,
        setup=Setup(contract="grace", lost_answer="repeat", loss=1, crash=1),
        changes=_instead(_to_the_last_moment),
    ),
    Plant(
        gone="alive means unspent only after grace",
        breaks=REPLAY,
        setup=Setup(contract="grace", lost_answer="repeat", loss=1, crash=1),
        changes=_instead(_asked_at_once),
    ),
    Plant(gone="one send", breaks=REPLAY, setup=Setup(loss=1), changes=_instead(_sent_again)),
    Plant(gone="a 502 is no no", breaks=SILENT, setup=Setup(garble=1), changes=_instead(_gateways_no)),
    Plant(
        gone="halfway is not unsent",
        breaks=SILENT,
        setup=Setup(further=True, loss=1),
        changes=_instead(_halfway_is_unsent),
    ),
    Plant(
        gone="a no to the further request is none to the first",
        breaks=SILENT,
        setup=Setup(further=True, garble=1),
        changes=_instead(_no_to_the_first),
    ),
    Plant(
        gone="when the last try can have arrived is kept",
        breaks=REPLAY,
        setup=Setup(contract="grace", lost_answer="repeat", garble=1, loss=2),
        changes=_performed(Do.NOTE, _forgets_when),
    ),
    Plant(
        gone="a save is tried again", breaks=LOST_ANSWER, setup=Setup(save=1), changes=_instead(_saved_once)
    ),
    Plant(
        gone="the guard, one host",
        breaks=REPLAY,
        setup=Setup(crash=1, pause=1),
        changes=_performed(Do.GUARD, _no_guard),
    ),
    Plant(
        gone="the guard, a lease",
        breaks=REPLAY,
        setup=Setup(several=True, pause=1),
        changes=_performed(Do.GUARD, _no_guard),
    ),
    Plant(
        gone="the guard looks at the time too",
        breaks=REPLAY,
        setup=Setup(crash=1, pause=1),
        changes=_performed(Do.GUARD, _lock_only_guard),
    ),
    Plant(
        gone="the guard counts from the reading",
        breaks=REPLAY,
        setup=Setup(contract="grace", lost_answer="repeat", crash=1, pause=1),
        changes=_performed(Do.INTEND, _guard_from_intent),
    ),
    Plant(
        gone="lineage: by lease",
        breaks=LOST_ANSWER,
        setup=Setup(several=True, pause=1),
        changes=_performed(Do.SAVE, _by_lease),
    ),
    Plant(gone="lineage: blind", breaks=SILENT, setup=Setup(login=1), changes={"takes": _any}),
    Plant(gone="lineage: no id", breaks=SILENT, setup=Setup(login=1), changes={"takes": _generation}),
    Plant(
        gone="nobody else tries",
        breaks=SILENT,
        setup=Setup(contract="grace", lost_answer="repeat", several=True, pause=1),
        changes={"takes": _lineage},
    ),
    Plant(
        gone="a note leaves an earlier doubt",
        breaks=SILENT,
        setup=Setup(contract="grace", lost_answer="repeat", crash=1, loss=1),
        changes=_performed(Do.NOTE, _clears_doubt),
    ),
    Plant(
        gone="a note leaves another's attempt",
        breaks=SILENT,
        setup=Setup(several=True, pause=1),
        changes=_performed(Do.NOTE, _anothers_note),
    ),
    Plant(
        gone="a journal is kept until it is dealt with",
        breaks=UNPROVOKED,
        setup=Setup(further=True, loss=1),
        changes=_performed(Do.STOP, _zeroed_whatever),
    ),
    Plant(gone="the journal is read", breaks=UNPROVOKED, setup=Setup(crash=1), changes={"found": _unread}),
    Plant(
        gone="a journal is of one attempt",
        breaks=SILENT,
        setup=Setup(crash=1),
        changes={"found": _anothers_answer},
    ),
)

CONTROLS: Final = (
    Plant(gone="the bound on a message's life", breaks=REPLAY, setup=Setup(crash=1, wire=QUIET + 1)),
    Plant(gone="no pause after the guard", breaks=REPLAY, setup=Setup(crash=1, pause=1, gap=True)),
    Plant(
        gone="a strict contract is told as such", breaks=REPLAY, setup=Setup(crash=1, lost_answer="repeat")
    ),
)
"""What the protocol takes for granted: without it, no protocol holds."""
