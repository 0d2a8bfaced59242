"""Exit codes, and what is said on the way out: as docs/reference/exit-codes.md has them."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Call
from tokenflow import (
    AnswerNotUnderstood,
    ClockHeld,
    ConsentDenied,
    IssuerRefused,
    IssuerUnreachable,
    PluginError,
    PromptExpired,
    PromptPending,
    Refused,
    SpecError,
    StoreError,
    StoreTooNew,
    TokenNotFound,
    WrongKey,
)
from tokenflow.cli import leaving
from tokenflow.cli.app import COMMANDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "exit-codes.md"
HEAVY = ("yaml", "cryptography", "httpx2", "transitions", "sqlite_utils", "sqlite3", "pluggy", "asyncio")
CANARY = "canary-in-a-local-variable"


def test_the_page_lists_the_codes_of_the_program() -> None:
    """The table and the constants are the same numbers, and 130 for an interruption."""
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)}
    constants = {leaving.FINE, leaving.FINDINGS, leaving.USAGE}
    constants |= {leaving.CHANGES, leaving.OUT_OF_REACH, leaving.PERSON, leaving.INTERNAL}

    assert table == constants | {130}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecError("a file"), 1),
        (PluginError("an installation"), 1),
        (TokenNotFound("key"), 1),
        (Refused("custody", "no"), 1),
        (ClockHeld("behind"), 1),
        (IssuerUnreachable("nobody", sent=False), 4),
        (IssuerRefused("no", status=400, facts={}), 4),
        (AnswerNotUnderstood("html"), 4),
        (StoreError("locked"), 4),
        (StoreTooNew("newer"), 4),
        (WrongKey("another"), 4),
        (PromptPending("key", "https://x.example"), 5),
        (PromptExpired("late"), 5),
        (ConsentDenied("no"), 5),
        (RuntimeError("a fault"), 70),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_every_branch_of_the_errors_has_its_code(error: Exception, code: int) -> None:
    """The code says who has to act: the reader, time, a person, or we."""
    assert leaving.exit_code(error) == code


def test_an_error_of_ours_is_told_in_full_with_its_mend() -> None:
    """The message and the mend, and nothing around them."""
    said = leaving.explain_failure(StoreError("it is locked", mend="try again"))

    assert said == "error: it is locked\n  help: try again"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("run",),
        ("run", "whole-life", "--once"),
        ("run", "whole-life", "--watch"),
        ("run", "whole-life", "--resume"),
        ("run", "whole-life", "--resume", "--store", "sqlite:t.db"),
        ("run", "whole-life", "--resume", "--issuer", "http://127.0.0.1:9"),
        ("run", "whole-life", "native-app", "--store", "sqlite:t.db"),
        ("run", "whole-life", "sandbox-reports", "--store", "sqlite:t.db", "--once"),
        ("run", "sandbox-reports", "--once"),
        ("run", "sandbox-reports", "--store", "sqlite:t.db"),
        ("run", "sandbox-reports", "--store", "sqlite:t.db", "--once", "--watch"),
        ("run", "sandbox-reports", "--store", "sqlite:t.db", "--once", "--resume"),
        ("run", "facebook-user"),
        ("run", "whole-life", "--format", "xml"),
        ("validate",),
        ("graph",),
        ("graph", "facebook-user", "--as", "pdf"),
        ("token", "list"),
        ("token", "show", "--store", "sqlite:t.db"),
        ("plugins", "lsit"),
        ("schema", "lifecycles"),
        ("sandbox", "--port", "70000", "--app-id", "1", "--app-secret", "s"),
        ("nothing-like-it",),
        ("--versoin",),
    ],
    ids=" ".join,
)
def test_a_wrong_usage_leaves_with_two_and_a_sentence(tokenflow: Call, arguments: tuple[str, ...]) -> None:
    """Nothing is done, nothing is on stdout, and stderr says what is wanted."""
    said = tokenflow(*arguments)

    assert (said.code, said.out) == (2, "")
    assert said.err
    assert not Path("t.db").exists()


def test_a_misspelt_command_is_answered_with_the_nearest(tokenflow: Call) -> None:
    """`tokenflow validat` suggests validate; what resembles nothing gets no suggestion."""
    assert "No such command 'validat'. Did you mean 'validate'?" in tokenflow("validat").err
    assert "Did you mean" not in tokenflow("xyzzy").err


def test_the_help_lists_every_command_in_a_line(tokenflow: Call) -> None:
    """The table of the lazy tree is what --help shows, and what each command says of itself."""
    said = tokenflow("--help")

    assert said.code == 0
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", said.out, re.MULTILINE)
        assert tokenflow(name, "--help").code == 0


def test_the_version_is_the_package_s(tokenflow: Call) -> None:
    """`--version` prints the name and the number."""
    from tokenflow import __version__

    assert tokenflow("--version").out == f"tokenflow, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["validat"]], ids=" ".join
)
def test_help_imports_nothing_that_it_does_not_use(arguments: list[str]) -> None:
    """No YAML, cryptography, HTTP, machine or database is loaded to print a help page."""
    program = (
        f"import sys\nfrom tokenflow.cli.app import run\nrun({arguments!r})\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr, end='')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stderr.splitlines()[-1:] in (
        [],
        ["error: No such command 'validat'. Did you mean 'validate'?"],
    )


def test_a_fault_of_our_own_says_where_and_shows_no_variable(
    monkeypatch: pytest.MonkeyPatch, tokenflow: Call
) -> None:
    """Exit 70: the kind and the place, no message and no locals, for they may hold anything."""

    def broken(kind: str) -> None:
        local = CANARY
        raise RuntimeError(f"{kind} {local}")

    monkeypatch.setattr("tokenflow.spec.published", broken)
    said = tokenflow("schema", "lifecycle")

    assert (said.code, said.out) == (70, "")
    first, second = said.err.splitlines()
    assert re.fullmatch(r"error: a fault of tokenflow's own: RuntimeError \(.*test_leaving\.py:\d+\)", first)
    assert second == "  help: please report it"
    assert CANARY not in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (("explain", "nope.yaml"), 1, "spec_error"),
        (("explain", "ada", "--store", "sqlite:nope.db"), 4, "store_unreadable"),
        (("plan", "--store", "sqlite:nope.db"), 4, "store_unreadable"),
        (("plan",), 2, "usage"),
        (("simulate", "facebook-user", "--until", "0"), 2, "usage"),
        (("simulate", "nope.yaml"), 1, "spec_error"),
        (("migrate", "facebook-user", "--store", "sqlite:nope.db"), 4, "store_unreadable"),
        (("run", "nope.yaml"), 1, "spec_error"),
        (("graph", "facebook-user", "--out", "nope/x.mmd"), 1, "unwritable"),
        (("plugins", "show", "nope"), 1, "plugin_error"),
        (("validate",), 2, "usage"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_a_failure_is_an_object_for_programs(
    tokenflow: Call, arguments: tuple[str, ...], code: int, name: str
) -> None:
    """With --format json: the same exit code and text on stderr, and one object on stdout."""
    said, plain = tokenflow(*arguments, "--format", "json"), tokenflow(*arguments)

    assert (said.code, said.err) == (plain.code, plain.err)
    assert (said.code, plain.out) == (code, "")
    error = said.object["error"]
    assert set(error) == {"code", "message", "mend"}
    assert error["code"] == name
    assert error["message"] in said.err
    assert error["mend"] is None or error["mend"] in said.err


def test_a_fault_of_our_own_is_an_object_too(monkeypatch: pytest.MonkeyPatch, tokenflow: Call) -> None:
    """Its kind and place, and no variable; a variable that asks for JSON is as good as the option."""

    def broken(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("tokenflow.engine.places.look_into", broken)
    monkeypatch.setenv("TOKENFLOW_TOKEN_LIST_FORMAT", "json")
    said = tokenflow("token", "list", "--store", "sqlite:t.db")

    assert said.code == 70
    assert said.object["error"]["code"] == "internal"
    assert CANARY not in said.out + said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("graph", "facebook-user", "--out"),
        ("plan", "--store", "sqlite:t.db", "--out"),
        ("simulate", "facebook-user", "--tokens", "100000000", "--svg"),
    ],
    ids=lambda one: one[0],
)
def test_where_nothing_can_be_written_is_told_before_the_work(
    tokenflow: Call, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Exit 1 with what, where and the mend; a hundred million tokens are not simulated for nothing."""
    said = tokenflow(*arguments, tmp_path / "no" / "such")

    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"error: {tmp_path}/no/such cannot be written: there is no folder {tmp_path}/no\n"
        f"  help: make it first: mkdir -p {tmp_path}/no\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("init", "--issuer", "facebook", "--platform", "web"),
        ("init", "--issuer", "facebook", "--platform", "web", "--dir", "new/folder"),
        ("plugins", "new", "mine"),
        ("plugins", "new", "mine", "--dir", "new/folder"),
        ("graph", "facebook-user", "--out", "x.mmd"),
        ("simulate", "facebook-user", "--tokens", "10", "--svg", "x.svg"),
    ],
    ids=" ".join,
)
def test_a_folder_that_takes_nothing_is_told(
    tokenflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Exit 1, and nothing was written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.access", lambda _, mode: mode != os.W_OK)
    said = tokenflow(*arguments)

    assert (said.code, said.out) == (1, "")
    assert "cannot be written: " in said.err
    assert "  help: name another place\n" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_meanwhile_is_no_fault_of_ours() -> None:
    """What the machine's owner can mend is told plainly, with the file's name; a lost file is a fault."""
    full = OSError(errno.ENOSPC, "No space left on device", "x.svg")

    assert leaving.exit_code(full) == 1
    assert leaving.explain_failure(full) == (
        "error: x.svg cannot be written: No space left on device\n  help: make room there"
    )
    assert leaving.exit_code(FileNotFoundError(errno.ENOENT, "No such file", "ours.json")) == 70


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", [["--help"], ["schema", "lifecycle"]], ids=" ".join)
def test_a_stdout_that_is_full_is_told_once(arguments: list[str]) -> None:
    """Exit 1 and one error: the interpreter does not fail a second time on its way out."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tokenflow", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert (
        done.stderr == "error: stdout cannot be written: No space left on device\n  help: make room there\n"
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.exceptions.Abort])
def test_an_interruption_leaves_with_a_hundred_and_thirty(
    monkeypatch: pytest.MonkeyPatch, tokenflow: Call, error: type[BaseException]
) -> None:
    """As shells expect of SIGINT; there is nothing to say."""

    def interrupted(kind: str) -> None:
        raise error

    monkeypatch.setattr("tokenflow.spec.published", interrupted)

    assert tokenflow("schema", "lifecycle").code == 130
