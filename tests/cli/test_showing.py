"""Data on stdout, progress on stderr; colour and a moving line on a terminal only."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from tests.cli.conftest import Call

NATIVE: Final = "native-app"
ESCAPE: Final = "\x1b"
BROKEN: Final = Path(__file__).resolve().parents[1] / "spec" / "broken" / "typos.yaml"


def test_json_is_the_one_thing_on_stdout(tokenflow: Call) -> None:
    """Several scenarios are one object; progress goes to stderr, a line a step."""
    said = tokenflow("run", NATIVE, "platforms", "--format", "json")

    assert (said.code, said.object["passed"]) == (0, True)
    assert [one["name"] for one in said.object["scenarios"]] == [NATIVE, "platforms"]
    assert said.err.splitlines()[:2] == ["step 1/2", "step 2/2"]
    first = said.object["scenarios"][0]
    assert set(first) == {"name", "passed", "steps", "tokens", "ledger"}
    assert first["steps"][0] | {"at": ""} == {
        "number": 1,
        "name": "Refused before anything is sent",
        "act": "acquire",
        "rules": ["app-token-refused-for-native"],
        "at": "",
        "error": "app-token-refused-for-native",
        "wrong": [],
        "events": ["app: acquire refused, app-token-refused-for-native"],
    }


@pytest.mark.parametrize("arguments", [("run", NATIVE), ("plugins", "list"), ("validate", BROKEN)], ids=str)
def test_what_is_no_terminal_gets_no_escape_codes(tokenflow: Call, arguments: tuple[object, ...]) -> None:
    """A pipe is read by programs."""
    said = tokenflow(*arguments)

    assert ESCAPE not in said.out + said.err


@pytest.mark.parametrize("arguments", [("run", NATIVE), ("plugins", "list"), ("validate", BROKEN)], ids=str)
def test_colour_can_be_forced(
    tokenflow: Call, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...]
) -> None:
    """FORCE_COLOR colours a pipe too; NO_COLOR is stronger."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ESCAPE in tokenflow(*arguments).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in tokenflow(*arguments).out


@frozen
class Terminal:
    """What a command wrote while stdout and stderr were a terminal."""

    code: int
    shown: str


def on_a_terminal(*arguments: str, more: Mapping[str, str] | None = None, typed: str = "") -> Terminal:
    """Run a command on a pseudo-terminal of its own, where somebody has *typed* ahead."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")
    }
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "tokenflow", *arguments],
            env={**environment, **(more or {})},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            os.write(ours, typed.encode())
            shown = b""
            while chunk := _read(ours):
                shown += chunk
            return Terminal(process.wait(60), shown.decode())
    finally:
        os.close(ours)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_a_terminal_shows_colour_and_progress() -> None:
    """The step in flight stands on a line that is erased when its outcome is known."""
    seen = on_a_terminal("run", NATIVE)

    assert seen.code == 0
    assert "\x1b[32mok\x1b[0m" in seen.shown
    assert "\r\x1b[K  1/2 Refused before anything is sent\r\x1b[K" in seen.shown
    assert "step 1/2" not in seen.shown


def test_no_color_leaves_a_terminal_its_progress() -> None:
    """NO_COLOR is about colour: the line still moves, nothing is painted."""
    seen = on_a_terminal("run", NATIVE, more={"NO_COLOR": "1"})

    assert re.findall(r"\x1b\[[0-9;]*m", seen.shown) == []
    assert "\x1b[K" in seen.shown
