"""`tokenflow diff`: what changed between two versions of a lifecycle, and whether its number says so."""

from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, as_json, coloured, painter

if TYPE_CHECKING:
    from tokenflow.spec import Diagnostic, Document, Span
    from tokenflow.spec.changes import Changes
    from tokenflow.spec.comparing import Difference


@click.command()
@click.argument("old")
@click.argument("new")
@FORMAT
def diff(old: str, new: str, shape: str) -> int:
    """Show what changed from OLD to NEW, and how much each change asks of the version.

    Each is a path, the name of a shipped lifecycle, or STORE#NAME@VERSION (or STORE#DIGEST): a
    version that tokens in a store live by, e.g. sqlite:tokens.db#facebook-user@1.0.0. It leaves with
    1 when the version says too little or a live token would be stranded.
    """
    from tokenflow.spec.changes import changes

    found = changes(_document(old), _document(new))
    if shape == "json":
        as_json(_plain(found))
    else:
        _show(found)
    return FINDINGS if found.problems else FINE


def _document(ref: str) -> "Document":
    from tokenflow.engine.library import find_kept
    from tokenflow.engine.places import look_into
    from tokenflow.spec import load
    from tokenflow.spec.kept import kept

    store, found, name = ref.partition("#")
    if not found or ":" not in store:
        return load(ref)
    with look_into(store) as opened:
        digest, data = find_kept(opened, name)
    return kept(data, digest=digest, label=ref)


def _show(found: "Changes") -> None:
    from tokenflow.spec import render

    paint, colours = painter(), {"major": "red", "minor": "yellow", "patch": "green"}
    click.echo(f"{paint(found.old.name, bold=True)}  {found.old.version} -> {found.new.version}\n")
    for one in found.differences:
        click.echo(f"{paint(one.bump, fg=colours[one.bump])}  {one.what}: {one.why}")
        click.echo(f"       old {one.old}")
        click.echo(f"       new {one.new}")
    for problem in found.problems:
        click.echo(f"\n{render(problem, color=coloured())}")
    click.echo(("\n" if found.differences else "") + _verdict(found))


def _verdict(found: "Changes") -> str:
    if found.required is None:
        return "nothing changed that a token lives by"
    declared = "no new version" if found.declared is None else f"a {found.declared} one"
    honest = "as it should be" if found.honest else "which is too little"
    lines = [f"this asks for a {found.required} version; {found.new.version} is {declared}, {honest}"]
    if found.declared is not None and not found.takes_over:
        lines.append(
            f"live tokens stay at {found.old.version}: no `migrate` entry of {found.new.ref} takes them"
        )
    return "\n".join(lines)


def _plain(found: "Changes") -> dict[str, Any]:
    return {
        "old": _who(found.old),
        "new": _who(found.new),
        "required": found.required,
        "declared": found.declared,
        "honest": found.honest,
        "takes_over": found.takes_over,
        "changes": [_difference(one) for one in found.differences],
        "diagnostics": [_diagnostic(one) for one in found.problems],
    }


def _who(document: "Document") -> dict[str, str]:
    return {
        "name": document.name,
        "version": document.version,
        "digest": document.digest,
        "path": document.path,
    }


def _difference(one: "Difference") -> dict[str, Any]:
    return {
        "bump": one.bump,
        "what": one.what,
        "why": one.why,
        "path": ".".join(str(step) for step in one.path),
        "old": _place(one.old),
        "new": _place(one.new),
    }


def _diagnostic(one: "Diagnostic") -> dict[str, Any]:
    return {
        "code": one.code,
        "severity": one.severity,
        "message": one.message,
        **_place(one.span),
        "help": one.help,
    }


def _place(span: "Span") -> dict[str, Any]:
    return {"file": span.file, "line": span.line, "column": span.col}
