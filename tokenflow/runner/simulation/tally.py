"""What is counted: calls, logins, ends and spans without a usable token, minute by minute."""

from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Final

import attrs

from tokenflow.core.tokens import SECOND, Instant
from tokenflow.runner.simulation.life import Life
from tokenflow.runner.simulation.scene import START

MINUTE: Final = 60 * SECOND
EACH: Final = ("calls", "logins", "ends", "in_outage")


@attrs.define
class Sum:
    """A sum over tokens, and what its error follows from."""

    total: int = 0
    squares: int = 0

    def add(self, value: int) -> None:
        """Add one token's."""
        self.total += value
        self.squares += value * value

    def __iadd__(self, other: "Sum") -> "Sum":
        self.total += other.total
        self.squares += other.squares
        return self


def _zeros(count: int) -> "array[int]":
    return array("q", bytes(8 * count))


@attrs.define(kw_only=True)
class Tally:
    """Counts over some tokens, from day 0 for `minutes`. What lies before day 0 is not counted."""

    minutes: int
    outage: tuple[Instant, Instant] | None = None
    """The span of the outage that is asked about."""
    tokens: int = 0
    calls: "dict[str, array[int]]" = attrs.field(factory=dict)
    """By command, for each minute, whatever became of them."""
    outcomes: Counter[str] = attrs.field(factory=Counter)
    logins: "array[int]" = attrs.field(init=False)
    turns: "array[int]" = attrs.field(init=False)
    """By how many more tokens are unusable from that minute on."""
    ended: Counter[str] = attrs.field(factory=Counter)
    down: int = 0
    """Microseconds, summed over tokens, without a usable one."""
    in_outage: int = 0
    """Tokens that were unusable at some time of the outage."""
    each: dict[str, Sum] = attrs.field(factory=lambda: {n: Sum() for n in EACH})
    jumps: int = 0
    steps: int = 0
    """How many moves were jumps, and how many were played."""
    mine: Counter[str] = attrs.field(factory=Counter)
    """What was counted for the life that is being lived."""

    def __attrs_post_init__(self) -> None:
        self.logins = _zeros(self.minutes)
        self.turns = _zeros(self.minutes + 1)

    def count(self, names: tuple[str, ...], at: Instant) -> None:
        """Count calls."""
        minute = (at - START) // MINUTE
        if 0 <= minute < self.minutes:
            for name in names:
                if name not in self.calls:
                    self.calls[name] = _zeros(self.minutes)
                self.calls[name][minute] += 1
            self.mine["calls"] += len(names)

    def note(self, life: Life) -> None:
        """Count what happened to *life* since the last time."""
        at = life.world.now
        for one in life.issuer.calls:
            self.count((one.name,), at)
            if at >= START and one.outcome != "answered":
                self.outcomes[one.outcome] += 1
        life.issuer.calls.clear()
        for login in life.logins:
            minute = (login - START) // MINUTE
            if 0 <= minute < self.minutes:
                self.logins[minute] += 1
                self.mine["logins"] += 1
        life.logins.clear()
        if at >= START:
            self.ended.update(life.ended)
            self.mine["ends"] += life.ended.total()
        life.ended.clear()
        for span in life.downs:
            self._unusable(*span)
        life.downs.clear()

    def over(self, life: Life) -> None:
        """Close one token's account."""
        self.mine = life.account
        self.note(life)
        self.tokens += 1
        self.in_outage += self.mine["in_outage"]
        for name, total in self.each.items():
            total.add(self.mine[name])
        life.account.clear()

    def _unusable(self, since: Instant, until: Instant) -> None:
        if self.outage is not None and since < self.outage[1] and until > self.outage[0]:
            self.mine["in_outage"] = 1
        since, until = max(since, START), min(until, START + self.minutes * MINUTE)
        if since >= until:
            return
        self.down += until - since
        self.turns[(since - START) // MINUTE] += 1
        self.turns[(until - START) // MINUTE] -= 1

    def __iadd__(self, other: "Tally") -> "Tally":
        """Add another's counts: the order does not matter."""
        self.tokens += other.tokens
        for name, found in other.calls.items():
            mine = self.calls.get(name)
            self.calls[name] = found if mine is None else _added(mine, found)
        self.logins, self.turns = _added(self.logins, other.logins), _added(self.turns, other.turns)
        self.outcomes.update(other.outcomes)
        self.ended.update(other.ended)
        self.down += other.down
        self.in_outage += other.in_outage
        for name, total in other.each.items():
            self.each[name] += total
        self.jumps += other.jumps
        self.steps += other.steps
        return self

    def unusable(self) -> Iterator[int]:
        """Yield, minute by minute, how many tokens are unusable at its end."""
        level = 0
        for change in self.turns[: self.minutes]:
            level += change
            yield level


def _added(ours: "array[int]", theirs: "array[int]") -> "array[int]":
    return array("q", map(int.__add__, ours, theirs))
