"""What a shell is told that may stand next, by click's own protocol and in a real shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from click.shell_completion import ShellComplete

from tests.cli.conftest import Call
from tests.cli.test_looking import CLIENT, store
from tokenflow.cli.app import COMMANDS
from tokenflow.cli.scaffolds import KINDS
from tokenflow.cli.tree import COMPLETE, tokenflow
from tokenflow.spec import shipped
from tokenflow.spec.codes import CODES

__all__ = ["store"]
COMMAND: Final = Path(sys.executable).with_name("tokenflow")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell asks."""
    monkeypatch.setenv(COMPLETE, "bash_complete")


def told(*line: str) -> set[str]:
    """Return what may stand in the place of the line's last word, whose beginning it is."""
    *before, begun = line
    shell = ShellComplete(tokenflow, {}, "tokenflow", COMPLETE)
    return {item.value for item in shell.get_completions(before, begun)}


def test_commands_are_completed_from_the_table() -> None:
    """All of them, and those that begin so; options where a dash is typed."""
    assert told("") == set(COMMANDS)
    assert told("s") == {name for name in COMMANDS if name.startswith("s")}
    assert told("--v") == {"--version"}
    assert told("plugins", "") == {"list", "new", "show", "test"}


@pytest.mark.parametrize("command", ["validate", "run", "graph", "simulate", "diff", "explain"])
def test_a_spec_is_completed_by_its_name(command: str) -> None:
    """Wherever a command takes one."""
    assert told(command, "facebook-u") == {"facebook-user"}
    assert told(command, "sandbox-re") == {"sandbox-reports"}


def test_what_is_no_shipped_spec_may_be_a_file() -> None:
    """Then the shell completes it."""
    shell = ShellComplete(tokenflow, {}, "tokenflow", COMPLETE)

    (item,) = shell.get_completions(["validate"], "mine/")
    assert (item.value, item.type) == ("mine/", "file")


def test_what_can_be_explained_is_completed(store: str) -> None:
    """Codes, shipped specs, and the keys of the store that is named."""
    assert told("explain", "TF01") == {code for code in CODES if code.startswith("TF01")} != set()
    assert told("explain", "--store", store, "emb") == {"embedded"}
    assert told("explain", "") >= {*CODES, *shipped("Lifecycle")}


def test_keys_are_completed_from_the_store(store: str) -> None:
    """`token show` and `graph --highlight`; another tenant's are not told, and no store tells nothing."""
    assert told("token", "show", "--store", store, "") == {"embedded"}
    assert told("graph", CLIENT, "--store", store, "--highlight", "e") == {"embedded"}
    assert told("token", "show", "--store", store, "--tenant", "other", "") == set()
    assert told("token", "show", "") == set()
    assert told("token", "show", "--store", "sqlite:nowhere.db", "") == set()
    assert not Path("nowhere.db").exists()


def test_plugins_and_their_kinds_are_completed() -> None:
    """The installed ones, none imported."""
    assert told("plugins", "show", "we") == {"web"}
    assert told("plugins", "test", "sq") == {"sqlite"}
    assert told("plugins", "new", "acme", "--kind", "") == set(KINDS)


def test_what_init_offers_is_narrowed_by_what_is_chosen() -> None:
    """Issuers, then the platforms of the issuer, or of its lifecycle."""
    assert told("init", "--issuer", "face") == {"facebook"}
    assert told("init", "--issuer", "facebook", "--platform", "a") == {"android"}
    assert told("init", "--issuer", "oauth2", "--lifecycle", "oauth2-app", "--platform", "") == {"server"}
    assert told("init", "--platform", "") >= {"android", "server", "web"}
    assert told("run", "--issuer", "") == set()
    assert told("simulate", "--platform", "w") == {"web"}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"completion", "sandbox", "schema"}))
def test_formats_are_completed_for_every_command(name: str) -> None:
    """Every command speaks to programs too; the other three print what only programs read."""
    groups = {
        "audit": ["audit", "verify"],
        "keys": ["keys", "status"],
        "plugins": ["plugins", "list"],
        "token": ["token", "list"],
    }
    line = groups.get(name, [name])

    assert told(*line, "--format", "") >= {"text", "json"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(
    tokenflow: Call, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    """Without starting one; it asks by the variable that the front leaves to click."""
    monkeypatch.delenv(COMPLETE)
    monkeypatch.setenv("PATH", "")
    said = tokenflow("completion", shell)

    assert (said.code, said.err) == (0, "")
    assert f"{COMPLETE}={shell}_complete" in said.out


def test_a_real_bash_completes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script as it is printed, asked as bash asks: a command, a spec, and a path left to bash."""
    monkeypatch.delenv(COMPLETE)
    bash = shutil.which("bash")
    assert bash is not None, "bash is not here; it comes with every system that CI runs on"
    program = """
        compopt() { printf 'compopt %s %s\\n' "$@"; }
        eval "$("$TOKENFLOW" completion bash)"
        try() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
            _tokenflow_completion "$TOKENFLOW"; echo "${COMPREPLY[@]}"
        }
        try tokenflow val
        try tokenflow validate facebook-u
        try tokenflow validate ./mi
    """
    done = subprocess.run(
        [bash, "--noprofile", "--norc", "-c", program],
        env={**os.environ, "TOKENFLOW": str(COMMAND)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["validate", "facebook-user", "compopt -o default", ""], done.stderr
