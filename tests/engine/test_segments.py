"""The response journal's own file: durable before it is read, found by name, zeroed once dealt with."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenflow import MemoryStore, Secret
from tokenflow.engine import segments
from tokenflow.engine.ciphers import Cipher
from tokenflow.engine.folders import make_private
from tokenflow.engine.journals import Journals
from tokenflow.engine.segments import (
    LARGEST,
    SLOT,
    SLOTS,
    Segment,
    erase,
    kept,
    path_of,
    records_in,
    remove_empty,
)

NAME, OTHER = b"n" * 16, b"o" * 16


class Veil:
    """A cipher that anybody could open."""

    term = 1

    def seal(self, text: Secret, associated: bytes, *, within: float) -> bytes:
        """Turn its bits around."""
        return bytes(255 - one for one in text.reveal().encode())

    def open(self, sealed: bytes, associated: bytes) -> Secret:
        """Turn them back."""
        return Secret(bytes(255 - one for one in sealed).decode())


def find(folder: Path, worker: str, name: bytes) -> bytes | None:
    """The one record of a name, or None."""
    found = kept(folder, worker, name)
    assert len(found) < 2
    return found[0] if found else None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the segments of one store stand."""
    return tmp_path / "store.d" / "journals"


@pytest.mark.proves("R1")
def test_what_was_put_is_found_by_whoever_knows_the_worker(folder: Path) -> None:
    """Another process finds it under the name, the newest of several, until it is erased, byte for byte."""
    segment = Segment(folder, "w1")
    assert segment.put(NAME, b"first")
    assert segment.put(OTHER, b"other")
    assert segment.put(NAME, b"second")
    assert find(folder, "w1", NAME) == b"second"
    assert find(folder, "w2", NAME) is None
    erase(folder, "w1", NAME, b"first")
    assert find(folder, "w1", NAME) == b"second", "another's record stays"
    erase(folder, "w1", NAME, b"second")
    assert find(folder, "w1", NAME) is None
    assert b"second" not in path_of(folder, "w1").read_bytes()
    assert records_in(folder) == 1


def test_what_does_not_fit_is_refused_and_nothing_is_lost(folder: Path) -> None:
    """A record too large, or one too many, is for the store; what is there stays."""
    segment = Segment(folder, "w1")
    assert segment.put(NAME, b"x" * LARGEST)
    assert not segment.put(OTHER, b"x" * (LARGEST + 1))
    for number in range(SLOTS - 1):
        assert segment.put(number.to_bytes(16, "big"), b"y")
    assert not segment.put(OTHER, b"z")
    assert find(folder, "w1", NAME) == b"x" * LARGEST


@given(at=st.integers(0, 200), bit=st.integers(0, 7))
@settings(max_examples=60)
def test_a_torn_record_is_none(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    """Any bit that is not as it was written makes it no record of that content."""
    folder = tmp_path_factory.mktemp("segments") / "journals"
    segment = Segment(folder, "w1")
    assert segment.put(NAME, b"s" * 170)
    with path_of(folder, "w1").open("r+b") as file:
        file.seek(at)
        was = file.read(1)
        file.seek(at)
        file.write(bytes([was[0] ^ 1 << bit]))
    assert find(folder, "w1", NAME) in (None, b"s" * 170)
    if at >= 32:
        assert (find(folder, "w1", NAME) is None) == (at < 202)


def test_a_segment_that_failed_is_not_believed_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An fsync that failed once may say well the next time, and have lost the data."""
    segment = Segment(folder, "w1")
    assert segment.put(NAME, b"first")

    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        assert not segment.put(OTHER, b"lost")
    assert not segment.put(OTHER, b"later")


def test_empty_ones_of_the_dead_go_and_others_stay(folder: Path) -> None:
    """A segment with a record waits for whoever adopts it; a live process's is not touched."""
    code = (
        "import sys; from pathlib import Path; from tokenflow.engine.segments import Segment\n"
        "s = Segment(Path(sys.argv[1]), sys.argv[2]); s.put(b'n' * 16, b'kept')\n"
        "from tokenflow.engine.segments import erase\n"
        "erase(Path(sys.argv[1]), sys.argv[2], b'n' * 16, b'kept') if sys.argv[3] == 'empty' else None\n"
    )
    for worker, how in (("full", "full"), ("gone", "empty")):
        subprocess.run([sys.executable, "-c", code, str(folder), worker, how], check=True)
    living = Segment(folder, "living")
    assert living.put(NAME, b"x")
    erase(folder, "living", NAME, b"x")
    remove_empty(folder)
    assert {path.name for path in folder.iterdir()} == {
        path_of(folder, "full").name,
        path_of(folder, "living").name,
    }
    living.close()
    assert not path_of(folder, "living").exists()


@pytest.mark.proves("R18")
def test_a_forked_child_writes_nothing_into_it(folder: Path) -> None:
    """The file is the parent's: a child has a name, and a segment, of its own."""
    segment = Segment(folder, "w1")
    assert segment.put(NAME, b"parent")
    child = os.fork()
    if child == 0:
        os._exit(int(segment.put(NAME, b"child")))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert find(folder, "w1", NAME) == b"parent"
    assert segment.put(OTHER, b"goes on")


def test_two_of_one_name_do_not_share_a_file(folder: Path) -> None:
    """Where two engines bear one name, the second keeps its receipts in the store."""
    first, second = Segment(folder, "w1"), Segment(folder, "w1")
    assert first.put(NAME, b"x")
    assert not second.put(OTHER, b"y")


def test_it_is_laid_out_beforehand_and_private(folder: Path) -> None:
    """Its place on the disk is taken when it is made: a full disk is met before anything is sent."""
    segment = Segment(folder, "w1")
    assert segment.put(NAME, b"x")
    found = path_of(folder, "w1").stat()
    assert (found.st_size, found.st_mode & 0o777) == (SLOT * SLOTS, 0o600)
    assert found.st_blocks * 512 >= SLOT * SLOTS


def journals_in(folder: Path) -> Journals:
    """Journals of a worker, with a store in memory."""
    return Journals.opened(MemoryStore(), "default", cast("Cipher", Veil()), folder, "w1")


def receipt(answers: int, *, at: int = 7, size: int = 1) -> dict[str, Any]:
    """What is kept after so many answers of an attempt that began then."""
    return {"of": ["id", 1, "extend", 1, at], "worker": "w1", "entries": ["y" * size] * answers}


@pytest.mark.proves("R1")
def test_the_newest_is_found_where_an_older_one_was_not_zeroed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two writes, both are there: by the older a request would be sent again."""
    journals = journals_in(folder)
    journals.keep("k", receipt(1))
    with monkeypatch.context() as killed:
        write = segments._write

        def unzeroed(descriptor: int, data: bytes, at: int) -> None:
            if any(data):
                write(descriptor, data, at)

        killed.setattr(segments, "_write", unzeroed)
        journals.keep("k", receipt(2))
    assert records_in(folder) == 2
    assert journals.find("k", "w1") == receipt(2)
    journals.drop("k", receipt(2))
    assert journals.find("k", "w1") is None
    assert records_in(folder) == 0


@pytest.mark.proves("R1")
def test_the_newest_is_found_where_it_did_not_fit_into_the_segment(folder: Path) -> None:
    """The second answer is in the store then; and what is left there is none of a later attempt's."""
    journals = journals_in(folder)
    journals.keep("k", receipt(1, size=LARGEST // 2))
    journals.keep("k", receipt(2, size=LARGEST // 2))
    assert journals.find("k", "w1") == receipt(2, size=LARGEST // 2)
    journals.keep("k", receipt(1, at=8))
    assert journals.find("k", "w1") == receipt(1, at=8)


def test_who_looks_for_dead_ones_takes_no_living_ones_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment that another remover took, and its worker made anew, stays: it is not the one looked at."""
    made = Segment(folder, "w1")
    assert made.put(NAME, b"x")
    erase(folder, "w1", NAME, b"x")
    made.abandon()
    anew = Segment(folder, "w1")
    own = segments._own

    def late(descriptor: int) -> bool:
        monkeypatch.setattr(segments, "_own", own)
        path_of(folder, "w1").unlink()
        assert anew.put(NAME, b"living")
        return own(descriptor)

    monkeypatch.setattr(segments, "_own", late)
    remove_empty(folder)
    assert find(folder, "w1", NAME) == b"living"


def test_a_new_one_that_is_just_looked_at_is_its_makers(folder: Path) -> None:
    """A remover holds it for a moment; a segment that gave up then would be in the store's way for ever."""
    make_private(folder)
    path_of(folder, "w1").touch(0o600)
    with path_of(folder, "w1").open("rb+") as looked:
        fcntl.flock(looked, fcntl.LOCK_EX)
        threading.Timer(0.02, lambda: fcntl.flock(looked, fcntl.LOCK_UN)).start()
        assert Segment(folder, "w1").put(NAME, b"x")
    assert find(folder, "w1", NAME) == b"x"


def test_a_cleared_folder_takes_the_next_record(folder: Path) -> None:
    """What is written to a file without a name is found by nobody: it is made anew."""
    segment = Segment(folder, "w1")
    assert segment.put(NAME, b"x")
    path_of(folder, "w1").unlink()
    assert segment.put(OTHER, b"y")
    assert find(folder, "w1", OTHER) == b"y"
