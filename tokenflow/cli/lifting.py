"""`tokenflow token lift` and `token put`: off a device image, and onto one."""

from pathlib import Path
from typing import Any

import click

from tokenflow.cli.outputs import Output
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json

STORE = click.option("--store", required=True, help="The store, e.g. sqlite:tokens.db")
TENANT = click.option("--tenant", default="default", show_default=True, help="Whose tokens.")
KEY = click.option("--key", help=WHO_HOLDS)
ISSUER = click.option("--issuer", help="Base URL of a sandbox that runs elsewhere.")


@click.command("lift")
@click.argument("name", metavar="KEY")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("specs", nargs=-1, required=True)
@click.option("--platform", required=True, help="The platform it is of, as the lifecycle calls it: android.")
@click.option("--attribute", "facts", multiple=True, metavar="NAME=VALUE", help="A fact it has to show.")
@STORE
@TENANT
@KEY
@ISSUER
@FORMAT
def lift(
    name: str,
    file: Path,
    specs: tuple[str, ...],
    platform: str,
    facts: tuple[str, ...],
    store: str,
    tenant: str,
    key: str | None,
    issuer: str | None,
    shape: str,
) -> None:
    """Take the token that a platform's SDK left in FILE, and keep it under KEY.

    It arrives as from that platform: the first of SPECS, a lifecycle, says by which acquirer and what the
    issuer is asked about it before it is kept. `tokenflow inspect FILE` says beforehand what it is.
    """
    from tokenflow.engine.sync import Engine
    from tokenflow.runner.lifting import lifted

    expected = dict(_pair(fact) for fact in facts)
    options: dict[str, Any] = {} if issuer is None else {"issuer": issuer}
    with Engine.open(specs, store, tenant=tenant, key=key, **options) as engine:
        token = engine.acquire(
            name,
            lifecycle=_lifecycle(specs),
            platform=platform,
            payload=lifted(file),
            attributes=expected or None,
        )
    if shape == "json":
        as_json({"key": name, "state": token.state, "file": str(file)})
    else:
        click.echo(f"{name}: {token.state}, from {file}")


@click.command("put")
@click.argument("name", metavar="KEY")
@click.argument("file", type=Output())
@click.argument("specs", nargs=-1)
@click.option("--as", "form", required=True, help="The form, e.g. android.preferences or ios.keychain.")
@STORE
@TENANT
@KEY
@ISSUER
@FORMAT
def put(
    name: str,
    file: Path,
    specs: tuple[str, ...],
    form: str,
    store: str,
    tenant: str,
    key: str | None,
    issuer: str | None,
    shape: str,
) -> None:
    """Write the token under KEY into FILE, as the SDK on a device would have: 0600, and as real as its own.

    What else FILE holds stays. Refused for app tokens and system users', and for whatever its lifecycle's
    custody keeps off clients. SPECS are as for `token answer`.
    """
    from tokenflow.engine.clocks import SystemClock
    from tokenflow.engine.sync import Engine
    from tokenflow.hooks.registry import Registry
    from tokenflow.runner import lifting
    from tokenflow.runner.looking import looking

    registry = Registry.installed()
    writes = lifting.writable(registry, form)
    with looking(store, specs, registry=registry, tenant=tenant, clock=SystemClock()) as glass:
        found = glass.demand(name)
        lifecycle = glass.lifecycle(found)
        lifting.demand_may_leave(found, lifecycle)
    options: dict[str, Any] = {} if issuer is None else {"issuer": issuer}
    with Engine.open(specs, store, tenant=tenant, key=key, **options) as engine:
        held = engine.token(name)
        client_id = engine.desk.setting.issuer_of(lifecycle).client_id
        lifting.put(held, writes, file, client_id=client_id, now=SystemClock()())
    if shape == "json":
        as_json({"key": name, "file": str(file), "form": form})
    else:
        click.echo(f"wrote {file} ({form})")


def _pair(fact: str) -> tuple[str, str]:
    name, equals, value = fact.partition("=")
    if not name or not equals:
        raise click.BadParameter("it is NAME=VALUE, e.g. user_id=1000", param_hint="--attribute")
    return name, value


def _lifecycle(specs: tuple[str, ...]) -> str:
    """Return the name of the first lifecycle among *specs*; raises click.BadParameter."""
    from tokenflow.engine.opening import read_all
    from tokenflow.hooks.registry import Registry

    for document in read_all(specs, Registry.installed()):
        if document.kind == "Lifecycle":
            return document.name
    raise click.BadParameter("none of them is a lifecycle", param_hint="SPECS")
