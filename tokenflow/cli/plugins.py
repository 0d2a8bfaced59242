"""`tokenflow plugins`: what is installed, what it offers, and why something is not."""

import attrs
import click

from tokenflow.cli.showing import FORMAT, as_json, painter


@click.group()
def plugins() -> None:
    """Look at plugins."""


@plugins.command("list")
@FORMAT
def list_plugins(shape: str) -> None:
    """List plugins: active, disabled and broken ones, with what they offer."""
    from tokenflow.hooks.registry import Registry

    lines = Registry.installed().listing()
    if shape == "json":
        as_json({"plugins": [attrs.asdict(line) for line in lines]})
        return
    paint, colours = painter(), {"active": "green", "disabled": "yellow", "broken": "red"}
    for line in lines:
        click.echo(
            f"{paint(line.name, bold=True)}  {paint(line.status, fg=colours[line.status])}  {line.origin}"
        )
        for offer in line.offers:
            click.echo(f"    {offer}")
        if line.why:
            click.echo(f"    {line.why}")
