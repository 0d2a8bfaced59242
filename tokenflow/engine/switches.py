"""A switch in the store that stops refreshing, for all issuers or for one: every process that uses it obeys.

It is read before each attempt, so nobody polls for it and nobody misses it. It is plain text: whoever may
write the store could take it away, sealed or not, and it has to work for who has no key at hand.
"""

import json
from typing import Final

import attrs

from tokenflow.core.errors import Refused
from tokenflow.core.tokens import Instant
from tokenflow.engine.stores import Store

SHELF: Final = "switches"
_REFRESHING: Final = "refreshing"
_ALL: Final = "*"
"""Stands for every issuer; no issuer is called so."""


@attrs.frozen(kw_only=True)
class Stopped:
    """Refreshing is stopped."""

    issuer: str | None
    """Its name in the specs; None: every issuer's."""
    because: str
    at: Instant


def stopped(store: Store) -> tuple[Stopped, ...]:
    """Return what is stopped in a store, by name; the switch for every issuer first. Raises StoreError."""
    found = ((name, store.get(SHELF, name)) for name in store.names(SHELF))
    return tuple(_read(name, value) for name, value in found if value is not None)


def stop(store: Store, switch: Stopped) -> None:
    """Stop refreshing from now on; a reason that stands there is replaced."""
    told = json.dumps({"because": switch.because, "at": switch.at})
    store.put(SHELF, _name(switch.issuer), told.encode())


def resume(store: Store, issuer: str | None) -> tuple[Stopped, ...]:
    """Let refreshing go on, for an *issuer* or, with None, for all; return what was stopped."""
    names = store.names(SHELF) if issuer is None else [_name(issuer)]
    found = ((name, store.take(SHELF, name)) for name in names)
    return tuple(_read(name, value) for name, value in found if value is not None)


def demand_refreshing(store: Store, issuer: str) -> None:
    """Raise Refused("refreshing_stopped") while nothing may be refreshed at *issuer*; raises StoreError."""
    for name in (_name(None), _name(issuer)):
        value = store.get(SHELF, name)
        if value is not None:
            raise refused(_read(name, value), issuer)


def refused(switch: Stopped, issuer: str) -> Refused:
    """Return what a caller hears."""
    which = "" if switch.issuer is None else f" --issuer {switch.issuer}"
    return Refused(
        "refreshing_stopped",
        f"refreshing at {issuer} was stopped by an operator: {switch.because}",
        mend=f"what is held serves to its end; to go on: tokenflow resume-refreshing{which}",
    )


def _name(issuer: str | None) -> str:
    return f"{_REFRESHING}/{_ALL if issuer is None else issuer}"


def _read(name: str, value: bytes) -> Stopped:
    """Return the switch as it was put away; one that cannot be read is on all the same."""
    issuer = name.partition("/")[2]
    try:
        told = json.loads(value)
        because, at = str(told["because"]), int(told["at"])
    except (ValueError, KeyError, TypeError):
        because, at = "its reason cannot be read", 0
    return Stopped(issuer=None if issuer == _ALL else issuer, because=because, at=at)
