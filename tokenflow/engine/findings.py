"""What `doctor` finds: one look at one thing, its verdict, and the mend."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import attrs

from tokenflow.core.tokens import Instant

OK, WARN, PROBLEM = "ok", "warn", "problem"


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that was looked at. Never a secret, nor a value."""

    about: str
    """clock, store, key, plugin, spec, secret, token, issuer ..."""
    verdict: str
    """ok, warn (it works, and should be looked at) or problem."""
    says: str
    mend: str | None = None


@runtime_checkable
class Checkable(Protocol):
    """A store that can be looked at from within: beside the contract, found by asking."""

    def check(self, now: Instant) -> Sequence[Finding]:
        """Return what is found when the whole store is read as of *now*; nothing is changed."""
