"""`tokenflow stop-refreshing` and `resume-refreshing`: the switch behind glass."""

from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json
from tokenflow.cli.token import STORE

if TYPE_CHECKING:
    from tokenflow.engine.switches import Stopped

_KEY = click.option("--key", help=WHO_HOLDS)


@click.command("stop-refreshing")
@STORE
@click.option("--issuer", help="At this issuer only, by its name in the specs.")
@click.option("--because", required=True, help="Why; whoever is refused a token is told. No secret.")
@_KEY
@FORMAT
def stop_refreshing(store: str, issuer: str | None, because: str, key: str | None, shape: str) -> int:
    """Stop every process on a store from refreshing tokens, from its next attempt on.

    Nothing is extended, derived, or acquired without a person any more. What is held serves to its end,
    tokens can still be revoked and asked about, and people can log in. No try is used up by it.
    """
    with _engine(store, key) as engine:
        switch = engine.stop_refreshing(because, issuer=issuer)
    if shape == "json":
        as_json({"stopped": [_plain(switch)]})
    else:
        click.echo(f"refreshing is stopped: {_which(switch)}; {switch.because}")
    return FINE


@click.command("resume-refreshing")
@STORE
@click.option("--issuer", help="At this issuer only; without it whatever was stopped goes on.")
@_KEY
@FORMAT
def resume_refreshing(store: str, issuer: str | None, key: str | None, shape: str) -> int:
    """Let tokens be refreshed again."""
    with _engine(store, key) as engine:
        were = engine.resume_refreshing(issuer=issuer)
    if shape == "json":
        as_json({"resumed": [_plain(one) for one in were]})
    elif were:
        for one in were:
            click.echo(f"refreshing goes on: {_which(one)}")
    else:
        click.echo("nothing was stopped")
    return FINE


def _engine(store: str, key: str | None) -> Any:
    from tokenflow.engine.places import look_into
    from tokenflow.engine.sync import Engine

    with look_into(store):
        pass  # an engine would make a store that is not there
    return Engine.open((), store, key=key)


def _which(switch: "Stopped") -> str:
    return "every issuer" if switch.issuer is None else switch.issuer


def _plain(switch: "Stopped") -> dict[str, Any]:
    from tokenflow.runner.spans import iso

    return {"issuer": switch.issuer, "because": switch.because, "at": iso(switch.at)}
