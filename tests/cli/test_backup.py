"""`backup`, `verify`, `export`, `import`, `erase`, `adopt`: what an operator does to the whole of a store."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.engine.audit_ground import edited
from tests.engine.test_auditing import LIFE, engine_of
from tests.house.commands import CHAPTERS
from tokenflow import PayloadError, Row, Secret, StoreError, WrongKey
from tokenflow.engine.ciphers import binding
from tokenflow.engine.containers import MAGIC, Lock
from tokenflow.engine.containers import read as parts_of
from tokenflow.engine.holders import Sources
from tokenflow.engine.journals import record_name
from tokenflow.engine.keyfiles import default_key_file, write_key_file
from tokenflow.engine.segments import Segment
from tokenflow.runner.keepsakes import looked_into
from tokenflow_sqlite import SqliteStore
from tokenflow_sqlite.database import LINKED
from tokenflow_sqlite.settings import wal_is_safe

KEYS = ("user/1", "user/2")
JOURNALS = ("truncate", "wal") if wal_is_safe(LINKED) else ("truncate",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with two tokens of two apps, a forgotten one, and a specs' shelf; its key is its own."""
    path = tmp_path / "store" / "tokens.db"
    with engine_of(f"sqlite:{path}") as engine:
        for number, key in enumerate(KEYS):
            engine.acquire(key, **LIFE, attributes={"user_id": f"10{number}", "app_id": f"{number}"})
    return path


def url(path: Path) -> str:
    return f"sqlite:{path}"


def contents(path: Path) -> dict[str, bytes]:
    """Return what is in a store's folder but its locks."""
    return {str(one): one.read_bytes() for one in path.parent.rglob("*") if one.is_file()}


def told(row: Row) -> tuple[dict[str, Any], str, int]:
    """Return what a row says, but for what vouches for it in its own store."""
    body: dict[str, Any] = json.loads(row.body)
    body.pop("mac", None)
    return body, row.id, row.revision


# ---- backup and verify


@pytest.mark.proves("A1", "R11")
@pytest.mark.parametrize("journal", JOURNALS)
def test_a_backup_is_whole_private_and_opens(
    tokenflow: Call, path: Path, tmp_path: Path, journal: str
) -> None:
    """Made while another has the store open, in either journal mode: every row, line and blob opens in it."""
    store = SqliteStore(path, options={"journal": journal})
    copy = tmp_path / "kept" / "backup.db"
    try:
        said = tokenflow("backup", copy, "--store", f"{url(path)}?journal={journal}", "--format", "json")
        rows = store.rows(None, 9)
    finally:
        store.close()
    assert (said.code, said.object["faults"], said.object["backup"]) == (0, [], url(copy))
    assert (copy.stat().st_mode & 0o777, copy.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [one.name for one in copy.parent.iterdir() if one.stat().st_size] == ["backup.db"]
    found = said.object["verified"]
    assert (found["rows"], found["entries"] >= 2, found["lines"] >= 3) == (2, True, True)
    kept = SqliteStore(copy)
    assert kept.rows(None, 9) == rows
    kept.close()
    again = tokenflow("backup", copy, "--store", url(path))
    assert again.code == 4
    assert "is there already" in again.err


@pytest.mark.proves("R11")
@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("UPDATE tokens SET generation = generation - 1 WHERE key = 'user/1'", "row default/user/1"),
        ("UPDATE tokens SET expires_at = 5 WHERE key = 'user/2'", "row default/user/2"),
        ("UPDATE tokens SET fingerprint = x'00' WHERE key = 'user/2'", "row default/user/2"),
        ("UPDATE tokens SET body = '{}' WHERE key = 'user/2'", "row default/user/2"),
        ("UPDATE tokens SET identity = '[\"7\"]' WHERE key = 'user/2'", "row default/user/2"),
        ("UPDATE entries SET happened = '{' WHERE key = 'user/2'", "row default/user/2"),
        ("UPDATE entries SET revision = 99 WHERE key = 'user/1'", "row default/user/1"),
        ("DELETE FROM shelves WHERE shelf = 'spec'", "row default/user/1"),
        ("UPDATE shelves SET value = zeroblob(61) || x'' WHERE shelf = 'nothing'", ""),
        ("UPDATE shelves SET name = '/kez' WHERE shelf = 'audit' AND name = '/key'", "blob audit//kez"),
        ("DELETE FROM lines WHERE number = 1 AND chain IN (SELECT max(chain) FROM chains)", "trail chain"),
    ],
)
def test_verify_names_what_is_wrong(tokenflow: Call, path: Path, sql: str, where: str) -> None:
    """Each thing that was changed by hand is named with its place, and it leaves with 1; else with 0."""
    edited(path, sql)
    said = tokenflow("verify", "--store", url(path))
    assert (said.code, f"fault: {where}" in said.out) == ((1, True) if where else (0, False)), said


@pytest.mark.proves("R11")
def test_verify_opens_what_waits_in_a_journal(tokenflow: Call, path: Path) -> None:
    """An answer under a row's name that no key opens is named; one that opens is counted."""
    folder = path.with_name("tokens.db.d") / "journals"
    segment = Segment(folder, "a worker")
    with looked_into(url(path), None) as it:
        sealed = it.ring.seal(Secret("{}"), binding("default", KEYS[0], "journal", 0))
    assert segment.put(record_name("default", KEYS[0]), sealed)
    assert segment.put(record_name("default", KEYS[1]), sealed)
    said = tokenflow("verify", "--store", url(path), "--format", "json")
    segment.close()
    assert (said.code, said.object["verified"]["records"]) == (1, 2)
    (fault,) = said.object["faults"]
    assert fault["where"].endswith("of default/user/2")


def test_verify_changes_nothing(tokenflow: Call, path: Path) -> None:
    """No byte of the store's folder, and nothing beside its key."""
    homes = default_key_file("x").parent
    before = contents(path), sorted(homes.iterdir())
    assert tokenflow("verify", "--store", url(path)).code == 0
    assert (contents(path), sorted(homes.iterdir())) == before


# ---- export and import


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say a passphrase on the standard input; to derive its key takes no time here."""
    monkeypatch.setattr("tokenflow.engine.containers.COST", 14)

    def say(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))

    return say


@pytest.mark.proves("A1")
def test_tokens_go_from_store_to_store(
    tokenflow: Call, path: Path, tmp_path: Path, said: Callable[[str], None]
) -> None:
    """With history and specs, sealed under the other's keys; what is taken stays; the file shows nothing."""
    file, other = tmp_path / "tokens.export", tmp_path / "other" / "tokens.db"
    said("correct horse battery")
    assert tokenflow("export", file, "--store", url(path)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"canary" not in file.read_bytes()
    assert b"user/1" not in file.read_bytes()
    said("correct horse battery")
    taken = tokenflow("import", file, "--store", url(other), "--format", "json")
    assert (taken.code, taken.object["tokens"], taken.object["conflicts"]) == (0, 2, [])
    assert tokenflow("verify", "--store", url(other)).code == 0
    with looked_into(url(path), None) as one, looked_into(url(other), None) as two:
        for key in KEYS:
            mine, theirs = one.store.load("default", key), two.store.load("default", key)
            assert mine is not None
            assert theirs is not None
            assert told(mine) == told(theirs)
            assert mine.access_token != theirs.access_token
            assert len(one.store.history("default", key)) == len(two.store.history("default", key))
    with engine_of(url(path)) as first, engine_of(url(other)) as second:
        assert first.token(KEYS[0]).token.access_token == second.token(KEYS[0]).token.access_token
    said("correct horse battery")
    again = tokenflow("import", file, "--store", url(other))
    assert (again.code, again.out.count("the key is taken here")) == (1, 2)


def test_the_examples_of_its_pages_run(
    tokenflow: Call, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was exported under a key file, which is made, is imported into a new store, and is described."""
    monkeypatch.chdir(tmp_path)
    for words, store in (("export", path), ("import", tmp_path / "new" / "tokens.db")):
        line = CHAPTERS[words].example.replace("STORE", url(store)).split()[1:]
        said = tokenflow(*line, "--format", "json")
        assert said.code == 0
        assert list(said.object) == ["version", *CHAPTERS[words].json]
        assert said.object["tokens"] == 2


@pytest.mark.proves("A1", "A2")
def test_a_file_that_was_changed_anywhere_is_refused(tokenflow: Call, path: Path, tmp_path: Path) -> None:
    """Bytes of it, cuts, a part left out, doubled or moved, parts of another file, something behind it."""
    lock = f"file:{write_key_file(tmp_path / 'keys' / 'lock.key')}"
    file, twin = tmp_path / "one.export", tmp_path / "two.export"
    for name in (file, twin):
        assert tokenflow("export", name, "--store", url(path), "--lock", lock).code == 0
    whole, other = file.read_bytes(), twin.read_bytes()
    opened = Lock(holder=Sources().holder(lock))

    def all_parts(content: bytes) -> int:
        return len(list(parts_of(io.BytesIO(content), opened)))

    assert all_parts(whole) == 3
    head, first, second, third, last = _pieces(whole)
    strange = [
        head + second + first + third + last,
        head + first + second + last,
        head + first + first + second + third + last,
        whole + b"\0",
        whole + last,
        head + b"".join(_pieces(other)[1:]),
        *(whole[:at] for at in range(0, len(whole), 97)),
        *(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 13)),
        *(whole[:at] + bytes([whole[at] ^ 128]) + whole[at + 1 :] for at in range(len(MAGIC) + 300)),
    ]
    for content in strange:
        with pytest.raises((PayloadError, WrongKey)):
            all_parts(content)


def _pieces(whole: bytes) -> list[bytes]:
    """Return what stands before the parts, and each part."""
    at = len(MAGIC) + 4 + int.from_bytes(whole[len(MAGIC) : len(MAGIC) + 4], "big")
    pieces = [whole[:at]]
    while at < len(whole):
        end = at + 4 + int.from_bytes(whole[at : at + 4], "big")
        pieces.append(whole[at:end])
        at = end
    return pieces


@pytest.mark.proves("A1")
def test_a_file_opens_with_what_locked_it_alone(
    tokenflow: Call, path: Path, tmp_path: Path, said: Callable[[str], None]
) -> None:
    """Another key or passphrase, or the other sort of lock, is told; a short passphrase is not taken."""
    file = tmp_path / "tokens.export"
    said("too short")
    refused = tokenflow("export", file, "--store", url(path))
    assert (refused.code, file.exists()) == (1, False)
    assert "12 characters" in refused.err
    lock = f"file:{write_key_file(tmp_path / 'keys' / 'lock.key')}"
    other = f"file:{write_key_file(tmp_path / 'keys' / 'other.key')}"
    assert tokenflow("export", file, "--store", url(path), "--lock", lock).code == 0
    assert tokenflow("import", file, "--store", url(tmp_path / "a.db"), "--lock", other).code != 0
    said("correct horse battery")
    assert "say which: --lock" in tokenflow("import", file, "--store", url(tmp_path / "a.db")).err


@pytest.mark.proves("J")
def test_without_its_line_in_the_trail_nothing_goes_out(
    tokenflow: Call, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trail that cannot be written lets no backup and no export be made."""

    def full(*_: Any, **__: Any) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(SqliteStore, "save", full)
    lock = f"file:{write_key_file(tmp_path / 'keys' / 'lock.key')}"
    assert tokenflow("export", tmp_path / "e", "--store", url(path), "--lock", lock).code == 4
    assert tokenflow("backup", tmp_path / "b", "--store", url(path)).code == 4
    assert not (tmp_path / "e").exists()
    assert not (tmp_path / "b").exists()


# ---- erase


@pytest.mark.proves("A6")
def test_an_erased_person_is_in_no_file_and_the_trail_verifies(tokenflow: Call, path: Path) -> None:
    """Rows, history, veils: no byte of their key or id is left; others stay; lines stay, and say nothing."""
    edited(
        path, "UPDATE tokens SET body = json_set(body, '$.attributes.user_id', '100') WHERE key = 'user/1'"
    )
    before = tokenflow("audit", "show", "--store", url(path), "--format", "json").object["lines"]
    assert tokenflow("erase", "--person", "100", "--store", url(path), "--dry-run").out == (
        "would be erased: user/1\n"
    )
    erased = tokenflow("erase", "--person", "100", "--store", url(path))
    assert erased.out == "erased: user/1\n"
    assert "tokenflow keys rewrap" in erased.err
    assert not [name for name, content in contents(path).items() if b"user/1" in content]
    assert tokenflow("audit", "verify", "--store", url(path)).code == 0
    assert tokenflow("verify", "--store", url(path)).code == 0
    after = tokenflow("audit", "show", "--store", url(path), "--format", "json").object["lines"]
    assert [one["key"] for one in before].count("user/1") == 1
    assert "user/1" not in json.dumps(after)
    assert [one["act"] for one in after].count("erase") == 1
    assert sum(one["erased"] for one in after) == 2
    assert [one["key"] for one in after].count("user/2") == 1
    with engine_of(url(path)) as engine:
        assert engine.token("user/2")
        engine.acquire("user/1", **LIFE, attributes={"user_id": "100", "app_id": "0"})
    shown = tokenflow("audit", "show", "user/1", "--store", url(path), "--format", "json").object["lines"]
    assert len(shown) == 1, "who comes back begins anew"
    assert tokenflow("erase", "nobody", "--store", url(path)).code == 1


@pytest.mark.proves("A3", "A6")
def test_a_backup_of_before_does_not_bring_the_erased_back(
    tokenflow: Call, path: Path, tmp_path: Path
) -> None:
    """Put back and adopted, the store erases them again, by what is noted beside its key."""
    copy = tmp_path / "kept" / "backup.db"
    assert tokenflow("backup", copy, "--store", url(path)).code == 0
    assert tokenflow("erase", "user/1", "--store", url(path)).code == 0
    path.unlink()
    shutil.copyfile(copy, path)
    path.chmod(0o600)
    found = tokenflow("verify", "--store", url(path))
    assert "to be adopted before it is used: the store is at line" in found.err
    looked = tokenflow("adopt", "--store", url(path), "--dry-run", "--format", "json")
    assert looked.object["suspicion"]["cause"] == "behind"
    done = tokenflow("adopt", "--store", url(path), "--because", "the disk died", "--format", "json")
    assert (done.code, done.object["adopted"]) == (0, True)
    assert [(one["key"], one["verdict"]) for one in done.object["outcomes"]] == [("user/1", "erased")]
    assert tokenflow("verify", "--store", url(path)).code == 0
    assert tokenflow("adopt", "--store", url(path), "--dry-run").out.startswith("there is nothing to adopt")
    store = SqliteStore(path)
    assert [row.key for row in store.rows(None, 9)] == ["user/2"]
    store.close()
