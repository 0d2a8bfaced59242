"""docs/how-to/revoke.md and break-glass.md, run as they stand over a sandbox."""

import shlex
from pathlib import Path
from typing import Any, Final

import pytest

from tests.engine.ground import CLIENT, CLIENT_SECRET, Ground
from tests.house import ROOT
from tests.house.documents import blocks
from tokenflow import Engine
from tokenflow.cli.app import run
from tokenflow.engine.clocks import SystemClock

HOW_TO: Final = ROOT / "docs" / "how-to"


def commands(page: Path) -> list[tuple[list[str], list[str]]]:
    """Return each command of a page with the lines it is said to print."""
    found: list[tuple[list[str], list[str]]] = []
    for info, code in blocks(page):
        for line in code.splitlines() if info == "console" else ():
            if line.startswith("$ tokenflow "):
                found.append((shlex.split(line)[2:], []))
            else:
                found[-1][1].append(line)
    return found


@pytest.fixture
def people(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """The tokens of two people in tokens.db, in real time, and the environment the commands are run in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OAUTH2_CLIENT_ID", CLIENT)
    monkeypatch.setenv("OAUTH2_CLIENT_SECRET", CLIENT_SECRET)
    with here(ground) as engine:
        for key in ("ada", "bob", "cem"):
            ground.rotating(engine, key=key)
    return ground


def here(ground: Ground) -> Engine:
    """An engine on tokens.db, as a program has it."""
    return Engine.open(["oauth2-rotating"], "sqlite:tokens.db", **ground.options(clock=SystemClock()))


def said(ground: Ground, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command and return its exit code and what it printed."""
    at = ["--at", ground.running.url] if arguments[0] == "revoke" else []
    capsys.readouterr()
    code = run([*arguments, *at])
    return code, capsys.readouterr().out


@pytest.mark.proves("R23")
def test_revoking_by_hand(people: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """One by the command, one by the program, then all: with a line for each, and a tombstone."""
    steps = commands(HOW_TO / "revoke.md")
    for number, (arguments, lines) in enumerate(steps):
        code, out = said(people, arguments, capsys)
        assert code == 0, (arguments, out)
        assert out.splitlines()[: len(lines)] == lines
        if number == 0:
            with here(people) as engine:
                (program,) = (code for info, code in blocks(HOW_TO / "revoke.md") if info == "python")
                told: dict[str, Any] = {"engine": engine, "print": lambda *_: None}
                exec(compile(program, "revoke.md", "exec"), told)  # the page's own
        if "--dry-run" in arguments and "--all" in arguments:
            assert out == "revoked      cem\n"
            with here(people) as engine:
                assert engine.explain("cem").usable
    with here(people) as engine:
        states = [engine.explain(key).token.state for key in ("ada", "bob", "cem")]
    assert states == ["signed_out"] * 3


@pytest.mark.proves("R23")
def test_what_fails_is_named_and_the_rest_goes_on(people: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """The issuer refuses one of three: exit code 1, a line for each; it is seen, and a second run ends it."""
    people.admin.fault("/oauth2/revoke", "status", status=503, times=1)
    code, out = said(people, ["revoke", "--all", "--store", "sqlite:tokens.db"], capsys)
    assert code == 1
    assert sorted(line.split()[0] for line in out.splitlines()) == ["failed", "revoked", "revoked"]
    (failed,) = (line.split()[1] for line in out.splitlines() if line.startswith("failed"))
    _, listed = said(people, ["token", "list", "--store", "sqlite:tokens.db"], capsys)
    assert "revoking" in listed
    _, status = said(people, ["status", "--store", "sqlite:tokens.db"], capsys)
    assert "revoking             1 oauth2-rotating of sandbox-oauth2" in status
    _, explained = said(people, ["explain", failed, "--store", "sqlite:tokens.db"], capsys)
    assert "it is to end on purpose" in explained
    code, out = said(people, ["revoke", "--all", "--store", "sqlite:tokens.db"], capsys)
    assert (code, out) == (0, f"revoked      {failed}\n")


def test_breaking_the_glass(people: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Stop, look, go on: the page's commands say what it says."""
    for arguments, lines in commands(HOW_TO / "break-glass.md"):
        code, out = said(people, arguments, capsys)
        assert code == (1 if arguments[0] == "status" else 0)
        assert out.splitlines()[: len(lines)] == lines
        if "--metrics" in arguments:
            assert 'tokenflow_refreshing_stopped{issuer="sandbox-oauth2"} 1' in out
