"""Refreshing is stopped in an emergency: seen by every process, at once, and nothing is the worse for it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.engine.ground import CLIENT_SECRET, HOUR, Ground
from tokenflow import Engine, Refused, TokenflowError
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.switches import SHELF, demand_refreshing, stopped

WHY = "the issuer asked us to"

WORKER = """
import json, os, sys
from tokenflow import Engine, Secret, TokenflowError, VirtualClock
store, key, url, secret = sys.argv[1:4] + [os.environ["CANARY_SECRET"]]
engine = Engine.open(["oauth2-rotating"], store, key=key, issuer=url, client_ids={"sandbox-oauth2": "shop"},
                     secrets={"env:OAUTH2_CLIENT_SECRET": Secret(secret)},
                     clock=VirtualClock(int(sys.argv[4])))
for line in sys.stdin:
    try:
        engine.extend("k")
        said = "extended"
    except TokenflowError as error:
        said = str(error)
    print(json.dumps(said), flush=True)
engine.close()
"""
"""Another process: it extends the token once for each line it is sent, and says what came of it."""


@contextmanager
def another_process(ground: Ground) -> Iterator[Any]:
    """Yield a function that has a second process extend the token and returns what it heard."""
    store, key = ground.sqlite()
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, store, key, ground.running.url, str(ground.clock())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"CANARY_SECRET": CLIENT_SECRET},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def extends() -> str:
        stdin.write("go\n")
        stdin.flush()
        return str(json.loads(stdout.readline()))

    try:
        yield extends
    finally:
        stdin.close()
        process.wait(20)
        stdout.close()


def test_another_process_obeys_from_its_next_attempt_on(ground: Ground) -> None:
    """What one process stops another does not send any more, without being told; and it goes on again."""
    with ground.durable() as engine, another_process(ground) as extends:
        ground.rotating(engine)
        assert extends() == "extended"
        engine.stop_refreshing(WHY, issuer="sandbox-oauth2")
        before = ground.calls()
        heard = extends()
        assert WHY in heard
        assert "tokenflow resume-refreshing --issuer sandbox-oauth2" in heard
        assert ground.calls() == before
        (was,) = engine.resume_refreshing()
        assert (was.issuer, was.because) == ("sandbox-oauth2", WHY)
        assert extends() == "extended"


def test_what_is_held_serves_to_its_end_and_nothing_ends_sooner(ground: Ground) -> None:
    """Until its end the token is handed out; then callers hear why there is none, and no try is used up."""
    with ground.open() as engine:
        ground.rotating(engine)
        engine.extend("k")
        held = engine.explain("k").token
        engine.stop_refreshing(WHY)
        before = ground.requests()
        ground.pass_time(0.9 * HOUR)
        for _ in range(3):
            assert engine.token("k").secret == held.access_token, "it is stale, and serves"
            engine.sweep()
        after = engine.explain("k").token
        assert (after.attempt, after.generation, after.expires) == (None, held.generation, held.expires)
        ground.pass_time(0.2 * HOUR)
        with pytest.raises(Refused) as raised:
            engine.token("k")
        assert raised.value.code == "refreshing_stopped"
        assert WHY in str(raised.value)
        assert engine.explain("k").token.state == "awaiting_refresh"
        assert ground.requests() == before
        engine.resume_refreshing()
        assert engine.token("k").secret != held.access_token
        assert engine.explain("k").token.attempt is None


def test_what_brings_a_value_is_stopped_and_what_ends_or_asks_is_not(ground: Ground) -> None:
    """Extend, derive, and an acquisition without a person are refused; logins, questions and ends go on."""
    with ground.open() as engine:
        ground.facebook(engine)
        ground.rotating(engine)
        engine.stop_refreshing(WHY, issuer="facebook")
        stops = (
            lambda: engine.extend("ada"),
            lambda: engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}"),
            lambda: engine.acquire("app", lifecycle="facebook-app", platform="inline"),
        )
        for verb in stops:
            with pytest.raises(TokenflowError) as raised:
                verb()
            assert raised.value.code == "refreshing_stopped"
        assert engine.introspect("ada").active
        assert engine.extend("k").state == "extended", "another issuer is not meant"
        ground.facebook(engine, key="ada")
        assert engine.token("ada").state == "issued"
        engine.revoke("ada").demand()
        engine.resume_refreshing(issuer="facebook")
        ground.facebook(engine, key="ada")
        assert engine.extend("ada").state == "extended"


def test_a_sweep_passes_by_what_is_stopped_and_attends_to_the_rest(ground: Ground) -> None:
    """A due token of a stopped issuer keeps no other waiting, and what time alone does is done."""
    with ground.open() as engine:
        ground.rotating(engine)
        ground.facebook(engine)
        engine.stop_refreshing(WHY, issuer="sandbox-oauth2")
        ground.pass_time(0.95 * HOUR)
        before = ground.calls(grant="refresh_token")
        swept = engine.sweep()
        assert swept.next_due is not None
        assert ground.calls(grant="refresh_token") == before
        ground.pass_time(0.1 * HOUR)
        engine.sweep()
        assert engine.explain("k").token.state == "awaiting_refresh", "an end is a fact about the world"
        engine.resume_refreshing()
        ground.pass_time(61)
        engine.sweep()
        assert engine.explain("k").token.state == "extended"


def test_a_switch_that_cannot_be_read_is_on() -> None:
    """Whatever stands in the store under that name: refreshing stays stopped, for all or for one."""
    for value in (b"", b"{", b"[]", b'{"because": "x"}', b"\xff"):
        for name, issuers in (("refreshing/*", ("a", "b")), ("refreshing/a", ("a",))):
            store = MemoryStore()
            store.put(SHELF, name, value)
            for issuer in issuers:
                with pytest.raises(Refused, match="its reason cannot be read"):
                    demand_refreshing(store, issuer)
            assert [one.because for one in stopped(store)] == ["its reason cannot be read"]
            if name.endswith("a"):
                demand_refreshing(store, "b")


def test_a_slip_stops_nothing_and_says_so(ground: Ground) -> None:
    """An issuer that no token is of, and a stop without a reason, are refused: neither would help."""
    engine: Engine
    with ground.open() as engine:
        with pytest.raises(Refused, match="there are: facebook, sandbox-oauth2"):
            engine.stop_refreshing(WHY, issuer="facebok")
        with pytest.raises(Refused) as raised:
            engine.stop_refreshing("  ")
        assert raised.value.code == "no_reason"
        assert engine.resume_refreshing() == ()
