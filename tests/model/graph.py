"""A world as a graph of numbers: each value has one, a state is a few, no step is worked out twice."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from tests.model.values import LOST, NONE, WITHDRAWN, Process, Rest, State, Thing
from tests.model.world import SILENT, TWO, UNPROVOKED, World, charged, rippled

V = TypeVar("V", bound=Hashable)
R = TypeVar("R")

Numbers = tuple[int, ...]
"""A state: its rest, its tokens, its processes."""
Step = tuple[str, int, Numbers, str | None]
"""What happens, by whom (-1: nobody), the state after, what it breaks."""
Ripple = tuple[int, int, bool]
"""A token, how its row was written (0 to 2), whether its journal was zeroed."""
Move = tuple[str, int, int, int, Ripple | None, str | None]
"""What happens, the process and the token after it, its charge, its ripple, what it breaks."""


class Numbered(Generic[V]):
    """Values in the order they were met, and the number of each."""

    def __init__(self, *values: V) -> None:
        self.values: list[V] = []
        self._numbers: dict[V, int] = {}
        for value in values:
            self(value)

    def __call__(self, value: V) -> int:
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


class Known(dict[Any, R]):
    """What was worked out, by what it was worked out of."""

    def __init__(self, work_out: Callable[..., R]) -> None:
        self._work_out = work_out

    def __missing__(self, key: Any) -> R:
        found = self[key] = self._work_out(key)
        return found


class Trait(NamedTuple):
    """What is asked of a process again and again."""

    lock: bool
    tokens: tuple[int, ...]
    """What it is at, or may begin with."""
    left: tuple[int, ...]
    """The answers its journal holds to the intents on record."""
    waits: bool
    works: int
    """The token an attempt of its is under way for; -1: none."""


class Graph:
    """The states of a world, and what leads from one to the next."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._tokens = tuple(range(world.setup.tokens))
        self._first = 1 + len(self._tokens)
        self._several = world.setup.several
        self._persons_act = bool(world.setup.withdraw or world.setup.login)
        self._rests: Numbered[Rest] = Numbered()
        self._things: Numbered[Thing] = Numbered()
        self._processes: Numbered[Process] = Numbered()
        self._charges: Numbered[tuple[int, int, int, int, bool] | None] = Numbered(None)
        self._traits = Known(self._trait)
        self._moves = Known(self._moved)
        self._charged = Known(self._charge)
        self._rippled = Known(self._ripple)
        self._arrivals = Known(self._arrived)
        self._reached = Known(self._reach)
        self._person = Known(self._persons)
        self._later = Known(lambda rest: self._rests(world.later(self._rests.values[rest])))
        self._older = Known(lambda thing: self._things(world.older(self._things.values[thing])))
        self._slept = Known(lambda p: self._processes(world.slept(self._processes.values[p])))
        self._wrong = Known(self._judged)

    def start(self) -> Numbers:
        """Return the state before anything has happened."""
        rest, things, processes = self.world.initial()
        return (self._rests(rest), *map(self._things, things), *map(self._processes, processes))

    def state(self, state: Numbers) -> State:
        """Return what the numbers of *state* stand for."""
        return State(
            self._rests.values[state[0]],
            tuple(self._things.values[one] for one in state[1 : self._first]),
            tuple(self._processes.values[one] for one in state[self._first :]),
        )

    def in_order(self, state: Numbers) -> Numbers:
        """Return the state that stands for all that differ only in which process is which."""
        return state[: self._first] + tuple(sorted(state[self._first :]))

    def successors(self, state: Numbers, *, named: bool = False) -> Iterator[Step]:
        """Yield all that can happen next.

        States that differ only in which process is which are one, with the processes in order; *named*: each
        process keeps its place, as a trace wants it.
        """
        first, known, rests = self._first, self._traits, self._charged
        moves, ripples = self._moves, self._rippled
        rest, things, processes = state[0], state[1:first], state[first:]
        traits = [known[p] for p in processes]
        free = not any(trait.lock for trait in traits)
        for at, p in enumerate(processes):
            for token in traits[at].tokens:
                left = self._left(traits, at, token)
                for label, q, thing, charge, ripple, breach in moves[p, token, things[token], left, free]:
                    now = rests[rest, charge] if charge else rest
                    if now < 0:
                        continue
                    after = list(processes) if ripple is None else [ripples[one, ripple] for one in processes]
                    after[at] = q
                    if not named:
                        after.sort()
                    yield label, at, (now, *things[:token], thing, *things[token + 1 :], *after), breach
        for label, (now, *others), breach in self._around(state, traits):
            after = others[first - 1 :]
            if not named:
                after.sort()
            yield label, -1, (now, *others[: first - 1], *after), breach

    def _around(self, state: Numbers, traits: list[Trait]) -> Iterator[tuple[str, Numbers, str | None]]:
        rest, things, processes = state[0], state[1 : self._first], state[self._first :]
        for token, secret, fewer in self._arrivals[rest]:
            thing, breach = self._reached[things[token], secret]
            after = (fewer, *things[:token], thing, *things[token + 1 :], *processes)
            yield f"late {secret} reaches the issuer", after, breach
        if all(trait.waits for trait in traits):
            older, slept = [self._older[thing] for thing in things], [self._slept[p] for p in processes]
            yield "time passes", (self._later[rest], *older, *slept), None
        for token in self._tokens if self._persons_act else ():
            for label, now, thing, ripple in self._person[rest, token, things[token]]:
                others = [self._rippled[p, ripple] for p in processes]
                yield label, (now, *things[:token], thing, *things[token + 1 :], *others), None

    def broken(self, state: Numbers) -> str | None:
        """Return the property that does not hold in *state*."""
        for thing in state[1 : self._first]:
            wrong = self._wrong[state[0], thing]
            if wrong == SILENT or (wrong == UNPROVOKED and self.rests(state)):
                return wrong
        if self._several:
            return None
        works = [works for works in [self._traits[p].works for p in state[self._first :]] if works >= 0]
        return TWO if len(works) != len(set(works)) else None

    def rests(self, state: Numbers) -> bool:
        """Whether *state* is an end: nobody is at it, and every token is there or needs a person."""
        things, processes = state[1 : self._first], state[self._first :]
        if any(self._processes.values[p].turn for p in processes):
            return False
        traits = [self._traits[p] for p in processes]
        return all(
            self.world.settled(self._things.values[thing])
            and (
                self._things.values[thing].row.status != LOST
                or all(self._left(traits, at, token) == NONE for at in range(len(traits)))
            )
            for token, thing in enumerate(things)
        )

    def _left(self, traits: list[Trait], at: int, token: int) -> int:
        if self._several:
            return traits[at].left[token]
        return max([trait.left[token] for trait in traits])

    # What is worked out once.

    def _trait(self, p: int) -> Trait:
        process, world = self._processes.values[p], self.world
        return Trait(
            lock=process.lock,
            tokens=(process.token,) if process.turn else self._tokens,
            left=tuple(map(world.found, process.journal)),
            waits=world.waits(process),
            works=process.token if world.at_work(process) else -1,
        )

    def _moved(self, key: tuple[int, int, int, int, bool]) -> list[Move]:
        p, token, thing, left, free = key
        process = self._processes.values[p]._replace(token=token)
        found = []
        for one in self.world.moves(process, self._things.values[thing], left, free):
            charge = (token, process.secret, one.fault, one.message, one.blamed)
            ripple = (token, one.wrote, one.zeroed) if one.wrote or one.zeroed else None
            after = one.process if ripple is None else rippled(one.process, *ripple, mine=True)
            plain = one.fault < 0 and not one.message and not one.blamed
            found.append(
                (
                    one.label,
                    self._processes(after),
                    self._things(Thing(one.row, one.issuer)),
                    0 if plain else self._charges(charge),
                    ripple,
                    one.breach,
                )
            )
        return found

    def _charge(self, key: tuple[int, int]) -> int:
        rest, charge = key
        costs = self._charges.values[charge]
        assert costs is not None, "0 is no charge"
        after = charged(self._rests.values[rest], *costs)
        return -1 if after is None else self._rests(after)

    def _ripple(self, key: tuple[int, Ripple]) -> int:
        p, ripple = key
        return self._processes(rippled(self._processes.values[p], *ripple, mine=False))

    def _arrived(self, rest: int) -> list[tuple[int, int, int]]:
        found = self.world.arrivals(self._rests.values[rest])
        return [(token, secret, self._rests(fewer)) for token, secret, fewer in found]

    def _reach(self, key: tuple[int, int]) -> tuple[int, str | None]:
        thing, secret = key
        after, breach = self.world.reached(self._things.values[thing], secret)
        return self._things(after), breach

    def _persons(self, key: tuple[int, int, int]) -> list[tuple[str, int, int, Ripple]]:
        rest, token, thing = key
        found = self.world.person(self._rests.values[rest], self._things.values[thing])
        return [
            (label, self._rests(now), self._things(after), (token, wrote, False))
            for label, now, after, wrote in found
        ]

    def _judged(self, key: tuple[int, int]) -> str | None:
        rest, thing = key
        what = self._things.values[thing]
        if self.world.silent(what):
            return SILENT
        lost = what.row.status == LOST and what.issuer.family != WITHDRAWN
        return UNPROVOKED if lost and not self._rests.values[rest].blamed else None
