"""`tokenflow export` and `tokenflow import`: tokens into one encrypted file, and out of it."""

import sys
from typing import TYPE_CHECKING

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json
from tokenflow.cli.token import STORE

if TYPE_CHECKING:
    from tokenflow.engine.containers import Lock
    from tokenflow.engine.holders import Sources

_KEY = click.option("--key", help=WHO_HOLDS)
_LOCK = click.option(
    "--lock", help="Who holds the key of FILE: file:PATH, a plugin's. Without it a passphrase is asked for."
)


@click.command()
@click.argument("file")
@STORE
@click.option("--tenant", help="Only this tenant's tokens.")
@_LOCK
@_KEY
@FORMAT
def export(file: str, store: str, tenant: str | None, lock: str | None, key: str | None, shape: str) -> int:
    """Write the tokens of a store to a new encrypted FILE, with their history and specs.

    Whoever has the file and what locks it has the tokens. A key file that --lock names and that is not there
    is made. A passphrase is asked for, or read from the first line of the standard input.
    """
    from pathlib import Path

    from tokenflow.engine.exporting import export as write
    from tokenflow.runner.keepsakes import opened

    with opened(store, key) as it:
        done = write(it.ring, it.acting, Path(file), _lock(lock, it.sources, new=True), tenant)
    if shape == "json":
        as_json({"tokens": done.tokens, "specs": done.specs})
    else:
        click.echo(f"{done.tokens} tokens and {done.specs} specs are in {file}")
    return FINE


@click.command("import")
@click.argument("file")
@STORE
@_LOCK
@_KEY
@FORMAT
def import_(file: str, store: str, lock: str | None, key: str | None, shape: str) -> int:
    """Take the tokens of an exported FILE into a store, which is made when it is not there.

    Each comes whole or not at all, sealed under this store's keys. A key that is taken stays as it is and is
    named, and it leaves with 1. Nothing is refreshed before `tokenflow adopt`: somebody else may use them.
    """
    import time
    from pathlib import Path

    from tokenflow.engine.exporting import import_ as take
    from tokenflow.runner.keepsakes import opened

    with opened(store, key, create=True) as it:
        locked = _lock(lock, it.sources, new=False)
        done = take(it.ring, it.acting, Path(file), locked, time.time_ns() // 1000)
    if shape == "json":
        conflicts = [{"tenant": one.tenant, "key": one.key, "why": one.why} for one in done.conflicts]
        as_json({"tokens": done.tokens, "conflicts": conflicts, "held": done.held})
    else:
        for one in done.conflicts:
            click.echo(f"left out: {one.tenant}/{one.key}: {one.why}")
        click.echo(f"{done.tokens} tokens were taken")
        if done.held:
            click.echo("before any of them is refreshed: tokenflow adopt", err=True)
    return FINDINGS if done.conflicts else FINE


def _lock(reference: str | None, sources: "Sources", *, new: bool) -> "Lock":
    import os

    from tokenflow.core.secret import Secret
    from tokenflow.engine.containers import Lock
    from tokenflow.engine.keyfiles import write_key_file

    if reference is not None:
        holder = sources.holder(reference)
        if new and holder.path is not None and not os.path.lexists(holder.path):
            write_key_file(holder.path)
        return Lock(holder=holder)
    if sys.stdin.isatty():
        said = click.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
    else:
        said = sys.stdin.readline().rstrip("\r\n")
    return Lock(passphrase=Secret(said))
