"""Tokens in one SQLite file: the contract, what stands in the file, and what its URL may say."""

import ast
import base64
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlite_utils

import tokenflow_sqlite
from tests.plugins.sqlite_ground import (
    ask,
    kept,
    new,
    opened,
    row,
    run,
)
from tokenflow import (
    Entry,
    Secret,
    StoreError,
    StoreOrder,
    StoreTooNew,
    StoreUnreadable,
    Write,
    WrongKey,
)
from tokenflow.engine.ciphers import binding
from tokenflow.engine.keys import open_keyed
from tokenflow.testing import store_conformance
from tokenflow.testing.store_rows import entry
from tokenflow_sqlite import SqliteStore, database, schema
from tokenflow_sqlite.database import LINKED, connect
from tokenflow_sqlite.settings import Settings, settings_of, wal_is_safe


def _open(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "tokens.db")


def _open_wal(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "tokens.db", options={"journal": "wal", "synchronous": "full"})


TestSqliteStore = store_conformance(_open, examples=12, steps=25)
if wal_is_safe(LINKED):
    TestSqliteStoreInWal = store_conformance(_open_wal, examples=8, steps=25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return kept(tmp_path)


# ---- what stands in it


def test_nothing_is_made_when_it_must_exist(tmp_path: Path) -> None:
    """A command that only looks makes neither file nor folder."""
    with pytest.raises(StoreUnreadable, match="no store at"):
        SqliteStore(tmp_path / "store" / "tokens.db", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["-journal", "-wal"])
def test_a_new_store_does_not_take_up_an_old_journal(path: Path, suffix: str) -> None:
    """A store that is gone while its journal is not is refused: SQLite would roll it into the new file."""
    path.with_name(path.name + suffix).write_bytes(b"old")
    path.unlink()
    with pytest.raises(StoreUnreadable, match=r"bring tokens\.db back"):
        SqliteStore(path)
    assert not path.exists()


def test_a_store_appears_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When making a store fails half-way, nothing of it is left under any name."""

    def fail(db: sqlite_utils.Database) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(database, "MIGRATIONS", [schema.MIGRATIONS[0], fail])
    with pytest.raises(ZeroDivisionError):
        SqliteStore(tmp_path / "tokens.db")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(db: sqlite_utils.Database) -> None:
        db.table("tokens").add_column("colour", str)

    monkeypatch.setattr(database, "MIGRATIONS", [*schema.MIGRATIONS, step])


@pytest.mark.proves("R13")
@pytest.mark.usefixtures("next_version")
def test_an_older_store_is_brought_to_this_version(path: Path) -> None:
    """Missing steps run at open; what was kept stays."""
    with opened(path) as store:
        assert store.load("acme", "reports") == row(access_token=b"sealed")
        assert store.mark() == 7
    assert ask(path, "PRAGMA user_version") == len(schema.MIGRATIONS) + 1
    assert ask(path, "SELECT count(colour) FROM tokens") == 0


def test_a_store_of_the_first_version_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a store of version 1 kept is read by this one, and its history grows on."""
    path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", schema.MIGRATIONS[:1])
        SqliteStore(path).close()
        connection = connect(path, Settings())
        line = "INSERT INTO entries (tenant, key, token_id, revision, at, event_id, happened) "
        connection.execute(line + "VALUES ('acme', 'old', 'id-old', 1, 1, 'e1', '{}')")
        connection.close()
    with opened(path) as store:
        old = entry(row("old"), event_id="e1")
        assert store.history("acme", "old") == [old]
        assert store.seen("acme", "id-old", "e1") == old
        assert store.pending("acme", 9) == []
        told = entry(row("old"), delivery="id-old:1:0")
        store.save([Write(row=row("old"), expected=0, entries=(told,))], mark=9)
        assert store.pending("acme", 9) == [told]
        assert store.history("acme", "old") == [old, told]


@pytest.mark.proves("R13")
@pytest.mark.usefixtures("next_version")
def test_a_newer_store_is_refused_and_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newer tokenflow migrated is StoreTooNew to an older one."""
    SqliteStore(path).close()
    monkeypatch.undo()
    before, ours = path.read_bytes(), len(schema.MIGRATIONS)
    with pytest.raises(StoreTooNew, match=f"version {ours + 1}; this tokenflow knows versions up to {ours}"):
        SqliteStore(path)
    assert path.read_bytes() == before


@pytest.mark.proves("R13")
def test_a_step_that_fails_leaves_the_older_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps run in one transaction: after a failure the store opens as before."""

    def step(db: sqlite_utils.Database) -> None:
        db.table("tokens").add_column("colour", str)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", [*schema.MIGRATIONS, step])
        with pytest.raises(ZeroDivisionError):
            SqliteStore(path)
    assert ask(path, "PRAGMA user_version") == len(schema.MIGRATIONS)
    assert ask(path, "SELECT count(*) FROM pragma_table_info('tokens') WHERE name = 'colour'") == 0


def test_the_commit_stands_on_what_was_asked_for(path: Path) -> None:
    """Every pragma of the default is in force on the connection that is used."""
    wanted = {
        "journal_mode": "truncate",
        "synchronous": 3,
        "secure_delete": 1,
        "busy_timeout": 5,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "mmap_size": 0,
        "application_id": 0x544F4B46,
        "user_version": len(schema.MIGRATIONS),
    }
    connection = connect(path, Settings())
    try:
        assert {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted} == wanted
    finally:
        connection.close()


def test_every_write_begins_by_taking_the_writers_lock(path: Path) -> None:
    """A deferred BEGIN reads first and then finds the row changed (measured: 3 979 of 5 179 were busy)."""
    with opened(path) as store:
        told: list[str] = []
        connection = store._link.session().connection
        assert connection is not None
        connection.set_trace_callback(told.append)
        writes: list[Callable[[], object]] = [
            lambda: store.save([new(row("other", live=False))], mark=1),
            lambda: store.note(entry(row("other"), event_id="e1"), 9),
            lambda: store.delivered([entry(row("other"), delivery="x:1:0")]),
            lambda: store.claim("acme", "other", "w1", now=0, until=1),
            lambda: store.release("acme", "other", "w1"),
            lambda: store.forget("acme", "other"),
            lambda: store.put("shelf", "name", b""),
            lambda: store.keep("shelf", "name", b""),
            lambda: store.take("shelf", "name"),
        ]
        for write in writes:
            told.clear()
            write()
            assert (told[0], told[-1]) == ("BEGIN IMMEDIATE", "COMMIT")


@pytest.mark.proves("R22")
def test_every_question_has_its_index(path: Path) -> None:
    """What is due, an entry, an identity and a parent's children are found without reading all rows."""
    from tokenflow_sqlite import statements

    questions = {
        statements.DUE: ("a", 1, 0, "", 1),
        statements.HISTORY: ("a", "b"),
        statements.SEEN: ("a", "b", "c"),
        statements.CHILDREN: ("a", "b"),
        statements.LOAD: ("a", "b"),
        statements.FIND: ("a", "b"),
    }
    connection = connect(path, Settings())
    try:
        for sql, values in questions.items():
            plan = [line[3] for line in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            assert plan == [line for line in plan if line.startswith("SEARCH")], plan
    finally:
        connection.close()


# ---- secrets in it


@pytest.mark.proves("R14")
def test_the_wrong_key_is_found_at_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that was sealed with one key says so to another, after a reopen too."""
    path = tmp_path / "tokens.db"
    monkeypatch.setenv("KEY", "A" * 43)
    monkeypatch.setenv("OTHER", "B" * 42 + "A")
    with opened(path) as store:
        open_keyed(store, "env:KEY")
    with opened(path) as store, pytest.raises(WrongKey, match="from env:OTHER does not open this store"):
        open_keyed(store, "env:OTHER")


@pytest.mark.proves("A1", "B6")
def test_no_secret_is_in_any_file(tmp_path: Path) -> None:
    """Canaries saved, replaced and parked through the cipher are in none of its files, in any encoding."""
    path = tmp_path / "store" / "tokens.db"
    canaries = [f"canary-{number:04}-canary" for number in range(50)]
    with opened(path) as store:
        cipher = open_keyed(store, None)
        for number, canary in enumerate(canaries):
            sealed = cipher.seal(Secret(canary), binding("acme", "id", "access_token", number))
            held = row(revision=number + 1, access_token=sealed, refresh_token=sealed)
            store.save([Write(row=held, expected=number)], mark=number)
            store.put("parked", str(number), sealed)
        content = b"".join(file.read_bytes() for file in _copies(path))
    for canary in canaries:
        text = canary.encode()
        for form in (text, text.hex().encode(), base64.b64encode(text)[:-4], canary.encode("utf-16-le")):
            assert form not in content


@pytest.mark.proves("A6")
def test_a_replaced_value_is_wiped(tmp_path: Path) -> None:
    """What was replaced, forgotten or taken is not left in free pages or the journal."""
    path = tmp_path / "store" / "tokens.db"
    with opened(path) as store:
        store.save([new(row(access_token=b"old-value-1" * 500), _line("old-value-2"))], mark=1)
        store.save([Write(row=row(revision=2, live=False), expected=1)], mark=2)
        store.forget("acme", "reports")
        store.put("parked", "login", b"old-value-3")
        store.take("parked", "login")
        assert b"old-value" not in b"".join(file.read_bytes() for file in _copies(path))


def _line(happened: str) -> Entry:
    return Entry(tenant="acme", key="reports", token_id="id-reports", revision=1, at=1, happened=happened)


def _copies(path: Path) -> list[Path]:
    """Copy every file of a store that is open, in another process: this one may not open them."""
    run(
        "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2])",
        path.parent,
        path.parent.parent / "copy",
    )
    return list((path.parent.parent / "copy").iterdir())


# ---- what the URL says


@pytest.mark.parametrize("name", ["", ":memory:"])
def test_memory_is_another_store(name: str) -> None:
    """sqlite::memory: would forget, and each connection something else; the hint is `memory`."""
    with pytest.raises(StoreError, match="--store memory"):
        SqliteStore(name)


def test_a_relative_path_stays_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later chdir does not lead to another file; odd names are names."""
    monkeypatch.chdir(tmp_path)
    with opened(Path("to?ken #%41.db")) as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.save([new(row())], mark=1)
    assert ask(tmp_path / "to?ken #%41.db", "SELECT count(*) FROM tokens") == 1


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 3), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), False),
        ((3, 53, 0), True),
    ],
)
def test_wal_is_offered_only_where_it_is_safe(version: tuple[int, ...], safe: bool) -> None:
    """The linked SQLite decides, and the refusal names the extra that brings a safe one."""
    assert wal_is_safe(version) is safe
    if safe:
        assert settings_of({"journal": "wal"}, version) == Settings(journal="wal")
    else:
        with pytest.raises(StoreError, match=r'pip install "tokenflow-engine\[wal\]"'):
            settings_of({"journal": "wal"}, version)


@pytest.mark.parametrize("option", [{"synchronous": "normal"}, {"journal": "off"}, {"jornal": "wal"}])
def test_an_option_that_loses_tokens_is_not_offered(option: dict[str, str]) -> None:
    """Unknown options and values are refused with those that exist."""
    with pytest.raises(StoreError, match=r"journal=truncate\|wal synchronous=extra\|full"):
        settings_of(option, (3, 53, 0))


def test_the_plugin_offers_sqlite(tmp_path: Path) -> None:
    """The record's capabilities are the store's own, and it opens what the order names."""
    (backend,) = tokenflow_sqlite.tokenflow_stores()
    store = backend.open(StoreOrder(path=str(tmp_path / "tokens.db"), options={"synchronous": "full"}))
    try:
        assert (backend.name, backend.capabilities) == ("sqlite", store.capabilities)
    finally:
        store.close()


def test_one_module_takes_the_dbapi() -> None:
    """Two SQLite libraries on one file lose commits: only `database` names one, sqlite-utils' own."""
    takers = set()
    for file in Path(tokenflow_sqlite.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            )
            if {"sqlite3", "pysqlite3"} & {name.partition(".")[0] for name in names}:
                takers.add((file.name, getattr(node, "module", None)))
    assert takers == {("database.py", "sqlite_utils.utils")}
