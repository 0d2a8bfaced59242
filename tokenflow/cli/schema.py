"""`tokenflow schema`: the JSON Schema of a kind of document, for editors and programs."""

import json

import click


@click.command()
@click.argument("kind", type=click.Choice(["lifecycle", "issuer", "tokens", "scenario"]))
def schema(kind: str) -> None:
    """Print the JSON Schema of KIND."""
    from tokenflow.spec import schema as schema_of

    click.echo(json.dumps(schema_of(kind.capitalize()), indent=2))
