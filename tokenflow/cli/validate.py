"""`tokenflow validate`: every mistake of every file, at its place, with its mend."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, as_json, coloured

if TYPE_CHECKING:
    from tokenflow.spec import Diagnostic


@click.command()
@click.argument("files", nargs=-1, required=True)
@FORMAT
def validate(files: tuple[str, ...], shape: str) -> int:
    """Check spec FILES (paths, or names of shipped specs)."""
    from tokenflow.engine.naming import names_of
    from tokenflow.hooks.manifest import offered
    from tokenflow.spec import check, render

    names = names_of(offered())
    found = {file: check(file, names=names) for file in files}
    everything = [one for diagnostics in found.values() for one in diagnostics]
    if shape == "json":
        as_json({"diagnostics": [_plain(one) for one in everything]})
    else:
        for one in everything:
            click.echo(render(one, color=coloured()) + "\n")
        bad = sum(1 for diagnostics in found.values() if _errors(diagnostics))
        click.echo(
            f"{len(files)} files, {bad} with errors" if everything else f"{len(files)} files, all fine"
        )
    return FINDINGS if any(_errors(diagnostics) for diagnostics in found.values()) else FINE


def _errors(diagnostics: "Sequence[Diagnostic]") -> bool:
    return any(one.severity == "error" for one in diagnostics)


def _plain(one: "Diagnostic") -> dict[str, object]:
    return {
        "code": one.code,
        "severity": one.severity,
        "message": one.message,
        "file": one.span.file,
        "line": one.span.line,
        "column": one.span.col,
        "help": one.help,
    }
