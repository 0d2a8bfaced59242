"""A scenario as it is played: a line a step, what happened below it, what was expected in vain in red."""

import sys
from collections.abc import Callable
from typing import Any

import click

from tokenflow.cli.showing import as_json, painter
from tokenflow.runner.playing import Played
from tokenflow.runner.progress import Outcome
from tokenflow.runner.spans import iso, span
from tokenflow.runner.story import Step, Story


def timeline(
    story: Story, shape: str
) -> tuple[Callable[[Step], None], Callable[[Outcome], None], Callable[[Played], None]]:
    """Return what to call before a step, after it, and at the end."""
    if shape == "json":
        return _progress(story), lambda outcome: _erase(), lambda played: None
    click.echo(f"\n{painter()(story.title, bold=True)}  {story.name}, from {iso(story.start)}\n")
    return _progress(story), lambda outcome: _tell(story, outcome), _end


def _progress(story: Story) -> Callable[[Step], None]:
    def begin(step: Step) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\033[K  {step.number}/{len(story.steps)} {step.name}", nl=False, err=True)
        else:
            click.echo(f"step {step.number}/{len(story.steps)}", err=True)

    return begin


def _erase() -> None:
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)


def _tell(story: Story, outcome: Outcome) -> None:
    _erase()
    paint = painter()
    mark = paint("FAIL", fg="red", bold=True) if outcome.wrong else paint("ok", fg="green")
    when = paint(f"+{span(outcome.at - story.start):<14}", fg="bright_black")
    click.echo(f"{outcome.step.number:>3} {mark:<4} {when} {outcome.step.name}")
    for words in outcome.events:
        click.echo(paint(f"{'':>24}{words}", fg="cyan"))
    if outcome.error is not None and not outcome.wrong:
        click.echo(paint(f"{'':>24}refused as expected: {outcome.error}", fg="cyan"))
    for wrong in outcome.wrong:
        click.echo(paint(f"{'':>24}{wrong}", fg="red"))


def _end(played: Played) -> None:
    paint = painter()
    failed = [outcome for outcome in played.outcomes if outcome.wrong]
    tally = played.tally
    click.echo(
        f"\nissuer's ledger: {tally.requests} requests, {tally.issued} tokens issued; "
        f"{tally.agreed} usable here, and live there"
    )
    for line in tally.disagreements:
        click.echo(paint(f"  {line}", fg="red"))
    for outcome in failed:
        click.echo(
            paint(f"step {outcome.step.number}, {outcome.step.name!r}: {'; '.join(outcome.wrong)}", fg="red")
        )
    verdict = (
        paint("passed", fg="green", bold=True) if played.passed else paint("failed", fg="red", bold=True)
    )
    click.echo(f"{played.story.name}: {len(played.outcomes)} steps, {len(failed)} wrong, {verdict}")


def json_report(played: list[Played]) -> None:
    """Print all that was played as one object."""
    as_json({"passed": all(one.passed for one in played), "scenarios": [_plain(one) for one in played]})


def _plain(played: Played) -> dict[str, Any]:
    return {
        "name": played.story.name,
        "passed": played.passed,
        "steps": [
            {
                "number": outcome.step.number,
                "name": outcome.step.name,
                "act": outcome.step.act,
                "rules": list(outcome.step.rules),
                "at": iso(outcome.at),
                "error": outcome.error,
                "wrong": list(outcome.wrong),
                "events": list(outcome.events),
            }
            for outcome in played.outcomes
        ],
        "tokens": played.tokens,
        "ledger": {
            "requests": played.tally.requests,
            "issued": played.tally.issued,
            "agreed": played.tally.agreed,
            "disagreements": list(played.tally.disagreements),
        },
    }
