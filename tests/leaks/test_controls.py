"""Leaks that are made on purpose: a scanner that misses one of them proves nothing about the others."""

import logging
import os
import re
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from tests.leaks.channels import CHANNELS, PRODUCT
from tests.leaks.encodings import ENCODINGS, forms
from tests.leaks.scanner import Scanner
from tests.runner.healths import ISSUER, WELL
from tokenflow import TokenflowError
from tokenflow.core import events
from tokenflow.engine import wording
from tokenflow.sandbox import Sandbox
from tokenflow.sandbox.handling import handle
from tokenflow.sandbox.wire import call_of_url
from tokenflow.testing import canary
from tokenflow_sqlite import database

ROOT: Final = Path(__file__).parent.parent.parent
LEAKING: Final = compile("def leak(held):\n    raise RuntimeError", f"{PRODUCT[0]}leaking.py", "exec")
"""A function that keeps a secret in a local, in a file that passes for the product's."""


def by_output(secret: str, folder: Path, capsys: Any) -> None:
    print(f"the token is {secret}")
    capsys.readouterr()


def by_log(secret: str, folder: Path, capsys: Any) -> None:
    logging.getLogger("some.library").debug("GET %s", f"https://issuer.example/me?access_token={secret}")


def by_warning(secret: str, folder: Path, capsys: Any) -> None:
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        warnings.warn(f"{secret} is about to expire", stacklevel=1)


def by_error(secret: str, folder: Path, capsys: Any) -> None:
    with pytest.raises(TokenflowError):
        raise TokenflowError(f"{secret} was refused")


def by_traceback(secret: str, folder: Path, capsys: Any) -> None:
    names: dict[str, Any] = {}
    exec(LEAKING, names)
    with pytest.raises(RuntimeError):
        names["leak"](secret)


def by_file(secret: str, folder: Path, capsys: Any) -> None:
    connection = sqlite3.connect(folder / "leaking.db")
    with connection:
        connection.execute("CREATE TABLE tokens (body)")
        connection.execute("INSERT INTO tokens VALUES (?)", (secret,))
    connection.close()


def by_url(secret: str, folder: Path, capsys: Any) -> None:
    call = call_of_url(f"http://127.0.0.1:1/me?access_token={secret}")
    handle(Sandbox().state(), attrs.evolve(call, headers={"user-agent": "tokenflow"}))


def by_argv(secret: str, folder: Path, capsys: Any) -> None:
    subprocess.run(["true", f"--token={secret}"], check=True)


def by_metrics(secret: str, folder: Path, capsys: Any) -> None:
    from tokenflow.engine.metrics import exposition

    exposition(attrs.evolve(WELL, issuers=(attrs.evolve(ISSUER, issuer=secret),)))


def by_event(secret: str, folder: Path, capsys: Any) -> None:
    about = events.About(tenant="t", key="k", token_id="i", revision=1, at=0)
    events.to_json(events.Acquired(about=about, state="issued", platform=secret))


def by_audit(secret: str, folder: Path, capsys: Any) -> None:
    wording.worded({"of": "", "act": secret}, {}, None)  # type: ignore[arg-type]  # nothing is veiled


def by_sql(secret: str, folder: Path, capsys: Any) -> None:
    (folder / "traced.db").touch()
    connection = database._open(folder / "traced.db")
    connection.execute("SELECT ?", (secret,)).fetchall()
    connection.close()


def by_opened(secret: str, folder: Path, capsys: Any) -> None:
    (folder / f"{secret}.json").touch()


CONTROLS: Final[dict[str, Callable[[str, Path, Any], None]]] = {
    "output": by_output,
    "log": by_log,
    "warning": by_warning,
    "error": by_error,
    "traceback": by_traceback,
    "file": by_file,
    "URL": by_url,
    "argv": by_argv,
    "metrics": by_metrics,
    "event": by_event,
    "audit trail": by_audit,
    "SQL": by_sql,
    "opened": by_opened,
}


@contextmanager
def uncounted(scanner: Scanner) -> Iterator[None]:
    """Leak on purpose: what is found counts for no leak of the product."""
    before = scanner.figures.leaks
    yield
    scanner.figures.leaks = before


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_leak_is_caught_in_every_channel(
    channel: str, scanner: Scanner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a leaking function lets out there is found, and named by kind and not by what it says."""
    secret = canary("control")
    with uncounted(scanner):
        CONTROLS[channel](secret, tmp_path, capsys)
        found = [one for one in scanner.leaks([tmp_path]) if one.channel == channel]
        for file in tmp_path.iterdir():
            file.unlink()

    assert [(one.kind, one.encoding) for one in found[:1]] == [("control", "raw")]
    assert secret not in repr(found) + str(found[0])
    scanner.figures.controls.add(channel)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("channel", ["log", "file"])
def test_a_leak_is_caught_in_every_encoding(
    encoding: str, channel: str, scanner: Scanner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between other text, in each of the eleven forms; also of a secret that has to be escaped."""
    for secret in (canary("control"), f'{canary("odd")}/\u00e9"\u20ac&'):
        with uncounted(scanner):
            scanner.births.add("control", secret)
            for form in written(secret, encoding):
                CONTROLS[channel](f'{{"of": "{form}"}}', tmp_path, capsys)
                found = [one for one in scanner.leaks([tmp_path]) if one.channel == channel]
                (tmp_path / "leaking.db").unlink(missing_ok=True)

                assert encoding in {one.encoding for one in found}, form


def written(secret: str, encoding: str) -> Iterator[str]:
    """Yield a secret as it is written in an encoding."""
    if encoding == "UTF-16":
        yield "\0".join(secret)
        return
    for form in forms("", secret):
        if form.encoding == encoding:
            yield form.text.decode(errors="ignore")


def test_ordinary_text_is_no_leak(scanner: Scanner, tmp_path: Path) -> None:
    """What a secret begins with by chance, another's, and its kind are let through."""
    secret = canary("control")
    scanner.said.say("log", "here", f"{secret[:19]} {secret[1:20]} control canary-control-")
    scanner.said.say("log", "here", re.sub("[A-Za-z]", "x", secret))
    scanner.said.say("file", "here", bytes(range(256)) * 64)

    assert scanner.leaks() == []


def test_what_is_no_file_is_passed_by(scanner: Scanner, tmp_path: Path) -> None:
    """A pipe would be waited for, and a link may lead nowhere; what stands beside them is found."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "copy").write_text(canary("control"))
    scanner.said.own.clear()
    with uncounted(scanner):
        found = scanner.leaks([tmp_path])
    (tmp_path / "copy").unlink()

    assert [one.where for one in found] == ["copy"]


FAILING: Final = """
import pytest
from tokenflow import Secret
from tokenflow.testing import canary

def test_leaking():
    Secret(canary("app-secret"))
    print(canary("app-secret").encode().hex())

def test_clean():
    Secret(canary("app-secret"))
"""


def test_a_leak_fails_the_test_it_happened_in(tmp_path: Path) -> None:
    """And no other; the report says channel, encoding and kind, and the figures stand below it."""
    (tmp_path / "test_it.py").write_text(FAILING)
    asked = ["-p", "tests.leaks", "-p", "no:cacheprovider", "--show-capture=no", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *asked, tmp_path / "test_it.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "2 passed, 1 error" in done.stdout
    assert "test_it.py::test_leaking" in done.stdout
    assert "output: stdout at call shows app-secret (hex)" in done.stdout
    assert re.search(r"leaks: 3 canaries planted, .* 1 hits; controls caught 0/13", done.stdout)
    assert "canary-" not in done.stdout
