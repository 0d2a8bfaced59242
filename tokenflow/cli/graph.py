"""`tokenflow graph`: a lifecycle as a picture, from the machine that runs it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenflow.cli.outputs import Output
from tokenflow.cli.showing import FORMAT, as_json

if TYPE_CHECKING:
    from tokenflow.core.drawings import Trail
    from tokenflow.core.lifecycles import Lifecycle


@click.command()
@click.argument("specs", metavar="SPEC [ISSUER]...", nargs=-1, required=True)
@click.option(
    "--as",
    "language",
    type=click.Choice(["mermaid", "dot", "svg"]),
    default="mermaid",
    show_default=True,
    help="Mermaid (GitHub and many wikis show it), DOT for Graphviz, or a finished SVG.",
)
@click.option(
    "--highlight",
    "key",
    metavar="KEY",
    help="Mark where this token stands and the way it went (with --store).",
)
@click.option("--store", help="The store KEY is kept in, e.g. sqlite:tokens.db; it is only read.")
@click.option("--tenant", default="default", show_default=True, help="Whose token KEY is.")
@click.option("--out", type=Output(), help="Write to this file.")
@FORMAT
def graph(
    specs: tuple[str, ...],
    language: str,
    key: str | None,
    store: str | None,
    tenant: str,
    out: Path | None,
    shape: str,
) -> None:
    """Draw the lifecycle SPEC (a path, or the name of a shipped one); ISSUERS beside it change nothing.

    States are coloured by what they are: usable, waiting, or final. Timers stand at the arrows they
    lead to. --format json prints the picture as data.
    """
    import attrs

    from tokenflow.core.compiling import compile_lifecycle
    from tokenflow.core.drawings import dot, mermaid, picture_of, svg
    from tokenflow.core.errors import SpecError
    from tokenflow.engine.opening import spec_names
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.grammar import article
    from tokenflow.spec import load
    from tokenflow.spec.issuers import subject_of

    if (key is None) != (store is None):
        raise click.UsageError("--highlight names a token of a store: give both, or neither")
    registry = Registry.installed()
    document = subject_of([load(spec, names=spec_names(registry)) for spec in specs])
    if document.kind != "Lifecycle":
        raise SpecError(f"{document.name} is {article(document.kind)}; only a Lifecycle has a state machine")
    lifecycle = compile_lifecycle(document.data, digest=document.digest, guards=registry.guards())
    trail = None if key is None or store is None else _trail(lifecycle, store, tenant, key)
    picture = picture_of(lifecycle, trail)
    if shape == "json":
        as_json({"graph": attrs.asdict(picture)})
        return
    text = {"mermaid": mermaid, "dot": dot, "svg": svg}[language](picture)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"written to {out}", err=True)


def _trail(lifecycle: "Lifecycle", store: str, tenant: str, key: str) -> "Trail":
    from tokenflow.core.drawings import trail_of
    from tokenflow.core.errors import SpecError, TokenNotFound
    from tokenflow.core.events import from_json
    from tokenflow.engine.places import look_into
    from tokenflow.engine.sealing import unopened

    with look_into(store) as opened:
        row = opened.load(tenant, key)
        if row is None:
            raise TokenNotFound(key)
        entries = [entry for entry in opened.history(tenant, key) if entry.token_id == row.id]
    follows = unopened(row).lifecycle
    if follows.rpartition("@")[0] != lifecycle.name:
        raise SpecError(f"{key} follows {follows}, not {lifecycle.ref}", mend="draw the one it follows")
    if row.state not in lifecycle.states:
        raise SpecError(
            f"{key} is `{row.state}`, which {lifecycle.ref} does not have",
            mend=f"draw {follows}, which it follows",
        )
    return trail_of(lifecycle, row.state, (from_json(entry.happened) for entry in entries))
