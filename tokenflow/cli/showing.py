"""How commands show things: data on stdout, progress on stderr, colour only on a terminal."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import click

FORMAT: Final = click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json"]),
    default="text",
    help="For people, or for programs.",
)


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
    click.echo(json.dumps({"version": 1, **value}, indent=2, ensure_ascii=False))
