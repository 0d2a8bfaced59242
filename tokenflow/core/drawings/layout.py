"""Where boxes, labels and lines go: a small layered layout, left to right (Sugiyama's method).

Boxes stand on even columns, and every label has a place of its own on an odd one, like a box. A line
is level wherever a column is and curves only between columns, so it crosses no box and no label.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import attrs

Point: TypeAlias = tuple[float, float]

_GAP: Final = 14.0
"""Between two things in one column."""
_ROOM: Final = 54.0
"""Between two columns, for the curves."""
_TIP: Final = 9.0
"""How far a line runs level beside a box, for the arrow's head."""
_PORT: Final = 16.0
"""Between two lines at one side of a box."""
_SWEEPS: Final = 24


@attrs.frozen(kw_only=True)
class Link:
    """A line to be drawn, with a label of a given size."""

    source: str
    target: str
    width: float
    height: float


@attrs.frozen
class Route:
    """How a line runs: level from each even point to the next, curved from each odd one; and its label."""

    points: tuple[Point, ...]
    label: Point
    """Middle of the label's lower edge, which lies on the line."""


@attrs.frozen
class Layout:
    """The arrangement: (centre, width, height) of each box, a route for each link, and the whole size."""

    boxes: Mapping[str, tuple[Point, float, float]]
    routes: tuple[Route, ...]
    size: Point


@attrs.define
class _Spot:
    """Something with a place in a column: a box, a label, or a line that passes."""

    width: float
    above: float
    below: float
    weight: float = 1.0
    x: float = 0.0
    y: float = 0.0
    is_label: bool = False
    left: "list[_Spot]" = attrs.field(factory=list, repr=False)
    right: "list[_Spot]" = attrs.field(factory=list, repr=False)


def arrange(boxes: Mapping[str, tuple[float, float]], links: Sequence[Link], root: str) -> Layout:
    """Return places for *boxes* (width, height) and *links* between them, beginning at *root*."""
    turned = _backward(tuple(boxes), links, root)
    ends = [
        (link.target, link.source) if number in turned else (link.source, link.target)
        for number, link in enumerate(links)
    ]
    ranks = _ranks(tuple(boxes), ends)
    spots = {name: _Spot(width, height / 2, height / 2) for name, (width, height) in boxes.items()}
    columns: list[list[_Spot]] = [[] for _ in range(2 * max(ranks.values(), default=0) + 1)]
    for name, spot in spots.items():
        columns[2 * ranks[name]].append(spot)
    chains = [
        _chain(link, spots[a], spots[b], 2 * ranks[a], 2 * ranks[b], columns)
        for link, (a, b) in zip(links, ends, strict=True)
    ]
    for spot in spots.values():
        need = _PORT * (max(len(spot.left), len(spot.right)) + 1) / 2
        spot.above = spot.below = max(spot.above, need)
    _order(columns)
    _place_across(columns)
    _place_down(columns)
    lefts, rights = _ports(spots.values())
    routes = []
    for number, chain in enumerate(chains):
        points, label = _route(chain, columns, rights, lefts)
        routes.append(Route(tuple(reversed(points)) if number in turned else tuple(points), label))
    return Layout(
        {name: ((spot.x, spot.y), spot.width, spot.above + spot.below) for name, spot in spots.items()},
        tuple(routes),
        (
            max((spot.x + spot.width / 2 for column in columns for spot in column), default=0.0),
            max((spot.y + spot.below for column in columns for spot in column), default=0.0),
        ),
    )


def _backward(names: Sequence[str], links: Sequence[Link], root: str) -> frozenset[int]:
    """Return the links that close a circle, found depth first: they are laid out the other way round."""
    out: dict[str, list[tuple[int, str]]] = {name: [] for name in names}
    for number, link in enumerate(links):
        out[link.source].append((number, link.target))
    done: set[str] = set()
    found = set()
    for start in (root, *names):
        if start in done:
            continue
        path, stack = {start}, [(start, iter(out[start]))]
        while stack:
            name, following = stack[-1]
            step = next(following, None)
            if step is None:
                stack.pop()
                path.discard(name)
                done.add(name)
            elif step[1] in path:
                found.add(step[0])
            elif step[1] not in done:
                path.add(step[1])
                stack.append((step[1], iter(out[step[1]])))
    return frozenset(found)


def _ranks(names: Sequence[str], ends: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return each box's column: the longest way to it, so that every link goes to the right."""
    ranks = dict.fromkeys(names, 0)
    for _ in names:
        moved = False
        for source, target in ends:
            if ranks[target] <= ranks[source]:
                ranks[target], moved = ranks[source] + 1, True
        if not moved:
            break
    return ranks


def _chain(
    link: Link, source: _Spot, target: _Spot, begin: int, end: int, columns: list[list[_Spot]]
) -> list[_Spot]:
    """Return the spots from *source* to *target*: one in each column between, one of them the label's."""
    odd = [rank for rank in range(begin + 1, end) if rank % 2]
    middle = odd[len(odd) // 2]
    chain = [source]
    for rank in range(begin + 1, end):
        spot = (
            _Spot(link.width, link.height, 4.0, weight=2.0, is_label=True)
            if rank == middle
            else _Spot(0.0, 4.0, 4.0, weight=4.0)
        )
        columns[rank].append(spot)
        chain.append(spot)
    chain.append(target)
    for one, following in pairwise(chain):
        one.right.append(following)
        following.left.append(one)
    return chain


def _order(columns: list[list[_Spot]]) -> None:
    """Order each column by where its neighbours are, to and fro; keep the order with the fewest crossings."""
    best, fewest = [list(column) for column in columns], _crossings(columns)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for index in range(1, len(columns)) if forth else range(len(columns) - 2, -1, -1):
            beside = {
                id(spot): place for place, spot in enumerate(columns[index - 1 if forth else index + 1])
            }
            _sort(columns[index], beside, forth)
        crossings = _crossings(columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    columns[:] = best


def _sort(column: list[_Spot], beside: Mapping[int, int], forth: bool) -> None:
    own = {id(spot): float(place) for place, spot in enumerate(column)}

    def centre(spot: _Spot) -> float:
        places = [beside[id(one)] for one in (spot.left if forth else spot.right)]
        return sum(places) / len(places) if places else own[id(spot)]

    column.sort(key=centre)


def _crossings(columns: Sequence[Sequence[_Spot]]) -> int:
    total = 0
    for column, following in pairwise(columns):
        places = {id(spot): place for place, spot in enumerate(following)}
        ends = [places[id(one)] for spot in column for one in sorted(spot.right, key=lambda s: places[id(s)])]
        total += sum(1 for i, a in enumerate(ends) for b in ends[i + 1 :] if a > b)
    return total


def _place_across(columns: Sequence[Sequence[_Spot]]) -> None:
    x = 0.0
    for column in columns:
        width = max((spot.width for spot in column), default=0.0)
        for spot in column:
            spot.x = x + width / 2
        x += width + _ROOM


def _place_down(columns: Sequence[Sequence[_Spot]]) -> None:
    """Move everything towards the middle of its neighbours, as far as the order and the gaps allow."""
    for column in columns:
        _settle(column, [0.0] * len(column))
    for sweep in range(2 * _SWEEPS):
        for column in columns if sweep % 2 == 0 else list(reversed(columns)):
            wishes = []
            for spot in column:
                beside = [*spot.left, *spot.right]
                weight = sum(one.weight for one in beside)
                wishes.append(sum(one.y * one.weight for one in beside) / weight if beside else spot.y)
            _settle(column, wishes)
    top = min((spot.y - spot.above for column in columns for spot in column), default=0.0)
    for column in columns:
        for spot in column:
            spot.y -= top


def _settle(column: Sequence[_Spot], wishes: Sequence[float]) -> None:
    """Give each spot the place nearest to its wish that keeps the order and the gaps.

    Least squares under an order: neighbours that would overlap are pooled and share their mean.
    """
    offsets, offset = [], 0.0
    for number, spot in enumerate(column):
        offset += 0.0 if number == 0 else column[number - 1].below + _GAP + spot.above
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []  # (mean, weight, how many)
    for spot, wish, offset in zip(column, wishes, offsets, strict=True):
        mean, weight, count = wish - offset, spot.weight, 1
        while pools and pools[-1][0] >= mean:
            before, other, more = pools.pop()
            mean = (before * other + mean * weight) / (other + weight)
            weight, count = weight + other, count + more
        pools.append((mean, weight, count))
    places = [mean for mean, _, count in pools for _ in range(count)]
    for spot, place, offset in zip(column, places, offsets, strict=True):
        spot.y = place + offset


_Ports: TypeAlias = dict[tuple[int, int], float]


def _ports(spots: Iterable[_Spot]) -> tuple[_Ports, _Ports]:
    """Return, for each box and neighbour, the height at which their line meets the box's side."""
    lefts: _Ports = {}
    rights: _Ports = {}
    for spot in spots:
        for beside, found in ((spot.left, lefts), (spot.right, rights)):
            height = spot.above + spot.below
            for place, one in enumerate(sorted(beside, key=lambda other: other.y)):
                found[id(spot), id(one)] = spot.y - spot.above + height * (place + 1) / (len(beside) + 1)
    return lefts, rights


def _route(
    chain: Sequence[_Spot], columns: Sequence[Sequence[_Spot]], rights: _Ports, lefts: _Ports
) -> tuple[list[Point], Point]:
    """Return the points from box to box, level through every column on the way, and the label's place."""
    source, target = chain[0], chain[-1]
    begin, end = rights[id(source), id(chain[1])], lefts[id(target), id(chain[-2])]
    points = [(source.x + source.width / 2, begin), (source.x + _half(columns, source) + _TIP, begin)]
    label = points[0]
    for spot in chain[1:-1]:
        half = _half(columns, spot)
        points += [(spot.x - half, spot.y), (spot.x + half, spot.y)]
        if spot.is_label:
            label = (spot.x, spot.y)
    points += [(target.x - _half(columns, target) - _TIP, end), (target.x - target.width / 2, end)]
    return points, label


def _half(columns: Sequence[Sequence[_Spot]], spot: _Spot) -> float:
    column = next(one for one in columns if any(other is spot for other in one))
    return max(other.width for other in column) / 2
