"""`tokenflow backup` and `tokenflow verify`: a copy of a store that is used, and whether all of it opens."""

from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json
from tokenflow.cli.token import STORE

if TYPE_CHECKING:
    from tokenflow.engine.verifying import Verified

KEY = click.option("--key", help=WHO_HOLDS)


@click.command()
@click.argument("file")
@STORE
@KEY
@FORMAT
def backup(file: str, store: str, key: str | None, shape: str) -> int:
    """Copy a store to a new FILE while it is used, and look through the copy.

    The copy is sealed as the store is and opens with the same key, which is not in it: keep the two apart.
    Put back, nothing in it is refreshed before `tokenflow adopt`: refresh tokens may have been spent since.
    """
    from pathlib import Path

    from tokenflow.engine.copying import back_up
    from tokenflow.runner.keepsakes import opened

    with opened(store, key) as it:
        done = back_up(it.acting, Path(file), key, it.sources, it.registry)
    if shape == "json":
        as_json({"backup": done.url, **_plain(done.verified)})
    else:
        _show(done.verified)
        click.echo(f"the backup is {done.url}")
    return FINDINGS if done.verified.faults else FINE


@click.command()
@STORE
@KEY
@FORMAT
def verify(store: str, key: str | None, shape: str) -> int:
    """Open everything that is kept in a store, and hold it against the rest of it. Nothing is changed.

    Rows, history, blobs, answers in response journals, indexes, pages, the audit trail and its anchors. What
    is wrong is named, with where, and it leaves with 1. The store may be in use meanwhile.
    """
    from tokenflow.engine.verifying import verify as looked_through
    from tokenflow.runner.keepsakes import looked_into

    with looked_into(store, key) as it:
        found = looked_through(it.ring, None if it.auditor is None else it.auditor.moorings)
    if shape == "json":
        as_json(_plain(found))
    else:
        _show(found)
    return FINDINGS if found.faults else FINE


def _plain(found: "Verified") -> dict[str, Any]:
    counts = {name: getattr(found, name) for name in ("rows", "entries", "blobs", "records", "lines")}
    faults = [{"where": one.where, "says": one.says} for one in found.faults]
    return {"verified": counts, "faults": faults, "more": found.more, "suspicion": found.suspicion}


def _show(found: "Verified") -> None:
    for fault in found.faults:
        click.echo(f"fault: {fault.where}: {fault.says}")
    if found.more:
        click.echo(f"and {found.more} more")
    if found.suspicion is not None:
        click.echo(f"to be adopted before it is used: {found.suspicion}", err=True)
    click.echo(
        f"{found.rows} rows, {found.entries} lines of history, {found.blobs} blobs, {found.records} answers "
        f"and {found.lines} lines of the trail were opened: {len(found.faults) + found.more or 'no'} faults"
    )
