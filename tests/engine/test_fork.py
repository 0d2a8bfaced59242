"""An engine that was open before a fork: each side goes on by itself."""

import os
import signal
import subprocess
import sys

import pytest

from tests.engine.ground import CALLBACK, CLIENT, CLIENT_SECRET, NOW, Ground
from tokenflow import Engine, MemoryStore, Secret
from tokenflow.engine.forks import ForkLock

SCRIPT = """
import json, os, sys, threading
from tokenflow import Engine, Secret, VirtualClock
url, store, key, client, callback, now = sys.argv[1:]
secret = os.environ["CANARY_SECRET"]
engine = Engine.open(["oauth2-rotating", "oauth2-app"], store, key=key, issuer=url,
    clock=VirtualClock(int(now)), client_ids={"sandbox-oauth2": client}, redirect_uri=callback,
    secrets={"env:OAUTH2_CLIENT_SECRET": Secret(secret)}, trust_cache=0.0)
before = engine.explain("k").token.generation
readable, writable = os.pipe()
child = os.fork()
if child == 0:
    said = {"generation": engine.extend("k").generation, "pid": os.getpid(),
            "threads": sorted(one.name for one in threading.enumerate())}
    engine.close()
    os.write(writable, json.dumps(said).encode())
    os._exit(0)
os.close(writable)
engine.acquire("app", lifecycle="oauth2-app", platform="server")
with os.fdopen(readable) as pipe:
    said = json.loads(pipe.read())
os.waitpid(child, 0)
after = engine.extend("k")
engine.close()
print(json.dumps({"before": before, "child": said, "after": after.generation,
                  "state": after.state, "keys": ["app", "k"]}))
"""

SECRETS = {"env:OAUTH2_CLIENT_SECRET": Secret("s")}


@pytest.mark.proves("R18")
def test_both_sides_of_a_fork_go_on(ground: Ground) -> None:
    """A forked child refreshes on a loop of its own, closes, and the parent's engine never notices."""
    store, key = ground.sqlite()
    with ground.durable() as engine:
        ground.rotating(engine)
    arguments = [ground.running.url, store, key, CLIENT, CALLBACK, str(NOW)]
    secret = {**os.environ, "CANARY_SECRET": CLIENT_SECRET}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, *arguments],
        env=secret,
        capture_output=True,
        timeout=60,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '"before": 1' in done.stdout
    assert '"generation": 2' in done.stdout
    assert '"after": 3' in done.stdout
    assert done.stdout.count("tokenflow-loop") == 1
    assert ground.calls(grant="refresh_token") == 2


@pytest.mark.proves("R18")
def test_a_lock_held_at_the_fork_is_open_in_the_child() -> None:
    """A child that is forked while another thread holds a short lock does not wait for that thread."""
    lock = ForkLock()
    with lock:
        child = os.fork()
        if child == 0:
            with lock:
                os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_store_in_memory_in_use_at_the_fork_is_open_in_the_child() -> None:
    """A child that is forked while another thread is in a MemoryStore does not wait for that thread."""
    store = MemoryStore()
    with store._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            store.keys("default")
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_workers_name_is_not_its_childs() -> None:
    """A child that is forked under a given name begins its attempts under another: the parent's are out."""
    readable, writable = os.pipe()
    client_ids = {"sandbox-oauth2": "shop"}
    with Engine.open(["oauth2-app"], worker="w1", client_ids=client_ids, secrets=SECRETS) as engine:

        async def named() -> str:
            return engine.desk.worker

        def name() -> str:
            return engine.desk.keep_going(named(), lambda: None).result()

        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os.write(writable, name().encode())
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert name() == "w1"
    os.close(writable)
    with os.fdopen(readable) as pipe:
        assert pipe.read() not in ("", "w1")
