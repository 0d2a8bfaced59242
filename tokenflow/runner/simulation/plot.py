"""A forecast as one SVG document: calls, tokens without use, and logins over the days, below each other.

It stands alone: no script, no font, no picture from elsewhere; light or dark as its reader's screen is.
"""

import html
import math
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from tokenflow.core.tokens import DAY
from tokenflow.runner.simulation.bars import columns_of, shortly, spaced
from tokenflow.runner.simulation.forecast import Forecast
from tokenflow.runner.simulation.scene import START

_WIDTH, _LEFT, _PLOT, _TALL = 860, 76, 750, 130
_TOP, _STEP = 96, 206
"""Where the first panel's plot begins, and how far the next is below it."""
_LIGHT: Final = {
    "ink": "#24292f", "soft": "#57606a", "line": "#d0d7de", "paper": "#ffffff", "bar": "#1f6feb",
    "out": "#fff1cc", "out_ink": "#7d4e00",
}  # fmt: skip
_DARK: Final = {
    "ink": "#e6edf3", "soft": "#9da7b1", "line": "#30363d", "paper": "#0d1117", "bar": "#58a6ff",
    "out": "#3a2d05", "out_ink": "#d29922",
}  # fmt: skip
# Colours stand in each rule: CSS variables are not known to every program that draws SVG.
_COLOURS: Final = """
  .paper { fill: %(paper)s }  text { fill: %(ink)s }  .note { fill: %(soft)s }
  .grid { stroke: %(line)s }  .edge { stroke: %(soft)s }
  .area { fill: %(bar)s }  .mean { stroke: %(bar)s }  .peak { fill: %(paper)s; stroke: %(bar)s }
  .out { fill: %(out)s }  .out-note { fill: %(out_ink)s }
"""
_STYLE: Final = f"""
  text {{ font: 12px system-ui, "DejaVu Sans", sans-serif }}
  .title {{ font-size: 17px; font-weight: bold }}  .name {{ font-size: 13px; font-weight: bold }}
  .note, .out-note {{ font-size: 11px }}  .right {{ text-anchor: end }}  .middle {{ text-anchor: middle }}
  .area {{ fill-opacity: 0.35 }}  .mean {{ fill: none; stroke-width: 1.4 }}
  .grid, .edge {{ stroke-width: 1 }}  .peak {{ stroke-width: 2 }}
{_COLOURS % _LIGHT}  @media (prefers-color-scheme: dark) {{{_COLOURS % _DARK}}}
"""


@attrs.frozen
class _Panel:
    """One plot: what it shows, its values over the whole span, and what is said of the highest."""

    name: str
    values: Sequence[float]
    said: str
    steps: bool = False
    """Whether each value is drawn as a block of its own (a day's count), not as a line."""


def svg(found: Forecast) -> str:
    """Return the plots of a forecast."""
    panels = list(_panels(found))
    tall = _TOP + _STEP * len(panels) - 20
    title, summary = html.escape(title_of(found)), html.escape(_summary(found))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {tall}"'
            f' width="{_WIDTH}" height="{tall}" role="img" aria-labelledby="title summary">',
            f'<title id="title">{title}</title>',
            f'<desc id="summary">{summary}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{_WIDTH}" height="{tall}"/>',
            f'<text class="title" x="24" y="34">{title}</text>',
            f'<text class="note" x="24" y="54">{summary}</text>',
            *(_drawn(found, panel, _TOP + _STEP * place) for place, panel in enumerate(panels)),
            "</svg>",
            "",
        ]
    )


def title_of(found: Forecast) -> str:
    """Return what a forecast is of, in a line."""
    scene = found.scene
    ref = f"{scene.data['metadata']['name']}@{scene.data['metadata']['version']}"
    return f"{ref} by {scene.platform}: {spaced(scene.tokens)} tokens, {found.days:g} days"


def _summary(found: Forecast) -> str:
    how = "every token was lived" if found.exact else f"{spaced(found.lived)} tokens were lived, and scaled"
    return f"{spaced(found.calls.value)} calls in all; {how}; seed {found.scene.seed}"


def _panels(found: Forecast) -> Iterator[_Panel]:
    hour = found.hour
    yield _Panel(
        "calls an hour", found.calls_an_hour, f"busiest hour: {spaced(hour.calls)}, {day_of(hour.at)}"
    )
    if found.unusable_most:
        said = f"most at once: {spaced(found.unusable_most)}, {day_of(found.unusable_at)}"
        yield _Panel("unusable tokens (most at once, hour by hour)", found.unusable_an_hour, said)
    if found.logins.value:
        said = f"most on one day: {spaced(max(found.logins_a_day))}"
        yield _Panel("logins a day (a person has to act)", found.logins_a_day, said, steps=True)


def day_of(at: int) -> str:
    """Return an instant as a day of the simulation and a time of it."""
    minutes = (at - START) // 60_000_000
    return f"day {minutes // 1440}, {minutes % 1440 // 60:02}:{minutes % 60:02}"


def _drawn(found: Forecast, panel: _Panel, top: int) -> str:
    ceiling = _ceiling(max(panel.values, default=0.0))
    floor = top + _TALL
    parts = [f"<g><title>{html.escape(panel.name)}</title>"]
    parts += _outages(found, top)
    parts.append(f'<text class="name" x="{_LEFT}" y="{top - 10}">{html.escape(panel.name)}</text>')
    parts.append(
        f'<text class="note right" x="{_LEFT + _PLOT}" y="{top - 10}">{html.escape(panel.said)}</text>'
    )
    for part in (0.0, 0.5, 1.0):
        y = floor - part * _TALL
        parts.append(f'<path class="{"grid" if part else "edge"}" d="M{_LEFT} {y:.1f}H{_LEFT + _PLOT}"/>')
        parts.append(
            f'<text class="note right" x="{_LEFT - 8}" y="{y + 4:.1f}">{shortly(part * ceiling)}</text>'
        )
    parts += _ticks(found.days, floor)
    parts += _curve(panel, ceiling, floor)
    return "\n".join([*parts, "</g>"])


def _note(x: float, y: float, text: str) -> str:
    return f'<text class="note right" x="{x}" y="{y:.1f}">{html.escape(text)}</text>'


def _ceiling(top: float) -> float:
    """Return a round number at or above *top*: 1, 2, 4, 5 or 10 times a power of ten."""
    if top <= 1:
        return 1.0
    power: float = 10 ** math.floor(math.log10(top))
    return next(step * power for step in (1, 2, 4, 5, 10) if step * power >= top)


def _ticks(days: float, floor: int) -> Iterator[str]:
    step = next(size for size in (1 / 24, 0.25, 1, 2, 5, 10, 15, 30, 60, 90, 180, 365) if days / size <= 13)
    unit, size = ("days", 1.0) if step >= 1 else ("hours", 1 / 24)
    for place in range(int(days / step) + 1):
        x = _LEFT + _PLOT * place * step / days
        parts = f'<path class="edge" d="M{x:.1f} {floor}v5"/>'
        yield f'{parts}<text class="note middle" x="{x:.1f}" y="{floor + 18}">{place * step / size:g}</text>'
    yield f'<text class="note middle" x="{_LEFT + _PLOT / 2}" y="{floor + 34}">{unit} from the start</text>'


def _curve(panel: _Panel, ceiling: float, floor: int) -> Iterator[str]:
    """Draw the highest of each column as an area, and what is between as a line."""
    high = list(panel.values) if panel.steps else columns_of(panel.values, min(_PLOT, len(panel.values)) or 1)
    wide = _PLOT / len(high)
    points = [(_LEFT + place * wide, floor - value / ceiling * _TALL) for place, value in enumerate(high)]
    outline = "".join(f"L{x:.1f} {y:.1f}H{x + wide:.1f}" for x, y in points)
    yield f'<path class="area" d="M{_LEFT} {floor}{outline}V{floor}Z"/>'
    yield f'<path class="mean" d="M{points[0][0]:.1f} {points[0][1]:.1f}{outline}"/>'
    most = max(range(len(high)), key=high.__getitem__)
    if high[most]:
        x, y = points[most]
        yield f'<circle class="peak" cx="{x + wide / 2:.1f}" cy="{y:.1f}" r="3.5"/>'


def _outages(found: Forecast, top: int) -> Iterator[str]:
    for act in found.scene.acts:
        if act.what == "outage":
            x = _LEFT + _PLOT * act.at / DAY / found.days
            wide = max(_PLOT * act.lasts / DAY / found.days, 3.0)
            yield f'<rect class="out" x="{x - 1:.1f}" y="{top}" width="{wide:.1f}" height="{_TALL}"/>'
            yield f'<text class="out-note" x="{x + wide + 4:.1f}" y="{top + 12}">outage</text>'
