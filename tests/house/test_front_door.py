"""`import tokenflow` gives the public names, and does nothing else."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import attrs
import pytest

import tokenflow
from tests.house import ROOT

WATCHED = """
import json, sys
seen = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        seen.append(["open", str(arguments[0]), str(arguments[1])])
    elif event.split(".")[0] in ("socket", "subprocess", "os", "shutil", "sqlite3", "urllib"):
        seen.append([event, "", ""])
sys.addaudithook(hook)
import tokenflow
print(json.dumps({"seen": seen, "modules": sorted(sys.modules), "packages": sys.path}))
"""


@attrs.frozen
class Watched:
    """What an import did: audit events, with file and mode for `open`; the modules it loaded."""

    events: list[tuple[str, str, str]]
    modules: set[str]
    packages: tuple[str, ...]
    """The folders packages are read from."""


@pytest.fixture(scope="module")
def watched() -> Watched:
    """Import the front door in a fresh Python."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True, cwd=ROOT
    )
    told = json.loads(done.stdout)
    return Watched(
        events=[(event, path, mode) for event, path, mode in told["seen"]],
        modules=set(told["modules"]),
        packages=(str(ROOT), *filter(None, told["packages"])),
    )


def rooms() -> dict[str, str]:
    """Return where the front door's source, as a type checker reads it, takes each name from."""
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(ast.parse(Path(tokenflow.__file__).read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tokenflow.")
        for alias in node.names
    }


def test_the_list_of_public_names_is_what_the_front_door_imports() -> None:
    """Rooms (tokenflow.core ...) are attributes too, once imported, and no public names."""
    assert sorted(tokenflow.__all__) == sorted(rooms())


def test_every_public_name_is_what_its_room_calls_so() -> None:
    """A type checker and a running program see the same thing under a name."""
    for name, room in rooms().items():
        assert getattr(tokenflow, name) is getattr(import_module(room), name), name


def test_a_name_that_is_not_public_is_not_there() -> None:
    assert not hasattr(tokenflow, "no_such_name")


def test_the_list_of_public_names_is_sorted_constants_first_then_classes_then_functions() -> None:
    def rank(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    assert tokenflow.__all__ == sorted(tokenflow.__all__, key=rank)


@pytest.mark.proves("K")
def test_importing_the_front_door_opens_no_socket_and_starts_no_process(watched: Watched) -> None:
    reading = {"os.listdir", "os.scandir", "open"}

    assert [event for event, _, _ in watched.events if event not in reading] == []


@pytest.mark.proves("K")
def test_importing_the_front_door_reads_packages_only(watched: Watched) -> None:
    opened = [path for event, path, _ in watched.events if event == "open"]

    assert [path for path in opened if not path.startswith(watched.packages)] == []


def test_importing_the_front_door_writes_nothing_but_bytecode(watched: Watched) -> None:
    assert [path for _, path, mode in watched.events if "w" in mode and "__pycache__" not in path] == []


def test_importing_the_front_door_loads_no_guest_and_nothing_heavy(watched: Watched) -> None:
    heavy = {"click", "cryptography", "httpx2", "hypothesis", "pytest", "sqlite3", "sqlite_utils", "yaml"}

    assert {name for name in watched.modules if name.startswith("tokenflow_")} == set()
    assert watched.modules & heavy == set()
