"""What the store's own file says of itself when `doctor` asks: each line true, each fault found."""

from pathlib import Path

import pytest
import sqlite_utils

from tests.plugins.sqlite_ground import kept
from tokenflow import SECOND, Finding
from tokenflow_sqlite import SqliteStore, checking

NOW = 100 * SECOND


def checked(path: Path) -> dict[str, Finding]:
    """What is found, by the word it begins with."""
    found = checking.check(sqlite_utils.Database(path).conn, path, NOW)
    return {one.says.removeprefix(str(path)).split()[0]: one for one in found}


def test_a_whole_store_is_said_to_be_whole(tmp_path: Path) -> None:
    """By the store itself, as `doctor` asks it."""
    store = SqliteStore(kept(tmp_path))
    try:
        verdicts = {one.verdict for one in store.check(NOW)}
    finally:
        store.close()
    assert verdicts == {"ok"}


def test_leases_are_counted_and_those_that_have_run_out(tmp_path: Path) -> None:
    """A lease is over before its instant has passed, not after."""
    path = kept(tmp_path)
    store = SqliteStore(path)
    try:
        for key, until in (("a", NOW - 1), ("b", NOW + 1), ("c", NOW + 2)):
            assert store.claim("acme", key, "w", now=1, until=until)
        says = [one.says for one in store.check(NOW)]
    finally:
        store.close()
    assert "3 leases, 1 of them run out" in says


def test_a_file_in_wal_is_a_problem_where_wal_is_not_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same file is fine with an SQLite that is."""
    path = kept(tmp_path)
    sqlite_utils.Database(path).enable_wal()
    for safe, verdict in ((True, "ok"), (False, "problem")):
        with monkeypatch.context() as patch:
            patch.setattr(checking, "wal_is_safe", lambda _, safe=safe: safe)
            found = checking.check(sqlite_utils.Database(path).conn, path, NOW)
        assert [one.verdict for one in found] == ["ok", "ok", verdict, "ok"]
        assert ("refused" in found[0].says) is not safe
