"""`tokenflow token`: look at tokens in a store, and finish a login. Never their values."""

from typing import Any

import click

from tokenflow.cli.lifting import lift, put
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json, as_table, painter

STORE = click.option("--store", required=True, help="The store, e.g. sqlite:tokens.db")
TENANT = click.option("--tenant", default="default", show_default=True, help="Whose tokens.")


@click.group()
def token() -> None:
    """Look at tokens in a store."""


token.add_command(lift)
token.add_command(put)


@token.command("list")
@STORE
@TENANT
@FORMAT
def list_tokens(store: str, tenant: str, shape: str) -> None:
    """List keys with their state and next deadline."""
    from tokenflow.runner.grammar import counted

    rows = _rows(store, tenant, None)
    if shape == "json":
        as_json({"tokens": [_plain(row) for row in rows]})
        return
    told = [(row, _standing(_plain(row))) for row in rows]
    columns = ("key", "state", "lifecycle", "expires", "next")
    names = ("key", "state", "lifecycle", "expires", "due")
    if as_table(columns, [[facts[name] for name in names] for _, facts in told]):
        return
    paint = painter()
    width = max((len(row.key) for row in rows), default=3)
    for row, facts in told:
        state = paint(f"{facts['state']:<16}", fg="green" if row.live else "bright_black")
        click.echo(
            f"{row.key:<{width}}  {state}  {facts['lifecycle']:<28}  "
            f"expires {facts['expires']}  next {facts['due']}"
        )
    click.echo(counted(len(rows), "token"), err=True)


@token.command("show")
@click.argument("key")
@STORE
@TENANT
@FORMAT
def show_token(key: str, store: str, tenant: str, shape: str) -> None:
    """Show where KEY stands, and its history."""
    import json

    from tokenflow.core.errors import TokenNotFound
    from tokenflow.core.events import from_json
    from tokenflow.runner.spans import iso
    from tokenflow.runner.telling import in_words

    rows = _rows(store, tenant, key)
    if not rows:
        raise TokenNotFound(key, among=[row.key for row in _rows(store, tenant, None)])
    row, entries = rows[0], _history(store, tenant, key)
    if shape == "json":
        as_json({"token": _plain(row), "history": [json.loads(entry.happened) for entry in entries]})
        return
    for name, value in _plain(row).items():
        click.echo(f"{name:<12} {_in_text(value)}")
    click.echo("history")
    for entry in entries:
        words = in_words(from_json(entry.happened))
        if words is not None:
            click.echo(f"  {iso(entry.at)}  {words}")


@token.command("whose")
@click.argument("shown", nargs=-1, metavar="")
@STORE
@TENANT
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the token from stdin, not from a terminal.")
@click.option("--key", help=WHO_HOLDS)
@FORMAT
def whose_token(
    shown: tuple[str, ...], store: str, tenant: str, from_stdin: bool, key: str | None, shape: str
) -> int:
    """Name the key of an access token that turned up somewhere. It is no argument: others see arguments.

    Leaves with 1 when no token of the tenant is that one, now.
    """
    from tokenflow.cli.answer import read_secret
    from tokenflow.cli.keys import whose
    from tokenflow.cli.leaving import FINDINGS, FINE

    if shown:
        raise click.UsageError("a token is read from stdin, never as an argument: revoke it, others saw it")
    found = whose(store, tenant, key, read_secret("the token (not shown)", from_stdin=from_stdin))
    if shape == "json":
        as_json({"key": found})
    else:
        click.echo("no token that is kept now is that one" if found is None else found, err=found is None)
    return FINDINGS if found is None else FINE


@token.command("answer")
@click.argument("name", metavar="KEY")
@click.argument("specs", nargs=-1)
@STORE
@TENANT
@click.option("--key", help=WHO_HOLDS)
@click.option("--issuer", help="Base URL of a sandbox that runs elsewhere.")
@FORMAT
def answer_login(
    name: str,
    specs: tuple[str, ...],
    store: str,
    tenant: str,
    key: str | None,
    issuer: str | None,
    shape: str,
) -> None:
    """Finish the login of KEY with the address the browser was sent to, read from stdin.

    At a terminal it is asked for. It may be the whole address, or what stands after its `?` or `#`; it
    holds a secret code, so it is no argument. Where nothing listens at the redirect URI the browser shows
    an error page, and the address in its address bar. A keeper that runs notices within a minute.

    For a login on a device nothing is read: the issuer is asked, in its own time, until the person has
    entered the code. Interrupted, it goes on waiting for the next who asks.

    SPECS are the Tokens file, or the lifecycle and its issuer. Without them it is the lifecycle KEY is
    pinned to, which the store keeps, and a shipped issuer.
    """
    from tokenflow.cli.answer import demand_no_address, demand_waiting, finish
    from tokenflow.engine.places import look_into
    from tokenflow.engine.sync import Engine

    demand_no_address(specs)
    with look_into(store) as opened:
        demand_waiting(opened, tenant, name)
    options = {} if issuer is None else {"issuer": issuer}
    with Engine.open(specs, store, tenant=tenant, key=key, **options) as engine:
        finish(engine, name)
    told = _plain(_rows(store, tenant, name)[0])
    if shape == "json":
        as_json({"token": told})
    else:
        click.echo(f"{name}: {told['state']}, expires {told['expires']}")


@token.command("hand-over")
@click.argument("name", metavar="KEY")
@click.argument("specs", nargs=-1)
@STORE
@TENANT
@click.option("--to", type=click.Choice(["client", "server"]), required=True, help="Where it will live.")
@click.option("--audience", required=True, help="The https origin of who will redeem the ticket.")
@click.option("--key", help=WHO_HOLDS)
@click.option("--issuer", help="Base URL of a sandbox that runs elsewhere.")
@FORMAT
def hand_over_token(
    name: str,
    specs: tuple[str, ...],
    store: str,
    tenant: str,
    to: str,
    audience: str,
    key: str | None,
    issuer: str | None,
    shape: str,
) -> None:
    """Print a ticket for the token of KEY: good once, for 60 seconds, at one audience.

    Until then the ticket is as secret as the token. It is the only line on stdout, for a terminal or a pipe;
    a file that would keep it is refused. Nothing is sent: whoever redeems it asks the application that has
    this store, over HTTPS.

    SPECS are as in `token answer`.
    """
    from tokenflow.cli.handing import demand_nothing_kept
    from tokenflow.engine.sync import Engine
    from tokenflow.runner.spans import iso

    demand_nothing_kept()
    options = {} if issuer is None else {"issuer": issuer}
    with Engine.open(specs, store, tenant=tenant, key=key, **options) as engine:
        ticket = engine.hand_over(name, to=to, audience=audience)
    until = iso(ticket.until)
    if shape == "json":
        told = {"audience": audience, "to": to, "until": until}
        as_json({"ticket": {"value": ticket.value.reveal(), **told}})
        return
    click.echo(ticket.value.reveal())
    click.echo(f"good once, until {until}, for the {to} at {audience}", err=True)


def _rows(store: str, tenant: str, key: str | None) -> list[Any]:
    from tokenflow.engine.places import look_into

    with look_into(store) as opened:
        keys = opened.keys(tenant) if key is None else [key]
        return [row for one in keys if (row := opened.load(tenant, one)) is not None]


def _history(store: str, tenant: str, key: str) -> list[Any]:
    from tokenflow.engine.places import look_into

    with look_into(store) as opened:
        return opened.history(tenant, key)


def _in_text(value: Any) -> str:
    """Write a fact for people; there is nothing to say of what is not there."""
    if isinstance(value, dict):
        value = ", ".join(f"{name} {each}" for name, each in value.items())
    return "-" if value in (None, "") else str(value)


def _standing(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a token, with its end on purpose in the place of the state it is in for that."""
    return {**facts, "state": facts["revoking"] or facts["state"]}


def _revoking(mark: dict[str, Any] | None) -> str | None:
    """Say how far the end of a token on purpose has come; None: it is not to end."""
    if mark is None:
        return None
    return "revoking" if mark["irrevocable_since"] is None else "irrevocable"


def _plain(row: Any) -> dict[str, Any]:
    import json

    from tokenflow.runner.spans import iso

    facts = json.loads(row.body)
    expires = facts["expires"]
    return {
        "key": row.key,
        "state": row.state,
        "revoking": _revoking(facts.get("revoking")),
        "lifecycle": facts["lifecycle"],
        "kind": facts["kind"],
        "platform": facts["platform"],
        "handed_by": facts.get("handed_by"),
        "scope": " ".join(facts["scope"]),
        "attributes": facts["attributes"],
        "expires": iso(expires) if isinstance(expires, int) else expires,
        "due": "-" if row.due_at is None else iso(row.due_at),
        "reason": facts["reason"],
        "parent": row.parent,
        "revision": row.revision,
        "value": "kept, sealed" if row.access_token is not None else "none",
    }
