"""`tokenflow plugins`: what is there, what it offers, why something is not; a new one, and its test."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.outputs import OutputFolder, demand_folder
from tokenflow.cli.scaffolds import KINDS
from tokenflow.cli.showing import FORMAT, as_json, as_table, painter

if TYPE_CHECKING:
    from tokenflow.hooks.offers import Offer

_COLOURS = {"active": "green", "disabled": "yellow", "broken": "red"}


@click.group()
def plugins() -> None:
    """Look at plugins, and write your own."""


@plugins.command("list")
@FORMAT
def list_plugins(shape: str) -> None:
    """List plugins: active, disabled and broken ones, with what they offer.

    All of them are imported, but for those that TOKENFLOW_DISABLE_PLUGINS names.
    """
    import attrs

    from tokenflow.hooks.registry import Registry

    lines = Registry.installed().listing()
    if shape == "json":
        as_json({"plugins": [attrs.asdict(line) for line in lines]})
        return
    told = ["\n".join([*line.offers, *filter(None, [line.why])]) for line in lines]
    rows = [(line.name, line.status, line.origin, offers) for line, offers in zip(lines, told, strict=True)]
    if as_table(("plugin", "status", "from", "offers"), rows):
        return
    paint = painter()
    for line in lines:
        click.echo(
            f"{paint(line.name, bold=True)}  {paint(line.status, fg=_COLOURS[line.status])}  {line.origin}"
        )
        for offer in line.offers:
            click.echo(f"    {offer}")
        if line.why:
            click.echo(f"    {line.why}")


@plugins.command("show")
@click.argument("name")
@FORMAT
def show_plugin(name: str, shape: str) -> int:
    """Show the plugin NAME: where it came from, what it offers, with which options.

    No other plugin is imported; nor is this one when it is disabled.
    """
    import attrs

    from tokenflow.hooks.registry import Registry

    line, offers = Registry.installed().look(name)
    if shape == "json":
        as_json({"plugin": attrs.asdict(line) | {"offers": [_plain(offer) for offer in offers]}})
        return FINDINGS if line.status == "broken" else FINE
    paint = painter()
    click.echo(
        f"{paint(line.name, bold=True)}  {paint(line.status, fg=_COLOURS[line.status])}  {line.origin}"
    )
    if line.why:
        click.echo(f"    {line.why}")
    for offer in offers:
        where = "" if offer.runs_on is None else f"  runs on {' or '.join(sorted(offer.runs_on))}"
        click.echo(f"    {offer.kind} {paint(offer.name, bold=True)}{where}")
        for option, schema in (offer.options or {}).get("properties", {}).items():
            click.echo(f"        {option}: {_option(schema)}{_needed(offer, option)}")
    if "observer" in line.offers:
        click.echo("    observer")
    return FINDINGS if line.status == "broken" else FINE


@plugins.command("new")
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(KINDS), default="acquirer", show_default=True, help="What it offers first."
)
@click.option(
    "--dir",
    "folder",
    type=OutputFolder(),
    help="The folder to make. Default: NAME, in this one.",
)
@FORMAT
def new_plugin(name: str, kind: str, folder: Path | None, shape: str) -> None:
    """Write a plugin called NAME: a module, what installs it, and a test that holds it to the kit."""
    from tokenflow.cli.scaffolds import bad_name, scaffold

    if why := bad_name(name):
        raise click.BadParameter(why, param_hint="NAME")
    place = folder or Path(name)
    if place.exists() and any(place.iterdir()):
        raise click.ClickException(f"{place} is there already, and not empty; choose another --dir")
    demand_folder(place)
    files = scaffold(name, kind)
    place.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (place / file).write_text(text, encoding="utf-8")
    commands = [
        f"tokenflow plugins test {place}",
        f"pip install --editable {place}",
        f"tokenflow plugins show {name}",
    ]
    if shape == "json":
        as_json({"folder": str(place), "written": list(files), "next": commands})
        return
    for file in files:
        click.echo(f"wrote {place / file}")
    click.echo("next:\n" + "\n".join(f"  {command}" for command in commands))


@plugins.command("test")
@click.argument("plugin")
@FORMAT
def test_plugin(plugin: str, shape: str) -> int:
    """Hold PLUGIN to the kit that every plugin passes: the name of an installed one, or the folder of one.

    Of a folder, its own tests are run as well. It needs the extra `testing`.
    """
    import attrs

    from tokenflow.cli.kit import run_kit

    results = run_kit(plugin, quiet=shape == "json")
    if shape == "json":
        as_json(
            {
                "plugin": plugin,
                "passed": results.passed,
                "tests": [attrs.asdict(one) for one in results.tests],
            }
        )
    return FINE if results.passed else FINDINGS


def _plain(offer: "Offer") -> dict[str, Any]:
    return {
        "kind": offer.kind,
        "name": offer.name,
        "runs_on": None if offer.runs_on is None else sorted(offer.runs_on),
        "endpoints": list(offer.endpoints),
        "options": offer.options,
    }


def _option(schema: Any) -> str:
    """Say what an option takes, and what for."""
    takes = "|".join(map(repr, schema["enum"])) if "enum" in schema else str(schema.get("type", "anything"))
    default = f" (default {schema['default']!r})" if "default" in schema else ""
    return f"{takes}{default}" + (f". {schema['description']}" if "description" in schema else "")


def _needed(offer: "Offer", option: str) -> str:
    return " Required." if option in (offer.options or {}).get("required", ()) else ""
