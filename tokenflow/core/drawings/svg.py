"""The picture as SVG, drawn here: light or dark as its reader's screen is, and told to who cannot see it."""

import html
import textwrap
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from tokenflow.core.drawings.layout import Layout, Link, Point, Route, arrange
from tokenflow.core.drawings.picture import Arrow, Box, Picture

_LETTER, _LINE = 6.7, 14.0
"""Width and height of a letter of a label, 11px in a fixed-width face; rather too wide than too narrow."""
_NAME: Final = 8.4
"""Width of a letter of a state's name, 13px bold."""
_WIDEST: Final = 40
"""Letters in a line of a label."""
_MARGIN: Final = 24.0
_START: Final = 34.0
"""Room for the mark where it begins."""

_LIGHT: Final = {
    "ink": "#24292f", "soft": "#57606a", "line": "#6a737d", "paper": "#ffffff", "way": "#1f6feb",
    "usable": "#d3f2dc", "usable_edge": "#1f8a4c", "waiting": "#fff1cc", "waiting_edge": "#b98900",
    "final": "#e6e8eb", "final_edge": "#6a737d",
}  # fmt: skip
_DARK: Final = {
    "ink": "#e6edf3", "soft": "#9da7b1", "line": "#8b949e", "paper": "#0d1117", "way": "#58a6ff",
    "usable": "#12361f", "usable_edge": "#3fb950", "waiting": "#3a2d05", "waiting_edge": "#d29922",
    "final": "#21262d", "final_edge": "#8b949e",
}  # fmt: skip
# Colours stand in each rule: CSS variables are not known to every program that draws SVG.
_COLOURS: Final = """
  .paper { fill: %(paper)s }  text { fill: %(ink)s }  .note { fill: %(soft)s }
  .usable { fill: %(usable)s; stroke: %(usable_edge)s }
  .waiting { fill: %(waiting)s; stroke: %(waiting_edge)s }
  .final { fill: %(final)s; stroke: %(final_edge)s }  .inner { stroke: %(final_edge)s }
  .line { stroke: %(line)s }  .tip { fill: %(line)s }
  .visited, .here, .line.passed { stroke: %(way)s }  .tip.passed, text.passed { fill: %(way)s }
"""
_STYLE: Final = f"""
  text {{ font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; text-anchor: middle }}
  .name {{ font: bold 13px system-ui, "DejaVu Sans", sans-serif }}
  .title {{ text-anchor: start }}
  .box {{ stroke-width: 1.5 }}  .here {{ stroke-width: 4 }}
  .inner, .line {{ fill: none }}  .line {{ stroke-width: 1.2 }}  .line.passed {{ stroke-width: 2.4 }}
{_COLOURS % _LIGHT}  @media (prefers-color-scheme: dark) {{{_COLOURS % _DARK}}}
"""


def svg(picture: Picture) -> str:
    """Return the picture as one SVG document.

    What stays in a state is written in its box; rows between the same two states share a line.
    """
    inner = {box.name: _inside(picture, box) for box in picture.boxes}
    ways: dict[tuple[str, str], list[Arrow]] = {}
    for arrow in picture.arrows:
        if not arrow.stays:
            ways.setdefault((arrow.source, arrow.target), []).append(arrow)
    labels = [_wrapped(line for arrow in arrows for line in arrow.lines) for arrows in ways.values()]
    links = [
        Link(source=a, target=b, width=_wide(label), height=len(label) * _LINE)
        for (a, b), label in zip(ways, labels, strict=True)
    ]
    layout = arrange({box.name: _size(box, inner[box.name]) for box in picture.boxes}, links, picture.initial)
    body = [
        _start(layout, picture.initial),
        *(
            _line(route, label, passed=any(arrow.passed for arrow in arrows))
            for route, label, arrows in zip(layout.routes, labels, ways.values(), strict=True)
        ),
        *(_box(layout, box, inner[box.name]) for box in picture.boxes),
    ]
    return _page(picture, layout.size, body)


def _page(picture: Picture, size: Point, body: Iterable[str]) -> str:
    width, height = size[0] + _START + 2 * _MARGIN, size[1] + 2 * _MARGIN + 24
    title = html.escape(picture.title)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" role="img" aria-labelledby="title summary">',
        f'<title id="title">{title}</title>',
        f'<desc id="summary">{html.escape(picture.summary)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
        f'<text class="name title" x="{_MARGIN}" y="{_MARGIN}">{title}</text>',
        f'<g transform="translate({_MARGIN + _START} {_MARGIN + 16})">',
        *body,
        "</g>",
        "</svg>",
        "",
    ])  # fmt: skip


def _wrapped(lines: Iterable[str], widest: int = _WIDEST) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, widest, subsequent_indent="  ")]


def _wide(lines: Sequence[str]) -> float:
    return max((len(line) for line in lines), default=0) * _LETTER


def _inside(picture: Picture, box: Box) -> list[str]:
    """What is written in a box below its name: how long a value lives, and what does not leave it."""
    stays = [arrow for arrow in picture.arrows if arrow.stays and arrow.source == box.name]
    return _wrapped(
        [*([box.note] if box.note else []), *(f"↻ {' '.join(arrow.lines)}" for arrow in stays)], 46
    )


def _size(box: Box, inner: Sequence[str]) -> tuple[float, float]:
    return max(len(box.name) * _NAME, _wide(inner)) + 28, 30 + len(inner) * _LINE + (6 if inner else 0)


def _box(layout: Layout, box: Box, inner: Sequence[str]) -> str:
    (x, y), width, height = layout.boxes[box.name]
    left, top = x - width / 2, y - height / 2
    names = f"box {box.kind}" + (" here" if box.here else " visited" if box.visited else "")
    parts = [_rect(left, top, width, height, names)]
    if box.kind == "final":
        parts.append(_rect(left + 4, top + 4, width - 8, height - 8, "inner"))
    lines = 18 + len(inner) * _LINE
    row = y - lines / 2 + 14
    parts.append(_text(x, row, box.name, "name"))
    parts += [_text(x, row + 4 + (n + 1) * _LINE, line, "note") for n, line in enumerate(inner)]
    shown = f"{box.name}: {box.kind}" + (", the token stands here" if box.here else "")
    return "\n".join(["<g>", f"<title>{html.escape(shown)}</title>", *parts, "</g>"])


def _rect(x: float, y: float, width: float, height: float, names: str) -> str:
    return f'<rect class="{names}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="9"/>'


def _text(x: float, y: float, text: str, names: str) -> str:
    return f'<text class="{names}" x="{x:.1f}" y="{y:.1f}">{html.escape(text)}</text>'


def _start(layout: Layout, initial: str) -> str:
    (x, y), width, _ = layout.boxes[initial]
    left = x - width / 2
    return (
        f'<circle class="tip" cx="{left - 28:.1f}" cy="{y:.1f}" r="6"/>\n'
        f'<path class="line" d="M{left - 28:.1f} {y:.1f}H{left - 7:.1f}"/>\n'
        + _tip((left - 28, y), (left, y), "tip")
    )


def _line(route: Route, label: Sequence[str], *, passed: bool) -> str:
    points, extra = route.points, " passed" if passed else ""
    tail, end = points[-2], points[-1]
    drawn = [*points[:-1], (end[0] - (7.0 if end[0] > tail[0] else -7.0), end[1])]
    path = f"M{drawn[0][0]:.1f} {drawn[0][1]:.1f}"
    for number, (one, following) in enumerate(pairwise(drawn)):
        if number % 2 == 0:
            path += f"H{following[0]:.1f}"
        else:
            middle = (one[0] + following[0]) / 2
            path += (
                f"C{middle:.1f} {one[1]:.1f} {middle:.1f} {following[1]:.1f} "
                f"{following[0]:.1f} {following[1]:.1f}"
            )
    parts = [f'<path class="line{extra}" d="{path}"/>', _tip(tail, end, f"tip{extra}")]
    x, y = route.label
    top = y - 4 - (len(label) - 1) * _LINE
    parts += [_text(x, top + n * _LINE, text, f"label{extra}") for n, text in enumerate(label)]
    return "\n".join(parts)


def _tip(tail: Point, end: Point, names: str) -> str:
    """The arrow's head; a line meets a box level."""
    back = -8 if end[0] > tail[0] else 8
    x, y = end
    return f'<path class="{names}" d="M{x:.1f} {y:.1f}l{back} -4v8z"/>'
