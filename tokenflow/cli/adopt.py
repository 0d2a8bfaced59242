"""`tokenflow adopt`: a store that is a copy, or was put back, is refreshed again once issuers were asked."""

from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json
from tokenflow.cli.token import STORE

if TYPE_CHECKING:
    from tokenflow.core.flows.adopting import Adopted
    from tokenflow.engine.adopting import Adoption


@click.command()
@click.argument("specs", nargs=-1)
@STORE
@click.option("--because", help="What happened, for the audit trail: no secret, and nobody's name.")
@click.option("--moved", is_flag=True, help="It is the store itself, moved here whole; nobody is asked.")
@click.option("--dry-run", is_flag=True, help="Only say why, and what would be asked.")
@click.option("--key", help=WHO_HOLDS)
@click.option("--at", help="Base URL of a sandbox that runs elsewhere.")
@FORMAT
def adopt(
    specs: tuple[str, ...],
    store: str,
    because: str | None,
    moved: bool,
    dry_run: bool,
    key: str | None,
    at: str | None,
    shape: str,
) -> int:
    """Let a store be refreshed that is a copy, a backup put back, or was moved. Stop what uses another first.

    Its refresh tokens may have been spent since it was copied, and to present one again ends every token of
    the person. So issuers are asked about each of them, and nothing is spent: alive goes on; dead and unknown
    serve to their end, and then a person has to log in; later is asked about before it is renewed. A token
    that could not be asked about is failed: the store stays as it is, and it leaves with 1.

    Who was erased since then is erased again. SPECS are as in `token answer`.
    """
    from tokenflow.engine.places import look_into
    from tokenflow.engine.sync import Engine

    if not dry_run and not because:
        raise click.UsageError("say --because, or look first: --dry-run")
    with look_into(store):
        pass  # an engine would make a store that is not there
    options: dict[str, Any] = {} if at is None else {"issuer": at}
    with Engine.open(specs, store, key=key, **options) as engine:
        tell = _line if shape != "json" and not dry_run else None
        done = engine.adopt(because or "", moved=moved, dry_run=dry_run, tell=tell)
    if shape == "json":
        as_json(_plain(done))
    else:
        _show(done)
    return FINDINGS if done.counts["failed"] else FINE


def _line(one: "Adopted") -> None:
    click.echo(f"{one.verdict:<8}{one.tenant}/{one.key}" + (f"  {one.why}" if one.why else ""))


def _show(done: "Adoption") -> None:
    if done.suspicion is None:
        click.echo("there is nothing to adopt: this is the store that was left here")
        return
    if done.planned:
        for one in done.outcomes:
            _line(one)
        click.echo(f"to be adopted: {done.suspicion.says}", err=True)
        return
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(done.counts.items()))
    click.echo(f"{'adopted' if done.done else 'not adopted'}: {told or 'nobody was asked'}", err=True)


def _plain(done: "Adoption") -> dict[str, Any]:
    why = None if done.suspicion is None else {"cause": done.suspicion.cause, "says": done.suspicion.says}
    outcomes = [
        {"tenant": one.tenant, "key": one.key, "verdict": one.verdict, "why": one.why}
        for one in done.outcomes
    ]
    return {"suspicion": why, "planned": done.planned, "adopted": done.done, "outcomes": outcomes}
