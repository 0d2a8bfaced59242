"""Documents made to hurt: each is refused (or read, where it only looks so) in a second and 64 MiB."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house import ROOT
from tests.spec.hostile import MEMORY, PLACES, READ, REFUSED, SECONDS
from tokenflow.spec import check, render
from tokenflow.spec.reading import read


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Read all of them, each in a process of its own, all in one run."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.spec.hostile", str(tmp_path_factory.mktemp("hostile"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_the_corpus_is_large_enough() -> None:
    assert len(REFUSED) + len(PLACES) + len(READ) >= 60


@pytest.mark.proves("F")
@pytest.mark.parametrize("name", [*REFUSED, *PLACES])
def test_a_hostile_document_is_refused_within_a_second_and_64_mebibytes(name: str, costs: Any) -> None:
    assert costs[name]["codes"], "it was not refused, or its reader died"
    assert costs[name]["seconds"] <= SECONDS
    assert costs[name]["peak"] - costs["fine"]["peak"] <= MEMORY


@pytest.mark.parametrize("name", READ)
def test_a_document_that_only_looks_hostile_is_read_as_cheaply(name: str, costs: Any) -> None:
    assert costs[name]["codes"] == []
    assert costs[name]["seconds"] <= SECONDS
    assert costs[name]["peak"] - costs["fine"]["peak"] <= MEMORY


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_said_of_a_hostile_document_is_short(name: str, tmp_path: Path) -> None:
    """Nobody's terminal is flooded: a message is a few lines, and a line is cut."""
    content = REFUSED[name]
    said = read(content if isinstance(content, bytes) else content.encode(), "x.yaml").problems
    assert all(len(one.message) < 300 and len(one.span.text) <= 400 for one in said)


@pytest.mark.proves("F")
def test_a_reader_that_is_caught_by_its_limits_is_seen_to_die(tmp_path: Path) -> None:
    """The measure measures: a document that took too much memory would leave no codes."""
    program = (
        "import tests.spec.hostile as hostile; from pathlib import Path\n"
        "hostile.check = lambda path: bytearray(100 * 1024 * 1024) and []\n"
        f"print(hostile.cost(Path({str(tmp_path)!r}))['codes'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "None"
    assert "MemoryError" in done.stderr


def test_a_large_report_is_cut_where_nobody_reads_on(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(str(REFUSED["many unknown keys in a spec"]))
    assert len("".join(map(render, check(path)))) < 200_000
