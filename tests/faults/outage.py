"""An issuer is away for twenty minutes, and a great many tokens fall due meanwhile (security.md finding 15).

The keeper, the sweep, the gate with its breaker and its budget are the product's, under a virtual clock.
What a token costs beside them is left out: the flow that is run for one only sends, and says when the
token is due again, and the store keeps due times in memory. `tests/engine/test_outage.py` has the flows.
"""

import asyncio
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar, cast

import attrs

from tests.engine.keeping import Naps
from tests.faults.report import Report
from tokenflow import SECOND, Engine, MemoryStore, Request, Response, Row, Secret, VirtualClock
from tokenflow.core.errors import IssuerError
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.moments import Trusted
from tokenflow.core.tokens import At, Instant, Token
from tokenflow.engine.desk import Desk
from tokenflow.engine.guards import Errand, Gate
from tokenflow.engine.keeper import Keeper
from tokenflow.engine.sealing import unopened
from tokenflow.engine.sweeping import Sweeper, Swept

T = TypeVar("T")
GATE: Final = 50_000
NOW: Final = 1_800_000_000 * SECOND
LIFE, EARLY = 28_800, 1440
"""Seconds a token lives, and before its end it is renewed: a little longer than the outage."""
AWAY, LOOKED = 1200, 1620
"""Seconds the issuer is away, and until when we look."""
MOST_CALLS: Final = 80
_EACH: Final = 1.0
"""Seconds that pass at least between two rounds."""
_ISSUER: Final = """
apiVersion: tokenflow/v1
kind: Issuer
metadata: {{name: sandbox-oauth2, version: 1.0.0}}
extends: builtin:sandbox-oauth2
client: {{client_id: shop}}
budget: {{calls: {calls}, per: 1m}}
breaker: {{failures: 5, rest: 30s, longest: 2m}}
"""
_NAME: Final = "sandbox-oauth2"
_REQUEST: Final = Request(
    method="POST", url="http://127.0.0.1:8400/oauth2/token", form={"grant_type": "refresh_token"}
)
_TOKENS: Final = json.dumps({"access_token": "a", "refresh_token": "r", "expires_in": LIFE}).encode()


@attrs.define
class Away:
    """An issuer that is away at first; it counts calls by the second."""

    clock: VirtualClock
    calls: Counter[int] = attrs.field(factory=Counter)

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Answer, or be away."""
        at = (self.clock() - NOW) // SECOND
        self.calls[at] += 1
        if at < AWAY:
            return Response(status=503)
        return Response(status=200, headers={"content-type": "application/json"}, body=_TOKENS)

    async def close(self) -> None:
        """Nothing is open."""


class Calendar:
    """Rows by the second they are due; everything else is asked of a store in memory."""

    def __init__(self, row: Row) -> None:
        """*row* is what each row looks like."""
        self._like, self._others = row, MemoryStore()
        self._days: dict[int, set[str]] = defaultdict(set)
        self._due: dict[str, Instant] = {}
        self._rows: dict[str, Row] = {}
        """Those that were looked at since they changed."""
        self._first = self._last = NOW // SECOND

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others, name)

    def put_off(self, key: str, due: Instant) -> None:
        """Have a row fall due then, a whole second."""
        if key in self._due:
            self._days[self._due[key] // SECOND].discard(key)
        self._rows.pop(key, None)
        self._due[key] = due
        self._days[due // SECOND].add(key)
        self._last = max(self._last, due // SECOND)

    def load(self, tenant: str, key: str) -> Row:
        """Return the row as it is now."""
        if key not in self._rows:
            self._rows[key] = attrs.evolve(self._like, key=key, due_at=self._due[key])
        return self._rows[key]

    def overdue(self, now: Instant) -> int:
        """Return how many rows were due before then."""
        return sum(due < now for due in self._due.values())

    def due(
        self, tenant: str, before: Instant, limit: int, after: tuple[Instant, str] | None = None
    ) -> list[Row]:
        """Return rows due by then, by (due_at, key), beyond *after*."""
        while self._first < self._last and not self._days.get(self._first):
            self._first += 1
        found: list[Row] = []
        begin = self._first if after is None else max(self._first, after[0] // SECOND)
        for second in range(begin, min(before // SECOND, self._last) + 1):
            for key in sorted(self._days.get(second, ())):
                if after is None or (second * SECOND, key) > after:
                    found.append(self.load(tenant, key))
                    if len(found) == limit:
                        return found
        return found


@attrs.define
class Fleet:
    """What keeper and sweep ask of a desk, with tokens that are nothing but their times."""

    gate: Gate
    clock: VirtualClock
    store: Calendar
    issuer: Away
    setting: Any
    like: tuple[Token, Lifecycle]
    expires: dict[str, Instant]
    tenant: str = "default"
    worker: str = "keeper"
    comes_back: bool = False
    expired: int = 0
    renewed: int = 0
    tokens: dict[str, Token] = attrs.field(factory=dict)
    tries: Counter[str] = attrs.field(factory=Counter)
    sweeper: Sweeper = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.sweeper = Sweeper(cast(Desk, self))

    async def look(self) -> Trusted:
        """The clock is believed."""
        return Trusted(self.clock())

    async def on_store(self, work: Callable[[], T]) -> T:
        """No thread is between us and the store."""
        return work()

    def opened(self, row: Row) -> tuple[Token, Lifecycle]:
        """Return a token that ends when its key's does."""
        token, lifecycle = self.like
        if row.key not in self.tokens:
            self.tokens[row.key] = attrs.evolve(token, key=row.key, expires=At(self.expires[row.key]))
        return self.tokens[row.key], lifecycle

    @asynccontextmanager
    async def leased(self, key: str) -> AsyncIterator[bool]:
        """Nobody else is there."""
        yield True

    @contextmanager
    def heard_by(self, keeper: Keeper) -> Iterator[None]:
        """Nobody but the keeper saves."""
        yield

    async def sweep_page(
        self, limit: int, *, in_flight: int, go_on: Callable[[], bool] = lambda: True
    ) -> Swept:
        """Sweep, as a desk does."""
        return await self.sweeper.page(limit, in_flight=in_flight, go_on=go_on)

    async def at_leisure(self, key: str, make: object) -> Token:
        """Renew a token: one errand through the gate, and what comes of it."""
        now = self.clock()
        with Errand(self.gate, self.issuer, leisurely=True) as errand:
            await errand.admit(_NAME)
            response = await errand.send(_REQUEST)
        if response.status != 200:
            self.tries[key] += 1
            self.store.put_off(key, now + min(5 << self.tries[key], 600) * SECOND)
            raise IssuerError("it is away")
        self.expired += now >= self.expires[key]
        self.renewed += 1
        self.expires[key] = now + LIFE * SECOND
        self.tokens.pop(key, None)
        self.store.put_off(key, (now // SECOND + LIFE - EARLY) * SECOND)
        return self.like[0]


def campaign(size: int, seed: int) -> Report:
    """Let *size* tokens live through it; the budget is what renews those that waited in some two minutes."""
    a_minute = max(60, size // 50)
    with tempfile.TemporaryDirectory() as folder:
        fleet = _fleet(Path(folder), size, a_minute, Random(seed))
    herd = fleet.store.overdue(NOW + AWAY * SECOND)
    asyncio.run(_keep(fleet))
    return _report(fleet, size, herd, a_minute)


def _fleet(folder: Path, size: int, a_minute: int, chance: Random) -> Fleet:
    clock = VirtualClock(NOW)
    issuer = Away(clock)
    file = folder / f"{_NAME}.yaml"
    file.write_text(_ISSUER.format(calls=a_minute), encoding="utf-8")
    store = MemoryStore()
    with Engine.open(
        [file, "oauth2-rotating"],
        store,
        clock=VirtualClock(NOW + AWAY * SECOND),
        transport=lambda: Away(VirtualClock(NOW + AWAY * SECOND)),
        secrets={"env:OAUTH2_CLIENT_SECRET": Secret("s")},
    ) as engine:
        payload = {"code": "c", "redirect_uri": "https://app.example/cb"}
        token = engine.acquire("k", lifecycle="oauth2-rotating", platform="server", payload=payload)
        setting = engine.desk.setting
        gate = Gate(setting.issuers, lambda name: (), clock, chance.random)
        row = store.load("default", "k")
    assert row is not None
    like = attrs.evolve(unopened(row), entered_at=NOW, issued_at=NOW), setting.lifecycles[_lifecycle(token)]
    fleet = Fleet(gate, clock, Calendar(row), issuer, setting, like, {})
    for number in range(size):
        due = chance.randrange(LIFE - EARLY)
        fleet.expires[f"k/{number}"] = NOW + (due + EARLY) * SECOND
        fleet.store.put_off(f"k/{number}", NOW + due * SECOND)
    return fleet


def _lifecycle(token: Token) -> str:
    return token.lifecycle.partition("@")[0]


async def _keep(fleet: Fleet) -> None:
    def pass_time(seconds: float) -> None:
        fleet.clock.advance(round(max(seconds, _EACH) * SECOND))

    def look() -> None:
        if fleet.clock() > NOW + LOOKED * SECOND:
            keeper.stop()

    keeper = Keeper(cast(Desk, fleet), alarm=Naps(pass_time, fleet.clock, 10**9, look))
    await keeper.run()


def _report(fleet: Fleet, size: int, herd: int, a_minute: int) -> Report:
    calls, end = fleet.issuer.calls, fleet.clock()
    during = sum(count for at, count in calls.items() if at < AWAY)
    windows = [sum(calls[at + second] for second in range(10)) for at in range(AWAY, LOOKED)]
    ended = fleet.expired + sum(expires <= end for expires in fleet.expires.values())
    late = fleet.store.overdue(end - 10 * SECOND)
    failures = []
    if during > MOST_CALLS:
        failures.append(f"{during} calls while it was away")
    if max(windows) > a_minute // 6 + 1:
        failures.append(f"{max(windows)} calls in ten seconds after it, of {a_minute} a minute")
    if ended:
        failures.append(f"{ended} tokens expired, though there was time")
    if late:
        failures.append(f"{late} tokens still wait at the end")
    figures = {
        "tokens": size,
        "due while it was away": herd,
        "calls while it was away": during,
        "renewed": fleet.renewed,
        "most calls in ten seconds after it": max(windows),
        "allowed": a_minute // 6,
        "expired": ended,
    }
    void = [] if herd >= size // 30 and during >= 5 else [f"only {herd} waited, and {during} calls were made"]
    return Report("an outage", figures, void, failures)
