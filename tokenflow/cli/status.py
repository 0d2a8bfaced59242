"""`tokenflow status`: how the tokens of a store are, for people, programs and Prometheus."""

from typing import TYPE_CHECKING

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json
from tokenflow.cli.token import STORE, TENANT

if TYPE_CHECKING:
    from tokenflow.engine.health import Health


@click.command()
@STORE
@TENANT
@click.option("--metrics", is_flag=True, help="As text for Prometheus: numbers by issuer and lifecycle.")
@click.option("--key", help=WHO_HOLDS)
@FORMAT
def status(store: str, tenant: str, metrics: bool, key: str | None, shape: str) -> int:
    """Say how the tokens in a store are; nothing is sent, and nothing is changed.

    The number to watch is `expiring unattended`: tokens that will end before anybody tries to renew them,
    though they could be renewed. The exit code is 1 while there are such, or tokens whose issuers were told
    in vain that they ended, or while refreshing is stopped.
    """
    from tokenflow.engine.health import plain
    from tokenflow.engine.metrics import exposition
    from tokenflow.engine.places import look_into
    from tokenflow.engine.sync import Engine

    with look_into(store):
        pass  # an engine would make a store that is not there
    with Engine.open((), store, tenant=tenant, key=key) as engine:
        health = engine.health()
    if metrics:
        click.echo(exposition(health), nl=False)
    elif shape == "json":
        as_json({"health": plain(health)})
    else:
        _show(health)
    return FINDINGS if health.expiring_unattended or health.irrevocable or health.stopped else FINE


def _show(health: "Health") -> None:
    click.echo(f"kept                 {health.kept}")
    click.echo(f"due for              {health.due_late:g} s")
    sorts = {
        "expiring unattended": health.expiring_unattended,
        "revoking": health.revoking,
        "irrevocable": health.irrevocable,
    }
    for name, found in sorts.items():
        each = ", ".join(f"{one.tokens} {one.lifecycle} of {one.issuer or 'no issuer'}" for one in found)
        click.echo(f"{name:<20} {each or 'none'}")
    for switch in health.stopped:
        click.echo(f"refreshing stopped   {switch.issuer or 'every issuer'}: {switch.because}")
    if health.clock is not None:
        click.echo(f"clock                not believed, and timers are held: {health.clock}")
