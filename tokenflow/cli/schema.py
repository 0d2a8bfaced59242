"""`tokenflow schema`: the JSON Schema of a kind of document, for editors and programs."""

import json
from typing import Final

import click

_DIALECTS: Final = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "07": "http://json-schema.org/draft-07/schema#",
}
"""Drafts of JSON Schema. Ours are written in what all of these read alike."""


@click.command()
@click.argument("kind", type=click.Choice(["lifecycle", "issuer", "tokens", "scenario"]))
@click.option(
    "--draft",
    type=click.Choice(list(_DIALECTS)),
    default="2020-12",
    show_default=True,
    help="Which draft it says it is: some editors know only 07.",
)
def schema(kind: str, draft: str) -> None:
    """Print the JSON Schema of KIND."""
    from tokenflow.spec import published

    click.echo(json.dumps(published(kind.capitalize()) | {"$schema": _DIALECTS[draft]}, indent=2))
