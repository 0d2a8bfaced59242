"""Twenty minutes without the issuer (security.md finding 15): few calls, no token lost, no herd after it."""

import json
from collections import Counter
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.engine.keeping import Naps
from tokenflow import SECOND, Engine, Happened, MemoryStore, Request, Response, Secret, VirtualClock
from tokenflow.core.events import AttemptFailed, Transitioned
from tokenflow.engine.guards import Gate
from tokenflow.engine.keeper import Keeper

NOW: Final = 1_800_000_000 * SECOND
LIFE, SPREAD = 7200, 2400
"""Seconds a token lives, and over how many they were issued."""
BEGINS, ENDS, UNTIL = 6000, 7200, 9000
"""When the issuer is away, and when we look no further."""
ISSUER: Final = """
apiVersion: tokenflow/v1
kind: Issuer
metadata: {{name: sandbox-oauth2, version: 1.0.0}}
extends: builtin:sandbox-oauth2
client: {{client_id: shop}}
budget: {{calls: {calls}, per: 1m}}
breaker: {{failures: 5, rest: 30s, longest: 2m}}
"""


@attrs.define
class Away:
    """An issuer in this process that is away for a while; it counts calls by the second."""

    clock: VirtualClock
    calls: Counter[int] = attrs.field(factory=Counter)
    given: int = 0

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Answer, or be away."""
        at = (self.clock() - NOW) / SECOND
        self.calls[int(at)] += 1
        if BEGINS <= at < ENDS:
            return Response(status=503)
        self.given += 1
        tokens = {"access_token": f"a{self.given}", "refresh_token": f"r{self.given}", "expires_in": LIFE}
        headers = {"content-type": "application/json"}
        return Response(status=200, headers=headers, body=json.dumps(tokens).encode())

    async def close(self) -> None:
        """Nothing is open."""


def check_an_outage(folder: Path, count: int, a_minute: int, at_least: float) -> None:
    """Let *count* tokens live through it, with a budget of so many calls a minute."""
    file = folder / "sandbox-oauth2.yaml"
    file.write_text(ISSUER.format(calls=a_minute), encoding="utf-8")
    clock, happened = VirtualClock(NOW), list[Happened]()
    issuer = Away(clock)
    with Engine.open(
        [file, "oauth2-rotating"],
        MemoryStore(),
        clock=clock,
        transport=lambda: issuer,
        secrets={"env:OAUTH2_CLIENT_SECRET": Secret("s")},
        trust_cache=0.0,
        on_event=happened.extend,
    ) as engine:
        for number in range(count):
            payload = {"code": str(number), "redirect_uri": "https://app.example/cb"}
            engine.acquire(f"k/{number}", lifecycle="oauth2-rotating", platform="server", payload=payload)
            clock.advance(SPREAD * SECOND // count)
        happened.clear()
        issuer.calls.clear()

        def look() -> None:
            if clock() > NOW + UNTIL * SECOND:
                keeper.stop()

        def pass_time(seconds: float) -> None:
            clock.advance(round(max(seconds, at_least) * SECOND))

        keeper = Keeper(engine.desk, alarm=Naps(pass_time, clock, 10**9, look))
        keeper.start().result()

    during = sum(calls for at, calls in issuer.calls.items() if BEGINS <= at < ENDS)
    after = [sum(issuer.calls[at + second] for second in range(10)) for at in range(ENDS, UNTIL)]
    failed = [one for one in happened if isinstance(one, AttemptFailed)]
    renewed = {one.about.key for one in happened if isinstance(one, Transitioned) and one.state == "extended"}
    ended = [one for one in happened if isinstance(one, Transitioned) and one.event == "expire"]

    assert 5 <= during <= 2 * (ENDS - BEGINS) // 30
    assert len(failed) == during  # nothing that was not sent used an attempt up
    assert ended == []
    assert len(renewed) == count
    assert max(after) <= a_minute // 6
    assert sum(issuer.calls[at] for at in range(ENDS, ENDS + 130)) >= count // 3  # there was a herd


@pytest.mark.proves("H2")
def test_an_outage_costs_few_calls_and_no_token_and_the_herd_is_let_through_slowly(tmp_path: Path) -> None:
    """At most two calls a rest; all are renewed in time; no ten seconds after it exceed the budget."""
    check_an_outage(tmp_path, count=90, a_minute=180, at_least=0.0)


def test_a_gate_that_lets_everything_through_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above fails without breaker and budget."""
    monkeypatch.setattr(Gate, "waits", lambda gate, name, *, leisurely: 0)
    monkeypatch.setattr(Gate, "take", lambda gate, name, *, leisurely: 0)
    with pytest.raises(AssertionError):
        check_an_outage(tmp_path, count=40, a_minute=120, at_least=0.0)


@pytest.mark.campaign
def test_an_outage_of_many(tmp_path: Path) -> None:
    """The same with five thousand tokens and two hundred calls a second (ten minutes on two busy cores)."""
    check_an_outage(tmp_path, count=5_000, a_minute=12_000, at_least=1.0)
