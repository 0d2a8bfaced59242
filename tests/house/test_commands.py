"""Every command has its page, and what the page says of its example is what the example prints."""

import json
import shlex
from pathlib import Path
from typing import Final

import click
import pytest

from tests.house.commands import CHAPTERS, IN_MICROSECONDS, leaves, pages
from tokenflow import Engine, Secret
from tokenflow.cli.app import run

OLD: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: mine, version: 1.0.0}
extends: builtin:facebook-user
"""
NEW: Final = OLD.replace("1.0.0", "1.1.0") + "lifetimes: {long: {typical: 30d}}\n"
LEAVES: Final = {words: command for words, command, _ in leaves()}
PRINTS_NO_OBJECT: Final = {"schema", "completion", "sandbox"}
"""A schema, a script, and a line of JSON when it is ready."""
NEEDS_A_LOGIN: Final = {"token answer", "token lift", "token put", "token whose", "import"}
"""Their examples are run where there is one, or a file: tests/cli/test_answer.py, test_lifting.py,
test_keys.py, test_backup.py."""
SAME_EVERYWHERE: Final = {
    "--format": "shape",
    "--store": "store",
    "--tenant": "tenant",
    "--key": "key",
    "--until": "until",
    "--dir": "folder",
    "--out": "out",
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Stand in a folder with two versions of a lifecycle, beside a store with one token."""
    (folder := tmp_path / "here").mkdir()
    monkeypatch.chdir(folder)
    Path("mine.yaml").write_text(OLD)
    Path("newer.yaml").write_text(NEW)
    Path("found.json").write_text('{"access_token": "EAAexample", "token_type": "bearer"}')
    url = f"sqlite:{tmp_path / 'store' / 'tokens.db'}"
    lent = {"env:FB_CLIENT_TOKEN": Secret("x" * 30), "env:FB_APP_ID": Secret("1234567890")}
    how = {"client_ids": {"facebook": "1234567890"}, "redirect_uri": "https://x.example/cb"}
    with Engine.open(["facebook-client"], url, secrets=lent, **how) as engine:
        engine.acquire("embedded", lifecycle="facebook-client", platform="dashboard")
    return url


def test_every_command_has_a_chapter_and_no_chapter_lacks_its_command() -> None:
    assert CHAPTERS.keys() == LEAVES.keys()


@pytest.mark.parametrize("words", sorted(CHAPTERS.keys() - PRINTS_NO_OBJECT - NEEDS_A_LOGIN))
def test_an_example_prints_the_json_that_its_page_describes(
    words: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every key is described, nothing else is, and what a meaning names in backticks is there to be found."""
    chapter = CHAPTERS[words]
    name, *line = shlex.split(chapter.example.replace("STORE", store))
    code = run([*line, "--format", "json"])
    told = json.loads(capsys.readouterr().out)

    assert name == "tokenflow"
    assert code == 0
    assert list(told) == ["version", *chapter.json]
    assert not numbers_of_instants(told) or words in IN_MICROSECONDS


def numbers_of_instants(told: object) -> list[int]:
    """Integers of a JSON value that can only be microseconds since 1970: later than 2001."""
    if isinstance(told, dict | list):
        inner = told.values() if isinstance(told, dict) else told
        return [number for one in inner for number in numbers_of_instants(one)]
    return [told] if isinstance(told, int) and told > 10**15 else []


@pytest.mark.parametrize(
    "line", ["plan facebook-client", "token show embedded", "explain embedded", "status"]
)
def test_what_is_said_to_be_in_microseconds_is(
    line: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list of commands names these, and the command whose lines a keeper's own tests read."""
    assert run([*line.split(), "--store", store, "--format", "json"]) == 0
    assert numbers_of_instants(json.loads(capsys.readouterr().out))
    assert IN_MICROSECONDS.keys() == {"plan", "token show", "explain", "run", "status"}


def test_the_list_of_commands_names_those_that_have_no_format() -> None:
    """As click has it."""
    said = pages()["docs/reference/commands/README.md"]
    assert "Without it are `completion`, `sandbox` and `schema`.\n" in said


@pytest.mark.parametrize("words", sorted(PRINTS_NO_OBJECT - {"sandbox"}))
def test_the_other_examples_run_too(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What they print is for programs as it is."""
    assert run(shlex.split(CHAPTERS[words].example)[1:]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("words", LEAVES)
def test_a_command_says_what_it_and_each_of_its_options_is_for(words: str) -> None:
    """A help text, and a sentence for every option."""
    command = LEAVES[words]
    options = [one for one in command.params if isinstance(one, click.Option)]

    assert command.help
    assert [one.name for one in options if not (one.help or "").endswith((".", "?", "db"))] == []


@pytest.mark.parametrize("words", LEAVES)
def test_an_option_has_one_name_in_all_commands(words: str) -> None:
    """A word means one thing: nobody else is called --store, and a store is called nothing else."""
    options = [one for one in LEAVES[words].params if isinstance(one, click.Option)]

    for option in options:
        for name in option.opts:
            if name in SAME_EVERYWHERE:
                assert option.name == SAME_EVERYWHERE[name]
    assert ("--format" in {name for one in options for name in one.opts}) is (words not in PRINTS_NO_OBJECT)


@pytest.mark.parametrize("words", LEAVES)
def test_a_misspelt_option_is_answered_with_the_nearest(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--fromat` suggests --format; so does every command that has it."""
    if words in PRINTS_NO_OBJECT:
        return
    code = run([*words.split(), "--fromat", "json"])

    assert code == 2
    assert "--format" in capsys.readouterr().err
