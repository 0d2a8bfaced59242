"""A token's lock: one holder on the host, gone with its process, and never touched by a forked child."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenflow import StoreUnreadable
from tokenflow.core.locks import Hold
from tokenflow.engine import locks as locks_module
from tokenflow.engine.grips import Grip
from tokenflow.engine.locks import STRIPES, FileLocks, ProcessLocks, TokenLocks

HOLDER = """
import sys, time
from pathlib import Path
from tokenflow.engine.locks import FileLocks
held = FileLocks(Path(sys.argv[1])).take("default", "k")
print(held is not None, flush=True)
sys.stdin.read()
"""


def holder(folder: Path) -> "subprocess.Popen[str]":
    """Start a process that holds the lock of `k` until it is told to end, or is killed."""
    started = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "True\n"
    return started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the locks of one store stand."""
    return tmp_path / "store.d" / "locks"


@pytest.mark.parametrize("kind", ["file", "process"])
def test_one_holder_at_a_time(folder: Path, kind: str) -> None:
    """Whoever comes second is told so, until the first lets go; another token is another lock."""
    locks: TokenLocks = FileLocks(folder) if kind == "file" else ProcessLocks()
    first = locks.take("default", "k")
    assert first is not None
    assert first.still()
    assert locks.take("default", "k") is None
    assert locks.take("default", "another") is not None
    assert locks.take("other", "k") is not None, "another tenant's"
    first.release()
    first.release()
    assert not first.still()
    assert locks.take("default", "k") is not None


@pytest.mark.proves("R1", "R17")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_goes_with_its_process(folder: Path, how: signal.Signals) -> None:
    """Killed in whatever way, it lets go, with nothing to be waited for or cleaned up."""
    with holder(folder) as other:
        locks = FileLocks(folder)
        assert locks.take("default", "k") is None
        other.send_signal(how)
        other.wait(10)
        assert locks.take("default", "k") is not None


@pytest.mark.proves("R3")
def test_a_stopped_holder_keeps_it(folder: Path) -> None:
    """A process that stands still has not ended: what it holds is not taken from it."""
    with holder(folder) as other:
        other.send_signal(signal.SIGSTOP)
        assert FileLocks(folder).take("default", "k") is None
        other.send_signal(signal.SIGCONT)
        other.kill()


@pytest.mark.proves("R18")
def test_a_forked_child_neither_holds_nor_drops_it(folder: Path) -> None:
    """The child's copy is closed, not unlocked: the parent goes on holding, through the child's end."""
    locks = FileLocks(folder)
    held = locks.take("default", "k")
    assert held is not None
    child = os.fork()
    if child == 0:
        os._exit(int(held.still() or locks.take("default", "k") is not None))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert held.still()
    assert FileLocks(folder).take("default", "k") is None


def test_a_file_that_was_taken_away_is_no_lock(folder: Path) -> None:
    """Whoever cleared the folder has broken the lock, and the holder's guard says so before it sends."""
    locks = FileLocks(folder)
    held = locks.take("default", "k")
    assert held is not None
    (folder / held.stripe).unlink()
    assert not held.still()
    again = locks.take("default", "k")
    assert again is not None
    assert again.still()


def test_the_folder_is_private(folder: Path) -> None:
    """It is made 0700 under any umask, and one that is open to others is refused, with the mend."""
    before = os.umask(0)
    try:
        FileLocks(folder).take("default", "k")
    finally:
        os.umask(before)
    assert [one.stat().st_mode & 0o777 for one in (folder.parent, folder)] == [0o700, 0o700]
    assert {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}
    loose = folder.with_name("loose")
    loose.mkdir()
    loose.chmod(0o755)
    with pytest.raises(StoreUnreadable, match="chmod 700"):
        FileLocks(loose).take("default", "k")
    folder.with_name("file").write_text("no folder")
    with pytest.raises(StoreUnreadable):
        FileLocks(folder.with_name("file")).take("default", "k")


@given(keys=st.sets(st.tuples(st.text(max_size=5), st.text(max_size=5)), min_size=2, max_size=40))
@settings(max_examples=50)
def test_stripes_are_a_fixed_set(keys: set[tuple[str, str]]) -> None:
    """However many tokens there are, so many files at most; one token always falls on the same."""
    locks = FileLocks(Path("nowhere"))
    stripes = {locks.stripe(*one) for one in keys}
    assert all(0 <= int(one, 16) < STRIPES for one in stripes)
    assert stripes == {locks.stripe(*one) for one in keys}


def test_an_errand_holds_one_lock(folder: Path) -> None:
    """Asking for another token's lets go of the first, so no two errands wait for each other."""
    locks = FileLocks(folder)

    async def run() -> None:
        one, two = Grip(locks, "default"), Grip(locks, "default")
        assert await one.take("a", patient=False) is Hold.FIRM
        assert await one.take("a", patient=False) is Hold.FIRM
        assert await two.take("a", patient=False) is Hold.BUSY
        assert await one.take("b", patient=False) is Hold.FIRM
        assert await two.take("a", patient=False) is Hold.FIRM
        waiting = asyncio.create_task(one.take("a", patient=True))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        two.release()
        assert await waiting is Hold.FIRM
        other = one.passed_on()
        assert not one.still()
        assert other.still()
        assert await two.take("a", patient=False) is Hold.BUSY
        other.release()

    asyncio.run(run())


@pytest.mark.proves("R18")
def test_a_lock_that_is_let_go_of_is_in_no_childs_hands(folder: Path) -> None:
    """A child forked between the system's lock and its record has the file open: the parent unlocks it."""
    made = locks_module._FileLock

    def forked(descriptor: int, path: Path) -> "locks_module._FileLock":
        children.append(os.fork())
        if children[-1] == 0:
            signal.alarm(20)
            os.read(readable, 1)
            os._exit(0)
        return made(descriptor, path)

    readable, writable = os.pipe()
    children: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locks_module, "_FileLock", forked)
        held = FileLocks(folder).take("default", "k")
    assert held is not None
    held.release()
    try:
        assert FileLocks(folder).take("default", "k") is not None
    finally:
        os.write(writable, b".")
        os.waitpid(children[0], 0)


@pytest.mark.proves("R18")
def test_a_forked_child_does_not_wait_for_its_parents_errands() -> None:
    """What was under way in the parent at the fork is no lock in the child; it holds its own, though."""
    locks = ProcessLocks()
    assert locks.take("default", "k") is not None
    child = os.fork()
    if child == 0:
        os._exit(7 if locks.take("default", "k") is not None and locks.take("default", "k") is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert locks.take("default", "k") is None
