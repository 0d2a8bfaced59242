"""`tokenflow validate`: every mistake of every file, at its place, with its mend."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import as_json, coloured

if TYPE_CHECKING:
    from tokenflow.spec import Diagnostic

_SHAPES: Final = ("text", "json", "sarif", "github")


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Leave with 1 for warnings, too.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(_SHAPES),
    default="text",
    help="For people, for programs, for code scanners (SARIF 2.1.0), or as GitHub's annotations.",
)
def validate(files: tuple[str, ...], strict: bool, shape: str) -> int:
    """Check spec FILES (paths, or names of shipped specs), each for itself and against the others.

    What a file names is looked for among FILES, the shipped specs and the files beside it. Leaves with 1
    when there are errors; `tokenflow explain CODE` says more about one.
    """
    from tokenflow.engine.naming import names_of
    from tokenflow.hooks.manifest import offered
    from tokenflow.spec import check_all

    found = check_all(files, names=names_of(offered()))
    _show([one for each in found.values() for one in each], shape, len(found))
    if shape == "text":
        bad = sum(1 for each in found.values() if _fails(each, strict=strict))
        wrong = "with findings" if strict else "with errors"
        clean = not any(found.values())
        click.echo(f"{len(found)} files, all fine" if clean else f"{len(found)} files, {bad} {wrong}")
    return FINDINGS if any(_fails(each, strict=strict) for each in found.values()) else FINE


def _show(everything: "Sequence[Diagnostic]", shape: str, files: int) -> None:
    from tokenflow.cli import reporting
    from tokenflow.spec import render

    match shape:
        case "json":
            as_json({"files": files, "diagnostics": [reporting.plain(one) for one in everything]})
        case "sarif":
            click.echo(reporting.sarif(everything))
        case "github":
            for line in reporting.annotations(everything):
                click.echo(line)
        case _:
            for one in everything:
                click.echo(render(one, color=coloured()) + "\n")


def _fails(found: "Sequence[Diagnostic]", *, strict: bool) -> bool:
    return any(one.severity == "error" or (strict and one.severity == "warning") for one in found)
