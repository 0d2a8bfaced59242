"""The second deadline of a person's token: 90 days to read their data in (facebook.md §7.1)."""

from collections.abc import Mapping
from typing import Any

from tokenflow import At, Expiry, Order, Silent


def data_access(order: Order, ends: Expiry) -> Mapping[str, Any]:
    """Return the facts of an end of access to data, by our clock, that the issuer names; none for silence.

    A 0 there is never: the instant is unknown from then on, so that its timers sleep. One that differs from
    what the token of *order* is held with opens access anew.
    """
    if isinstance(ends, Silent):
        return {}
    instant = ends.instant if isinstance(ends, At) else None
    held: Mapping[str, Any] = {} if order.token is None else order.token.attributes
    facts: dict[str, Any] = {"data_access_expires_at": instant}
    if held.get("data_access_expires_at") != instant:
        facts["data_access"] = "open"
    return facts
