"""`tokenflow doctor`: is everything that tokens' lives stand on in order, and what mends it."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, as_json, painter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenflow.engine.findings import Finding
    from tokenflow.hooks.registry import Registry

_COLOURS = {"ok": "green", "warn": "yellow", "problem": "red"}


@click.command()
@click.argument("specs", nargs=-1)
@click.option("--store", help="The store to look into, e.g. sqlite:tokens.db; nothing in it is changed.")
@click.option("--key", help="Reference of its sealing key, if it is not in its default place.")
@click.option("--tenant", default="default", show_default=True, help="Whose tokens.")
@click.option("--issuer-check", is_flag=True, help="Ask the issuers of SPECS whether they answer.")
@click.option("--issuer", help="With --issuer-check: ask this base URL instead, a sandbox's say.")
@FORMAT
def doctor(
    specs: tuple[str, ...],
    store: str | None,
    key: str | None,
    tenant: str,
    issuer_check: bool,
    issuer: str | None,
    shape: str,
) -> int:
    """Check clock, versions, plugins and shipped specs; SPECS' secrets; and with --store a store.

    Each secret that SPECS refer to is looked up and never printed. Of a store: its file page by page,
    its key, tokens that are overdue, uncertain or need a person, issuers whose clocks differ, and
    lifetimes that turned out shorter than promised. Leaves with 1 when there is a problem.
    """
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner.doctoring import plain, worst

    registry = Registry.installed()
    found = list(_found(registry, specs, store, key, tenant))
    if issuer_check:
        found += _reached(registry, specs, issuer)
    if shape == "json":
        as_json({"verdict": worst(found), "findings": plain(found)})
    else:
        _show(found)
    return FINDINGS if worst(found) == "problem" else FINE


def _found(
    registry: "Registry", specs: tuple[str, ...], store: str | None, key: str | None, tenant: str
) -> "Iterator[Finding]":
    from tokenflow.core.errors import StoreError
    from tokenflow.engine.clocks import SystemClock
    from tokenflow.engine.findings import PROBLEM, Finding
    from tokenflow.engine.places import look_into
    from tokenflow.runner.doctoring import examine

    how: dict[str, Any] = {"registry": registry, "clock": SystemClock(), "specs": specs, "tenant": tenant}
    with ExitStack() as stack:
        opened, trouble = None, None
        try:
            opened = None if store is None else stack.enter_context(look_into(store, registry))
        except StoreError as error:
            says, _, _ = str(error).partition("\n")
            trouble = Finding(about="store", verdict=PROBLEM, says=says, mend=error.mend)
        yield from examine(**how, store=opened, key=key)
        if trouble is not None:
            yield trouble


def _reached(registry: "Registry", specs: tuple[str, ...], issuer: str | None) -> "list[Finding]":
    from tokenflow.engine.opening import read_all
    from tokenflow.engine.transports import HttpTransport
    from tokenflow.runner.doctoring import reach

    return list(reach(read_all(specs, registry), HttpTransport(deadline=10.0), issuer))


def _show(found: "list[Finding]") -> None:
    paint = painter()
    width = max(len(one.about) for one in found)
    for one in found:
        verdict = paint(f"{one.verdict:<8}", fg=_COLOURS[one.verdict])
        click.echo(f"{verdict} {one.about:<{width}}  {one.says}")
        if one.mend is not None and one.verdict != "ok":
            click.echo(f"{'':>9}{'':<{width}}  help: {one.mend}")
    counts = {name: sum(1 for one in found if one.verdict == name) for name in ("problem", "warn")}
    click.echo(f"{len(found)} looked at, {counts['problem']} problems, {counts['warn']} warnings", err=True)
