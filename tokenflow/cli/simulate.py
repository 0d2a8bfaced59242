"""`tokenflow simulate`: one token, or a fleet of them, through virtual time."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tokenflow.cli.leaving import FINE
from tokenflow.cli.outputs import Output
from tokenflow.cli.showing import FORMAT, as_json

if TYPE_CHECKING:
    from tokenflow.runner.simulation.casting import Part
    from tokenflow.runner.simulation.scene import Scene

T = TypeVar("T")

_HINTS = {"until": "--until / --days"}


@click.command()
@click.argument("specs", metavar="SPEC [ISSUER]...", nargs=-1, required=True)
@click.option("--platform", help="How it is acquired. Default: web, else server, else the first of the spec.")
@click.option(
    "--until",
    "--days",
    "until",
    default="90d",
    show_default=True,
    metavar="SPAN",
    help="How long, e.g. 36h or 90d; a bare number is days.",
)
@click.option("--expires-in", metavar="SPAN", help="How long a first value lives. Default: as planned.")
@click.option(
    "--answer",
    default="1h",
    show_default=True,
    metavar="SPAN",
    help="How long a person takes to log in again; `never` if nobody does.",
)
@click.option(
    "--at",
    "acts",
    multiple=True,
    metavar="'WHEN WHAT'",
    help="What comes between: '20d invalidate', '30d outage 2h', '9d refuse revoked', '9d lose', '9d die'.",
)
@click.option("--app", "facts", multiple=True, metavar="NAME=VALUE", help="A fact of the registered app.")
@click.option("--outage", metavar="SPAN[@DAY]", help="The issuer is out; by default in the middle.")
@click.option("--tokens", type=click.IntRange(1, 100_000_000), help="A fleet of so many: counted, not told.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed has the same answer.")
@click.option("--arrivals", metavar="SPAN", help="Fleet: acquired in the first SPAN. Default: before.")
@click.option("--deaths", metavar="SHARE/SPAN", help="Fleet: so many end early, e.g. 1%/30d.")
@click.option("--budget", metavar="CALLS/SPAN", help="Fleet: the issuer answers 429 beyond it, e.g. 600/10m.")
@click.option(
    "--svg",
    "plot",
    type=Output(),
    help="Fleet: write the plots to this file.",
)
@click.option("--processes", type=click.IntRange(1, 64), help="Fleet: how many work. Default: one a core.")
@FORMAT
def simulate(
    specs: tuple[str, ...],
    tokens: int | None,
    plot: Path | None,
    processes: int | None,
    shape: str,
    **written: Any,
) -> int:
    """Take a token of SPEC (a Lifecycle or a Tokens file) through virtual time and tell its life.

    With --tokens, take a whole fleet: what it asks of its issuer, when most, what it asks of people,
    and what an outage does to it. An ISSUER is the file of one that SPEC names and that is not around it
    (beside it, or in issuers/). Nothing is sent: a model issuer answers, and the engine's own flows
    decide. The same command has the same answer.
    """
    if tokens is None:
        for option in ("arrivals", "deaths", "budget"):
            if written[option] is not None:
                raise click.UsageError(f"--{option} is for a fleet: say how many with --tokens")
        if plot is not None:
            raise click.UsageError("--svg is for a fleet: say how many with --tokens")
    parts = _parts(specs, tokens, **written)
    if plot is not None and len(parts) > 1:
        raise click.UsageError("--svg draws one lifecycle, and this Tokens file has several entries")
    if tokens is None:
        _tell(parts, shape)
    else:
        _forecast(parts, shape, plot, processes)
    return FINE


def _parts(
    specs: tuple[str, ...],
    tokens: int | None,
    *,
    platform: str | None,
    until: str,
    expires_in: str | None,
    answer: str,
    acts: tuple[str, ...],
    facts: tuple[str, ...],
    outage: str | None,
    seed: int,
    arrivals: str | None,
    deaths: str | None,
    budget: str | None,
) -> "list[Part]":
    """Read the options; raises UsageError naming the one that cannot be read."""
    import attrs

    from tokenflow.core.moments import duration
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.simulation.casting import acted, cast, informed, standing
    from tokenflow.runner.simulation.scene import Scene
    from tokenflow.runner.simulation.words import budget_of, fact_of, outage_of, rate_of

    span = _read("until", _days, until)
    premises = Scene(
        data={},
        digest="",
        platform="",
        span=span,
        expires_in=None if expires_in is None else _read("expires-in", _some, expires_in),
        answer=None if answer == "never" else _read("answer", duration, answer),
        app=dict(_read("app", fact_of, fact) for fact in facts),
        acts=() if outage is None else (_read("outage", lambda text: outage_of(text, span), outage),),
        seed=seed,
        tokens=tokens or 1,
        arrivals=0 if arrivals is None else _read("arrivals", duration, arrivals),
        deaths=0.0 if deaths is None else _read("deaths", rate_of, deaths),
        budget=None if budget is None else _read("budget", budget_of, budget),
    )
    registry = Registry.installed()
    guards = registry.guards()

    def cast_in(scene: "Scene") -> "Scene":
        scene = acted(scene, acts, guards)
        return standing(scene, guards) if tokens is not None and arrivals is None else scene

    found = cast(specs, platform=platform, registry=registry, premises=premises)
    found = _read("app", informed, found)
    return [attrs.evolve(part, scene=_read("at", cast_in, part.scene)) for part in found]


def _read(option: str, reading: Callable[[Any], T], written: Any) -> T:
    try:
        return reading(written)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=_HINTS.get(option, f"--{option}")) from None


def _days(text: str) -> int:
    """Read a span; a bare number is days."""
    from tokenflow.core.tokens import DAY

    found = _some(f"{text}d" if text.isascii() and text.isdigit() else text)
    if found > 1000 * DAY:
        raise ValueError(f"{text!r} is longer than 1000 days")
    return found


def _some(text: str) -> int:
    from tokenflow.core.moments import duration

    found = duration(text)
    if found <= 0:
        raise ValueError(f"{text!r} is no time at all")
    return found


def _tell(parts: "list[Part]", shape: str) -> None:
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.simulation.story import plain_life, shown, tell

    guards = Registry.installed().guards()
    lives = [(part.key, tell(part.scene, guards)) for part in parts]
    if shape == "json":
        as_json({"lives": [plain_life(key, told) for key, told in lives]})
        return
    for place, (key, told) in enumerate(lives):
        click.echo("\n".join(["", *shown(key, told)] if place else shown(key, told)))


def _forecast(parts: "list[Part]", shape: str, plot: Path | None, processes: int | None) -> None:
    import sys

    from tokenflow.runner.simulation.forecast import forecast
    from tokenflow.runner.simulation.plot import svg
    from tokenflow.runner.simulation.report import plain_data, table

    found = [(part.key, forecast(part.scene, processes=processes)) for part in parts]
    if shape == "json":
        as_json({"fleets": [{"key": key, **plain_data(one)} for key, one in found]})
    else:
        plain = not (sys.stdout.encoding or "").lower().startswith("utf")
        for place, (_, one) in enumerate(found):
            click.echo("\n".join(["", *table(one, plain=plain)] if place else table(one, plain=plain)))
    for _, one in found:
        if plot is not None:
            plot.write_text(svg(one), encoding="utf-8")
            click.echo(f"written to {plot}", err=True)
