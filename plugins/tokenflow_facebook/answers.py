"""What Facebook's token answers mean: units, sentinels and names (facebook.md §11).

At Facebook a 0 says never, wherever an end is named.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import NEVER, At, Expiry, Grant, Instant, Shape, epoch, grant_of

SHAPE: Final = Shape(
    expires_at=("expires_at",),
    expires_in=("expires_in", "expires"),
    zero="never",
    attributes={"graph_domain": ("graph_domain",), "machine_id": ("machine_id",)},
)
"""Of an `oauth/access_token` answer: `expires_at` since 1970, `expires_in` from now (`expires` before Graph
2.3). None of them is silence, which the lifecycle's own lifetime answers."""


def shape_of(declared: Shape) -> Shape:
    """Return how an issuer's answers are read that speaks as Facebook does, with what its document adds."""
    return attrs.evolve(SHAPE, clues=declared.clues, ok=declared.ok)


def grant(fields: Mapping[str, Any], now: Instant, *, ahead: int = 0) -> Grant:
    """Return the grant of an `oauth/access_token` answer; raises AnswerNotUnderstood."""
    plain = grant_of(fields, now, SHAPE, ahead=ahead)
    ends: Expiry = epoch(fields.get("data_access_expiration_time"), zero=NEVER)
    if not isinstance(ends, At):
        return plain
    return attrs.evolve(plain, attributes={**plain.attributes, "data_access_expires_at": ends.instant})


def text(value: Any) -> str | None:
    """Return an id as text: old Graph versions answer numbers (facebook.md §1.0); None for anything else."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
