"""An answer told again is the one that would be found anew; a cache that cannot be trusted is none."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tokenflow.cli import remembering
from tokenflow.cli.remembering import MOST, recall, remember

HEAD = "apiVersion: tokenflow/v1\nkind: {}\nmetadata: {{name: {}, version: 1.0.0}}\nextends: {}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tokenflow"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A lifecycle, its parent and its issuer, three files that fit each other."""
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "mine.yaml").write_text(HEAD.format("Lifecycle", "mine", "./base.yaml") + "issuer: acme\n")
    (folder / "base.yaml").write_text(HEAD.format("Lifecycle", "base", "builtin:oauth2-app"))
    (folder / "acme.yaml").write_text(HEAD.format("Issuer", "acme", "builtin:sandbox-oauth2"))
    return folder


def answers(home: Path) -> list[Path]:
    return sorted(home.glob("answer-*.json"))


def known(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make anything but a known answer fail."""

    def nothing(*_: object, **__: object) -> None:
        raise AssertionError("the answer was to be known")

    monkeypatch.setattr("tokenflow.spec.examine", nothing)


@pytest.mark.parametrize("shape", ["text", "json", "sarif", "github"])
def test_an_answer_is_told_again_to_the_letter(
    tokenflow: Call, home: Path, files: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    """Byte for byte and with its exit code, without the reader being asked."""
    (files / "base.yaml").write_text(HEAD.format("Lifecycle", "base", "builtin:oauth2-app") + "initial: x\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent))
    first = tokenflow("validate", files / "mine.yaml", "--format", shape)
    assert (first.code, len(answers(home))) == (1, 1)
    known(home, monkeypatch)
    assert tokenflow("validate", files / "mine.yaml", "--format", shape) == first


@pytest.mark.parametrize("changed", ["mine.yaml", "base.yaml", "acme.yaml"])
def test_a_change_of_any_file_it_came_from_is_seen(
    tokenflow: Call, home: Path, files: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent))
    path = files / changed
    assert tokenflow("validate", files / "mine.yaml").code == 0
    path.write_text(path.read_text() + "nonsense: 1\n")
    assert tokenflow("validate", files / "mine.yaml").code == 1
    path.unlink()
    assert tokenflow("validate", files / "mine.yaml").code == 1


def test_a_file_that_comes_to_be_where_one_was_looked_for_is_seen(
    tokenflow: Call, home: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is not remembered as missing, and a nearer file takes the place of a farther one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent))
    (files.parent / "issuers").mkdir()
    shutil.move(files / "acme.yaml", files.parent / "issuers" / "acme.yaml")
    assert tokenflow("validate", files / "mine.yaml").code == 0
    (files / "acme.yaml").write_text("kind: Issuer\n")
    assert tokenflow("validate", files / "mine.yaml").code == 1
    (files / "acme.yaml").unlink()
    (files.parent / "issuers" / "acme.yaml").unlink()
    before = len(answers(home))
    assert "[TF220]" in tokenflow("validate", files / "mine.yaml").out
    assert len(answers(home)) == before


@pytest.mark.parametrize("how", ["damaged", "cut", "empty", "writable by others", "a folder", "a pipe"])
def test_an_answer_that_cannot_be_trusted_is_found_anew(
    tokenflow: Call, home: Path, files: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent))
    first = tokenflow("validate", files / "mine.yaml")
    (kept,) = answers(home)
    match how:
        case "damaged":
            kept.write_bytes(kept.read_bytes().replace(b"all fine", b"all good"))
        case "cut":
            kept.write_bytes(kept.read_bytes()[:-5])
        case "empty":
            kept.write_bytes(b"")
        case "writable by others":
            text = json.loads(kept.read_bytes().partition(b"\n")[2]) | {"text": "all good\n"}
            remembering_as(kept, json.dumps(text).encode())
            kept.chmod(0o666)
        case "a folder":
            kept.unlink()
            kept.mkdir()
        case "a pipe":
            kept.unlink()
            os.mkfifo(kept)
    assert tokenflow("validate", files / "mine.yaml") == first


def remembering_as(kept: Path, text: bytes) -> None:
    kept.write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)


def test_the_measure_would_see_an_answer_that_is_believed(
    tokenflow: Call, home: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forged answer of our own user's is told: so the test above tests something."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent))
    tokenflow("validate", files / "mine.yaml")
    (kept,) = answers(home)
    text = json.loads(kept.read_bytes().partition(b"\n")[2]) | {"text": "all good\n"}
    remembering_as(kept, json.dumps(text).encode())
    assert tokenflow("validate", files / "mine.yaml").out == "all good\n"


def test_where_nothing_can_be_kept_the_work_is_done(
    tokenflow: Call, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert tokenflow("validate", files / "mine.yaml").out == "1 file, all fine\n"
    assert tokenflow("validate", files / "mine.yaml").out == "1 file, all fine\n"


def test_answers_are_the_owner_s_alone_and_do_not_grow_without_end(home: Path, tmp_path: Path) -> None:
    for number in range(MOST + 20):
        remember([number], 0, "x", [])
    assert len(answers(home)) <= MOST
    assert all(path.stat().st_mode & 0o077 == 0 for path in (home, *answers(home)))
    assert recall([MOST + 19]) == (0, "x")


def test_another_question_another_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(["a", 1], 1, "said", [])
    assert recall(["a", 1]) == (1, "said")
    assert recall(["a", 2]) is None
    monkeypatch.setattr(remembering, "__version__", "99.0.0")
    assert recall(["a", 1]) is None


def test_a_known_answer_imports_no_reader(home: Path, files: Path) -> None:
    """Neither YAML nor a plugin nor the machine, in whatever order a process keeps its sets."""
    program = (
        "import sys\nfrom tokenflow.cli.app import run\n"
        f"run(['validate', {str(files / 'mine.yaml')!r}])\n"
        "print([name for name in ('yaml', 'tokenflow.spec', 'tokenflow_oauth2', 'transitions')"
        " if name in sys.modules])"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0].splitlines()[0] == said[1].splitlines()[0] == "1 file, all fine"
    assert said[1].splitlines()[1] == "[]"


def test_another_reader_is_asked_anew(
    tokenflow: Call, home: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a clone its code changes between two releases."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home.parent))
    tokenflow("validate", files / "mine.yaml")
    monkeypatch.setattr(remembering, "own_code", lambda: [("reading.py", 1, 1)])
    tokenflow("validate", files / "mine.yaml")
    assert len(answers(home)) == 2


def test_a_folder_that_was_looked_into_counts_by_its_names(home: Path, tmp_path: Path) -> None:
    """A file that comes to be there may be the one that was looked for."""
    folder = tmp_path / "issuers"
    folder.mkdir()
    remember(["q"], 0, "said", [str(folder)])
    assert recall(["q"]) == (0, "said")
    (folder / "acme.yaml").write_text("")
    assert recall(["q"]) is None
