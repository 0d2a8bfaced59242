"""Tokens files at a sandbox in another process: acquired once, kept, watched, and told to a person."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.acceptance.ground import (
    NOTHING,
    PATIENCE,
    RESULT,
    SPECS,
    Elsewhere,
    command,
    environment,
    printed,
    sandbox,
    tokenflow,
)
from tokenflow import Engine, Secret

CALLBACK: Final = "http://127.0.0.1/callback"
REPORTS: Final = SPECS / "tokens" / "sandbox-reports.yaml"
CLIENT: Final = {"OAUTH2_CLIENT_ID": "reports", "OAUTH2_CLIENT_SECRET": "canary-of-a-secret"}
PERSON: Final = """
apiVersion: tokenflow/v1
kind: Tokens
metadata: {name: wants-a-person, version: 1.0.0, title: "A person's token, and an application's"}
tokens:
  bo: {lifecycle: oauth2-rotating, acquire: web, scope: [reports]}
  reports: {lifecycle: oauth2-app, acquire: server, scope: [reports.read]}
"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    """A sandbox where the client of the reports is known."""
    with sandbox() as running:
        running.admin.client(
            CLIENT["OAUTH2_CLIENT_ID"],
            client_secret=CLIENT["OAUTH2_CLIENT_SECRET"],
            redirect_uris=["http://127.0.0.1/callback"],
        )
        yield running


@pytest.fixture
def wants_a_person(tmp_path: Path) -> Path:
    """A Tokens file with a token that only a login brings."""
    path = tmp_path / "person.yaml"
    path.write_text(PERSON, encoding="utf-8")
    return path


def keep(file: Path, issuer: str, folder: Path, *more: str) -> RESULT:
    store = f"sqlite:{folder / 'store' / 'tokens.db'}"
    return tokenflow("run", file, "--issuer", issuer, "--store", store, *more, known=CLIENT)


def issued(elsewhere: Elsewhere) -> int:
    return len(elsewhere.admin.ledger()["tokens"])


def test_a_missing_token_is_acquired_and_then_kept(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """The first `--once` acquires and exits 0; the second finds it and asks the issuer for nothing."""
    before = issued(elsewhere)
    first = keep(REPORTS, elsewhere.url, tmp_path, "--once")
    after, asked = issued(elsewhere), len(elsewhere.admin.ledger()["requests"])
    second = keep(REPORTS, elsewhere.url, tmp_path, "--once", "--format", "json")

    assert (first.returncode, first.stdout, first.stderr) == (0, "reports: issued\n", "")
    assert second.returncode == 0
    assert printed(second)["tokens"] == [{"key": "reports", "state": "issued", "problem": None, "url": None}]
    assert (after - before, issued(elsewhere) - after) == (1, 0)
    assert len(elsewhere.admin.ledger()["requests"]) == asked
    assert "canary" not in first.stdout + second.stdout


def test_a_token_that_needs_a_person_prints_the_link(
    elsewhere: Elsewhere, wants_a_person: Path, tmp_path: Path
) -> None:
    """It exits 5, and the token beside it is acquired all the same."""
    text = keep(wants_a_person, elsewhere.url, tmp_path, "--once")
    shape = keep(wants_a_person, elsewhere.url, tmp_path, "--once", "--format", "json")

    assert text.returncode == shape.returncode == 5
    lines = text.stdout.splitlines()
    assert [lines[0], lines[3]] == ["bo: a person has to log in", "reports: issued"]
    assert lines[1].startswith(f"  open {elsewhere.url}/oauth2/authorize?")
    assert lines[2].startswith(f"  then tokenflow token answer bo {wants_a_person} --store ")
    bo, reports = printed(shape)["tokens"]
    assert bo["url"].startswith(f"{elsewhere.url}/oauth2/authorize?")
    assert reports["state"] == "issued"


def test_an_issuer_that_is_not_there_is_out_of_reach(tmp_path: Path) -> None:
    """`--once` exits 4 and says so at the key; nothing was lost."""
    done = keep(REPORTS, "http://127.0.0.1:9", tmp_path, "--once", "--format", "json")

    assert done.returncode == 4
    (found,) = printed(done)["tokens"]
    assert (found["key"], found["state"]) == ("reports", None)
    assert found["problem"]


def test_a_secret_that_is_not_set_is_a_finding(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Trying again would not help, so it is exit 1, and the reference is named."""
    done = tokenflow(
        *(
            "run",
            REPORTS,
            "--issuer",
            elsewhere.url,
            "--store",
            f"sqlite:{tmp_path / 's' / 't.db'}",
            "--once",
        ),
        known={"OAUTH2_CLIENT_ID": "reports"},
    )

    assert (done.returncode, "OAUTH2_CLIENT_SECRET" in done.stdout + done.stderr) == (1, True)


@contextmanager
def watching(
    elsewhere: Elsewhere, store: str, file: Path, *more: str | Path, known: Mapping[str, str] = NOTHING
) -> Iterator[subprocess.Popen[str]]:
    """`run --watch` in a process of its own, for as long as the block lasts; the issuer's clock is right."""
    elsewhere.admin.set_clock(time.time_ns() // 1000)
    arguments = ("run", file, "--issuer", elsewhere.url, "--store", store, "--watch", *more)
    with subprocess.Popen(
        command(*arguments),
        env=environment(**CLIENT, **known),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """What it says on stdout, line by line."""
    assert process.stdout is not None
    yield from process.stdout


def rest(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, and what is left of stdout and stderr."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def until(true: Callable[[], object]) -> None:
    """Wait for something to come true."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        pause.wait(0.02)


@pytest.mark.proves("A12")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_a_keeper_leaves_no_core_file(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """From before its first token on."""
    store = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    with watching(elsewhere, store, REPORTS, "--format", "json") as process:
        next(lines(process))
        limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert next(line for line in limits.splitlines() if "core file" in line).split()[-3] == "0"


def test_watching_for_programs_says_one_object_a_line(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """What happened, how tokens stand, and that it stopped, by Ctrl-C here; no value in any of it."""
    store = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    said = []
    with watching(elsewhere, store, REPORTS, "--format", "json") as process:
        for line in lines(process):
            said.append(json.loads(line))
            if said[-1]["event"] == "kept":
                process.send_signal(signal.SIGINT)
        assert rest(process)[::2] == (0, "")

    assert {one["version"] for one in said} == {1}
    assert {one["event"] for one in said} >= {"happened", "kept", "stopped"}
    assert said[-1] == {"version": 1, "event": "stopped"}
    (kept,) = [one for one in said if one["event"] == "kept"]
    assert (kept["key"], kept["state"], kept["url"]) == ("reports", "issued", None)
    assert "canary" not in json.dumps(said)


def test_a_health_file_and_the_service_manager_are_told(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """The file is whole whenever it is read, its owner's alone, and gone afterwards; see sd_notify(3) too."""
    store, file = f"sqlite:{tmp_path / 'store' / 'tokens.db'}", tmp_path / "health.json"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        manager.settimeout(PATIENCE)
        known = {"NOTIFY_SOCKET": str(tmp_path / "n")}
        with watching(elsewhere, store, REPORTS, "--health", file, known=known) as process:
            told = [manager.recv(64)]
            assert next(lines(process)) == "reports: issued\n"
            until(lambda: json.loads(file.read_text())["issuers"])
            found = json.loads(file.read_text())
            mode = file.stat().st_mode & 0o777
            process.send_signal(signal.SIGTERM)
            while told[-1] != b"STOPPING=1":
                told.append(manager.recv(64))
            assert rest(process)[0] == 0

    assert (found["version"], found["alive"], found["clock"], found["trouble"]) == (1, True, None, None)
    assert [one["breaker"] for one in found["issuers"]] == ["closed"]
    assert (mode, file.exists()) == (0o600, False)
    assert told[0] == b"READY=1"
    assert set(told[1:-1]) == {b"WATCHDOG=1"}


def log_in(elsewhere: Elsewhere, store: str, *keys: str) -> None:
    """Put tokens into the store that want to be refreshed at once, each with a rotating refresh token."""
    elsewhere.admin.change_client("reports", expires_in=3)
    with open_engine(elsewhere, store) as engine:
        for number, key in enumerate(keys):
            elsewhere.admin.person(f"7{number}", f"Person {number}")
            query = {
                "client_id": "reports",
                "redirect_uri": CALLBACK,
                "response_type": "code",
                "scope": "email",
            }
            url = f"{elsewhere.url}/oauth2/authorize?{urlencode(query)}"
            back = dict(parse_qsl(urlsplit(elsewhere.admin.approve(f"7{number}", url)).query))
            payload = {"code": back["code"], "redirect_uri": CALLBACK}
            engine.acquire(key, lifecycle="oauth2-rotating", platform="server", payload=payload)
    elsewhere.admin.change_client("reports", expires_in=3600)


def open_engine(elsewhere: Elsewhere, store: str) -> Engine:
    return Engine.open(
        ["oauth2-rotating", "oauth2-app"],
        store,
        issuer=elsewhere.url,
        client_ids={"sandbox-oauth2": "reports"},
        secrets={"env:OAUTH2_CLIENT_SECRET": Secret(CLIENT["OAUTH2_CLIENT_SECRET"])},
        redirect_uri=CALLBACK,
    )


def refreshes(elsewhere: Elsewhere, grant: str = "refresh_token") -> int:
    return sum(row["grant_type"] == grant for row in elsewhere.admin.ledger()["requests"])


def test_a_stop_during_a_rotation_keeps_its_answer(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """SIGTERM while the issuer takes its time: the answer is saved, exit 0, and the issuer takes it."""
    store = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    log_in(elsewhere, store, "ada")
    before = refreshes(elsewhere)
    with watching(elsewhere, store, REPORTS) as process:
        assert next(lines(process)) == "reports: issued\n"
        elsewhere.admin.fault("oauth2/token", "slow", seconds=1, times=1)
        until(lambda: refreshes(elsewhere) > before)
        process.send_signal(signal.SIGTERM)
        assert rest(process) == (0, "", "")

    assert refreshes(elsewhere) == before + 1
    with open_engine(elsewhere, store) as engine:
        assert engine.explain("ada").token.state == "extended"
        assert engine.introspect("ada").active
        engine.extend("ada")  # the refresh token that was saved is the one that is good
    assert refreshes(elsewhere) == before + 2


def test_a_kill_during_a_rotation_is_on_record(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """After kill -9 the attempt is known to be open: the next keeper repeats nothing blindly."""
    store = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    log_in(elsewhere, store, "bo")
    before = refreshes(elsewhere)
    with watching(elsewhere, store, REPORTS) as process:
        assert next(lines(process)) == "reports: issued\n"
        elsewhere.admin.fault("oauth2/token", "slow", seconds=1, times=1)
        until(lambda: refreshes(elsewhere) > before)
        process.kill()
        rest(process)
    again = keep(REPORTS, elsewhere.url, tmp_path, "--once")

    assert again.returncode == 0
    assert refreshes(elsewhere) == before + 1
    with open_engine(elsewhere, store) as engine:
        found = engine.explain("bo").token
        assert found.attempt is not None
        assert found.attempt.command == "extend"
        assert found.refresh_token is not None


def test_a_second_signal_ends_it_at_once(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """It waits for nothing then, and leaves as a killed process would."""
    store = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    log_in(elsewhere, store, "cy")
    before = refreshes(elsewhere)
    with watching(elsewhere, store, REPORTS) as process:
        assert next(lines(process)) == "reports: issued\n"
        elsewhere.admin.fault("oauth2/token", "slow", seconds=4, times=1)
        until(lambda: refreshes(elsewhere) > before)
        began = time.monotonic()
        while process.poll() is None:  # signals that come together are one
            process.send_signal(signal.SIGTERM)
            threading.Event().wait(0.05)
        assert time.monotonic() - began < 3
        assert process.returncode == 128 + signal.SIGTERM


def test_two_keepers_on_one_store_do_nothing_twice(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Five due rotations and a missing token cost six calls, whoever makes them."""
    store = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    keys = [f"user/{number}" for number in range(5)]
    log_in(elsewhere, store, *keys)
    before, had = refreshes(elsewhere), refreshes(elsewhere, "client_credentials")
    with (
        watching(elsewhere, store, REPORTS) as one,
        watching(elsewhere, store, REPORTS) as other,
        open_engine(elsewhere, store) as engine,
    ):
        assert [next(lines(one)), next(lines(other))] == ["reports: issued\n"] * 2
        until(lambda: all(engine.explain(key).token.state == "extended" for key in keys))
        for process in (one, other):
            process.send_signal(signal.SIGTERM)
            assert rest(process) == (0, "", "")

    assert refreshes(elsewhere) - before == len(keys)
    assert refreshes(elsewhere, "client_credentials") - had == 1
