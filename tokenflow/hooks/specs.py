"""The hooks, on one page. Each takes nothing, or one frozen value, and yields frozen records.

A plugin is a module, named in the entry point group `tokenflow`, with one function for each hook it
answers:

    from tokenflow import Acquirer, hookimpl

    @hookimpl
    def tokenflow_acquirers():
        yield Acquirer(name="acme.api_key", flow=acquire)

A hook is called once, when its plugin is imported; what it yields is then found by name. A hook that
fails, or yields anything else, makes its plugin broken: it is listed so, and stops nobody else.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pluggy

from tokenflow.hooks.records import (
    Acquirer,
    Callback,
    CodeExchange,
    Command,
    Deriver,
    Format,
    Guard,
    KeyService,
    SecretSource,
    StoreBackend,
)

PROJECT: Final = "tokenflow"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tokenflow_acquirers() -> Iterator[Acquirer]:  # type: ignore[empty-body]
    """Offer ways a token arrives: what a spec's `acquire.<platform>.use` names."""


@hookspec
def tokenflow_callbacks() -> Iterator[Callback]:  # type: ignore[empty-body]
    """Offer what an issuer says by itself: what an Issuer document's `callbacks.<name>.use` names."""


@hookspec
def tokenflow_commands() -> Iterator[Command | CodeExchange]:  # type: ignore[empty-body]
    """Offer what an issuer does: what a spec's `commands`, `verify` and `with: {exchange: ...}` name."""


@hookspec
def tokenflow_derivers() -> Iterator[Deriver]:  # type: ignore[empty-body]
    """Offer ways to get child tokens from a parent: what a spec's `derive.use` names."""


@hookspec
def tokenflow_formats() -> Iterator[Format]:  # type: ignore[empty-body]
    """Offer forms that tokens are found in: what `inspect` explains and `token put` writes."""


@hookspec
def tokenflow_guards() -> Iterator[Guard]:  # type: ignore[empty-body]
    """Offer named conditions, for a spec's `when`; pure, so they may be asked at any time."""


@hookspec
def tokenflow_key_services() -> Iterator[KeyService]:  # type: ignore[empty-body]
    """Offer who wraps a store's keys and keeps the key to that: what `--key scheme:item` names."""


@hookspec
def tokenflow_secrets() -> Iterator[SecretSource]:  # type: ignore[empty-body]
    """Offer schemes of secret references, beside `env:`, `file:` and `systemd:`."""


@hookspec
def tokenflow_stores() -> Iterator[StoreBackend]:  # type: ignore[empty-body]
    """Offer places where tokens rest: what `--store scheme:path` names."""


@hookspec
def tokenflow_observe(events: Sequence[Any]) -> None:
    """Hear what happened, after it was committed: one call a batch, never a secret in it.

    What it raises is logged by class name, and changes nothing for anybody else. What a spec notifies of
    (`then: [{notify: ...}, {reacquire: ...}]`) is told at least once: where a listener raised, again by a
    later sweep or opening, under the same `about.delivery`. Everything else is told once.
    """
