"""The audit trail in the file: edited by hand, killed half-way, written by two, begun in an old store."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.audit_ground import edited
from tests.engine.test_auditing import LIFE, bodies, engine_of
from tests.plugins.sqlite_ground import opened, row, run
from tokenflow import Write
from tokenflow.engine.examining import Flaw, examine
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.wording import read
from tokenflow.runner.auditing import said_of
from tokenflow_sqlite import SqliteStore, database, schema

pytestmark = pytest.mark.proves("J", "B8")


def flaws_of(url: str) -> tuple[Flaw, ...]:
    with engine_of(url) as engine:
        return examine(engine.desk.audit.moorings).flaws


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a token of three revisions, closed and anchored."""
    path = tmp_path / "store" / "tokens.db"
    with engine_of(f"sqlite:{path}") as engine:
        for _ in range(3):
            engine.acquire("app", **LIFE)
    return path


CHAIN = "(SELECT chain FROM lines WHERE number = 3)"
"""The chain that the token's lines are on."""
FORGED = "CAST(replace(CAST(body AS TEXT), 'issued', 'issueD') AS BLOB)"
ROLLED_BACK = (
    "UPDATE chains SET number = 2, head = (SELECT head FROM lines WHERE number = 2) WHERE number = 3"
)


@pytest.mark.parametrize(
    ("edits", "number"),
    [
        ((f"UPDATE lines SET body = {FORGED} WHERE number = 2",), 2),
        (("UPDATE lines SET body = CAST(x'7b7d0a' AS BLOB) WHERE number = 3",), 3),
        ((f"DELETE FROM lines WHERE number = 1 AND chain = {CHAIN}",), 1),
        (("DELETE FROM lines WHERE number = 3",), 3),
        ((ROLLED_BACK, "DELETE FROM lines WHERE number = 3"), 3),
        ((f"DELETE FROM chains WHERE chain = {CHAIN}", "DELETE FROM lines WHERE number > 1"), 2),
        (("INSERT INTO lines SELECT chain, 4, body, head FROM lines WHERE number = 3",), 4),
    ],
    ids=["a word", "a line", "the first", "the last", "the end and its list", "a chain", "one more"],
)
def test_what_is_edited_by_hand_is_named(path: Path, edits: tuple[str, ...], number: int) -> None:
    """Whoever writes into the file without the key is found out, down to the line."""
    assert flaws_of(f"sqlite:{path}") == ()
    edited(path, *edits)
    (flaw,) = flaws_of(f"sqlite:{path}")
    assert flaw.number == number


def test_a_line_that_was_put_behind_the_end_stops_nobody(path: Path) -> None:
    """The next line steps over it: the token is saved, and the forged line stays for all to see."""
    edited(path, "INSERT INTO lines SELECT chain, 4, body, head FROM lines WHERE number = 3")
    with engine_of(f"sqlite:{path}") as engine:
        engine.acquire("app", **LIFE)
        (flaw,) = examine(engine.desk.audit.moorings).flaws
        assert flaw.number == 4
        assert [line.number for line in bodies(engine.desk.store) if line.number > 1] == [2, 3, 4, 5]


def test_a_store_of_before_begins_a_trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was before is not on it; its first line says that it begins, and its tokens go on."""
    path = tmp_path / "store" / "tokens.db"
    steps = [step.__name__ for step in schema.MIGRATIONS]
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", schema.MIGRATIONS[: steps.index("_fourth")])
        SqliteStore(path).close()
    with opened(path) as store:
        open_keyed(store, None)
        store.save([Write(row=row("old", tenant="default", live=False), expected=0)], mark=1)
        assert (store.chains(), bodies(store)) == ([], [])
    with engine_of(f"sqlite:{path}") as engine:
        assert engine.forget("old")
        engine.acquire("app", **LIFE)
        acts = sorted(read(line, None).act for line in bodies(engine.desk.store))
    assert acts == ["begun", "forget", "save"]
    assert flaws_of(f"sqlite:{path}") == ()


WRITES = """
import sys
from tokenflow.engine.auditing import open_auditor
from tokenflow.engine.clocks import SystemClock
from tokenflow.engine.keys import open_keyed
from tokenflow import Row, RevisionConflict, Write
from tokenflow_sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
audit = open_auditor(store, open_keyed(store, None), SystemClock())
print("open", flush=True)
for number in range(int(sys.argv[2])):
    key = f"key/{number % 2}"
    found = store.load("acme", key)
    stood = 0 if found is None else found.revision
    one = Row(tenant="acme", key=key, id="i", revision=stood + 1, generation=1, state="issued", live=True)
    record = audit.act("step", tenant="acme", key=key, facts={"revision": stood + 1})
    try:
        store.save([Write(row=one, expected=stood)], mark=1, record=record)
    except RevisionConflict:
        continue
audit.close()
"""
"""Takes two keys from revision to revision, so many times, each with its line."""


def _agrees(url: str) -> int:
    """Hold each revision against its line, and return how many there are."""
    counted = 0
    with engine_of(url) as engine:
        audit, store = engine.desk.audit, engine.desk.store
        assert examine(audit.moorings).flaws == ()
        for key in ("key/0", "key/1"):
            found = store.load("acme", key)
            revision = 0 if found is None else found.revision
            said = [one.facts["revision"] for one in said_of(audit, "acme", key)]
            assert said == list(range(1, revision + 1))
            counted += revision
    return counted


def test_two_processes_write_one_trail(path: Path) -> None:
    """Lines of two processes that save at the same time stand in the order of the revisions they tell of."""
    other = subprocess.Popen([sys.executable, "-c", WRITES, path, "20"], stdout=subprocess.PIPE)
    try:
        run(WRITES, path, "20")
        assert other.wait(60) == 0
    finally:
        other.kill()
        other.communicate()
    assert 20 <= _agrees(f"sqlite:{path}") <= 40


def test_a_kill_leaves_neither_a_change_without_its_line_nor_a_line_without_its_change(path: Path) -> None:
    """After each kill -9 every revision has its one line, up to the row's own, and the trail verifies."""
    counts = [0]
    for turn in range(3):
        victim = subprocess.Popen([sys.executable, "-c", WRITES, path, "99999"], stdout=subprocess.PIPE)
        try:
            assert victim.stdout is not None
            victim.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                victim.wait(0.08 + 0.05 * turn)
            os.kill(victim.pid, signal.SIGKILL)
        finally:
            victim.kill()
            victim.communicate()
        counts.append(_agrees(f"sqlite:{path}"))
    assert counts[-1] > counts[0], "the victims wrote"
