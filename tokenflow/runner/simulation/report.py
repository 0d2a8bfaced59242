"""A forecast in words and numbers: a table for people, plain data for programs."""

from collections.abc import Iterator
from typing import Any

from tokenflow.runner.simulation.bars import bars, spaced
from tokenflow.runner.simulation.forecast import Estimate, Forecast, Peak
from tokenflow.runner.simulation.plot import day_of, title_of
from tokenflow.runner.simulation.scene import START, Scene
from tokenflow.runner.spans import iso, span

_OUTCOMES = {
    "failed": "not answered, the issuer being out",
    "limited": "refused with 429, beyond the budget",
    "refused": "refused",
    "lost": "answered, and the answer lost",
}


def table(found: Forecast, *, plain: bool = False) -> list[str]:
    """Return the lines that are shown to a person; *plain* without block characters."""
    return [
        title_of(found),
        *(f"  {line}" for line in _premises(found)),
        "",
        *(f"{name:<22} {value}".rstrip() for name, value in _rows(found)),
        "",
        "calls an hour",
        *_bars(found.calls_an_hour, found, plain=plain),
        *_unusable_plot(found, plain=plain),
        *_logins_plot(found, plain=plain),
    ]


def _premises(found: Forecast) -> Iterator[str]:
    scene = found.scene
    if scene.standing:
        yield "a fleet that stands: day 0 finds each token anywhere in its round of renewals, by chance"
    else:
        yield f"acquired by chance in the first {span(scene.arrivals)}"
    yield f"seed {scene.seed}"
    for act in scene.acts:
        lasts = f" for {span(act.lasts)}" if act.lasts else ""
        named = " ".join(part for part in (act.what if act.what != "event" else "", act.name) if part)
        yield f"{named}{lasts}, {day_of_offset(act.at)}"
    if scene.budget is not None:
        limit = f"{spaced(scene.budget.calls)} calls in {span(scene.budget.per)}"
        yield f"the issuer takes {limit}, then answers 429"
    if scene.deaths:
        yield f"each token ends early at a rate of {scene.deaths:.3g} a day"
    if found.exact:
        yield "every token was lived, move by move"
    else:
        yield f"a sample: {spaced(found.lived)} of {spaced(scene.tokens)} tokens were lived, move by move"
        yield f"  because {_why_fewer(scene)}"
        yield "+- and the bounds of a peak hold in 95 of 100 samples"


def _why_fewer(scene: Scene) -> str:
    if scene.budget is None:
        return "to live all of them would take longer than half a minute of work"
    return "those that share a budget are lived together, in one process, which takes long"


def day_of_offset(at: int) -> str:
    """Return an offset as a day of the simulation and a time of it."""
    return day_of(START + at)


def _rows(found: Forecast) -> Iterator[tuple[str, str]]:
    yield "calls", f"{_estimate(found.calls)}, {spaced(found.calls.value / found.days)} a day"
    for name, count in found.by_call.items():
        yield f"  {name}", f"{spaced(count)}, {spaced(count / found.days)} a day"
    for name, count in found.outcomes.items():
        yield f"  {name}", f"{spaced(count)}, {_OUTCOMES[name]}"
    yield "busiest minute", _peak(found.minute)
    if found.plain_minute is not None:
        yield "  without jitter", _peak(found.plain_minute)
    yield "busiest hour", _peak(found.hour)
    if found.plain_hour is not None:
        yield "  without jitter", _peak(found.plain_hour)
    most = max(found.logins_a_day, default=0.0)
    busiest = f", most on day {found.logins_a_day.index(most)}: {spaced(most)}" if most else ""
    yield "logins by people", f"{_estimate(found.logins)}{busiest}"
    yield "tokens that ended", _estimate(found.ends)
    for how, count in found.ended.items():
        yield f"  {how}", spaced(count)
    if not found.unusable_most:
        yield "unusable tokens", "none, at no time"
        return
    each = found.unusable_hours / found.scene.tokens
    yield "unusable tokens", f"at most {spaced(found.unusable_most)} at once, {day_of(found.unusable_at)}"
    yield "", f"{spaced(found.unusable_hours)} hours in all, {each:.2g} a token"
    if found.in_outage is not None:
        yield "  in the outage", f"{_estimate(found.in_outage)} tokens at some time of it"


def _estimate(one: Estimate) -> str:
    return spaced(one.value) + (f" +- {spaced(one.error)}" if one.error >= 0.5 else "")


def _peak(one: Peak) -> str:
    bounds = f" ({spaced(one.low)} to {spaced(one.high)})" if one.low != one.high else ""
    return f"{spaced(one.calls)} calls{bounds}, {day_of(one.at)}"


def _bars(values: tuple[float, ...], found: Forecast, *, plain: bool) -> list[str]:
    return bars(values, begin="day 0", end=f"day {found.days:g}", plain=plain)


def _unusable_plot(found: Forecast, *, plain: bool) -> list[str]:
    if not found.unusable_most:
        return []
    return ["", "unusable tokens", *_bars(found.unusable_an_hour, found, plain=plain)]


def _logins_plot(found: Forecast, *, plain: bool) -> list[str]:
    if not found.logins.value:
        return []
    return ["", "logins a day", *_bars(found.logins_a_day, found, plain=plain)]


def plain_data(found: Forecast) -> dict[str, Any]:
    """Return the forecast as data for programs: times as ISO 8601, durations in seconds."""
    scene = found.scene
    return {
        "lifecycle": f"{scene.data['metadata']['name']}@{scene.data['metadata']['version']}",
        "platform": scene.platform,
        "tokens": scene.tokens,
        "lived": found.lived,
        "method": "every token" if found.exact else "sample",
        "seed": scene.seed,
        "days": found.days,
        "arrivals_s": scene.arrivals // 1_000_000,
        "standing": scene.standing,
        "calls": {
            **_plain_estimate(found.calls),
            "a_day": round(found.calls.value / found.days),
            "by_command": {name: round(count) for name, count in found.by_call.items()},
            "outcomes": {name: round(count) for name, count in found.outcomes.items()},
            "an_hour": [round(one) for one in found.calls_an_hour],
        },
        "peaks": {
            "minute": _plain_peak(found.minute),
            "hour": _plain_peak(found.hour),
            "minute_without_jitter": _plain_peak(found.plain_minute),
            "hour_without_jitter": _plain_peak(found.plain_hour),
        },
        "logins": {**_plain_estimate(found.logins), "a_day": [round(one) for one in found.logins_a_day]},
        "ended": {
            **_plain_estimate(found.ends),
            "how": {how: round(count) for how, count in found.ended.items()},
        },
        "unusable": {
            "most": round(found.unusable_most),
            "at": iso(found.unusable_at),
            "hours": round(found.unusable_hours, 1),
            "in_outage": None if found.in_outage is None else _plain_estimate(found.in_outage),
            "an_hour": [round(one) for one in found.unusable_an_hour],
        },
    }


def _plain_estimate(one: Estimate) -> dict[str, float]:
    return {"total": round(one.value), "error": round(one.error)}


def _plain_peak(one: Peak | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"calls": round(one.calls), "low": round(one.low), "high": round(one.high), "at": iso(one.at)}
