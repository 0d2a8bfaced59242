"""Whether an issuer may be asked now: a circuit breaker and a budget, as values (security.md finding 15).

Times are microseconds of a clock that nobody sets, the boot-time clock say. Nothing is performed here:
whoever sends asks first, and says afterwards what came of it.
"""

from typing import Final

import attrs

from tokenflow.core.tokens import SECOND

_RAMP: Final = 30 * SECOND
"""How long it takes after an outage until a budget is given out at its full pace."""
_SLOWEST: Final = 8
"""How many times slower it begins; a call a second at least, if the budget allows it."""


@attrs.frozen(kw_only=True)
class BreakerRule:
    """When a breaker opens and how long it rests: an issuer's `breaker:`."""

    failures: int = 5
    """So many transient failures in a row, over all tokens, open it."""
    rest: int = 30 * SECOND
    """Microseconds until the issuer is asked again; doubles with each rest in a row."""
    longest: int = 2 * 60 * SECOND


PATIENT: Final = BreakerRule()
"""Of an issuer that declares none."""


@attrs.frozen(kw_only=True)
class Breaker:
    """What the last answers say of an issuer: closed (it is asked), open, or half open (one call may try)."""

    failures: int = 0
    """In a row, while closed."""
    rests: int = 0
    """In a row; 0 is closed."""
    until: int = 0
    """Open until then, half open from then on."""
    probe: int | None = None
    """A call is trying; when it is given up for lost."""

    def waits(self, now: int) -> int:
        """Return how long to wait before asking; 0: ask now."""
        if not self.rests:
            return 0
        return max(0, self.until - now, 0 if self.probe is None else self.probe - now)

    def asked(self, rule: BreakerRule, now: int) -> "Breaker":
        """Return the breaker once a call goes out: half open, it is the only one.

        One that goes out while it is open belongs to what was begun before, and tries nothing.
        """
        return attrs.evolve(self, probe=now + rule.rest) if self.rests and now >= self.until else self

    def on_success(self) -> "Breaker":
        """Return the breaker after an answer, a definite no included: the issuer is there."""
        return Breaker() if self.rests or self.failures else self

    def on_failure(self, rule: BreakerRule, now: int, chance: float, *, at_least: int = 0) -> "Breaker":
        """Return the breaker after no answer, or none that is one.

        *chance* in [0, 1) spreads the rests of many processes (full jitter, above half of `rest`);
        *at_least* is the issuer's own Retry-After. Calls that were out when it opened change nothing.
        """
        if self.rests and self.probe is None:
            return self
        if not self.rests and self.failures + 1 < rule.failures and not at_least:
            return attrs.evolve(self, failures=self.failures + 1)
        span = min(rule.rest << min(self.rests, 32), max(rule.longest, rule.rest))
        least = rule.rest // 2
        rest = max(least + int((span - least) * chance), at_least)
        return Breaker(rests=self.rests + 1, until=now + rest)


@attrs.frozen(kw_only=True)
class Budget:
    """At most `calls` in any `per`, evenly given out after a small burst: an issuer's `budget:`."""

    calls: int = 12_000
    per: int = 60 * SECOND
    """Microseconds."""

    @property
    def burst(self) -> int:
        """How many calls may go out at once after a quiet time."""
        return max(1, self.calls // 10)

    @property
    def interval(self) -> int:
        """Microseconds between calls afterwards: a burst and all that follow it in `per` are `calls`."""
        return -(-self.per // (self.calls - self.burst + 1))


GENEROUS: Final = Budget()
"""Of an issuer that declares none: 200 calls a second for sweeps; callers are only slowed after an outage."""


@attrs.frozen(kw_only=True)
class Bucket:
    """What is left of a budget, as one instant (the generic cell rate algorithm)."""

    full: int = 0
    """When it is full again."""
    shut: int = 0
    """Nothing is given out before then: the issuer said so (429, Retry-After)."""
    ramp: int | None = None
    """Since when it is given out slowly at first, after an outage."""

    def waits(self, budget: Budget, now: int, *, spare: int = 0) -> int:
        """Return how long to wait for a call; 0: take one now. *spare* calls are left for others."""
        return max(0, self.shut - now, self.full - (budget.burst - 1 - spare) * budget.interval - now)

    def left(self, budget: Budget, now: int) -> int:
        """Return how many calls may go out at once."""
        if self.shut > now:
            return 0
        return min(budget.burst, max(0, budget.burst - -(-max(0, self.full - now) // budget.interval)))

    def taken(self, budget: Budget, now: int) -> "Bucket":
        """Return the bucket with a call less; what was begun may finish, so it may go into debt."""
        cost, ramp = budget.interval, self.ramp
        if ramp is not None:
            slow = 1 + (_SLOWEST - 1) * max(0, ramp + _RAMP - now) / _RAMP
            ramp = ramp if slow > 1 else None
            cost = max(cost, min(int(cost * slow), SECOND))
        return attrs.evolve(self, full=max(self.full, now) + cost, ramp=ramp)

    def emptied(self, budget: Budget, now: int) -> "Bucket":
        """Return the bucket an issuer gets that is back: empty, and given out slowly at first."""
        return attrs.evolve(self, full=max(self.full, now + budget.burst * budget.interval), ramp=now)

    def closed(self, budget: Budget, until: int) -> "Bucket":
        """Return the bucket shut until then, and given out slowly from then on."""
        until = max(until, self.shut)
        return attrs.evolve(self.emptied(budget, until), shut=until)
