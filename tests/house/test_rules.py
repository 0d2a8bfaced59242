"""Rules that a sentence states and a search can hold, over every file the project keeps."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.house import ROOT

MACHINE_PATH: Final = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/|\b[A-Z]:\\\\?Users")
SHOW_SECRETS: Final = {
    "plugins/tokenflow_android/access_token.py": "writes what the Android SDK stores",
    "plugins/tokenflow_android/authentication_token.py": "writes, and takes an ID token apart",
    "plugins/tokenflow_android/formats.py": "looks for the bar in a token that is explained",
    "plugins/tokenflow_android/legacy.py": "writes what the Android SDK stored before version 4",
    "plugins/tokenflow_facebook/calls.py": "signs a call with the app secret, and writes an inline app token",
    "plugins/tokenflow_facebook/composites.py": "tells an app token from a client token",
    "plugins/tokenflow_facebook/id_token_check.py": "checks an ID token, and digests its nonce",
    "plugins/tokenflow_facebook/limited_login.py": "names a login by a digest of its ID token",
    "plugins/tokenflow_facebook/webhook.py": "verifies what a webhook says with the app secret",
    "plugins/tokenflow_ios/access_token.py": "writes what the iOS SDK stores",
    "plugins/tokenflow_ios/authentication_token.py": "writes what the iOS SDK stores",
    "plugins/tokenflow_ios/formats.py": "looks for the bar in a token, takes an ID token apart",
    "plugins/tokenflow_javascript/formats.py": "takes a signed_request apart that is explained",
    "plugins/tokenflow_javascript/login.py": "writes what the JavaScript SDK answers",
    "plugins/tokenflow_server/held.py": "writes an inline app token",
    "plugins/tokenflow_web/pkce.py": "digests a code_verifier",
    "tokenflow/cli/token.py": "prints a ticket for whoever asked for one",
    "tokenflow/core/deletions.py": "names a deletion by a digest made with the app secret",
    "tokenflow/core/grants.py": "refuses a value no header can carry, before it is kept",
    "tokenflow/core/proofs.py": "proves a call with the app secret",
    "tokenflow/core/signed_request.py": "signs and verifies with the app secret",
    "tokenflow/core/tickets.py": "digests a ticket, and writes what its bearer is given",
    "tokenflow/engine/ciphers.py": "seals a value",
    "tokenflow/engine/held.py": "hands the value to the application that asked for it",
    "tokenflow/engine/containers.py": "derives a file's key from a passphrase",
    "tokenflow/engine/erasing.py": "finds whom a ticket is about",
    "tokenflow/engine/exporting.py": "writes values into an encrypted file",
    "tokenflow/engine/holders.py": "reads the key a ring is sealed under",
    "tokenflow/engine/keyfiles.py": "writes a new key into its file",
    "tokenflow/engine/opening.py": "reads a client_id, or another public fact, that a reference names",
    "tokenflow/engine/performer.py": "reads the journal of a parked login",
    "tokenflow/engine/transports.py": "sends a value to its issuer",
    "tokenflow/engine/rings.py": "seals a value, and takes its fingerprint",
    "tokenflow/runner/counter.py": "shows a ticket, as a phone does",
    "tokenflow/runner/inspecting.py": "takes a fingerprint, and takes a secret out of what is said",
    "tokenflow/runner/lifting.py": "writes a token into a device's file",
    "tokenflow/engine/journals.py": "reads an answer that nobody saved yet",
    "tokenflow/engine/witnessing.py": "derives the keys of the audit trail",
    "tokenflow/runner/tally.py": "compares fingerprints with what the sandbox issued",
    "tokenflow/runner/wallet.py": "seals a ticket",
    "tokenflow/web/handing.py": "gives our own page the ticket of its invitation",
}
"""The files that may call reveal(), and what for. A new one is a decision, made here."""

SLEEPERS: Final = {
    "tests/faults/judging.py": "asks a fleet again that settles by real time",
    "tests/faults/leaving.py": "leaves at a moment that was drawn",
    "tests/faults/rekey.py": "kills at a moment that was drawn",
    "tests/faults/rounds.py": "looks at processes that stand still or die, and that tell nobody",
    "tests/faults/worker.py": "leaves its machine to the others between two calls",
}
"""The files of the harness of faults that may sleep: what they measure is real time in real processes."""


@cache
def tracked() -> tuple[str, ...]:
    """Return the files git keeps, as paths from the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


@cache
def parsed(name: str) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def python(*folders: str) -> Iterator[str]:
    """Return the Python files under *folders*."""
    return (name for name in tracked() if name.endswith(".py") and name.startswith(folders))


def calls(name: str, wanted: str) -> list[str]:
    """Return where a file calls *wanted*: a name as it is written, or `.reveal`, a method of anything."""
    found = []
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Call):
            written = ast.unparse(node.func)
            if written == wanted or (wanted.startswith(".") and written.endswith(wanted)):
                found.append(f"{name}:{node.lineno}")
    return found


def imports(name: str) -> set[str]:
    """Return the modules a file imports by name, and `module.name` for what it takes out of one."""
    found: set[str] = set()
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_file_holds_a_path_of_somebody_s_machine() -> None:
    holding = [
        f"{name}:{number}"
        for name in tracked()
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]

    assert holding == []


def test_the_house_and_its_guests_never_print() -> None:
    assert [where for name in python("tokenflow/", "plugins/") for where in calls(name, "print")] == []


def test_no_test_sleeps() -> None:
    """It waits for what it tests; the harness of faults kills and looks at moments of real time."""
    sleeping = {name for name in python("tests/") if calls(name, "time.sleep")}
    borrowed = [name for name in python("tests/") if "time.sleep" in imports(name)]

    assert sleeping == SLEEPERS.keys()
    assert borrowed == []


def test_a_secret_is_shown_only_where_the_list_says_why() -> None:
    showing = {name for name in python("tokenflow/", "plugins/") if calls(name, ".reveal")}

    assert showing == SHOW_SECRETS.keys()


def test_only_the_sqlite_guest_knows_sqlite() -> None:
    """Two SQLite libraries on one file in one process lose commits."""
    libraries = {"sqlite3", "pysqlite3", "sqlite_utils"}
    own = (
        "plugins/tokenflow_sqlite/",
        "tests/plugins/test_sqlite",
        "tests/plugins/sqlite_",
        "tests/benchmarks/",
        "tests/faults/migrating.py",  # makes old stores, over the guest's own connections
        "tests/leaks/test_controls.py",  # its own file, in which a secret must be found
    )
    knowing = {
        name for name in python("") if {module.partition(".")[0] for module in imports(name)} & libraries
    }

    assert {name for name in knowing if not name.startswith(own)} == set()


def test_the_core_only_reads_urls() -> None:
    allowed = ("urllib", "urllib.parse")
    opened = {
        f"{name}: {module}"
        for name in python("tokenflow/core/")
        for module in imports(name)
        if module.startswith("urllib") and not (module in allowed or module.startswith("urllib.parse."))
    }

    assert opened == set()


def test_every_test_says_in_a_sentence_what_it_holds() -> None:
    mute = [
        f"{name}: {node.name}"
        for name in python("tests/")
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
        and len(node.name.split("_")) < 4
    ]

    assert mute == []


def test_every_room_of_the_tests_is_a_package() -> None:
    """Two rooms may then have a file of the same name."""
    rooms = {Path(name).parent for name in python("tests/")}

    assert {str(room) for room in rooms if not (ROOT / room / "__init__.py").exists()} == set()


@pytest.mark.proves("K")
def test_the_lock_names_no_host() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_the_licence_is_the_one_that_is_declared() -> None:
    text = (ROOT / "LICENSE").read_text()

    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()
    assert text.lstrip().startswith("Apache License\n                           Version 2.0, January 2004")


@pytest.mark.parametrize(
    ("line", "is_one"), [("see /ho" + "me/ada/x", True), ("https://a.example/home/", False)]
)
def test_a_path_of_somebody_s_machine_is_known_when_seen(line: str, is_one: bool) -> None:
    assert bool(MACHINE_PATH.search(line)) is is_one
