"""Tables on a terminal with the extra `pretty`, plain lines without it and everywhere else."""

import sys
from collections.abc import Callable

import pytest

from tests.cli.conftest import Call
from tests.cli.test_looking import CLIENT, store

__all__ = ["store"]
RULE = "─"


@pytest.fixture(params=["with the extra", "without"])
def pretty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether rich is installed."""
    if request.param == "without":
        monkeypatch.setattr("tokenflow.cli.showing.find_spec", lambda name: None)
    return bool(request.param == "with the extra")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Say, once the test writes somewhere, that it is a terminal of 200 columns."""

    def say() -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("NO_COLOR", "1")

    return say


def test_tokens_are_a_table_on_a_terminal(
    tokenflow: Call, store: str, terminal: Callable[[], None], pretty: bool
) -> None:
    """The same facts both ways, never a value."""
    terminal()
    said = tokenflow("token", "list", "--store", store)

    assert (said.code, RULE in said.out) == (0, pretty)
    assert all(word in said.out for word in ("embedded", "issued", CLIENT, "never"))


def test_plugins_are_a_table_on_a_terminal(
    tokenflow: Call, terminal: Callable[[], None], pretty: bool
) -> None:
    """With what each offers beside it."""
    terminal()
    said = tokenflow("plugins", "list")

    assert (said.code, RULE in said.out) == (0, pretty)
    assert all(word in said.out for word in ("web", "active", "tokenflow-engine", "acquirer web.redirect"))


def test_a_pipe_gets_lines_whatever_is_installed(tokenflow: Call, store: str, pretty: bool) -> None:
    """Nothing to be parsed around."""
    assert RULE not in tokenflow("token", "list", "--store", store).out + tokenflow("plugins", "list").out


def test_what_looks_like_markup_is_shown_as_it_is(
    tokenflow: Call, terminal: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name in brackets is no style."""
    terminal()
    monkeypatch.setenv("TOKENFLOW_DISABLE_PLUGINS", "[red]x[/red]")

    assert "[red]x[/red]" in tokenflow("plugins", "list").out
