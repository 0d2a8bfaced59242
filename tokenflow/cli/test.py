"""`tokenflow test`: run the examples that issuers and lifecycles carry."""

from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, as_json, painter

if TYPE_CHECKING:
    from tokenflow.runner.examples import Examined


@click.command()
@click.argument("specs", nargs=-1, required=True)
@FORMAT
def test(specs: tuple[str, ...], shape: str) -> int:
    """Run the examples of Issuer and Lifecycle SPECS (paths, or names of shipped ones).

    Each example answer goes through the code that real answers go through: it has to mean, or to
    grant, what the spec says. Meanings without an example are listed; they are no failure.
    """
    from tokenflow.core.errors import SpecError
    from tokenflow.engine.opening import read_all
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.examples import examine
    from tokenflow.runner.grammar import article

    registry = Registry.installed()
    documents = read_all(specs, registry)
    issuers = {one.name: one for one in documents if one.kind == "Issuer"}
    examined = []
    for spec, document in zip(specs, documents, strict=False):
        if document.kind not in ("Issuer", "Lifecycle"):
            raise SpecError(
                f"{spec} is {article(document.kind)}; only an Issuer or a Lifecycle carries examples",
                mend="a Scenario is played with `tokenflow run`",
            )
        examined.append(examine(document, issuers.get(document.data.get("issuer", ""))))
    if shape == "json":
        as_json({"specs": [_object(one) for one in examined]})
    else:
        for one in examined:
            _show(one)
    return FINDINGS if any(one.failed for one in examined) else FINE


def _show(examined: "Examined") -> None:
    paint = painter()
    click.echo(paint(f"{examined.document.ref}  {examined.document.path}", bold=True))
    for ran in examined.ran:
        verdict = paint("FAIL", fg="red") if ran.problems else paint("ok  ", fg="green")
        click.echo(f"  {verdict}  {ran.path}: {ran.says}")
        for problem in ran.problems:
            click.echo(f"        {ran.place.file}:{ran.place.line}: {problem}")
    for bare in examined.bare:
        click.echo(f"  {paint('bare', fg='yellow')}  {bare.path}: {bare.says}: it has no example")
    passed = len(examined.ran) - len(examined.failed)
    click.echo(f"  {passed} passed, {len(examined.failed)} failed, {len(examined.bare)} without an example")


def _object(examined: "Examined") -> dict[str, Any]:
    return {
        "name": examined.document.name,
        "kind": examined.document.kind,
        "file": examined.document.path,
        "examples": [
            {
                "path": one.path,
                "line": one.place.line,
                "says": one.says,
                "passed": not one.problems,
                "problems": list(one.problems),
            }
            for one in examined.ran
        ],
        "without_example": [
            {"path": one.path, "line": one.place.line, "says": one.says} for one in examined.bare
        ],
    }
