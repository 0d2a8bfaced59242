"""A plot for a terminal: bars of eighths of a line, or of plain characters where those cannot be shown."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_PLAIN: Final = " .:|#"


def bars(
    values: Sequence[float], *, width: int = 72, height: int = 6, begin: str, end: str, plain: bool = False
) -> list[str]:
    """Return lines of a bar chart: the highest of each column's values; *begin* and *end* mark the axis."""
    columns = columns_of(values, min(width, len(values)) or 1)
    top = max(columns, default=0.0)
    marks = _PLAIN if plain else _EIGHTHS
    label = max(len(shortly(top)), 1)
    lines = []
    for row in range(height - 1, -1, -1):
        cells = "".join(_cell(value, top, row, height, marks) for value in columns)
        edge = shortly(top) if row == height - 1 else "0" if row == 0 else ""
        lines.append(f"{edge:>{label}} {'|' if plain else '┤' if edge else '│'}{cells}".rstrip())
    lines.append(f"{'':>{label}} {'+' if plain else '└'}{('-' if plain else '─') * len(columns)}")
    gap = max(len(columns) - len(begin) - len(end), 1)
    lines.append(f"{'':>{label}}  {begin}{'':>{gap}}{end}")
    return lines


def columns_of(values: Sequence[float], count: int) -> list[float]:
    """Return the highest value of each of *count* equal parts."""
    edges = [len(values) * part // count for part in range(count + 1)]
    return [max(values[a:b], default=0.0) for a, b in pairwise(edges)]


def _cell(value: float, top: float, row: int, height: int, marks: str) -> str:
    """Return the mark of one cell; whatever is not 0 shows at least the least mark in the lowest row."""
    steps = len(marks) - 1
    filled = 0 if top <= 0 else round(value / top * height * steps)
    if value > 0:
        filled = max(filled, 1)
    return marks[min(max(filled - row * steps, 0), steps)]


def shortly(value: float) -> str:
    """Return a number for a person: 950, 12.3k, 4.56M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 10 * size or (value >= size and unit != "k"):
            return f"{value / size:.3g}{unit}"
    return f"{round(value)}" if value >= 10 or value == int(value) else f"{value:.2g}"


def spaced(value: float) -> str:
    """Return a whole number in groups of three."""
    return f"{round(value):,}".replace(",", " ")
