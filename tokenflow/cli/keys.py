"""`tokenflow keys`: what a store's secrets are sealed with, and how that is changed while it is used."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tokenflow.cli.leaving import FINDINGS, FINE
from tokenflow.cli.showing import FORMAT, WHO_HOLDS, as_json

if TYPE_CHECKING:
    from tokenflow.engine.rings import Ring

STORE = click.option("--store", required=True, help="The store, e.g. sqlite:tokens.db")
KEY = click.option("--key", help=WHO_HOLDS)


@click.group()
def keys() -> None:
    """Look at what seals a store's secrets, and change it."""


@keys.command("status")
@STORE
@KEY
@FORMAT
def status(store: str, key: str | None, shape: str) -> int:
    """Show who holds the key, and what its terms seal. Nothing is changed."""
    from tokenflow.cli.keystanding import facts, say

    with _looking(store, key) as ring:
        told = {} if ring is None else facts(ring)
    if shape == "json":
        as_json({"keys": told})
    else:
        say(told)
    return FINE


@keys.command("rotate")
@STORE
@KEY
@FORMAT
def rotate(store: str, key: str | None, shape: str) -> int:
    """Seal everything anew under a new term.

    Engines that use the store go on meanwhile. Killed, it goes on when it is run again. A term that nothing
    uses any more is dropped an hour after another took its place. What no key opens is named and left as it
    is.
    """
    from tokenflow.cli.keystanding import kept_until
    from tokenflow.engine import rekeying

    with _opened(store, key) as ring, _on_the_trail(ring) as say:
        say("rotate keys", from_term=ring.newest)
        done = rekeying.rotate(ring, settle=rekeying.SETTLE, tell=_progress)
        said = {"rows": done.rows, "blobs": done.blobs, "unopened": len(done.unopened)}
        say("keys rotated", term=done.term, dropped=list(done.dropped), **said)
        kept = kept_until(ring)
    if shape == "json":
        sealed = {"rows": done.rows, "blobs": done.blobs}
        rest = {"unopened": list(done.unopened), "dropped": list(done.dropped), "kept": kept}
        as_json({"term": done.term, "sealed": sealed, **rest})
    else:
        click.echo(f"term {done.term}: {done.rows} rows and {done.blobs} blobs were sealed anew")
        for number in done.dropped:
            click.echo(f"term {number}: dropped, nothing used it")
        for number, until in kept.items():
            click.echo(f"term {number}: kept until {until}")
        for place in done.unopened:
            click.echo(f"left as it is, no key of this store opens it: {place}", err=True)
    return FINDINGS if done.unopened else FINE


@keys.command("drop")
@STORE
@KEY
@FORMAT
def drop(store: str, key: str | None, shape: str) -> int:
    """Drop the terms that nothing uses any more.

    Each stays for an hour after another took its place: no exchange that was in flight then is still to be
    saved.
    """
    import time

    from tokenflow.cli.keystanding import kept_until
    from tokenflow.engine.rekeying import drop as let_go

    with _opened(store, key) as ring, _on_the_trail(ring) as say:
        say("drop keys")
        gone, kept = let_go(ring, time.time_ns() // 1000), kept_until(ring)
        say("keys dropped", terms=list(gone))
    if shape == "json":
        as_json({"dropped": list(gone), "kept": kept})
        return FINE
    for number in gone:
        click.echo(f"term {number}: dropped, nothing used it")
    for number, until in kept.items():
        click.echo(f"term {number}: kept until {until}, and for as long as anything is sealed under it")
    if not gone and not kept:
        click.echo("there is one term, and all is sealed under it")
    return FINE


@keys.command("rewrap")
@STORE
@KEY
@click.option("--to", help="Who is to hold it from now on. A file that is not there is made.")
@FORMAT
def rewrap(store: str, key: str | None, to: str | None, shape: str) -> None:
    """Put the ring of keys under another key.

    Without --to the store's own key file gets a new key; any other holder's newest one is taken. Engines
    that run go on; give them the new --key before the next `keys rotate`.
    """
    from tokenflow.engine.holders import Sources
    from tokenflow.engine.rewrapping import rewrap as turn
    from tokenflow.hooks.registry import Registry

    with _opened(store, key) as ring, _on_the_trail(ring) as say:
        say("rewrap keys", to=None if to is None else to.partition(":")[0])
        holder = turn(ring, None if to is None else Sources.of(Registry.installed()).holder(to))
    if shape == "json":
        as_json({"holder": {"scheme": holder.scheme, "place": holder.place}})
    else:
        click.echo(f"the key is in {holder.place} ({holder.scheme}) now")


@contextmanager
def _opened(url: str, key: str | None) -> "Iterator[Ring]":
    from tokenflow.engine.holders import Sources
    from tokenflow.engine.keys import open_keyed
    from tokenflow.engine.places import look_into
    from tokenflow.hooks.registry import Registry

    registry = Registry.installed()
    with look_into(url, registry) as store:
        yield open_keyed(store, key, Sources.of(registry))


@contextmanager
def _on_the_trail(ring: "Ring") -> "Iterator[Callable[..., None]]":
    """Yield what writes a line of the audit trail; when it raises, the act it stands before is not done."""
    from tokenflow.engine.auditing import open_auditor
    from tokenflow.engine.clocks import SystemClock

    auditor = open_auditor(ring.store, ring, SystemClock())
    yield lambda act, **facts: auditor.write(act, facts=facts)
    auditor.close()


@contextmanager
def _looking(url: str, key: str | None) -> "Iterator[Ring | None]":
    from tokenflow.engine.holders import Sources
    from tokenflow.engine.keys import look_keyed
    from tokenflow.engine.places import look_into
    from tokenflow.hooks.registry import Registry

    registry = Registry.installed()
    with look_into(url, registry) as store:
        yield look_keyed(store, key, Sources.of(registry))


def _progress(rows: int) -> None:
    """Tell a person who waits; a log gets one line in the end."""
    import sys

    if sys.stderr.isatty():
        click.echo(f"\r{rows} rows looked at", err=True, nl=False)


def whose(store: str, tenant: str, key: str | None, value: Any) -> str | None:
    """Return the key that the token *value* is kept under, or None."""
    from tokenflow.core.errors import StoreError
    from tokenflow.engine.recognising import owner_of

    with _looking(store, key) as ring:
        if ring is None:
            raise StoreError("nothing was ever kept in this store", mend="is it the right one?")
        return owner_of(ring, tenant, value)
