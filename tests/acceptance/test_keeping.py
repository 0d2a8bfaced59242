"""Tokens files at a sandbox in another process: acquired once, kept, watched, and told to a person."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.ground import (
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
    assert [lines[0], lines[2]] == ["bo: a person has to log in", "reports: issued"]
    assert lines[1].startswith(f"  open {elsewhere.url}/oauth2/authorize?")
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("shape", ["text", "json"])
def test_watching_goes_on_until_it_is_told_to_stop(
    elsewhere: Elsewhere, tmp_path: Path, number: signal.Signals, shape: str
) -> None:
    """A signal ends it with exit 0; what it found is told at once, and as one object at the end."""
    store = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    with subprocess.Popen(
        command(
            *("run", REPORTS, "--issuer", elsewhere.url, "--store", store, "--watch", "--format", shape),
        ),
        env=environment(**CLIENT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        telling = process.stdout if shape == "text" else process.stderr
        assert telling.readline() == "reports: issued\n"
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        out = process.stdout.read()
        assert process.stderr.read() == ""

    if shape == "json":
        assert json.loads(out)["tokens"][0]["state"] == "issued"
    else:
        assert out == ""
