"""How commands show things: data on stdout, progress on stderr, colour only on a terminal."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Final

import click

_SHAPE: Final = "tokenflow.shape"


def noted(context: click.Context, _: click.Parameter, shape: str) -> str:
    """Note the form that is asked for where a failure of the command finds it, too."""
    context.meta[_SHAPE] = shape
    return shape


def asked_for_json(context: click.Context) -> bool:
    """Return whether a command below *context* was asked for JSON."""
    return bool(context.meta.get(_SHAPE) == "json")


FORMAT: Final = click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json"]),
    default="text",
    is_eager=True,
    callback=noted,
    help="For people, or for programs.",
)

WHO_HOLDS: Final = "Who holds the store's key, if not its own file: file:PATH, systemd:NAME, a plugin's."
"""Help of `--key` and the like."""


def coloured(stream: Any = None) -> bool:
    """Return whether to use colour: a terminal, unless NO_COLOR; always with FORCE_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool((stream or sys.stdout).isatty())


def painter(stream: Any = None) -> Callable[..., str]:
    """Return `click.style`, or something like it that leaves the text as it is."""
    if coloured(stream):
        return click.style
    return lambda text, **_: str(text)


def as_json(value: dict[str, Any]) -> None:
    """Print one JSON object, with the version of its form first."""
    click.echo(json_text(value))


def json_text(value: dict[str, Any]) -> str:
    """Return one JSON object, with the version of its form first."""
    return json.dumps({"version": 1, **value}, indent=2, ensure_ascii=False)


def as_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Print a table on a terminal, by the extra `pretty`; return whether it was: else there is plain text."""
    if not sys.stdout.isatty() or find_spec("rich") is None:
        return False
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: what a token is called is no markup
    Console().print(table)
    return True
