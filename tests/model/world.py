"""The world around the protocol: processes that take turns, and all that can go wrong between two steps.

What one process can do next depends on itself, its token, the lock and the journal alone. So the world says
it in parts, each a function of few values; `explore` works each out once and puts them together.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from tests.model.issuers import lasts, present
from tests.model.setups import CRASH, LOGIN, PAUSE, WITHDRAW, Setup
from tests.model.steps import REPLAY, STEPS, Step, carried_out, dropped, idle, out, silence, unresolved
from tests.model.values import (
    ALIVE,
    EMPTY,
    FAMILY,
    GONE,
    HALF,
    LATEST,
    NONE,
    REFUSED,
    REPLAYED,
    USABLE,
    WITHDRAWN,
    Entry,
    Issuer,
    Outcome,
    Process,
    Rest,
    Row,
    State,
    Thing,
)
from tokenflow.core.refresh import Do, End, News, Turn, advance, takes

SILENT: Final = "a token is dead, and its row says that all is well"
TWO: Final = "two attempts are under way at once on one host"
STUCK: Final = "a run has come to a halt that is no end"
ENDLESS: Final = "a run can come to no end any more"
UNPROVOKED: Final = "a person has to log in though no answer can have been lost"

_DECIDED: Final = frozenset({Do.ASK, Do.INTEND, Do.GUARD})
_AT_WORK: Final = frozenset({Do.GUARD, Do.SEND, Do.KEEP, Do.JUDGE, Do.SAVE, Do.NOTE})
_NOBODY: Final = Process(0, 0, 0, 0, 0, False, False, 0, 0, 0, NONE, False, ())


def named(entry: Entry) -> int:
    """Return the answer in a journal that belongs to the intent on record; NONE: there is none."""
    return entry.answer if entry.named else NONE


@attrs.define(eq=False)
class World:
    """A setup with the rules that hold in it: the product's, or with one of them taken away."""

    setup: Setup
    advance: Callable[[Turn, News], Turn] = advance
    takes: Callable[..., bool] = takes
    steps: Mapping[Do, Step] = STEPS
    found: Callable[[Entry], int] = named
    locks: bool = True
    _turns: list[Turn] = attrs.field(init=False, factory=list)
    _numbers: dict[Turn, int] = attrs.field(init=False, factory=dict)
    _next: dict[tuple[int, News], int] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._number(Turn(doubt=self.setup.doubt, do=Do.STOP, end=End.BUSY))  # 0: no turn
        self._number(Turn(doubt=self.setup.doubt))

    def initial(self) -> State:
        """Return the world before anything has happened."""
        tokens = self.setup.tokens
        thing = Thing(Row(0, 0, 0, USABLE, None), Issuer(0, -1, 0, ALIVE))
        process = _NOBODY._replace(journal=(EMPTY,) * tokens)
        return State(Rest((), self.setup.faults, False), (thing,) * tokens, (process,) * self.setup.processes)

    # What the steps ask.

    def heard(self, process: Process, news: News) -> Process:
        """Return the process after *news*, as the product's own function has it."""
        key = (process.turn, news)
        number = self._next.get(key)
        if number is None:
            number = self._next[key] = self._number(self.advance(self._turns[process.turn], news))
        return process._replace(turn=number)

    def do(self, process: Process) -> Do:
        """Return the step that is next."""
        return self._turns[process.turn].do

    def end(self, process: Process) -> End | None:
        """Return how its turn ends."""
        return self._turns[process.turn].end

    def _number(self, turn: Turn) -> int:
        number = self._numbers.setdefault(turn, len(self._turns))
        if number == len(self._turns):
            self._turns.append(turn)
        return number

    # What a process can do, or suffer.

    def moves(self, p: Process, thing: Thing, left: int, free: bool) -> Iterator[Outcome]:
        """Yield what can come next of *p*: *left* is the answer in the journal, *free* its token's lock."""
        row, issuer = thing
        if p.turn == 0:
            due = row.generation < self.setup.goal and row.status != REFUSED
            if due and (row.status == USABLE or left != NONE):
                begun = p._replace(turn=1, life=row.life, generation=row.generation)
                yield Outcome("finds it due", begun, row, issuer)
            return
        if p.wire > 0:
            yield from carried_out(self, p, row, issuer)
        if p.sleeps:
            yield Outcome("goes on", p._replace(sleeps=0), row, issuer)
            if p.sleeps == 2 and p.wire and p.wire != GONE:
                yield Outcome(
                    "wakes after its deadline",
                    silence(self, p)._replace(sleeps=0, answer=NONE),
                    row,
                    issuer,
                    message=out(p),
                    blamed=True,
                )
        else:
            for outcome in self.steps[self.do(p)](self, p, row, issuer, left, free or not self.locks):
                yield outcome._replace(breach=outcome.breach or dropped(self, p, outcome))
            if self._pausable(p):
                yield Outcome("is paused", p._replace(sleeps=2), row, issuer, fault=PAUSE)
        dead = idle(p)._replace(lock=p.lock and self.setup.several)
        orphaned = self.setup.overtakes and p.answer != NONE  # in a journal that no repeat elsewhere can read
        blamed = unresolved(p) or orphaned or (self.setup.unasked and p.own)
        yield Outcome("is killed", dead, row, issuer, fault=CRASH, message=out(p), blamed=blamed)

    def _pausable(self, p: Process) -> bool:
        do = self.do(p)
        return do is not Do.LOCK and (do is not Do.SEND or p.wire != 0 or self.setup.gap)

    # What nobody does: messages, time, and the person.

    def arrivals(self, rest: Rest) -> Iterator[tuple[int, int, Rest]]:
        """Yield each request that may reach its issuer though its sender is gone: token, secret, the rest."""
        for index, (token, secret, _) in enumerate(rest.messages):
            fewer = (*rest.messages[:index], *rest.messages[index + 1 :])
            yield token, secret, rest._replace(messages=fewer)

    def reached(self, thing: Thing, secret: int) -> tuple[Thing, str | None]:
        """Return a token after a late *secret* has reached its issuer, and what that breaks."""
        after, _ = present(self.setup.contract, thing.issuer, secret, self.setup.grace)
        breach = REPLAY if after.family == REPLAYED != thing.issuer.family else None
        return thing._replace(issuer=after), breach

    def waits(self, p: Process) -> bool:
        """Whether time can pass for *p*: its own steps take none."""
        return p.turn == 0 or p.sleeps > 0 or self.do(p) is Do.LOCK

    def later(self, rest: Rest) -> Rest:
        """Return what a tick leaves of messages."""
        messages = tuple((token, secret, ticks - 1) for token, secret, ticks in rest.messages if ticks > 1)
        return rest._replace(messages=messages)

    def older(self, thing: Thing) -> Thing:
        """Return a token a tick later."""
        row, issuer = thing
        until, over = (self.setup.repeats, -self.setup.grace) if self.setup.contract == "grace" else (0, 0)
        if row.intent is not None:
            age, quiet, _ = row.intent
            intent = row.intent._replace(age=min(age + 1, until), quiet=max(quiet - 1, over))
            row = row._replace(intent=intent)
        return Thing(row, issuer._replace(window=max(issuer.window - 1, 0)))

    def slept(self, p: Process) -> Process:
        """Return a process a tick later; the lease of one that is dead or paused has run out."""
        if p.turn == 0 or self.do(p) is Do.LOCK:
            return p._replace(lock=False)
        held = p.lock and not (self.setup.several and p.sleeps == 2)
        wire = p.wire if p.wire <= 0 else p.wire - 1 or GONE
        counts = self.do(p) in _DECIDED and p.answer < HALF
        return p._replace(late=min(p.late + 1, LATEST + 1) if counts else 0, lock=held, wire=wire)

    def person(self, rest: Rest, thing: Thing) -> Iterator[tuple[str, Rest, Thing, int]]:
        """Yield what the person may do: what, what is left, the token after it, how its row is written."""
        if rest.faults[WITHDRAW] and thing.issuer.family == ALIVE:
            gone = thing._replace(issuer=thing.issuer._replace(family=WITHDRAWN))
            yield "the person withdraws consent", spent(rest, WITHDRAW), gone, 0
        if rest.faults[LOGIN]:
            life = thing.row.life + 1
            secret = FAMILY * life
            new = Thing(Row(life, 0, secret, USABLE, None), Issuer(secret, -1, 0, ALIVE))
            yield "the person logs in anew", spent(rest, LOGIN), new, 2

    # What must hold.

    def silent(self, thing: Thing) -> bool:
        """Whether a row calls a token good, and not in doubt, that is dead without the person's doing."""
        row, issuer = thing
        if row.status != USABLE or row.intent is not None or issuer.family == WITHDRAWN:
            return False
        return not lasts(self.setup.contract, issuer, row.secret)

    def at_work(self, p: Process) -> bool:
        """Whether an attempt of *p*'s is under way."""
        return p.turn > 0 and self.do(p) in _AT_WORK

    def settled(self, thing: Thing) -> bool:
        """Whether nothing more is to be done about a token, unless an answer to it is in a journal."""
        return thing.row.generation == self.setup.goal or thing.row.status != USABLE


def charged(rest: Rest, token: int, secret: int, fault: int, message: int, blamed: bool) -> Rest | None:
    """Return the rest after a step and what it took; None when its fault may happen no more."""
    if fault >= 0:
        if not rest.faults[fault]:
            return None
        rest = spent(rest, fault)
    if message:
        rest = rest._replace(messages=tuple(sorted((*rest.messages, (token, secret, message)))))
    return rest._replace(blamed=rest.blamed or blamed)


def spent(rest: Rest, fault: int) -> Rest:
    """Return the rest after a fault has happened."""
    faults = rest.faults
    return rest._replace(faults=(*faults[:fault], faults[fault] - 1, *faults[fault + 1 :]))


def rippled(p: Process, token: int, wrote: int, zeroed: bool, mine: bool) -> Process:
    """Return a process after the row of *token* was written, or its journal zeroed, by itself or another."""
    entry = p.journal[token]
    if entry.named and (zeroed or wrote == 2):
        kept = EMPTY if zeroed else Entry(entry.answer, False)
        p = p._replace(journal=(*p.journal[:token], kept, *p.journal[token + 1 :]))
    if mine or p.turn == 0 or p.token != token:
        return p
    return p._replace(fresh=p.fresh and not wrote, own=p.own and wrote != 2)
