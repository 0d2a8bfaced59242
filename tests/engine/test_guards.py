"""Between flows and the issuer: a breaker and a budget that cost no token an attempt."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from tests.engine.ground import state
from tests.engine.keeping import Naps
from tokenflow import (
    SECOND,
    Call,
    Engine,
    IssuerError,
    IssuerRefused,
    IssuerUnreachable,
    MemoryStore,
    Request,
    Response,
    Secret,
    VirtualClock,
)
from tokenflow.engine import guards
from tokenflow.engine.guards import Errand
from tokenflow.engine.keeper import Keeper

NOW: Final = 1_800_000_000 * SECOND
HOUR: Final = 3600
ISSUER: Final = """
apiVersion: tokenflow/v1
kind: Issuer
metadata: {{name: sandbox-oauth2, version: 1.0.0}}
extends: builtin:sandbox-oauth2
client: {{client_id: shop}}
endpoints: {{resource: "http://127.0.0.1:8400/api"}}
budget: {{calls: {calls}, per: 10m}}
breaker: {{failures: 3, rest: 30s}}
"""
JSON: Final = {"content-type": "application/json"}


def granted(**more: Any) -> Response:
    body = {"access_token": "a", "refresh_token": "r", "expires_in": HOUR, **more}
    return Response(status=200, headers=JSON, body=json.dumps(body).encode())


def down(headers: Mapping[str, str] = JSON, status: int = 503) -> Response:
    return Response(status=status, headers=headers, body=b'{"error": "temporarily_unavailable"}')


@attrs.define
class Wire:
    """What the issuer answers, and what reached it."""

    answer: Callable[[], Response] = granted
    urls: list[str] = attrs.field(factory=list)

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Answer as the test says."""
        self.urls.append(request.url)
        return self.answer()

    async def close(self) -> None:
        """Nothing is open."""

    def calls(self) -> int:
        return len(self.urls)


class Silence(Wire):
    """An issuer that takes the request, and does not answer."""

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Never return."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


@attrs.frozen
class Here:
    """An engine whose issuer is in this test's hands."""

    engine: Engine
    wire: Wire
    clock: VirtualClock

    def token(self, key: str) -> None:
        payload = {"code": "c", "redirect_uri": "https://app.example/cb"}
        self.engine.acquire(key, lifecycle="oauth2-rotating", platform="server", payload=payload)

    def sleep(self, seconds: float) -> None:
        self.clock.advance(round(seconds * SECOND))

    def breaker(self) -> str:
        return self.engine.health().issuers[0].breaker


@contextmanager
def opened(folder: Path, *, calls: int = 6000, store: Any = None) -> Iterator[Here]:
    """An engine with such a budget for ten minutes."""
    file = folder / "sandbox-oauth2.yaml"
    file.write_text(ISSUER.format(calls=calls), encoding="utf-8")
    wire, clock = Wire(), VirtualClock(NOW)
    with Engine.open(
        [file, "oauth2-rotating", "oauth2-app"],
        store or MemoryStore(),
        clock=clock,
        transport=lambda: wire,
        secrets={"env:OAUTH2_CLIENT_SECRET": Secret("s")},
        trust_cache=0.0,
    ) as engine:
        yield Here(engine, wire, clock)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers here do not wait long: the clock stands still meanwhile."""
    monkeypatch.setattr(guards, "PATIENCE", 0.1)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    """A generous budget."""
    with opened(tmp_path) as found:
        yield found


def trip(here: Here, answer: Callable[[], Response] = down) -> None:
    """Let the issuer fail until it is left alone."""
    here.wire.answer = answer
    for number in range(3):
        with pytest.raises(IssuerError):
            here.engine.acquire(f"gone/{number}", lifecycle="oauth2-app", platform="server")
    assert here.breaker() == "open"


@pytest.mark.parametrize(
    "answer",
    [
        down,
        lambda: down(status=500),
        lambda: Response(status=200, headers={"content-type": "text/html"}, body=b"<h1>Maintenance</h1>"),
        lambda: Response(status=200),
    ],
)
def test_answers_that_are_none_open_the_breaker(here: Here, answer: Callable[[], Response]) -> None:
    """Three in a row, over any tokens: nothing is sent any more, and the error says till when."""
    trip(here, answer)
    before = here.wire.calls()
    with pytest.raises(IssuerUnreachable, match=r"left alone just now; .* in \d+ s") as no:
        here.engine.acquire("next", lifecycle="oauth2-app", platform="server")

    assert not no.value.sent
    assert here.wire.calls() == before


def test_silence_beyond_a_commands_own_timeout_opens_it(here: Here) -> None:
    """A `timeout` that ends before the transport's own deadline is no answer either, and counts as none."""
    here.token("k")
    silent = Errand(here.engine.desk.gate, Silence())
    for _ in range(3):
        with pytest.raises(IssuerUnreachable, match=r"no answer came within 0\.01 s") as no:
            asyncio.run(silent.send(Request(method="POST", url=here.wire.urls[-1]), within=SECOND // 100))
        assert no.value.sent
    assert here.breaker() == "open"


def test_a_definite_no_does_not_open_it(here: Here) -> None:
    """The issuer is there, whatever it thinks of us."""
    no = {"error": "invalid_client"}
    here.wire.answer = lambda: Response(status=401, headers=JSON, body=json.dumps(no).encode())
    for number in range(9):
        with pytest.raises(Exception, match="invalid_client"):
            here.engine.acquire(f"k/{number}", lifecycle="oauth2-app", platform="server")

    assert here.breaker() == "closed"
    assert here.wire.calls() == 9


def test_while_it_is_left_alone_held_tokens_serve_and_no_attempt_is_used_up(here: Here) -> None:
    """A stale token is handed out as it is, one that is over is refused; neither has an attempt on record."""
    here.token("stale")
    here.token("over")
    here.sleep(HOUR * 0.97)
    trip(here)
    before = here.wire.calls()
    assert here.engine.token("stale").state == "issued"
    assert here.engine.explain("stale").token.attempt is None
    here.sleep(HOUR * 0.03)
    trip(here)
    before = here.wire.calls()
    with pytest.raises(IssuerUnreachable, match="asked again in"):
        here.engine.token("over")
    assert here.engine.explain("over").token.attempt is None
    assert here.engine.explain("over").token.refresh_token is not None
    assert here.wire.calls() == before


def test_time_ends_tokens_though_their_issuer_is_out(here: Here) -> None:
    """What the clock alone does is done in a sweep: an issuer in trouble holds no expiry back."""
    here.token("k")
    here.sleep(HOUR + 1)
    trip(here)
    here.engine.sweep()

    assert state(here.engine.desk.store, "k") == "awaiting_refresh"
    assert here.engine.explain("k").token.attempt is None


@pytest.mark.proves("H2")
def test_half_open_one_call_tries_and_its_success_lets_all_through(here: Here) -> None:
    """A probe that fails doubles the rest; one that succeeds closes it."""
    trip(here)
    rests = []
    for _ in range(4):
        rests.append(here.engine.health().issuers[0].asked_again_in)
        here.sleep(rests[-1])
        assert here.breaker() == "half_open"
        before = here.wire.calls()
        with pytest.raises(Exception, match="503"):
            here.engine.acquire("k", lifecycle="oauth2-app", platform="server")
        with pytest.raises(IssuerUnreachable):
            here.engine.acquire("k", lifecycle="oauth2-app", platform="server")
        assert here.wire.calls() == before + 1
    here.sleep(here.engine.health().issuers[0].asked_again_in)
    here.wire.answer = granted
    here.engine.acquire("k", lifecycle="oauth2-app", platform="server")

    assert all(15 <= rest <= 120.1 for rest in rests)
    assert here.breaker() == "closed"


def test_a_limit_closes_the_budget_for_everybody(here: Here) -> None:
    """A 429 with Retry-After: sweeps and callers alike send nothing until then."""
    here.token("k")
    here.wire.answer = lambda: down({**JSON, "retry-after": "90"}, status=429)
    with pytest.raises(Exception, match="429"):
        here.engine.acquire("a", lifecycle="oauth2-app", platform="server")
    here.wire.answer, before = granted, here.wire.calls()
    for seconds in (0, 60, 29):
        here.sleep(seconds)
        with pytest.raises(IssuerUnreachable, match="has had its calls just now") as refused:
            here.engine.acquire("b", lifecycle="oauth2-app", platform="server")
        assert not refused.value.sent
    assert (here.wire.calls(), here.breaker()) == (before, "closed")
    here.sleep(5)
    here.engine.acquire("b", lifecycle="oauth2-app", platform="server")
    assert here.wire.calls() == before + 1


def test_an_api_that_fails_is_not_the_issuer_failing(here: Here) -> None:
    """What an application calls below a base may answer 500 as it likes; a gateway's no counts."""
    here.token("k")
    here.wire.answer = lambda: Response(status=500, headers=JSON, body=b"{}")
    for _ in range(9):
        with pytest.raises(IssuerRefused, match="500"):
            here.engine.use("k", Call(path="/thing"))
    assert here.breaker() == "closed"
    here.wire.answer = lambda: Response(status=502)
    for _ in range(3):
        with pytest.raises(IssuerRefused, match="502"):
            here.engine.use("k", Call(path="/thing"))
    assert here.breaker() == "open"


def test_a_spent_budget_is_waited_for_by_callers_a_bounded_time(tmp_path: Path) -> None:
    """Ten calls in ten minutes: the second is told when, for it would wait longer than callers do."""
    with opened(tmp_path, calls=10) as here:
        here.token("a")
        with pytest.raises(IssuerUnreachable, match=r"asked again in 60 s"):
            here.token("b")
        here.sleep(60)
        here.token("b")
        assert here.wire.calls() == 2


def test_a_caller_goes_before_sweeps(tmp_path: Path) -> None:
    """A caller that waits for a call gets the next one; a sweep stands back meanwhile."""
    with opened(tmp_path, calls=10) as here:
        gate = here.engine.desk.gate
        here.token("a")
        here.sleep(60)
        with gate.queue("sandbox-oauth2"):
            assert gate.waits("sandbox-oauth2", leisurely=True) > 0
            assert gate.waits("sandbox-oauth2", leisurely=False) == 0
        assert gate.waits("sandbox-oauth2", leisurely=True) == 0


def test_sweeps_leave_a_part_of_the_burst_to_callers(tmp_path: Path) -> None:
    """Of forty calls at once a sweep takes thirty; what is left over waits without an attempt on record."""
    with opened(tmp_path, calls=400) as here:
        for number in range(36):
            here.token(f"k/{number}")
        here.sleep(HOUR - 30)
        before = here.wire.calls()
        here.engine.sweep()
        swept = here.wire.calls() - before
        here.token("caller")

        assert swept == 30
        assert here.wire.calls() == before + swept + 1
        attempts = [here.engine.desk.store.load("default", f"k/{n}") for n in range(36)]
        assert sum('"attempt":null' in row.body for row in attempts if row is not None) == 36


def test_a_limit_nobody_wrote_stops_no_caller(tmp_path: Path) -> None:
    """Without a budget callers are not counted; sweeps are paced all the same, and a 429 counts for all."""
    lifecycles = ["oauth2-rotating", "oauth2-app"]
    with Engine.open(lifecycles, clock=VirtualClock(NOW), client_ids={"sandbox-oauth2": "c"}) as engine:
        gate = engine.desk.gate
        for _ in range(5_000):
            assert gate.take("sandbox-oauth2", leisurely=False) == 0
        swept = 0
        while not gate.take("sandbox-oauth2", leisurely=True):
            swept += 1
        assert swept == 900
        limit = Response(status=429, headers={"retry-after": "9"}, body=b"{}")
        gate.answered(
            "sandbox-oauth2", Request(method="POST", url="http://127.0.0.1:8400/oauth2/token"), limit
        )
        assert 9 * SECOND <= gate.take("sandbox-oauth2", leisurely=False) < 10 * SECOND


def test_what_was_begun_is_finished_though_the_budget_is_spent(tmp_path: Path) -> None:
    """An errand that was admitted sends all it has to: half of it would lose what the first half brought."""
    with opened(tmp_path, calls=10) as here:
        gate = here.engine.desk.gate

        async def two_calls() -> None:
            with guards.Errand(gate, here.wire) as errand:
                await errand.admit("sandbox-oauth2")
                for _ in range(2):
                    await errand.send(Request(method="POST", url="http://127.0.0.1:8400/oauth2/token"))

        asyncio.run(two_calls())
        assert here.wire.calls() == 2
        assert gate.waits("sandbox-oauth2", leisurely=False) == 120 * SECOND  # and is charged for both


def test_an_errand_that_asks_nothing_blocks_no_probe(here: Here) -> None:
    """Half open, one that was admitted and then had nothing to send makes way for the next at once."""
    trip(here)
    here.sleep(120)
    with guards.Errand(here.engine.desk.gate, here.wire) as errand:
        asyncio.run(errand.admit("sandbox-oauth2"))
        assert here.engine.desk.gate.waits("sandbox-oauth2", leisurely=False) > 0

    assert here.engine.desk.gate.waits("sandbox-oauth2", leisurely=False) == 0


def test_an_errand_that_asks_nothing_ends_no_other_ones_probe(here: Here) -> None:
    """Who was admitted before the outage, and comes back without a call, lets no second one try."""
    here.token("k")
    gate, idle = here.engine.desk.gate, Errand(here.engine.desk.gate, here.wire)
    asyncio.run(idle.admit("sandbox-oauth2"))
    trip(here)
    here.sleep(here.engine.health().issuers[0].asked_again_in)
    with Errand(gate, here.wire) as trying:
        asyncio.run(trying.admit("sandbox-oauth2"))
        with idle:
            pass
        assert gate.waits("sandbox-oauth2", leisurely=False) > 0
    assert gate.waits("sandbox-oauth2", leisurely=False) == 0


def test_a_url_belongs_to_the_issuer_whose_endpoint_it_lies_below(tmp_path: Path) -> None:
    """Two issuers on one host are told apart by path; a stranger's host is nobody's."""
    with Engine.open(
        ["oauth2-app", "facebook-user"],
        issuer="http://127.0.0.1:8400",
        client_ids={"facebook": "1", "sandbox-oauth2": "c"},
        redirect_uri="https://app.example/cb",
    ) as engine:
        route = engine.desk.gate.route
        assert route("http://127.0.0.1:8400/oauth2/token") == "sandbox-oauth2"
        assert route("http://127.0.0.1:8400/v23.0/me/accounts?x=1") == "facebook"
        assert route("https://elsewhere.example/oauth2/token") is None
        assert route("http://127.0.0.1:8400/oauth2/token", ["facebook"]) == "sandbox-oauth2"
        assert route("http://127.0.0.1:8400/other", ["facebook"]) == "facebook"


def test_a_keeper_takes_up_the_other_issuers_tokens_meanwhile(tmp_path: Path) -> None:
    """A hundred and fifty due tokens of an issuer that rests keep no other's waiting: they are passed by."""
    with opened(tmp_path) as here:
        for number in range(150):
            here.token(f"a/{number}")
        here.sleep(10)
        here.engine.acquire("z", lifecycle="oauth2-app", platform="server")
        here.sleep(HOUR - 30)
        trip(here)
        alarm = Naps(here.sleep, here.clock, 12)
        keeper = Keeper(here.engine.desk, alarm=alarm)
        alarm.stop = keeper.stop
        before = here.wire.calls()
        keeper.start().result()
        row = here.engine.desk.store.load("default", "z")

        assert row is not None
        assert row.state in ("issued", "expired")
        assert here.wire.calls() - before <= 3
        assert (row.due_at or 2**62) > here.clock()
