"""What `--watch` says: lines for people with a status line under them, or JSON lines."""

import json

import attrs
import pytest

from tests.runner.healths import ILL, NOW, WELL
from tokenflow import SECOND, Kept, PromptPending, StoreError
from tokenflow.cli.watching import JsonLines, TextLines, status


def answer(key: str) -> str:
    return f"tokenflow token answer {key}"


def test_a_link_comes_with_the_command_that_takes_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Three lines on stdout: how it stands, what to open, and what to do then."""
    TextLines(answer, live=False).say(Kept(key="bo", state=None, error=PromptPending("bo", "http://a/link")))

    assert capsys.readouterr().out.splitlines() == [
        "bo: a person has to log in",
        "  open http://a/link",
        "  then tokenflow token answer bo",
    ]


def test_a_device_s_code_comes_with_where_to_enter_it(capsys: pytest.CaptureFixture[str]) -> None:
    """For people in the line of the link, for programs beside it; a link alone has no such key."""
    waits = PromptPending("tv", "http://a/device", "WDJB-MJHT", 5 * SECOND)
    TextLines(answer, live=False).say(Kept(key="tv", state=None, error=waits))
    assert "  open http://a/device and enter WDJB-MJHT" in capsys.readouterr().out.splitlines()
    JsonLines().say(Kept(key="tv", state=None, error=waits))
    assert json.loads(capsys.readouterr().out)["user_code"] == "WDJB-MJHT"
    JsonLines().say(Kept(key="bo", state=None, error=PromptPending("bo", "http://a/link")))
    assert "user_code" not in json.loads(capsys.readouterr().out)


def test_the_status_line_says_what_there_is_to_say() -> None:
    """Tokens, what is next; trouble only where there is some."""
    assert status(WELL, 2, 3) == "12 kept · 2 of 3 wanted usable · next in 1m30s"
    assert status(ILL, 0, 1) == (
        "12 kept · 0 of 1 wanted usable · due for 9s · 2 in flight · acme half open · acme out of calls"
        " · 1 wait for a person · 1 uncertain · clock held"
    )


def test_text_says_troubles_once_and_their_end(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, a line each; tokens are said on stdout."""
    teller = TextLines(answer, live=False)
    for news in (WELL, ILL, ILL, Kept(key="a", state="issued"), WELL, None):
        teller.say(news)
    said = capsys.readouterr()

    assert said.out == "a: issued\n"
    lines = said.err.splitlines()
    assert sorted(lines) == [
        "acme does not answer; it is left alone for a while, and held tokens go on",
        "acme is well again",
        "the clock is not believed, and timers are held: the clock is 9 s behind",
        "the clock is well again",
        "the store is in trouble: the disk is full",
        "the store is well again",
    ]


def test_a_terminal_has_one_status_line_at_the_bottom(capsys: pytest.CaptureFixture[str]) -> None:
    """It is wiped before whatever is said, and shown again after it; at the end it is gone."""
    teller = TextLines(answer, live=True)
    for news in (WELL, Kept(key="a", state="issued"), None):
        teller.say(news)
    shown = capsys.readouterr().err

    assert shown.count("12 kept") == 2
    assert shown.count("\r\x1b[K") == 2
    assert shown.endswith("\r\x1b[K")


def test_programs_hear_of_health_when_it_differs(capsys: pytest.CaptureFixture[str]) -> None:
    """Not whenever time has gone by; each line is one object with its version and what it is."""
    teller = JsonLines()
    later = attrs.evolve(WELL, at=NOW + 5 * SECOND, last_sweep=NOW + SECOND)
    for news in (WELL, later, ILL, Kept(key="a", state=None, error=StoreError("no")), None):
        teller.say(news)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [one["event"] for one in said] == ["health", "health", "kept", "stopped"]
    assert {one["version"] for one in said} == {1}
