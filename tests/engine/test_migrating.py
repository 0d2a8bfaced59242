"""Tokens come over to a new version of their spec: touched, all at once, beside an engine, after a kill."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from tests.engine.ground import HOUR, NOW, Ground
from tokenflow import Engine
from tokenflow.core.events import Migrated
from tokenflow.engine.opening import library_in
from tokenflow.engine.places import look_into
from tokenflow.engine.prospects import prospects
from tokenflow.hooks.registry import Registry

SPEC: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: shop, version: VERSION}
requires: {tokenflow: ">=0.1", plugins: {oauth2: 1, server: 1}}
extends: builtin:oauth2-rotating
MORE
"""
NOTE: Final = 'token: {attributes: {note: {type: string, default: "none"}}}\n'
TAKES: Final = 'migrate: [{from: "<9"}]\n'


def spec(ground: Ground, version: str, more: str = "", name: str = "shop") -> Path:
    """Write the spec."""
    path = ground.folder / f"{name}-{version}.yaml"
    path.write_text(SPEC.replace("VERSION", version).replace("MORE", more))
    return path


def login(ground: Ground, engine: Engine, *keys: str) -> None:
    """Acquire a token under each key, each for a person of its own."""
    for number, key in enumerate(keys):
        person = f"{1000 + number}"
        ground.admin.person(person, f"Person {number}")
        engine.acquire(key, lifecycle="shop", platform="server", payload=ground.code(person))


def pins(engine: Engine) -> dict[str, str]:
    """Key -> what it is pinned to, as stored."""
    keys = engine.keys()
    rows = (engine.desk.store.load("default", key) for key in keys)
    return {row.key: row.digest for row in rows if row is not None}


def test_a_token_that_is_touched_comes_over_once(ground: Ground) -> None:
    """The first touch migrates, with the new default and one line of history; the second changes nothing."""
    with ground.durable(specs=[spec(ground, "1.0.0")]) as engine:
        login(ground, engine, "k")
    with ground.durable(specs=[spec(ground, "1.1.0", NOTE + TAKES)]) as engine:
        held = engine.token("k")
        again = engine.token("k")
        history = engine.explain("k").history

    assert (held.token.lifecycle, held.attributes["note"]) == ("shop@1.1.0", "none")
    assert held.token.revision == again.token.revision
    assert [(one.from_lifecycle, one.to_lifecycle) for one in history if isinstance(one, Migrated)] == [
        ("shop@1.0.0", "shop@1.1.0")
    ]


def test_an_engine_with_an_older_spec_leaves_a_newer_token_alone(ground: Ground) -> None:
    """It is served, extended and explained by the version it came over to; nothing takes it back."""
    old, new = spec(ground, "1.0.0"), spec(ground, "1.1.0", NOTE + TAKES)
    with ground.durable(specs=[old]) as older, ground.durable(specs=[new]) as newer:
        login(ground, older, "k")
        newer.token("k")
        for engine in (older, newer, older):
            assert engine.extend("k").lifecycle == "shop@1.1.0"
        assert older.migrate(["k"])[0].code == "newer"
        lines = [one for one in older.explain("k").history if isinstance(one, Migrated)]

    assert len(lines) == 1


def test_changed_content_under_the_same_version_takes_nobody(ground: Ground) -> None:
    """A token stays pinned to the content it was acquired under, and migrate says so."""
    with ground.durable(specs=[spec(ground, "1.0.0")]) as engine:
        login(ground, engine, "k")
        before = pins(engine)
    with ground.durable(specs=[spec(ground, "1.0.0", NOTE + TAKES)]) as engine:
        engine.token("k")
        told = engine.migrate(["k"])

        assert pins(engine) == before
        assert [(one.code, one.refused) for one in told] == [("changed_content", True)]


def test_two_that_would_have_one_identity_do_not_both_come_over(ground: Ground) -> None:
    """The first comes over; the other stays, is served, and is refused by name, also in a dry run."""
    told_apart = "token: {identity: [sub, note], attributes: {sub: {type: string}, note: {type: string}}}\n"
    with ground.durable(specs=[spec(ground, "1.0.0", told_apart)]) as engine:
        ground.admin.person("1000", "Person")
        for key in ("a", "b"):
            engine.acquire(
                key,
                lifecycle="shop",
                platform="server",
                payload=ground.code("1000"),
                attributes={"sub": "s", "note": key},
            )
    merged = "token: {identity: [sub], attributes: {sub: {type: string}, note: {type: string}}}\n"
    new = spec(ground, "2.0.0", merged + TAKES)
    registry, (url, _) = Registry.installed(), ground.sqlite()
    with look_into(url, registry) as store:
        foreseen = list(prospects(store, library_in(store, [new], registry), "default", NOW))
    with ground.durable(specs=[new]) as engine:
        told = engine.migrate(engine.keys())
        served = engine.token("b")

    assert [one.code for one in foreseen] == [one.code for one in told] == [None, "already_live"]
    assert served.token.lifecycle == "shop@1.0.0"


def test_a_batch_comes_over_while_another_engine_is_at_work(ground: Ground) -> None:
    """Threads refresh all tokens while they are migrated: all come over, none is lost or refreshed twice."""
    keys = [f"k{number:02}" for number in range(12)]
    old, new = spec(ground, "1.0.0"), spec(ground, "1.1.0", NOTE + TAKES)
    with ground.durable(specs=[old]) as older, ground.durable(specs=[new]) as newer:
        login(ground, older, *keys)
        ground.pass_time(0.75 * HOUR)
        troubles: list[Exception] = []

        def work() -> None:
            try:
                for key in keys:
                    older.extend(key)
                    older.token(key)
            except Exception as error:  # noqa: BLE001  # told by the test's own thread
                troubles.append(error)

        worker = threading.Thread(target=work)
        worker.start()
        while worker.is_alive():
            newer.migrate(keys)
        worker.join()
        last = newer.migrate(keys)

        assert troubles == []
        assert {one.code for one in last} <= {"current", None}
        assert {newer.token(key).token.lifecycle for key in keys} == {"shop@1.1.0"}
        assert {newer.explain(key).usable for key in keys} == {True}
        assert ground.calls(grant="refresh_token") == len(keys)


KILLED: Final = """
import os, signal, sys
from tokenflow.core.moments import Reading
from tokenflow.engine import clocks, performer
from tokenflow.cli.app import run
from tokenflow.cli import migrate
migrate.BATCH = 3
clocks.SystemClock.reading = lambda self: Reading(int(os.environ["NOW"]), 0)
left, save = int(sys.argv[1]), performer.Performer._save
def counted(self, changes):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return save(self, changes)
performer.Performer._save = counted
sys.exit(run(sys.argv[2:]))
"""


def test_a_migration_that_is_killed_and_run_again_ends_as_an_unbroken_one(ground: Ground) -> None:
    """kill -9 before the third of its transactions: what is done is done, and the next run does the rest."""
    saves = 2
    keys = [f"k{number}" for number in range(8)]
    with ground.durable(specs=[spec(ground, "1.0.0")]) as engine:
        login(ground, engine, *keys)
    new, (url, key) = spec(ground, "1.1.0", NOTE + TAKES), ground.sqlite()
    arguments = ["migrate", str(new), "--store", url, "--key", key, "--apply"]
    environment = {"OAUTH2_CLIENT_ID": "shop", "OAUTH2_CLIENT_SECRET": "x", "NOW": str(NOW)}
    killed = _python(KILLED, str(saves), *arguments, environment=environment)
    with ground.durable(specs=[]) as engine:
        half = sum(engine.explain(one).token.lifecycle == "shop@1.1.0" for one in keys)
    again = _python(KILLED, "99", *arguments, environment=environment)

    assert killed.returncode == -9
    assert half == 3 * saves
    assert (again.returncode, again.stdout.splitlines()[-1]) == (
        0,
        f"{8 - half} came over, {half} have nothing to do, 0 cannot",
    )
    with ground.durable(specs=[new]) as engine:
        for one in keys:
            explained = engine.explain(one)
            assert explained.token.lifecycle == "shop@1.1.0"
            assert sum(isinstance(event, Migrated) for event in explained.history) == 1
            assert engine.token(one).secret.reveal()


def _python(program: str, *arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
