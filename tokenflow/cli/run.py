"""`tokenflow run`: play scenarios, or keep the tokens of a Tokens file alive."""

from pathlib import Path
from typing import Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS


@click.command()
@click.argument("files", nargs=-1)
@click.option(
    "--store",
    help="The store, e.g. sqlite:tokens.db. A scenario's default is a file that is gone afterwards.",
)
@click.option("--key", help=WHO_HOLDS)
@click.option("--issuer", help="Base URL of a sandbox that runs elsewhere. Default: one of the run's own.")
@click.option("--app-id", envvar="FB_APP_ID", help="The app registered there; also read from FB_APP_ID.")
@click.option("--resume", is_flag=True, help="Go on with a stopped run; the step in flight is repeated.")
@click.option("--once", is_flag=True, help="Tokens files: attend to what is due, then leave.")
@click.option("--watch", is_flag=True, help="Tokens files: keep attending until interrupted.")
@click.option(
    "--health",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --watch: a file that says every few seconds how the keeper is, for probes.",
)
@click.option(
    "--plan",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Do exactly what a file of `tokenflow plan --out` lists (with --store): what is due, or with "
    "--watch each in its time.",
)
@FORMAT
def run(
    files: tuple[str, ...],
    store: str | None,
    key: str | None,
    issuer: str | None,
    app_id: str | None,
    resume: bool,
    once: bool,
    watch: bool,
    health: Path | None,
    plan: Path | None,
    shape: str,
) -> int:
    """Play Scenario FILES, or keep the tokens of Tokens FILES alive (with --store and --once or --watch).

    Without FILES it is scenarios/*.yaml of this folder; with --once or --watch, tokens/*.yaml.
    Issuer files among FILES are those that lifecycles name and that are not around them (beside them,
    or in issuers/).
    """
    if plan is not None:
        if files or store is None or resume:
            raise click.UsageError("--plan FILE needs --store, and takes neither FILES nor --resume")
        from tokenflow.cli.applying import apply_plan

        return apply_plan(plan, shape, store=store, key=key, issuer=issuer, watch=watch)
    from tokenflow.engine.opening import spec_names
    from tokenflow.hooks.registry import Registry
    from tokenflow.spec import load

    registry = Registry.installed()
    names = spec_names(registry)
    documents = [load(file, names=names) for file in files or _here(keeping=once or watch)]
    issuers = [document.path for document in documents if document.kind == "Issuer"]
    documents = [document for document in documents if document.kind != "Issuer"]
    kinds = {document.kind for document in documents}
    if kinds == {"Scenario"}:
        if once or watch:
            raise click.UsageError("--once and --watch are for Tokens files; a scenario has its own clock")
        if resume and (store is None or issuer is None):
            raise click.UsageError(
                "--resume needs --store, and --issuer: a sandbox of the run's own ended with it"
            )
        if store is not None and len(documents) > 1:
            raise click.UsageError("a store holds one run: name one scenario with --store")
        return _scenarios(
            documents,
            registry,
            shape,
            issuers,
            store=store,
            key=key,
            issuer=issuer,
            app_id=app_id,
            resume=resume,
        )
    if kinds == {"Tokens"}:
        if store is None or once == watch:
            raise click.UsageError("a Tokens file needs --store, and one of --once and --watch")
        if resume:
            raise click.UsageError("--resume is for scenarios; a Tokens file goes on by itself")
        if health is not None and not watch:
            raise click.UsageError("--health is for --watch")
        how = {"store": store, "key": key, "issuer": issuer, "watch": watch, "health": health}
        return _tokens(documents, registry, shape, issuers, **how)
    shown = " and ".join(sorted(kinds))
    raise click.UsageError(f"run takes Scenario files, or Tokens files, not {shown} files")


def _here(*, keeping: bool) -> list[str]:
    """Return the files of this folder, laid out as `tokenflow init` does."""
    folder = "tokens" if keeping else "scenarios"
    found = sorted(str(path) for path in Path(folder).glob("*.yaml"))
    if not found:
        raise click.UsageError(
            f"name the FILES to run: there is no {folder}/*.yaml here. `tokenflow init` begins a project"
        )
    return found


def _scenarios(documents: list[Any], registry: Any, shape: str, issuers: list[str], **how: Any) -> int:
    from tokenflow.cli.timeline import json_report, timeline
    from tokenflow.runner.playing import HowToPlay, Played, play
    from tokenflow.runner.story import read_story

    played: list[Played] = []
    for document in documents:
        story = read_story(document, issuers)
        begin, tell, end = timeline(story, shape)
        result = play(story, registry, HowToPlay(**how), tell, begin)
        end(result)
        played.append(result)
    if shape == "json":
        json_report(played)
    return FINE if all(one.passed for one in played) else FINDINGS


def _tokens(documents: list[Any], registry: Any, shape: str, issuers: list[str], **how: Any) -> int:
    from tokenflow.cli.keeping import keep

    return keep(documents, registry, shape, issuers=issuers, **how)
