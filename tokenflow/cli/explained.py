"""How explanations look on a terminal."""

import textwrap
from collections.abc import Sequence

import click

from tokenflow.cli.showing import painter
from tokenflow.runner.describing import Section
from tokenflow.runner.explaining import Explained, Legal, Row
from tokenflow.runner.spans import iso, span
from tokenflow.spec.codes import Code

_COLOURS = {"yes": "green", "no": "red", "depends": "yellow", "error": "red"}


def show_token(one: Explained) -> None:
    """Print a token's explanation: the sentence first, then what matters next."""
    paint = painter()
    _show_head(one)
    _heading("what ends it next")
    if not one.endings:
        click.echo("  nothing by time alone")
    for number, ending in enumerate(one.endings):
        click.echo(
            paint(
                f"  {_when(ending.at, one.now)}  {ending.event or 'its value is over'} -> {ending.state}: "
                f"{ending.why}",
                bold=number == 0,
            )
        )
    if one.deadlines:
        _heading("deadlines")
    for line in one.deadlines:
        click.echo(f"  {_when(line.at, one.now)}  {line.words}")
    if one.legal:
        _heading("what may happen")
    for event in one.legal:
        _show_legal(event)
    _heading("history")
    for line in one.history:
        click.echo(f"  {_when(line.at, one.now)}  {line.words}")


def _show_head(one: Explained) -> None:
    paint = painter()
    click.echo(f"{paint(one.key, bold=True)} is {one.standing}")
    if one.held is not None:
        click.echo(paint(f"  timers are held: {one.held}", fg="red"))
    if one.why_not is not None:
        click.echo(paint(f"  not usable: {one.why_not}", fg="yellow"))
    for words in one.on_touch:
        click.echo(paint(f"  at the next touch: {words}", fg="yellow"))
    if one.attempt is not None:
        click.echo(f"  {one.attempt}")
    for words in one.provenance:
        click.echo(paint(f"  {words}", fg="red" if "ALARM" in words else None))
    if one.hidden is not None:
        click.echo(f"  its secret: {one.hidden}")
    click.echo(f"  a person: {one.person or 'nobody is needed'}")


def _show_legal(event: Legal) -> None:
    paint = painter()
    only = f": {_way(event.rows[0])}" if len(event.rows) == 1 else ""
    click.echo(f"  {paint(f'{event.verdict:<8}', fg=_COLOURS[event.verdict])} {event.event}{only}")
    for row in event.rows:
        if not only:
            click.echo(f"{'':>13}{_way(row)}: {row.verdict}")
        for needs, verdict in row.conditions:
            click.echo(f"{'':>15}{paint(f'{verdict:<8}', fg=_COLOURS[verdict])} {needs}")


def _way(row: Row) -> str:
    return f"to {row.state}" + (f" by {row.command}" if row.command else "")


def _heading(title: str) -> None:
    click.echo(f"\n{painter()(title, bold=True)}")


def _when(at: int, now: int) -> str:
    far = f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"
    return f"{iso(at)}  {far:<14}"


def show_sections(sections: Sequence[Section]) -> None:
    """Print a spec's description."""
    paint = painter()
    for number, section in enumerate(sections):
        click.echo(("\n" if number else "") + paint(section.title, bold=True))
        for line in section.lines:
            click.echo(f"  {line}")


def show_code(code: Code) -> None:
    """Print what a code of the linter says."""
    paint = painter()
    click.echo(f"{paint(code.code, bold=True)} {code.title} ({code.severity})")
    for title, text in (("what", code.what), ("why", code.why), ("mend", code.mend)):
        click.echo(f"\n{paint(title, bold=True)}")
        click.echo(textwrap.indent(textwrap.fill(text, 92, break_long_words=False), "  "))
    for title, text, colour in (("bad", code.bad, "red"), ("good", code.good, "green")):
        click.echo(f"\n{paint(title, bold=True)}")
        click.echo(paint(textwrap.indent(text.rstrip(), "  "), fg=colour))
