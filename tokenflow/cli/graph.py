"""`tokenflow graph`: a lifecycle as a picture, from the machine that runs it."""

import click


@click.command()
@click.argument("spec")
@click.option(
    "--as", "language", type=click.Choice(["mermaid", "dot"]), default="mermaid", help="Which language."
)
def graph(spec: str, language: str) -> None:
    """Draw the lifecycle SPEC (a path, or the name of a shipped one)."""
    from tokenflow.core.compiling import compile_lifecycle
    from tokenflow.core.errors import SpecError
    from tokenflow.engine.opening import spec_names
    from tokenflow.hooks.registry import Registry
    from tokenflow.spec import load

    registry = Registry.installed()
    document = load(spec, names=spec_names(registry))
    if document.kind != "Lifecycle":
        raise SpecError(f"{spec} is a {document.kind}; only a Lifecycle has a state machine")
    lifecycle = compile_lifecycle(document.data, digest=document.digest, guards=registry.guards())
    click.echo(lifecycle.mermaid() if language == "mermaid" else lifecycle.dot(), nl=False)
