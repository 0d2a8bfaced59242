"""`import tokenflow` gives the public names, and does nothing else."""

import ast
import json
import subprocess
import sys
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


def test_every_public_name_is_there() -> None:
    assert [name for name in tokenflow.__all__ if not hasattr(tokenflow, name)] == []


def test_the_list_of_public_names_is_all_that_is_imported() -> None:
    """Rooms (tokenflow.core ...) are attributes too, once imported, and no public names."""
    tree = ast.parse(Path(tokenflow.__file__).read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert set(tokenflow.__all__) == imported
    assert len(set(tokenflow.__all__)) == len(tokenflow.__all__)


def test_the_list_of_public_names_is_sorted_constants_first_then_classes_then_functions() -> None:
    def rank(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    assert tokenflow.__all__ == sorted(tokenflow.__all__, key=rank)


def test_nothing_but_names_is_in_the_front_door() -> None:
    body = ast.parse(Path(tokenflow.__file__).read_text()).body

    assert {type(node) for node in body} == {ast.Expr, ast.ImportFrom, ast.Assign}


def test_importing_the_front_door_opens_no_socket_and_starts_no_process(watched: Watched) -> None:
    reading = {"os.listdir", "os.scandir", "open"}

    assert [event for event, _, _ in watched.events if event not in reading] == []


def test_importing_the_front_door_reads_packages_only(watched: Watched) -> None:
    opened = [path for event, path, _ in watched.events if event == "open"]

    assert [path for path in opened if not path.startswith(watched.packages)] == []


def test_importing_the_front_door_writes_nothing_but_bytecode(watched: Watched) -> None:
    assert [path for _, path, mode in watched.events if "w" in mode and "__pycache__" not in path] == []


def test_importing_the_front_door_loads_no_guest_and_nothing_heavy(watched: Watched) -> None:
    heavy = {"click", "cryptography", "httpx2", "hypothesis", "pytest", "sqlite3", "sqlite_utils", "yaml"}

    assert {name for name in watched.modules if name.startswith("tokenflow_")} == set()
    assert watched.modules & heavy == set()
