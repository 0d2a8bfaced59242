"""Timers that never come to rest (TF121), and lifetimes that contradict themselves (TF122)."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.lint.time import length

_SOME: Final = 1
"""Of a percentage nothing is known but that it is something."""


def restless(s: Subject) -> Iterator[Diagnostic]:
    """No timers lead a token round without the clock moving on, or by facts alone.

    The latter would have to be walked step by step after a long sleep (rule T8).
    """
    after = _moves(s)
    told: set[str] = set()
    for start in after:
        round_trip = _back_to(after, start)
        if round_trip and not told & set(round_trip):
            told |= set(round_trip)
            way = " -> ".join((*round_trip, start))
            message = f"timers lead a token round and round at one instant: {way}"
            timer = after[start][round_trip[1] if len(round_trip) > 1 else start]
            help = "let one of them wait, e.g. `at: entered + 1m`, and let no hard timers make a circle"
            yield s.found("TF121", message, "states", start, "timers", timer, key=True, help=help)


def contradicting(s: Subject) -> Iterator[Diagnostic]:
    """A lifetime's typical length lies within its bounds."""
    for name, body in s.table("lifetimes").items():
        known = [key for key in ("at_least", "typical", "at_most") if body.get(key, "never") != "never"]
        for lower, upper in pairwise(known):
            if length(body[lower]) > length(body[upper]):
                message = f"`{lower}` ({body[lower]}) is longer than `{upper}` ({body[upper]})"
                yield s.found("TF122", message, "lifetimes", name, lower)


def _moves(s: Subject) -> Mapping[str, Mapping[str, str]]:
    """Return state -> next state -> the timer that may lead there as soon as the state is entered."""
    found: dict[str, dict[str, str]] = {state: {} for state in s.states}
    for edge in s.edges:
        if edge.target not in s.states or "do" in edge.body:
            continue
        for name, timer in s.states[edge.source].get("timers", {}).items():
            if timer["raise"] == edge.event and (timer.get("hard") or not _waits(timer)):
                found[edge.source].setdefault(edge.target, name)
    return found


def _waits(timer: Mapping[str, Any]) -> bool:
    """Only what is counted from the entry is surely still to come then."""
    anchor, *offset = timer["at"].split()
    if anchor != "entered" or offset[:1] != ["+"]:
        return False
    ahead = _SOME if offset[1].endswith("%") and offset[1] != "0%" else length(offset[1])
    return ahead > length(timer["jitter"]) if "jitter" in timer else ahead > 0


def _back_to(after: Mapping[str, Mapping[str, str]], start: str) -> tuple[str, ...]:
    """Return the states of a way from *start* back to it, *start* first; none if there is no such way."""
    came: dict[str, str] = {}
    waiting = [start]
    while waiting:
        state = waiting.pop(0)
        for following in after.get(state, {}):
            if following == start:
                way = [state]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return tuple(reversed(way))
            if following not in came:
                came[following] = state
                waiting.append(following)
    return ()


CHECKS: Final = (restless, contradicting)
