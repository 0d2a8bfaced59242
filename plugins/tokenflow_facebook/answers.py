"""What Facebook's token answers mean: units, sentinels and names (facebook.md §11).

At Facebook a 0 says never, wherever an end is named.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from tokenflow import NEVER, At, Expiry, Grant, Instant, epoch, grant_of, lifetime


def grant(fields: Mapping[str, Any], now: Instant) -> Grant:
    """Return the grant of an `oauth/access_token` answer; raises AnswerNotUnderstood.

    Ends are named by `expires_at` (seconds since 1970) or `expires_in` (seconds from now; `expires`
    before Graph 2.3). None of them is silence, which the lifecycle's own lifetime answers.
    """
    relative = fields.get("expires_in", fields.get("expires"))
    plain = grant_of({**fields, "expires_in": relative}, now, zero=NEVER)
    absolute = epoch(fields.get("expires_at"), zero=NEVER)
    return attrs.evolve(
        plain,
        expires=absolute if fields.get("expires_at") is not None else lifetime(relative, now, zero=NEVER),
        scope=names(fields.get("scope")),
        attributes=_facts(fields),
    )


def names(value: Any) -> frozenset[str] | None:
    """Return a list of permissions, given as a list or as text with commas or spaces; None for none."""
    if isinstance(value, str):
        return frozenset(value.replace(",", " ").split())
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return frozenset(value)
    return None


def text(value: Any) -> str | None:
    """Return an id as text: old Graph versions answer numbers (facebook.md §1.0); None for anything else."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _facts(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = {
        name: fields[name] for name in ("graph_domain", "machine_id") if isinstance(fields.get(name), str)
    }
    ends: Expiry = epoch(fields.get("data_access_expiration_time"), zero=NEVER)
    return {**facts, "data_access_expires_at": ends.instant} if isinstance(ends, At) else facts
