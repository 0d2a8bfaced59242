"""How the modelled world performs each step that the protocol asks for: what may come of it.

A step is atomic, and says what it takes of the world's faults. It follows core/flows: the row is written
with the revision that was read, a note touches only the attempt it is about, a save goes by lineage.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, TypeAlias

from tests.model.issuers import lives, present
from tests.model.setups import FULL, GARBLE, JOURNAL, LOSS, SAVE, Setup
from tests.model.values import (
    ANSWERED,
    BUSY,
    GONE,
    HALF,
    LATEST,
    LOST,
    NO,
    NONE,
    QUIET,
    REFUSED,
    REPLAYED,
    TICK,
    UNCLEAR,
    USABLE,
    Entry,
    Intent,
    Issuer,
    Outcome,
    Process,
    Row,
)
from tokenflow.core import refresh
from tokenflow.core.doubts import Said
from tokenflow.core.refresh import (
    Asked,
    Came,
    Do,
    End,
    Found,
    Guarded,
    Judged,
    Kept,
    Locked,
    News,
    Noted,
    Saved,
    Written,
)

NOW: Final = 1000 * TICK
"""It is always now; what was and what will be is counted from here."""

REPLAY: Final = "a spent secret was presented beyond the contract"
LOST_ANSWER: Final = "an answer that arrived was dropped while its process lived"
NEEDLESS: Final = "a person has to log in though the contract spares it"


class Rules(Protocol):
    """What a step needs of the world."""

    @property
    def setup(self) -> Setup: ...
    @property
    def takes(self) -> Callable[..., bool]: ...
    def heard(self, process: Process, news: News) -> Process: ...
    def do(self, process: Process) -> Do: ...
    def end(self, process: Process) -> End | None: ...


Step: TypeAlias = Callable[[Rules, Process, Row, Issuer, int, bool], Iterator[Outcome]]
"""Of the rules, a process, its row and issuer, the answer in the journal, whether the lock is free."""


def lock(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Wait for the lock; who is not let in has changed nothing, and tries again.

    On several hosts a lease is one, which the intent is written with: until then nobody is kept out.
    """
    if free:
        q = rules.heard(p, Locked(mine=True))._replace(lock=not rules.setup.several)
        yield Outcome("takes the lock", q, row, issuer)


def read(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Read the row, and the journal that its intent names."""
    since = None if row.intent is None else refresh.Intent(since=_since(row), quiet_from=_quiet(row))
    moved = (row.life, row.generation) != (p.life, p.generation)
    q = rules.heard(p, Found(moved=moved, intent=since, answered=left != NONE, now=NOW))
    q = q._replace(secret=row.secret, fresh=True, late=0)
    if rules.do(q) is Do.JUDGE:
        yield Outcome("finds the answer", q._replace(own=True, answer=left), row, issuer)
    else:
        yield Outcome(f"reads secret {row.secret}", q, row, issuer, breach=needless(rules, q, row))


def ask(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Ask the issuer about the secret that would be spent."""
    said = Said.ALIVE if lives(rules.setup.contract, issuer, p.secret) else Said.DEAD
    heard = rules.heard(p, Asked(said=said, since=_since(row), now=NOW))._replace(late=0)
    breach = needless(rules, heard, row)
    yield Outcome(f"is told that {p.secret} is {said.value}", heard, row, issuer, breach=breach)
    later = rules.heard(p, Asked(said=Said.NOT_NOW, since=_since(row), now=NOW))
    yield Outcome("is told nothing just now", later, row, issuer, fault=LOSS)


def intend(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Write the intent on the revision that was read; a store that fails may have written it."""
    if not p.fresh:
        yield Outcome("finds the row written", rules.heard(p, Written.MOVED), row, issuer)
        return
    age = p.late if row.intent is None else row.intent.age
    begun = row._replace(intent=Intent(age, QUIET - p.late, prior=row.intent is not None))
    q = rules.heard(p, Written.DURABLE)._replace(own=True, lock=True)
    yield Outcome("writes its intent", q, begun, issuer, wrote=2)
    full = rules.heard(p, Written.FAILED)
    yield Outcome("cannot write its intent", full, row, issuer, fault=FULL)
    yield Outcome(
        "is told its intent failed, but it stands",
        full,
        begun,
        issuer,
        fault=FULL,
        wrote=2,
        blamed=rules.setup.unasked,
    )


def guard(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """See that the lock is held, and the decision is not older than SLACK; a lease is not looked at again."""
    safe = (p.lock or rules.setup.several) and p.late <= LATEST
    label = "is in time" if safe else "is too late, or has lost the lock"
    yield Outcome(label, rules.heard(p, Guarded(safe=safe))._replace(late=0), row, issuer)


def send(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Put the request on the wire, or hear what came of it."""
    if p.wire == 0:
        yield Outcome(f"sends {p.secret}", p._replace(wire=rules.setup.wire), row, issuer)
        unsent = rules.heard(p, Came.UNSENT)
        yield Outcome("cannot reach the issuer", unsent, row, issuer, fault=LOSS)
    elif p.wire == ANSWERED:
        yield Outcome("hears the answer", rules.heard(p, Came.ANSWER)._replace(wire=0), row, issuer)
        lost = silence(rules, p)._replace(answer=NONE)
        yield Outcome("never hears the answer", lost, row, issuer, fault=LOSS, blamed=True)
    elif p.wire == GONE:
        yield Outcome("waits in vain", silence(rules, p), row, issuer, blamed=rules.setup.unasked)
    else:
        gone = silence(rules, p)
        yield Outcome(
            "gives up, its request still out", gone, row, issuer, fault=LOSS, message=out(p), blamed=True
        )


def silence(rules: Rules, p: Process) -> Process:
    """Return the process after its deadline, with no answer."""
    return rules.heard(p, Came.NOTHING)._replace(wire=0)


def carried_out(rules: Rules, p: Process, row: Row, issuer: Issuer) -> Iterator[Outcome]:
    """Have the issuer take a request that is on the wire; what comes back may be a gateway's word."""
    if p.answer >= HALF:
        full = p._replace(wire=ANSWERED, answer=p.answer - HALF)
        yield Outcome("the issuer answers in full", full, row, issuer)
        for word, status in ((UNCLEAR, 502), (BUSY, 503)):
            lost = p._replace(wire=ANSWERED, answer=word)
            yield Outcome(f"the further answer is a {status}", lost, row, issuer, fault=GARBLE, blamed=True)
        return
    after, answer = present(rules.setup.contract, issuer, p.secret, rules.setup.grace)
    half = HALF if rules.setup.further and answer >= 0 else 0
    breach = REPLAY if after.family == REPLAYED != issuer.family else None
    told = "no" if answer == NO else f"secret {answer}"
    yield Outcome(
        f"the issuer takes {p.secret} and answers {told}",
        p._replace(wire=ANSWERED, answer=answer + half),
        row,
        after,
        breach=breach,
    )
    garbled = p._replace(wire=ANSWERED, answer=UNCLEAR)
    yield Outcome(
        "the issuer takes it, and a gateway answers 502", garbled, row, after, fault=GARBLE, blamed=True
    )
    yield Outcome("a gateway answers 502, and nobody takes it", garbled, row, issuer, fault=GARBLE)
    busy = p._replace(wire=ANSWERED, answer=BUSY)
    yield Outcome("the issuer answers 503, and does not take it", busy, row, issuer, fault=GARBLE)


def keep(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Put the answer into the journal, named by the attempt."""
    entries = tuple(
        Entry(p.answer, p.own) if token == p.token else entry for token, entry in enumerate(p.journal)
    )
    kept = rules.heard(p, Kept(well=True))._replace(journal=entries)
    yield Outcome("journals the answer", kept, row, issuer)
    bad = rules.heard(p, Kept(well=False))
    yield Outcome("cannot journal the answer", bad, row, issuer, fault=JOURNAL)


def judge(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Read the answer."""
    word = {NO: Judged.NO, BUSY: Judged.NO, UNCLEAR: Judged.UNCLEAR}.get(
        p.answer, Judged.FURTHER if p.answer >= HALF else Judged.VALUE
    )
    yield Outcome(f"reads {word.value}", rules.heard(p, word), row, issuer)


def save(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Save by lineage; a store that fails may have saved it, and is tried again after a while."""
    again = rules.heard(p, Saved.FAILED)._replace(sleeps=1)
    yield Outcome("cannot save", again, row, issuer, fault=SAVE)
    anothers = row.intent is not None and not p.own
    spent, held = (str(p.life), p.generation), (str(row.life), row.generation)
    if rules.takes(spent=spent, row=held, anothers=anothers):
        new = Row(row.life, row.generation + 1, p.answer, USABLE, None)
        done = rules.heard(p, Saved.DONE)._replace(own=False)
        yield Outcome(f"saves {p.answer}", done, new, issuer, wrote=2)
        twice = again._replace(own=False)
        yield Outcome("is told its save failed, but it stands", twice, new, issuer, fault=SAVE, wrote=2)
    else:
        gives_way = anothers and rules.setup.overtakes
        overtaken = rules.heard(p, Saved.OVERTAKEN)
        yield Outcome("finds the row taken", overtaken, row, issuer, blamed=gives_way)


def note(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Note what failed, on the attempt it is about and no other.

    Where the store fails the errand ends: the intent stays on record, and the answer in the journal.
    """
    if (row.life, row.generation) != (p.life, p.generation):
        yield Outcome("finds the row taken", rules.heard(p, Noted.OVERTAKEN), row, issuer)
        return
    q = rules.heard(p, Noted.DONE)
    if p.own and row.intent is not None:
        noted = noted_on(row, row.intent, rules.end(p), p.answer)
        wrote = 1 if noted.intent else 2
        lost = rules.end(p) is End.HALFWAY and (unresolved(p) or rules.setup.overtakes)
        yield Outcome(f"notes: {_meant(rules.end(p))}", q, noted, issuer, wrote=wrote, blamed=lost)
        blamed = rules.setup.unasked
        yield Outcome("cannot note it", idle(p), row, issuer, fault=SAVE, blamed=blamed)
        label = "is told its note failed, but it stands"
        yield Outcome(label, idle(p), noted, issuer, fault=SAVE, wrote=wrote, blamed=blamed)
    else:
        gives_way = rules.setup.overtakes and p.answer != NONE
        yield Outcome("leaves another's attempt alone", q, row, issuer, blamed=gives_way)


def noted_on(row: Row, intent: Intent, end: End | None, answer: int) -> Row:
    """Return the row after a failure: only a definite no settles every doubt."""
    if end is End.REFUSED and answer != BUSY:
        return row._replace(intent=None, status=REFUSED)
    if end in (End.UNSENT, End.REFUSED) and not intent.prior:
        return row._replace(intent=None, status=USABLE)
    return row


def stop(rules: Rules, p: Process, row: Row, issuer: Issuer, left: int, free: bool) -> Iterator[Outcome]:
    """Say what is known, zero the journal of what is dealt with, and let go of the lock."""
    end = rules.end(p)
    dealt = p.own and end in (End.SAVED, End.REFUSED, End.DOUBTFUL, End.MOVED)
    given_up = end is End.NEVER and p.fresh and row.intent is not None and row.status == USABLE
    after = row._replace(status=LOST) if given_up else row
    yield Outcome(f"lets go: {_meant(end)}", idle(p), after, issuer, wrote=int(given_up), zeroed=dealt)


def idle(p: Process) -> Process:
    """Return a process with nothing in hand: only its journal is left."""
    return Process(0, 0, 0, 0, 0, False, False, 0, 0, 0, NONE, False, p.journal)


def needless(rules: Rules, p: Process, row: Row) -> str | None:
    """Return what is broken where a login is asked for though the contract makes a lost answer good."""
    contract, within = rules.setup.contract, row.intent is not None and row.intent.age < rules.setup.repeats
    spared = contract in ("none", "idempotent") or (contract == "grace" and within)
    return NEEDLESS if spared and rules.end(p) is End.NEVER else None


def dropped(rules: Rules, p: Process, outcome: Outcome) -> str | None:
    """Return what is broken where a value in hand is given up though its row still waits for it."""
    row = outcome.row
    waits = (row.life, row.generation) == (p.life, p.generation) and (row.intent is None or p.own)
    gives_up = rules.do(p) is Do.SAVE and rules.do(outcome.process) not in (Do.SAVE, Do.GUARD)
    return LOST_ANSWER if waits and gives_up else None


def out(p: Process) -> int:
    """Return how many ticks a request may still take that would spend something: a further one does not."""
    return p.wire if p.wire > 0 and p.answer < HALF else 0


def unresolved(p: Process) -> bool:
    """Whether an answer dies with this process, or may."""
    entry = p.journal[p.token]
    return p.wire != 0 or (p.answer != NONE and entry.answer != p.answer)


def _since(row: Row) -> int:
    return NOW - (row.intent.age if row.intent else 0) * TICK


def _quiet(row: Row) -> int:
    return NOW + (row.intent.quiet if row.intent else 0) * TICK


def _meant(end: End | None) -> str:
    return "nothing" if end is None else end.value


STEPS: Final[Mapping[Do, Step]] = {
    Do.LOCK: lock,
    Do.READ: read,
    Do.ASK: ask,
    Do.INTEND: intend,
    Do.GUARD: guard,
    Do.SEND: send,
    Do.KEEP: keep,
    Do.JUDGE: judge,
    Do.SAVE: save,
    Do.NOTE: note,
    Do.STOP: stop,
}
