"""`tokenflow init && tokenflow run`, for every combination that is offered; and what init leaves alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.cli.conftest import Call
from tests.cli.test_showing import on_a_terminal
from tokenflow.cli.starts import Start, short, starts
from tokenflow.spec import load, shipped

WEB: Final = ("init", "--issuer", "facebook", "--platform", "web")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> dict[str, str]:
    """Return path -> text of all that is in *folder*."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("start", starts(), ids=lambda one: f"{one.issuer}-{one.lifecycle}-{one.platform}")
def test_what_init_writes_lints_clean_and_runs(tokenflow: Call, here: Path, start: Start) -> None:
    """Offline, by `tokenflow run` alone; the token arrives by that platform, lives, and is ended."""
    begun = tokenflow(
        *("init", "--issuer", short(start.issuer), "--platform", start.platform),
        *("--lifecycle", start.lifecycle, "--format", "json"),
    )
    ran = tokenflow("run", "--format", "json")

    assert (begun.code, begun.object["mistakes"]) == (0, [])
    assert (ran.code, ran.object["passed"]) == (0, True), ran.out + ran.err
    (scenario,) = ran.object["scenarios"]
    (token,) = scenario["tokens"].values()
    assert token["state"] == "invalidated"
    assert any("extend" in event for step in scenario["steps"] for event in step["events"]) is (start.extends)


def test_every_platform_of_every_issuer_that_is_shipped_is_offered() -> None:
    """No issuer without a start, and no way for a token to arrive that cannot be begun with."""
    offered = {(one.lifecycle, one.platform) for one in starts()}
    acquired = {
        (name, platform)
        for name in shipped("Lifecycle")
        for platform, how in load(name).data.get("acquire", {}).items()
        if how["use"] != "facebook.redeem"  # a code that the holder of another token made
    }

    assert {one.issuer for one in starts()} == set(shipped("Issuer"))
    assert offered == acquired


def test_a_project_has_its_parts_where_they_are_looked_for(tokenflow: Call, here: Path) -> None:
    """Specs by kind, schemas for the editor, and what a repository does not keep."""
    said = tokenflow(*WEB)

    assert (said.code, said.err) == (0, "")
    assert set(files(here)) == {
        ".gitignore",
        "issuers/my-facebook.yaml",
        "lifecycles/my-facebook-user.yaml",
        "scenarios/my-facebook-user-web.yaml",
        "tokens/my-facebook-user-web.yaml",
        *(f".tokenflow/{kind}.schema.json" for kind in ("lifecycle", "issuer", "tokens", "scenario")),
    }
    assert files(here)[".gitignore"].splitlines() == ["*.db", "*.db-journal", ".env"]
    keep = "  tokenflow run tokens/my-facebook-user-web.yaml --store sqlite:"
    assert said.out[said.out.index("next:") :].splitlines() == [
        "next:",
        "  tokenflow run",
        "then set FB_APP_ID, FB_REDIRECT_URI and FB_APP_SECRET, and keep it alive:",
        f"{keep}tokens.db --watch",
        "or play with the same variables, at a sandbox that runs beside it:",
        '  tokenflow sandbox --app-id "$FB_APP_ID" --app-secret "$FB_APP_SECRET"'
        ' --redirect-uri "$FB_REDIRECT_URI"',
        f"{keep}play.db --watch --issuer http://127.0.0.1:8400",
    ]


def test_both_comments_lead_an_editor_to_the_schema(tokenflow: Call, here: Path) -> None:
    """The YAML language server's and the JetBrains editors', each to a file that is there."""
    tokenflow(*WEB)

    for path in here.rglob("*.yaml"):
        first, second = path.read_text().splitlines()[:2]
        kind = load(path).kind
        for line, comment in ((first, "# yaml-language-server: $schema="), (second, "# $schema: ")):
            schema = json.loads((path.parent / line.removeprefix(comment)).read_text())
            assert schema["title"] == f"tokenflow {kind}"


def test_the_tokens_file_is_kept_from_where_it_stands(
    tokenflow: Call, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run --once` without FILES finds it, opens its own lifecycle and issuer, and asks the person."""
    tokenflow(*WEB)
    for name in ("FB_APP_ID", "FB_APP_SECRET", "FB_REDIRECT_URI"):
        monkeypatch.setenv(name, "https://app.example/callback")
    said = tokenflow("run", "--once", "--store", f"sqlite:{here / 'kept' / 'tokens.db'}", "--format", "json")
    (token,) = said.object["tokens"]

    assert (said.code, token["problem"]) == (5, "a person has to log in")
    assert token["url"].startswith("https://www.facebook.com/")


def test_nothing_that_exists_is_written_over(tokenflow: Call, here: Path) -> None:
    """A file that says something else stops all of it, before anything is written."""
    (here / "issuers").mkdir()
    (here / "issuers" / "my-facebook.yaml").write_text("mine")
    said = tokenflow(*WEB)

    assert (said.code, said.out) == (1, "")
    assert "issuers/my-facebook.yaml exists already, so nothing was written" in said.err
    assert "help: move it away, or choose another --dir" in said.err
    assert files(here) == {"issuers/my-facebook.yaml": "mine"}


def test_to_begin_twice_is_to_begin_once(tokenflow: Call, here: Path) -> None:
    """What is there already as it would be written stays; a second platform is added beside the first."""
    tokenflow(*WEB)
    before = files(here)
    again = tokenflow(*WEB, "--format", "json")
    assert (again.code, again.object["written"], files(here)) == (0, [], before)

    other = tokenflow("init", "--issuer", "facebook", "--platform", "ios", "--format", "json")
    assert other.object["written"] == ["scenarios/my-facebook-user-ios.yaml"]


def test_a_gitignore_is_added_to(tokenflow: Call, here: Path) -> None:
    """Only what it lacks, on lines of its own."""
    (here / ".gitignore").write_text("*.db\nnode_modules")
    tokenflow(*WEB)

    assert files(here)[".gitignore"] == "*.db\nnode_modules\n*.db-journal\n.env\n"


def test_another_folder_is_made_and_named_in_what_comes_next(tokenflow: Call, here: Path) -> None:
    """--dir; the files name each other by relative paths, so the folder may be moved."""
    said = tokenflow(*WEB, "--dir", "deep/project", "--format", "json")
    (here / "deep" / "project").rename(here / "moved")
    os.chdir("moved")

    assert said.object["next"][:2] == ["cd deep/project", "tokenflow run"]
    assert tokenflow("run").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--issuer", "facebok", "--platform", "web"),
            "no issuer `facebok` to begin with\n  help: did you mean `facebook`?",
        ),
        (("--issuer", "facebook", "--platform", "andriod"), "did you mean `android`?"),
        (
            ("--issuer", "facebook", "--platform", "server", "--lifecycle", "facebook-apps"),
            "did you mean `facebook-app`?",
        ),
        (("--issuer", "oauth2", "--platform", "fax"), "there is: server, web"),
    ],
)
def test_what_is_not_offered_is_answered_with_what_is(
    tokenflow: Call, here: Path, arguments: tuple[str, ...], said: str
) -> None:
    """The nearest name, or all of them; nothing is written."""
    left = tokenflow("init", *arguments)

    assert (left.code, left.out, files(here)) == (1, "", {})
    assert said in left.err


def test_without_a_terminal_nobody_is_asked(tokenflow: Call, here: Path) -> None:
    """What is missing is a wrong usage, with what there is."""
    nothing, half = tokenflow("init"), tokenflow("init", "--issuer", "facebook")

    assert (nothing.code, half.code, files(here)) == (2, 2, {})
    assert "say which --issuer: facebook, " in nothing.err
    assert "say which --platform: javascript, " in half.err


def test_on_a_terminal_what_is_missing_is_asked(here: Path) -> None:
    """Issuer first, then a platform of its; what has one answer is not asked."""
    seen = on_a_terminal("init", typed="facebook\nandroid\n")

    assert seen.code == 0
    assert "issuer (facebook, " in seen.shown
    assert "scenarios/my-facebook-user-android.yaml" in files(here)


def test_run_says_what_to_do_where_there_is_nothing_to_run(tokenflow: Call) -> None:
    """A folder without scenarios, or without Tokens files for a keeper."""
    assert "there is no scenarios/*.yaml here. `tokenflow init` begins a project" in tokenflow("run").err
    assert "there is no tokens/*.yaml here" in tokenflow("run", "--once", "--store", "sqlite:t.db").err


def test_the_two_commands_of_the_promise(here: Path) -> None:
    """`tokenflow init ... && tokenflow run`, as a shell runs them."""
    command = str(Path(sys.executable).with_name("tokenflow"))
    line = f'"{command}" init --issuer oauth2 --platform web && "{command}" run'
    done = subprocess.run(line, shell=True, cwd=here, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
