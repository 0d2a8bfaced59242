"""What is simulated, as plain data: it travels to another process, and is compiled there."""

import copy
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

import attrs

from tokenflow.core.compiling import compile_issuer, compile_lifecycle
from tokenflow.core.effects import Issuer
from tokenflow.core.lifecycles import Acquisition, Lifecycle
from tokenflow.core.tokens import DAY, SECOND, Instant

START: Final[Instant] = 1_893_456_000 * SECOND
"""Day 0 is 2030-01-01T00:00:00Z, always: the same simulation has the same answer on any day."""


@attrs.frozen(kw_only=True)
class Act:
    """Something that happens to a token from outside, `at` microseconds after day 0."""

    at: int
    what: str
    """event, outage, refuse, lose or die."""
    name: str = ""
    """The event, or the class of a refusal."""
    lasts: int = 0
    """Microseconds; 0 for what is over with the next call."""
    payload: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Budget:
    """What the issuer allows: `calls` in each `per` microseconds; beyond it answers 429."""

    calls: float
    per: int


@attrs.frozen(kw_only=True)
class Scene:
    """One lifecycle, one platform, and the world around it. Durations are in microseconds."""

    data: Mapping[str, Any] = attrs.field(repr=False)
    """The resolved Lifecycle document."""
    digest: str
    issuer: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """The resolved Issuer document it names."""
    app: Mapping[str, Any] = attrs.field(factory=dict)
    platform: str
    span: int = 90 * DAY
    """How long is counted, from day 0."""
    expires_in: int | None = None
    """How long the issuer says a first value lives; None: the typical life of its class."""
    answer: int | None = 3600 * SECOND
    """How long a person takes to log in again; None: nobody does."""
    acts: tuple[Act, ...] = ()
    seed: int = 0
    tokens: int = 1
    arrivals: int = 0
    """Tokens are acquired evenly over so long, by chance."""
    standing: bool = False
    """Whether they arrive before day 0 (a fleet that stands) or from it on (one that is launched)."""
    deaths: float = 0.0
    """Chance of an early end, for each token and day."""
    budget: Budget | None = None
    jitter: bool = True

    def lifecycle(self, guards: Mapping[str, Any]) -> Lifecycle:
        """Compile the lifecycle; without `jitter`, no timer and no retry is spread."""
        data = self.data if self.jitter else unspread(self.data)
        return compile_lifecycle(
            data, digest=self.digest, guards=guards, issuer=self.issuer, app=dict(self.app)
        )

    def told_issuer(self) -> Issuer:
        """Return the issuer that plugins are told of."""
        name = str(self.data.get("issuer", "none"))
        if self.issuer is None:
            return Issuer(name=name, client_id="simulated")
        return compile_issuer(self.issuer, client_id="simulated")

    def acquisition(self, lifecycle: Lifecycle) -> Acquisition:
        """Return how its tokens are acquired."""
        return lifecycle.acquisitions[self.platform]

    def born(self, chance: Random) -> Instant:
        """Return when a token is acquired."""
        earlier = self.arrivals if self.standing else 0
        return START - earlier + int(self.arrivals * chance.random())

    def ends(self, born: Instant, chance: Random) -> Iterator[Instant]:
        """Yield the instants at which the issuer ends the token early."""
        at = born
        while self.deaths > 0:
            at += int(chance.expovariate(self.deaths) * DAY)
            if at >= START + self.span:
                return
            yield at


def unspread(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lifecycle document in which nothing is spread by jitter."""
    plain: dict[str, Any] = copy.deepcopy(dict(data))
    for state in plain["states"].values():
        for timer in ((state or {}).get("timers") or {}).values():
            timer.pop("jitter", None)
    for command in plain.get("commands", {}).values():
        if "retry" in command:
            command["retry"]["jitter"] = "none"
    return plain
