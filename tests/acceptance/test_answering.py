"""A login from the command line alone: a sandbox, a keeper, a browser, and the answer by stdin."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from tests.acceptance.ground import ADMIN, PATIENCE, RESULT, command, environment, printed, tokenflow

CLIENT: Final = {"OAUTH2_CLIENT_ID": "play", "OAUTH2_CLIENT_SECRET": "canary-of-a-secret"}
TOKENS: Final = """
apiVersion: tokenflow/v1
kind: Tokens
metadata: {name: mine, version: 1.0.0, title: What a person allows}
tokens:
  bo: {lifecycle: oauth2-rotating, acquire: web, scope: [reports]}
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The URL of a sandbox that was started as its page says: by one line, with a client and no more."""
    with subprocess.Popen(
        command(
            *("sandbox", "--port", "0"),
            *("--client-id", CLIENT["OAUTH2_CLIENT_ID"], "--client-secret", CLIENT["OAUTH2_CLIENT_SECRET"]),
        ),
        env=environment(TOKENFLOW_SANDBOX_ADMIN_TOKEN=ADMIN),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(TOKENS, encoding="utf-8")
    return path


@contextmanager
def keeper(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command("run", *map(str, arguments), "--watch"),
        env=environment(**CLIENT),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def approve(link: str) -> str:
    """Press the button of the form at *link*, and return the address the browser is sent to."""
    with httpx2.Client(trust_env=False) as browser:
        assert browser.get(link).status_code == 200
        sent = browser.post(link, data={"decision": "approve"})
    assert sent.status_code == 302
    return str(sent.headers["location"])


def answer(text: str, *arguments: str) -> RESULT:
    return subprocess.run(
        command("token", "answer", *arguments),
        env=environment(**CLIENT),
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_login_is_finished_where_the_keeper_says_how(issuer: str, tokens: Path, tmp_path: Path) -> None:
    """The keeper prints a link and a command; the address goes to it by stdin, and the token is kept."""
    store = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    with keeper(tokens, "--store", store, "--issuer", issuer) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "bo: a person has to log in\n"
        link = process.stdout.readline().removeprefix("  open ").strip()
        told = shlex.split(process.stdout.readline())
        assert told[:5] == ["then", "tokenflow", "token", "answer", "bo"]
        back = approve(link)
        assert back.startswith("http://127.0.0.1:8484/callback?")
        done = answer(f"{back}\n", *told[4:])
        again = answer(f"{back}\n", *told[4:])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("bo: issued, expires ")
    assert (again.returncode, "no login is waiting" in again.stderr) == (5, True)
    shown = printed(tokenflow("token", "show", "bo", "--store", store, "--format", "json"))
    assert (shown["token"]["state"], shown["token"]["value"]) == ("issued", "kept, sealed")
    kept = tokenflow("run", tokens, "--store", store, "--issuer", issuer, "--once", known=CLIENT)
    assert (kept.returncode, kept.stdout) == (0, "bo: issued\n")
    code = dict(parse_qsl(urlsplit(back).query))["code"]
    assert code not in done.stdout + again.stdout + again.stderr
