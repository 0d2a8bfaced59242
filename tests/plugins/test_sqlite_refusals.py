"""When a SQLite file is not right, each fault has its own sentence, and the file is left as it is."""

import os
from pathlib import Path

import pytest

from tests.plugins.sqlite_ground import (
    AS_ORDINARY_USER,
    PAGE,
    Sabotage,
    ask,
    folder_of_an_ordinary_user,
    kept,
    new,
    opened,
    overwrite,
    row,
    run,
)
from tokenflow import (
    Closed,
    StoreUnreadable,
    Write,
)
from tokenflow_sqlite import SqliteStore, link
from tokenflow_sqlite.database import LINKED, connect
from tokenflow_sqlite.settings import wal_is_safe


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return kept(tmp_path)


# ---- who may read it


@pytest.mark.proves("A7")
@pytest.mark.parametrize("journal", ["truncate", "wal"] if wal_is_safe(LINKED) else ["truncate"])
def test_every_file_is_private_under_any_umask(tmp_path: Path, journal: str) -> None:
    """Folders are 0700 and the store, its journal and its WAL 0600, though the umask forbids nothing."""
    path = tmp_path / "outer" / "inner" / "tokens.db"
    before = os.umask(0)
    try:
        with opened(path, journal=journal) as store:
            store.save([new(row())], mark=1)
            files = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert len(files) == {"truncate": 2, "wal": 3}[journal]
    assert set(files.values()) == {0o600}
    assert {folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent)} == {0o700}


def _symlink(path: Path) -> None:
    path.rename(path.with_name("moved.db"))
    path.symlink_to(path.with_name("moved.db"))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _another_application(path: Path) -> None:
    overwrite(path, 68, b"GPKG")


def _text(path: Path) -> None:
    path.write_bytes(b"dear diary\n" * 1_000)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 5 * PAGE)


def _emptied(path: Path) -> None:
    os.truncate(path, 0)


def _scribbled(path: Path) -> None:
    overwrite(path, PAGE, b"\xa5" * (path.stat().st_size - PAGE))


@pytest.mark.proves("R11")
@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        (lambda path: path.chmod(0o640), "open to others.*0640.*\n.*chmod 600"),
        (lambda path: path.chmod(0o602), "open to others.*0602.*\n.*chmod 600"),
        (_symlink, "symbolic link.*\n.*moved.db"),
        (_folder, "is not a file"),
        (_another_application, "not one of tokenflow's"),
        (_text, "is not a SQLite database"),
        (_cut, "is damaged"),
        (_scribbled, "is damaged"),
        (_emptied, "is empty.*\n.*restore a backup"),
    ],
)
def test_a_file_that_is_not_right_is_refused_and_left_alone(
    path: Path, sabotage: Sabotage, said: str
) -> None:
    """Each fault has its own sentence and mend, and the file is not recreated, cut or deleted."""
    sabotage(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreUnreadable, match=said):
        SqliteStore(path)
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.proves("A7")
def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that somebody else owns is theirs to read."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreUnreadable, match="belongs to user"):
        SqliteStore(path)


_REFUSED = (
    AS_ORDINARY_USER
    + """
SqliteStore(path).close()
os.chmod(path if sys.argv[2] == "file" else path.parent, int(sys.argv[3], 8))
try:
    SqliteStore(path if sys.argv[2] != "new" else path.with_name("new.db")).close()
except StoreError as error:
    print(type(error).__name__, error)
"""
)


@pytest.mark.parametrize(
    ("what", "mode", "said"),
    [
        ("folder", "500", "is read-only for this user"),
        ("folder", "000", "may not be entered by this user"),
        ("new", "500", "no store can be made"),
        ("file", "400", "may not be read and written"),
        ("file", "000", "may not be read and written"),
    ],
)
def test_missing_rights_are_named(what: str, mode: str, said: str) -> None:
    """A folder or file that an ordinary user may not write is told apart from damage, with its mend."""
    with folder_of_an_ordinary_user() as folder:
        told = run(_REFUSED, folder / "tokens.db", what, mode)
    assert told.startswith("StoreUnreadable")
    assert said in told
    assert "help: " in told


# ---- when it goes wrong while open


def _damage_tokens(path: Path) -> None:
    page = int(ask(path, "SELECT rootpage FROM sqlite_master WHERE name = 'tokens'"))
    overwrite(path, (page - 1) * PAGE, b"\xa5" * PAGE)


@pytest.mark.proves("R11")
def test_a_damaged_page_is_named_and_left_alone(path: Path) -> None:
    """Damage that shows only when a row is read or written is StoreUnreadable; nothing is repaired."""
    _damage_tokens(path)
    before = path.read_bytes()
    with opened(path) as store:
        assert store.mark() == 7
        with pytest.raises(StoreUnreadable, match="is damaged"):
            store.load("acme", "reports")
        with pytest.raises(StoreUnreadable, match="is damaged"):
            store.save([new(row("other"))], mark=8)
    assert path.read_bytes() == before


@pytest.mark.proves("R11")
def test_damage_is_looked_at_twice(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed read looks like damage; when a second look over a new connection is good, all is well."""
    run("import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])", path, tmp_path / "damaged.db")
    _damage_tokens(tmp_path / "damaged.db")
    looks = [tmp_path / "damaged.db", path, tmp_path / "damaged.db", path]
    monkeypatch.setattr(link, "connect", lambda _, settings: connect(looks.pop(0), settings))
    with opened(path) as store:
        assert store.load("acme", "reports") == row(access_token=b"sealed")
    with opened(path) as store:
        store.save([Write(row=row(revision=2), expected=1)], mark=8)
    assert looks == []
    assert ask(path, "SELECT revision FROM tokens") == 2


@pytest.mark.proves("R11")
def test_a_file_replaced_while_open_is_refused(path: Path, tmp_path: Path) -> None:
    """A restore under a running store would lose what is written to the old file; it is noticed before."""
    with opened(path) as store:
        run("import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])", path, tmp_path / "backup.db")
        (tmp_path / "backup.db").chmod(0o600)
        (tmp_path / "backup.db").replace(path)
        with pytest.raises(StoreUnreadable, match="was replaced while it was open"):
            store.save([new(row("other"))], mark=8)
        path.unlink()
        with pytest.raises(StoreUnreadable, match="no store at"):
            store.load("acme", "reports")
    assert not path.exists()


def test_a_closed_store_says_so(path: Path) -> None:
    """After close nothing is opened again."""
    store = SqliteStore(path)
    store.close()
    store.close()
    with pytest.raises(Closed):
        store.mark()
