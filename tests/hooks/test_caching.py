"""What was kept comes back as it was, or not at all."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenflow.hooks import caching


@settings(max_examples=50)
@given(content=st.binary(max_size=2000))
def test_what_is_kept_comes_back(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever it is, line ends and all."""
    file = caching.place("it", {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))})

    assert caching.write(file, content)
    assert caching.read(file) == content


def test_what_is_too_large_is_not_kept(tmp_path: Path) -> None:
    """The largest that is kept is read whole; one byte more is not kept, and nothing is left of it."""
    file, digest_and_line = str(tmp_path / "it"), 65
    largest = bytes(caching.LARGEST - digest_and_line)

    assert not caching.write(file, largest + b"x")
    assert list(tmp_path.iterdir()) == []
    assert caching.write(file, largest)
    assert caching.read(file) == largest


def test_a_file_of_another_s_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner counts, whatever its mode."""
    file, ours = str(tmp_path / "it"), os.getuid()
    caching.write(file, b"said")
    monkeypatch.setattr(os, "getuid", lambda: ours + 1)

    assert caching.read(file) is None


@pytest.mark.parametrize("what", ["nothing", "a folder", "a pipe"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, what: str) -> None:
    """A pipe nobody writes to would hold whoever opens it."""
    match what:
        case "a folder":
            (tmp_path / "it").mkdir()
        case "a pipe":
            os.mkfifo(tmp_path / "it")

    assert caching.read(str(tmp_path / "it")) is None


def test_nobody_else_reads_it_and_no_link_is_followed(tmp_path: Path) -> None:
    """What stands where the new file is prepared is left alone, and then nothing is kept."""
    file, other = tmp_path / "new" / "it", tmp_path / "other"
    assert caching.write(str(file), b"said")
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)

    other.write_bytes(b"theirs")
    file.with_name(f"it.{os.getpid()}").symlink_to(other)
    assert not caching.write(str(file), b"ours")
    assert (other.read_bytes(), caching.read(str(file))) == (b"theirs", b"said")
