"""How an engine and its keeper are: values, for people and for probes."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.guards import IssuerHealth
from tokenflow.engine.switches import Stopped

LIVELY: Final = 5 * 60 * SECOND
"""A keeper that began no round for so long hangs."""


@attrs.frozen(kw_only=True)
class Counted:
    """How many tokens of a lifecycle there are of a sort."""

    issuer: str
    lifecycle: str
    tokens: int


@attrs.frozen(kw_only=True)
class Health:
    """One look at an engine. Nothing in it is secret."""

    at: Instant
    """When it was looked, by the clock that is decided by."""
    alive: bool
    """Whether a keeper runs and came round within the last minutes."""
    last_sweep: Instant | None
    """When it was last swept; None: not yet."""
    next_due: Instant | None
    """When the next token needs attention, as far as the store says; None: none does."""
    due_late: float
    """Seconds the token that waits longest has been due; 0: none waits."""
    in_flight: int
    """How many tokens are being attended to."""
    kept: int
    """How many live tokens the tenant has."""
    clock: str | None
    """Why timers are held (rule T12); None: the clock is believed."""
    issuers: tuple[IssuerHealth, ...]
    """Breaker and budget of each issuer that was asked so far."""
    unsaved: tuple[str, ...]
    """Keys whose answer is in hand and not yet in the store, sorted: it is tried until it is."""
    needing_person: tuple[str, ...]
    """Wanted keys that wait for a person, sorted."""
    uncertain: tuple[str, ...]
    """Keys whose last command may or may not have been carried out (rule F3), as seen since the start."""
    expiring_unattended: tuple[Counted, ...] = ()
    """Live tokens that end before the next attempt to renew them, though their lifecycles could."""
    revoking: tuple[Counted, ...] = ()
    """Tokens that ended here, whose issuers are still to confirm."""
    irrevocable: tuple[Counted, ...] = ()
    """Those of them whose issuers were told in vain, for the last of the tries; once a day they still are."""
    stopped: tuple[Stopped, ...] = ()
    """Where an operator stopped refreshing."""
    trouble: str | None = None
    """Why the keeper could not do its round, in a line; None: it could."""


def counted(found: Mapping[str, int], sort: str) -> tuple[Counted, ...]:
    """Return what a store counted of one *sort*, by issuer and lifecycle."""
    names = ((name.split(" "), number) for name, number in sorted(found.items()))
    return tuple(
        Counted(issuer=issuer, lifecycle=lifecycle, tokens=number)
        for (what, issuer, lifecycle), number in names
        if what == sort
    )


def plain(health: Health) -> dict[str, Any]:
    """Return *health* as JSON has it: instants as UTC microseconds, lengths in seconds."""
    return attrs.asdict(health)


def late(next_due: Instant | None, now: Instant) -> float:
    """Return for how many seconds something has been due."""
    return 0.0 if next_due is None else max(0, now - next_due) / SECOND
