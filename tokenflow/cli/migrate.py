"""`tokenflow migrate`: bring live tokens over to a new version of their spec, or see what that would do."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json, painter
from tokenflow.cli.token import STORE, TENANT

if TYPE_CHECKING:
    from tokenflow.core.migrating import Migration

BATCH: Final = 100
"""Tokens that come over in one transaction. Whoever dies in one repeats that one."""


@click.command()
@click.argument("specs", nargs=-1, required=True)
@STORE
@TENANT
@click.option("--apply", is_flag=True, help="Do it. Without this it is only said what would be done.")
@click.option("--key", help=f"With --apply: {WHO_HOLDS[0].lower()}{WHO_HOLDS[1:]}")
@FORMAT
def migrate(specs: tuple[str, ...], store: str, tenant: str, apply: bool, key: str | None, shape: str) -> int:
    """Bring the tokens in a store over to the versions in SPECS (paths, or names of shipped lifecycles).

    A token comes over when a `migrate` entry of the newer version takes its own. One that cannot
    stays where it is and goes on living there; it is named, with the reason and the mend, and the
    exit code is 1. --apply may run while engines do, and may be run again when it was interrupted.
    """
    found = _apply(specs, store, tenant, key) if apply else _foresee(specs, store, tenant)
    if shape == "json":
        as_json({"applied": apply, "migrations": [_plain(one) for one in found]})
    else:
        _show(found, apply)
    return FINDINGS if any(one.refused for one in found) else FINE


def _foresee(specs: Sequence[str], url: str, tenant: str) -> "list[Migration]":
    from tokenflow.engine.clocks import SystemClock
    from tokenflow.engine.opening import library_in
    from tokenflow.engine.places import look_into
    from tokenflow.engine.prospects import prospects
    from tokenflow.hooks.registry import Registry

    registry = Registry.installed()
    with look_into(url, registry) as store:
        library = library_in(store, specs, registry)
        _demand_lifecycles(library.opened)
        return list(prospects(store, library, tenant, max(SystemClock()(), store.mark())))


def _apply(specs: Sequence[str], url: str, tenant: str, key: str | None) -> "list[Migration]":
    from tokenflow.engine.places import look_into
    from tokenflow.engine.sync import Engine

    with look_into(url):
        pass  # an engine would make a store that is not there
    found: list[Migration] = []
    with Engine.open(specs, url, tenant=tenant, key=key) as engine:
        _demand_lifecycles(engine.desk.setting.lifecycles)
        keys = engine.keys()
        for first in range(0, len(keys), BATCH):
            found += engine.migrate(keys[first : first + BATCH])
            _tell(min(first + BATCH, len(keys)), len(keys))
    return found


def _demand_lifecycles(opened: Any) -> None:
    if not opened:
        raise click.UsageError("no Lifecycle is among the specs; tokens live by those only")


def _tell(done: int, every: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{done}/{every}", nl=done == every, err=True)


def _show(found: "Sequence[Migration]", applied: bool) -> None:
    from tokenflow.engine.prospects import count

    paint = painter()
    told = [one for one in found if one.code is None or one.refused]
    width = max((len(one.key) for one in told), default=0)
    for one in told:
        if one.refused:
            click.echo(f"{one.key:<{width}}  {paint('stays', fg='red')}  {one.before}  {one.state}")
            click.echo(f"{'':<{width}}         {one.why}")
            if one.mend is not None:
                click.echo(f"{'':<{width}}         help: {one.mend}")
        else:
            moved = one.state if one.source == one.state else f"{one.source} -> {one.state}"
            click.echo(
                f"{one.key:<{width}}  {paint('moves', fg='green')}  {one.before} -> {one.after}  {moved}"
            )
    over, stay, refused = count(found)
    verb = "came over" if applied else "would come over"
    click.echo(f"{over} {verb}, {stay} have nothing to do, {refused} cannot")
    if over and not applied:
        click.echo("nothing was changed; --apply does it", err=True)


def _plain(one: "Migration") -> dict[str, Any]:
    return {
        "key": one.key,
        "before": one.before,
        "after": one.after,
        "source": one.source,
        "state": one.state,
        "outcome": "moves" if one.code is None else "refused" if one.refused else "stays",
        "code": one.code,
        "why": one.why,
        "mend": one.mend,
    }
