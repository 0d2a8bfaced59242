"""The hooks, on one page. Each takes nothing, or one frozen value, and yields frozen records."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pluggy

from tokenflow.hooks.records import (
    Acquirer,
    CodeExchange,
    Command,
    Deriver,
    Guard,
    SecretSource,
    StoreBackend,
)

PROJECT: Final = "tokenflow"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tokenflow_acquirers() -> Iterator[Acquirer]:  # type: ignore[empty-body]
    """Offer ways a token arrives."""


@hookspec
def tokenflow_commands() -> Iterator[Command | CodeExchange]:  # type: ignore[empty-body]
    """Offer what an issuer does: extend, introspect, revoke, exchange a code."""


@hookspec
def tokenflow_derivers() -> Iterator[Deriver]:  # type: ignore[empty-body]
    """Offer ways to get child tokens from a parent."""


@hookspec
def tokenflow_guards() -> Iterator[Guard]:  # type: ignore[empty-body]
    """Offer named conditions."""


@hookspec
def tokenflow_secrets() -> Iterator[SecretSource]:  # type: ignore[empty-body]
    """Offer schemes of secret references."""


@hookspec
def tokenflow_stores() -> Iterator[StoreBackend]:  # type: ignore[empty-body]
    """Offer places where tokens rest."""


@hookspec
def tokenflow_observe(events: Sequence[Any]) -> None:
    """Hear what happened, after it was committed: one call a batch, never a secret in it."""
