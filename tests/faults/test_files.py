"""The file is changed, its migration is killed, its writer is stopped."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults import corrupt, migrating
from tests.faults.corrupt import Damage, Trial, made, read
from tests.plugins.sqlite_ground import new, opened, row
from tokenflow import StoreUnreadable
from tokenflow_sqlite import link
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.settings import Settings

SEED = 20


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
@pytest.mark.parametrize("size", [migrating.GATE, pytest.param(10**6, marks=pytest.mark.campaign)])
def test_a_migration_that_is_killed_at_any_statement_is_done_or_not(size: int) -> None:
    """From each older version: whoever comes next finds one version or the other, and every row."""
    migrating.campaign(size, SEED).demand()


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
