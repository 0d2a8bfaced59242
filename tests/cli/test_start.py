"""What is answered before anything is loaded, and how much is loaded for what."""

import json
import os
import subprocess
import sys
from typing import Final

import pytest

from tests.cli.conftest import Call
from tests.cli.test_looking import store
from tokenflow.cli import app
from tokenflow.cli.tree import run_command

__all__ = ["store"]
LOADED: Final = """
import sys
before = set(sys.modules)
from tokenflow.cli.app import run
run({arguments!r})
print(*set(sys.modules) - before, file=sys.stderr)
"""


def loaded(*arguments: str) -> set[str]:
    """Return the modules that a command loads, in a Python of its own."""
    program = LOADED.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["--version"]], ids=str)
@pytest.mark.parametrize("columns", [None, "", "0", "79", "80", "81", "200", "wide"])
def test_the_front_says_what_click_says(
    arguments: list[str],
    columns: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tokenflow: Call,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """To the letter, on the same stream, with the same exit code, at any width."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    said = tokenflow(*arguments)
    code = run_command(arguments)

    assert (said.code, said.out, said.err) == (code, *capsys.readouterr())


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"]], ids=str)
def test_the_front_loads_four_modules_of_ours_and_none_of_anybody_else(arguments: list[str]) -> None:
    """No click, no typing: what a bare Python has is enough."""
    ours = {"tokenflow", "tokenflow._version", "tokenflow.cli", "tokenflow.cli.app"}

    assert loaded(*arguments) == ours | {"__future__"}


def test_a_wish_for_completion_is_click_s(monkeypatch: pytest.MonkeyPatch, tokenflow: Call) -> None:
    """The front does not answer while a shell asks how a line may go on."""
    monkeypatch.setenv("_TOKENFLOW_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "tokenflow gra")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit) as left:
        tokenflow()

    assert left.value.code == 0


def test_a_variable_that_says_a_version_is_no_wish_to_see_ours(
    monkeypatch: pytest.MonkeyPatch, tokenflow: Call
) -> None:
    """Builds set TOKENFLOW_VERSION for themselves; a command still does what it is called for."""
    monkeypatch.setenv("TOKENFLOW_VERSION", "1.2.3")

    assert json.loads(tokenflow("schema", "tokens").out)["type"] == "object"


def test_a_narrow_terminal_gets_a_narrow_page(monkeypatch: pytest.MonkeyPatch, tokenflow: Call) -> None:
    """Click lays it out then."""
    monkeypatch.setenv("COLUMNS", "60")

    assert max(map(len, tokenflow("--help").out.splitlines())) <= 60
    assert max(map(len, app.help_page().splitlines())) > 60


def test_a_command_is_python_s_too() -> None:
    """`python -m tokenflow` is the same front."""
    done = subprocess.run(
        [sys.executable, "-m", "tokenflow", "--version"],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{app.VERSION}\n"


def test_an_option_may_be_set_by_a_variable_of_its_name(
    monkeypatch: pytest.MonkeyPatch, tokenflow: Call
) -> None:
    """TOKENFLOW_<COMMAND>_<OPTION>, also below a group; what is typed is stronger."""
    monkeypatch.setenv("TOKENFLOW_VALIDATE_FORMAT", "json")
    monkeypatch.setenv("TOKENFLOW_PLUGINS_SHOW_FORMAT", "json")

    assert tokenflow("validate", "facebook").object["diagnostics"] == []
    assert tokenflow("plugins", "show", "web").object["plugin"]["name"] == "web"
    assert tokenflow("validate", "facebook", "--format", "text").out == "1 file, all fine\n"


BUDGETS: Final = {
    "validate facebook-user": {"pluggy", "importlib.metadata", "asyncio", "ssl", "tokenflow_web"},
    "graph facebook-user": {"rich", "starlette", "uvicorn", "hypothesis", "pytest"},
    "token list --store STORE": {"asyncio", "cryptography", "httpx2", "yaml", "ssl", "tokenflow.engine.desk"},
    "token show embedded --store STORE": {"asyncio", "cryptography", "httpx2", "yaml", "ssl"},
    "plugins show web": {"tokenflow_facebook", "tokenflow_sqlite", "asyncio", "cryptography", "yaml"},
    "schema tokens": {"pluggy", "asyncio", "cryptography", "importlib.metadata"},
    "completion bash": {"attr", "yaml", "pluggy", "asyncio", "tokenflow.spec"},
}
"""Command -> what it has no use for."""


@pytest.mark.parametrize("line", BUDGETS)
def test_a_command_does_not_load_what_it_does_not_use(line: str, store: str) -> None:
    """Modules are counted, not seconds; the second time, when what plugins offer is remembered."""
    arguments = line.replace("STORE", store).split()
    loaded(*arguments)
    assert loaded(*arguments) & BUDGETS[line] == set()


def test_a_shell_is_told_commands_without_loading_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each press of the key is a start."""
    monkeypatch.setenv("_TOKENFLOW_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "tokenflow gra")
    monkeypatch.setenv("COMP_CWORD", "1")
    program = (
        "import sys, atexit; from tokenflow.cli.app import run\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); run([])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "plain,graph\n"
    assert set(done.stderr.split()) & {"tokenflow.cli.graph", "tokenflow.spec", "attr", "yaml"} == set()
