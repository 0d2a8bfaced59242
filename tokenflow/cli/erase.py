"""`tokenflow erase`: one person's tokens and all that names them; the audit trail keeps its lines."""

from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json
from tokenflow.cli.token import STORE, TENANT

if TYPE_CHECKING:
    from tokenflow.core.revoking import Outcome
    from tokenflow.engine.erasing import Erased


@click.command()
@click.argument("name", metavar="[KEY]", required=False)
@click.argument("specs", nargs=-1)
@STORE
@TENANT
@click.option("--person", metavar="ID", help="Every token of the person with this id at an issuer; no KEY.")
@click.option("--revoke", is_flag=True, help="End them at their issuers first; if that fails, all stays.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--key", help=WHO_HOLDS)
@click.option("--at", help="With --revoke: base URL of a sandbox that runs elsewhere.")
@FORMAT
def erase(
    name: str | None,
    specs: tuple[str, ...],
    store: str,
    tenant: str,
    person: str | None,
    revoke: bool,
    dry_run: bool,
    key: str | None,
    at: str | None,
    shape: str,
) -> int:
    """Erase the token of KEY and all derived from it, or all tokens of a --person, for good.

    Rows and history are overwritten; parked logins, tickets and answers that name them go, too. The audit
    trail keeps its lines and verifies, and they say nothing of the person any more. A backup of before is
    erased again when it is put back and adopted.

    SPECS, for --revoke, are as in `token answer`.
    """
    from tokenflow.engine.clocks import SystemClock
    from tokenflow.engine.erasing import erase as do
    from tokenflow.engine.erasing import of_key, of_person
    from tokenflow.runner.keepsakes import opened

    if (name is None) == (person is None):
        raise click.UsageError("name a KEY, or a --person")
    with opened(store, key) as it:
        plan = of_key(it.store, tenant, str(name)) if person is None else of_person(it.store, tenant, person)
    if revoke and not dry_run and not _ended(plan, specs, store, tenant, key, at):
        return FINDINGS
    if not dry_run:
        with opened(store, key) as it:
            plan = do(it.ring, it.acting, tenant, plan, SystemClock()())
            place = it.ring.holder.place
    if shape == "json":
        as_json({**_plain(plan), "erased": not dry_run})
        return FINE
    for one in plan.keys:
        click.echo(f"{'would be erased' if dry_run else 'erased'}: {one}")
    for one in plan.shared:
        click.echo(f"derived from a token that stays, so the trail goes on naming it: {one}")
    if not dry_run:
        click.echo(
            f"what was backed up before opens with the key in {place} until it is destroyed, or", err=True
        )
        click.echo("the key, is destroyed: make a new backup, then: tokenflow keys rewrap", err=True)
    return FINE


def _ended(
    plan: "Erased", specs: tuple[str, ...], store: str, tenant: str, key: str | None, at: str | None
) -> bool:
    """Revoke what is to be erased, and return whether all of it was confirmed or has no way to be."""
    from tokenflow.core.errors import Refused
    from tokenflow.engine.sync import Engine

    failed: list[Outcome] = []
    options: dict[str, Any] = {} if at is None else {"issuer": at}
    with Engine.open(specs, store, tenant=tenant, key=key, **options) as engine:
        held = set(engine.keys())
        for one in [one for one in plan.roots + plan.shared if one in held]:
            try:
                failed += engine.revoke(one).failed
            except Refused as no:
                click.echo(f"not revoked: {one}: {str(no).splitlines()[0]}", err=True)
    for outcome in failed:
        click.echo(f"its issuer did not confirm the end of {outcome.key}: nothing was erased", err=True)
    return not failed


def _plain(plan: "Erased") -> dict[str, Any]:
    return {"keys": list(plan.keys), "shared": list(plan.shared), "blobs": plan.blobs}
