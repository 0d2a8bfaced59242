"""Explore a world breadth first: every order of every step and fault, and the shortest way to a breach."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from tests.model.graph import Graph, Numbers
from tests.model.world import ENDLESS, STUCK, World


@attrs.frozen(kw_only=True)
class Explored:
    """What was found."""

    states: int
    ends: int
    seconds: float
    breaches: dict[str, list[str]]
    """Each property that was broken, with the shortest trace to it."""


@attrs.frozen
class Breach:
    """Where a property was broken: in a state, or by a step from it to another."""

    state: Numbers
    after: Numbers | None = None


def explore(world: World, *, limit: int = 20_000_000, first: bool = False) -> Explored:
    """Return what all states of *world* are like; *first*: stop at the first breach."""
    started, graph = time.process_time(), Graph(world)
    start = graph.start()
    parents: dict[Numbers, Numbers | None] = {start: None}
    queue, breaches, ends = [start], dict[str, Breach](), 0
    with _no_collection():
        for state in queue:
            halted = True
            for _, _, after, broke in graph.successors(state):
                halted = halted and after == state
                if broke is not None:
                    breaches.setdefault(broke, Breach(state, after))
                if after not in parents:
                    parents[after] = state
                    queue.append(after)
                    wrong = graph.broken(after)
                    if wrong is not None:
                        breaches.setdefault(wrong, Breach(after))
            if halted:
                ends += 1
                if not graph.rests(state):
                    breaches.setdefault(STUCK, Breach(state))
            if first and breaches:
                break
            assert len(parents) <= limit, f"more than {limit} states"
    return Explored(
        states=len(parents),
        ends=ends,
        seconds=time.process_time() - started,
        breaches={name: _trace(graph, parents, breach) for name, breach in breaches.items()},
    )


def _trace(graph: Graph, parents: dict[Numbers, Numbers | None], breach: Breach) -> list[str]:
    """Return what happened until *breach*, each process under one name throughout."""
    path = [] if breach.after is None else [breach.after]
    state: Numbers | None = breach.state
    while state is not None:
        path.append(state)
        state = parents[state]
    path.reverse()
    lines, now = [], path[0]
    for one in path[1:]:
        raws = graph.successors(now, named=True)
        label, at, now = next((label, at, raw) for label, at, raw, _ in raws if graph.in_order(raw) == one)
        lines.append(f"{'  ' if at < 0 else f'P{at}'} {label}")
    return lines


def endless(world: World) -> Explored:
    """Return what *world* is like, and whether an end can still be reached from each of its states."""
    graph = Graph(world)
    start = graph.start()
    before: dict[Numbers, list[Numbers]] = {start: []}
    queue = [start]
    for state in queue:
        for _, _, after, _ in graph.successors(state):
            if after not in before:
                before[after] = []
                queue.append(after)
            before[after].append(state)
    ends = [state for state in queue if graph.rests(state)]
    reach, back = set(ends), list(ends)
    for state in back:
        new = [one for one in before[state] if one not in reach]
        reach.update(new)
        back.extend(new)
    lost = next((state for state in queue if state not in reach), None)
    breaches = {} if lost is None else {ENDLESS: [str(graph.state(lost))]}
    return Explored(states=len(queue), ends=len(ends), seconds=0, breaches=breaches)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the collector from walking millions of tuples that hold no cycle."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
