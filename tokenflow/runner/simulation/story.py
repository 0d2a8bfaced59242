"""One life, told: a line for each thing that happened, and what goes on alike told once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from tokenflow.core.events import Happened
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.runner.simulation.bars import spaced
from tokenflow.runner.simulation.issuer import Called
from tokenflow.runner.simulation.life import KEY, Stage, begin
from tokenflow.runner.simulation.scene import START, Scene
from tokenflow.runner.spans import iso, span
from tokenflow.runner.telling import in_words

_LONGEST: Final = 4
"""Lines in a pattern that is folded."""
_OFTEN: Final = 3
"""How often it has to come to be folded."""


@attrs.frozen
class Line:
    """One thing that happened, in words."""

    at: Instant
    words: str


@attrs.frozen(kw_only=True)
class Told:
    """A life from its first acquisition to the end of the simulation."""

    scene: Scene
    ref: str
    happened: tuple[Happened, ...] = attrs.field(repr=False)
    lines: tuple[Line, ...]
    calls: tuple[Called, ...]
    logins: tuple[Instant, ...]
    downs: tuple[tuple[Instant, Instant], ...]
    """Spans without a usable token."""
    state: str | None
    """Where the token is at the end; None when it was never acquired."""
    expires_at: Instant | None


def tell(scene: Scene, guards: Mapping[str, Any]) -> Told:
    """Live one token of *scene* and tell it."""
    stage = Stage.of(scene, guards)
    life, end = begin(stage, 0), START + scene.span
    happened: list[Happened] = []
    for told in life.until(end):
        happened += told
    life.finish(end)
    worded = [(one.about.at, in_words(one)) for one in happened]
    token = life.world.token
    return Told(
        scene=scene,
        ref=stage.lifecycle.ref,
        happened=tuple(happened),
        lines=tuple(Line(at, words.removeprefix(f"{KEY}: ")) for at, words in worded if words is not None),
        calls=tuple(life.issuer.calls),
        logins=tuple(life.logins),
        downs=tuple(life.downs),
        state=None if token is None else token.state,
        expires_at=None if token is None else token.expires_at,
    )


def folded(lines: Sequence[Line]) -> list[str]:
    """Return the lines with their offsets; what repeats at least three times is told once, and counted."""
    shown: list[str] = []
    at = 0
    while at < len(lines):
        size, times = _pattern(lines, at)
        shown += [f"{_offset(line.at):<16} {line.words}" for line in lines[at : at + size]]
        if times > 1:
            last = lines[at + size * times - 1]
            shown.append(f"{'':<16} ... {spaced(times - 1)} more times, until {_offset(last.at)}")
        at += size * times
    return shown


def _pattern(lines: Sequence[Line], at: int) -> tuple[int, int]:
    """Return how many lines from *at* on repeat, and how often; (1, 1) when none do."""
    for size in range(1, _LONGEST + 1):
        first = [line.words for line in lines[at : at + size]]
        times = 1
        while [line.words for line in lines[at + size * times : at + size * (times + 1)]] == first:
            times += 1
        if len(first) == size and times >= _OFTEN:
            return size, times
    return 1, 1


def _offset(at: Instant) -> str:
    return f"+{span(at - START)}" if at >= START else span(at - START)


def shown(key: str, told: Told) -> list[str]:
    """Return the lines of a life as a person reads them."""
    scene, end = told.scene, START + told.scene.span
    count = Counter(call.name for call in told.calls)
    awry = Counter(call.outcome for call in told.calls if call.outcome != "answered")
    name = told.ref if key == told.ref.partition("@")[0] else f"{key}: {told.ref}"
    calls = ", ".join(f"{times} {name}" for name, times in sorted(count.items()))
    wrong = "".join(f", {times} {what}" for what, times in sorted(awry.items()))
    out = sum(until - since for since, until in told.downs)
    stands = "never acquired" if told.state is None else told.state
    left = "" if told.expires_at is None else f", ends in {span(told.expires_at - end)}"
    return [
        f"{name} by {scene.platform}, {span(scene.span)} from {iso(START)}, seed {scene.seed}",
        "",
        *folded(told.lines),
        f"{_offset(end):<16} the end: {stands}{left}",
        "",
        f"calls             {len(told.calls)} ({calls}){wrong}",
        f"logins            {len(told.logins)}",
        f"unusable          {span(out) if told.downs else 'at no time'}",
    ]


def plain_life(key: str, told: Told) -> dict[str, Any]:
    """Return a life as data for programs: times as ISO 8601, offsets in seconds."""
    return {
        "key": key,
        "lifecycle": told.ref,
        "platform": told.scene.platform,
        "from": iso(START),
        "until": iso(START + told.scene.span),
        "seed": told.scene.seed,
        "lines": [
            {"at": iso(line.at), "offset_s": (line.at - START) / SECOND, "words": line.words}
            for line in told.lines
        ],
        "calls": dict(sorted(Counter(call.name for call in told.calls).items())),
        "outcomes": dict(sorted(Counter(call.outcome for call in told.calls).items())),
        "logins": [iso(at) for at in told.logins],
        "unusable": [{"from": iso(since), "until": iso(until)} for since, until in told.downs],
        "state": told.state,
        "expires": None if told.expires_at is None else iso(told.expires_at),
    }
