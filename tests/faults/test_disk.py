"""The disk fails, the power fails, the file is changed, a migration is killed: what was kept is kept."""

import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.faults import corrupt, disk, migrating, power
from tests.faults.corrupt import Damage, Trial, made, read
from tests.faults.images import Disk, Image
from tests.faults.shim import Operation
from tests.plugins.sqlite_ground import new, opened, row
from tokenflow import StoreUnreadable
from tokenflow_sqlite import link
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.settings import Settings

SEED = 20


@pytest.mark.proves("R10", "H1")
@pytest.mark.parametrize("size", [disk.GATE, pytest.param(4_000, marks=pytest.mark.campaign)])
def test_a_disk_that_fails_at_any_operation_loses_nothing(size: int) -> None:
    """Nothing acknowledged is lost, no token spent twice, no store damaged; good tokens are served on."""
    disk.campaign(size, SEED).demand()


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("a failed write is taken for done", "was acknowledged, and .* is kept"),
        ("an unreadable store is made anew", "is not there any more"),
    ],
)
def test_a_store_that_is_careless_about_its_disk_is_caught(mistake: str, said: str) -> None:
    """With either mistake in the product, the check above fails, and says what was lost."""
    report = disk.campaign(20, SEED, mistake=mistake)
    assert any(re.search(said, one) for one in report.failures), str(report)


@pytest.mark.proves("R1", "H2")
@pytest.mark.parametrize("size", [power.GATE, pytest.param(200_000, marks=pytest.mark.campaign)])
def test_no_power_cut_loses_what_was_acknowledged(size: int) -> None:
    """In both journal modes, after an fsync that failed, too; and commits that do not last are seen to."""
    power.campaign(size, SEED).demand()


def found(image: Image) -> dict[str, bytes]:
    """Return an image's files."""
    return {path: bytes(content) for path, content in image.files()}


def test_a_name_lasts_once_its_folder_was_synced_and_a_write_once_its_file_was() -> None:
    """The modelled disk has what was synced, may have what was not, and tears a write into sectors."""
    model = Disk("/d", Random(SEED))
    model.does(Operation("O", "/d/one"))
    model.does(Operation("W", "/d/one", 0, b"a" * 1024))
    assert found(model.nothing()) == {}
    model.does(Operation("S", "/d/one"))
    assert found(model.nothing()) == {}
    model.does(Operation("S", "/d"))
    assert found(model.nothing()) == {"one": b"a" * 1024}
    model.does(Operation("W", "/d/one", 0, b"b" * 1024))
    model.does(Operation("R", "/d/one", data=b"/d/two"))
    assert found(model.nothing()) == {"one": b"a" * 1024}
    assert found(model.everything()) == {"two": b"b" * 1024}
    seen = {one for _ in range(64) for one in found(model.something(torn=True)).items()}
    halves = {b"a" * 512, b"b" * 512}
    assert seen == {(path, one + two) for path in ("one", "two") for one in halves for two in halves}


def test_what_a_failed_fsync_left_unwritten_no_later_one_writes() -> None:
    """After it the kernel takes everything for written: a coin decides for each write, and for good."""
    kept = set()
    for seed in range(16):
        model = Disk("/d", Random(seed))
        for one in (Operation("O", "/d/one"), Operation("S", "/d"), Operation("W", "/d/one", 0, b"a")):
            model.does(one)
        model.does(Operation("F", "/d/one"))
        model.does(Operation("S", "/d/one"))
        kept.add(found(model.nothing())["one"])
    assert kept == {b"", b"a"}


@pytest.mark.proves("R11")
@pytest.mark.parametrize("size", [corrupt.GATE, pytest.param(10**6, marks=pytest.mark.campaign)])
def test_a_changed_file_is_answered_rightly_or_refused(size: int) -> None:
    """No byte, page or file in its place brings another token, a new store, or a write to what is refused."""
    corrupt.campaign(size, SEED).demand()


def test_another_token_is_noticed(tmp_path: Path) -> None:
    """The check above fails where tokens are swapped, and where what is refused is written to."""
    ground = made(tmp_path / "one")
    trial = Trial(ground, ground.file.read_bytes(), list(reversed(read(ground))))
    trial.does(Damage("nothing", 0))
    assert trial.failures == ["nothing: another token was handed out"]


@pytest.mark.proves("R13")
def test_a_migration_that_is_killed_at_any_statement_is_done_or_not() -> None:
    """From each older version: whoever comes next finds one version or the other, and every row."""
    migrating.campaign(migrating.GATE, SEED).demand()


def test_a_migration_that_loses_a_row_is_noticed(tmp_path: Path) -> None:
    """The check above fails over a store that lacks a row, or is of a version that nobody made."""
    path = tmp_path / "tokens.db"
    migrating.old(path, 3)
    assert len(list(migrating.complaints(path, 2))) == 1
    with closing(connect(path, Settings())) as connection:
        connection.execute("DELETE FROM tokens WHERE key = 'k/1'")
    assert len(list(migrating.complaints(path, 3))) == 1


_STOPPED = """
import os, signal, sys
from pathlib import Path
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.settings import Settings
connection = connect(Path(sys.argv[1]), Settings())
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE marks SET instant = 99")
print("held", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.proves("R12", "H2")
def test_a_stopped_writer_keeps_nobody_from_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a writer is stopped, reads go on and writes say who is in the way; killed, it leaves nothing."""
    monkeypatch.setattr(link, "PATIENCE", 0.2)
    path = tmp_path / "tokens.db"
    with opened(path) as store:
        store.save([new(row())], mark=1)
        holder = subprocess.Popen([sys.executable, "-c", _STOPPED, path], stdout=subprocess.PIPE, text=True)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert store.load("acme", "reports") == row()
        with pytest.raises(StoreUnreadable, match="is locked by another process"):
            store.save([new(row("other"))], mark=1)
        holder.send_signal(signal.SIGKILL)
        holder.communicate(timeout=30)
        store.save([new(row("other"))], mark=1)
        assert store.mark() == 1
