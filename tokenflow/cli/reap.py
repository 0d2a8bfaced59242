"""`tokenflow reap`: remove from a store what nobody needs any more, or see what that would be."""

from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json
from tokenflow.cli.token import STORE, TENANT

if TYPE_CHECKING:
    from tokenflow.engine.reaping import Reaped


@click.command()
@STORE
@TENANT
@click.option(
    "--older-than", default="30d", show_default=True, help="For how long a token is over; 1d at least."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--key", help=WHO_HOLDS)
@FORMAT
def reap(store: str, tenant: str, older_than: str, dry_run: bool, key: str | None, shape: str) -> int:
    """Remove from a store what nobody needs any more, and say what and why.

    That are tokens that ended long ago, with their histories; logins and tickets whose time is over;
    answers that were received for attempts which are over; and specs that no token names any more. Live
    tokens stay, and so does the audit trail. It may run while engines do.
    """
    from tokenflow.core.errors import SpecError
    from tokenflow.core.moments import duration
    from tokenflow.engine.places import look_into
    from tokenflow.engine.sync import Engine

    try:
        length = duration(older_than)
    except (SpecError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
    with look_into(store):
        pass  # an engine would make a store that is not there
    with Engine.open((), store, tenant=tenant, key=key) as engine:
        tell = _line if shape != "json" else None
        found = engine.reap(older_than=length, dry_run=dry_run, tell=tell)
    if shape == "json":
        as_json({"planned": found.planned, "reaped": [_plain(one) for one in found.reaped]})
    else:
        verb = "would be removed" if dry_run else "removed"
        click.echo(f"{len(found.reaped)} {verb}", err=True)
    return FINE


def _line(one: "Reaped") -> None:
    click.echo(f"{one.kind:<9}  {one.name}  {one.why}")


def _plain(one: "Reaped") -> dict[str, Any]:
    return {"kind": one.kind, "name": one.name, "why": one.why}
