"""`tokenflow revoke`: end tokens on purpose, at their issuers and here, and say what came of each."""

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json, painter
from tokenflow.cli.token import STORE, TENANT

if TYPE_CHECKING:
    from tokenflow.core.revoking import Outcome, Revocation

_COLOURS: Final = {"revoked": "green", "already": "bright_black", "unsupported": "yellow", "failed": "red"}


@click.command()
@click.argument("name", metavar="[KEY]", required=False)
@click.argument("specs", nargs=-1)
@STORE
@TENANT
@click.option(
    "--all", "every", is_flag=True, help="Every live token, of --issuer or of any; no KEY is given."
)
@click.option("--issuer", help="With --all: tokens of this issuer only, by its name in the specs.")
@click.option("--dry-run", is_flag=True, help="With --all: only say what is to be expected.")
@click.option("--key", help=WHO_HOLDS)
@click.option("--at", help="Base URL of a sandbox that runs elsewhere.")
@FORMAT
def revoke(
    name: str | None,
    specs: tuple[str, ...],
    store: str,
    tenant: str,
    every: bool,
    issuer: str | None,
    dry_run: bool,
    key: str | None,
    at: str | None,
    shape: str,
) -> int:
    """End the token of KEY on purpose, and the children its lifecycle takes along; or --all tokens.

    None of them is used for anything from then on. Issuers are told, children first, and there is a line
    for each token: revoked (its issuer confirmed), unsupported (nobody can tell its issuer, and it ended
    here only), already (it was over), failed (its issuer did not confirm: it is kept and told again, by
    whoever sweeps, and the exit code is 1). What was interrupted goes on when it is asked for again.

    SPECS are as in `token answer`.
    """
    from tokenflow.engine.places import look_into
    from tokenflow.engine.sync import Engine

    _demand_one(name, every, issuer, dry_run)
    if every and name is not None:
        specs = (name, *specs)
    with look_into(store):
        pass  # an engine would make a store that is not there
    options: dict[str, Any] = {} if at is None else {"issuer": at}
    with Engine.open(specs, store, tenant=tenant, key=key, **options) as engine:
        if every:
            tell = _line if shape != "json" else None
            found = engine.revoke_all(issuer=issuer, dry_run=dry_run, tell=tell)
        else:
            found = engine.revoke(str(name))
            for outcome in found.outcomes if shape != "json" else ():
                _line(outcome)
    if shape == "json":
        as_json({"planned": found.planned, "outcomes": [_plain(one) for one in found.outcomes]})
    else:
        click.echo(_counted(found), err=True)
    return FINDINGS if found.failed else FINE


def _demand_one(name: str | None, every: bool, issuer: str | None, dry_run: bool) -> None:
    if not every and name is None:
        raise click.UsageError("name a KEY, or say --all")
    if not every and (issuer is not None or dry_run):
        raise click.UsageError("--issuer and --dry-run go with --all")


def _line(one: "Outcome") -> None:
    said = painter()(f"{one.verdict:<11}", fg=_COLOURS[one.verdict])
    click.echo(f"{said}  {one.key}" + (f"  {one.why}" if one.why else ""))
    sys.stdout.flush()


def _counted(found: "Revocation") -> str:
    told = ", ".join(f"{found.counts[verdict]} {verdict}" for verdict in _COLOURS if found.counts[verdict])
    return f"{'expected: ' if found.planned else ''}{told or 'no token is live'}"


def _plain(one: "Outcome") -> dict[str, Any]:
    return {"key": one.key, "verdict": one.verdict, "why": one.why, "issuer": one.issuer}
