"""`tokenflow validate`: every mistake of every file, at its place, with its mend."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import coloured, json_text, noted

if TYPE_CHECKING:
    from tokenflow.hooks.offers import Offer
    from tokenflow.spec import Diagnostic

_SHAPES: Final = ("text", "json", "sarif", "github")
_MISSING: Final = frozenset({"TF005", "TF020", "TF021", "TF220", "TF222"})
"""Where a file is missing it may come to be, and no file that was read would tell."""


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Leave with 1 for warnings, too.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(_SHAPES),
    default="text",
    is_eager=True,
    callback=noted,
    help="For people, for programs, for code scanners (SARIF 2.1.0), or as GitHub's annotations.",
)
def validate(files: tuple[str, ...], strict: bool, shape: str) -> int:
    """Check spec FILES (paths, or names of shipped specs), each for itself and against the others.

    What a file names is looked for among FILES, the shipped specs and the files beside it. Leaves with 1
    when there are errors; `tokenflow explain CODE` says more about one.
    """
    from tokenflow.cli.remembering import own_code, recall, remember
    from tokenflow.hooks.manifest import offered

    color = shape == "text" and coloured()
    offers = offered()
    plugins = [
        (one.plugin, one.kind, one.name, sorted(one.runs_on or ()), one.options, one.endpoints)
        for one in offers
    ]
    question = ("validate", os.getcwd(), files, strict, shape, color, own_code(), plugins)
    answer = recall(question)
    if answer is None:
        code, text, came_of = _found(files, offers, strict=strict, shape=shape, color=color)
        if came_of is not None:
            remember(question, code, text, came_of)
        answer = code, text
    click.echo(answer[1], nl=False)
    return answer[0]


def _found(
    files: tuple[str, ...], offers: "Iterable[Offer]", *, strict: bool, shape: str, color: bool
) -> tuple[int, str, frozenset[str] | None]:
    """Return the exit code, what is said, and the files it came of; None where something was missing."""
    from tokenflow.engine.naming import names_of
    from tokenflow.runner.grammar import counted
    from tokenflow.spec import examine

    examined = examine(files, names=names_of(offers))
    everything = [one for each in examined.found.values() for one in each]
    bad = sum(1 for each in examined.found.values() if _fails(each, strict=strict))
    lines = list(_said(everything, shape, len(examined.found), color=color))
    if shape == "text":
        many = counted(len(examined.found), "file")
        wrong = "with errors or warnings" if strict else "with errors"
        lines.append(f"{many}, {bad or 'none'} {wrong}" if everything else f"{many}, all fine")
    whole = not any(one.code in _MISSING for one in everything)
    text = "".join(f"{line}\n" for line in lines)
    return (FINDINGS if bad else FINE), text, examined.files if whole else None


def _said(everything: "Sequence[Diagnostic]", shape: str, files: int, *, color: bool) -> Iterator[str]:
    from tokenflow.cli import reporting
    from tokenflow.spec import render

    match shape:
        case "json":
            yield json_text({"files": files, "diagnostics": [reporting.plain(one) for one in everything]})
        case "sarif":
            yield reporting.sarif(everything)
        case "github":
            yield from reporting.annotations(everything)
        case _:
            yield from (render(one, color=color) + "\n" for one in everything)


def _fails(found: "Sequence[Diagnostic]", *, strict: bool) -> bool:
    return any(one.severity == "error" or (strict and one.severity == "warning") for one in found)
