"""`tokenflow init`: a folder with a lifecycle, its issuer and a scenario, which lint clean and run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.outputs import OutputFolder
from tokenflow.cli.showing import FORMAT, as_json, coloured

if TYPE_CHECKING:
    from tokenflow.cli.starts import Start
    from tokenflow.spec import Diagnostic


@click.command()
@click.option("--issuer", help="Whose tokens, e.g. facebook, or oauth2 for any standard issuer.")
@click.option("--platform", help="How a token arrives, e.g. web, android, server.")
@click.option(
    "--lifecycle", help="Which of the issuer's lifecycles. Default: the first that has the platform."
)
@click.option(
    "--dir",
    "folder",
    type=OutputFolder(),
    default=Path(),
    help="The folder to write to. Default: this one.",
)
@FORMAT
def init(issuer: str | None, platform: str | None, lifecycle: str | None, folder: Path, shape: str) -> int:
    """Begin a project: a lifecycle, its issuer, a scenario, and a Tokens file where a keeper can be of use.

    Each file extends a shipped one and says what may be written there. Nothing that exists is written
    over. `tokenflow run` then plays the scenario, on this machine alone.
    """
    from tokenflow.cli.beginning import files_of
    from tokenflow.cli.onward import stages_of, variables_of

    start = _chosen(issuer, platform, lifecycle)
    files = files_of(start)
    written = _write(folder, files)
    found = _checked(folder, files)
    stages = stages_of(start, folder, next((name for name in files if name.startswith("tokens/")), None))
    if shape == "json":
        as_json(
            {
                "folder": str(folder),
                "written": written,
                "kept": [name for name in files if name not in written],
                "mistakes": [f"{one.span.file}:{one.span.line}: {one.message}" for one in found],
                "variables": variables_of(start),
                "next": [command for stage in stages for command in stage.commands],
            }
        )
        return FINDINGS if found else FINE
    from tokenflow.spec import render

    for name in files:
        if name not in written:
            click.echo(f"kept {folder / name}, which says just that")
    for name in written:
        click.echo(f"wrote {folder / name}")
    for one in found:
        click.echo(render(one, color=coloured()) + "\n")
    if found:
        click.echo("mend what is shown, and")
    for stage in stages:
        click.echo(f"{stage.title}:")
        for command in stage.commands:
            click.echo(f"  {command}")
    return FINDINGS if found else FINE


def _chosen(issuer: str | None, platform: str | None, lifecycle: str | None) -> "Start":
    """Return the start that is asked for; what is missing is asked of the person at the terminal."""
    from tokenflow.cli.starts import chosen, short, starts

    if issuer is None:
        issuer = _asked("issuer", [short(one.issuer) for one in starts()])
    if platform is None:
        here = [one for one in starts() if short(one.issuer) == issuer and lifecycle in (None, one.lifecycle)]
        platform = _asked("platform", [one.platform for one in here]) if here else ""
    return chosen(issuer, platform, lifecycle)


def _asked(what: str, among: list[str]) -> str:
    names = list(dict.fromkeys(among))
    if len(names) == 1:
        return names[0]
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(f"say which --{what}: {', '.join(names)}")
    answer: str = click.prompt(what, type=click.Choice(names), default=names[0])
    return answer


def _write(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write what is not there yet and return the names; a file that says something else stops all of it."""
    from tokenflow.cli.beginning import IGNORED

    standing = [name for name, text in files.items() if _says_else(folder / name, text)]
    if standing:
        names = ", ".join(str(folder / name) for name in standing)
        raise click.ClickException(
            f"{names} exists already, so nothing was written\n  help: move it away, or choose another --dir"
        )
    new = [name for name in files if not (folder / name).exists()]
    for name in new:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(files[name])
    ignored = folder / ".gitignore"
    before = ignored.read_text(encoding="utf-8") if ignored.exists() else ""
    missing = [line for line in IGNORED if line not in before.splitlines()]
    if missing:
        with ignored.open("a", encoding="utf-8") as file:
            file.write("\n" * bool(before and not before.endswith("\n")) + "\n".join(missing) + "\n")
        new.append(ignored.name)
    return new


def _says_else(path: Path, text: str) -> bool:
    return path.exists() and (
        not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text
    )


def _checked(folder: Path, files: Mapping[str, str]) -> "list[Diagnostic]":
    from tokenflow.engine.naming import names_of
    from tokenflow.hooks.manifest import offered
    from tokenflow.spec import check

    names = names_of(offered())
    specs = [str(folder / name) for name in files if name.endswith(".yaml")]
    return [one for spec in specs for one in check(spec, names=names)]
