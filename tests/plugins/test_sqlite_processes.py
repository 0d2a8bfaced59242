"""One SQLite file and several processes: shared, forked, locked and killed. All of them are real."""

import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.sqlite_ground import ask, new, opened, row, run
from tokenflow import StoreUnreadable
from tokenflow_sqlite import link
from tokenflow_sqlite.database import LINKED
from tokenflow_sqlite.settings import wal_is_safe

_ADDER = """
import sys
import attrs
from tokenflow import RevisionConflict, Write
from tokenflow_sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
for _ in range(int(sys.argv[2])):
    while True:
        stood = store.load("acme", "reports")
        try:
            new = attrs.evolve(stood, revision=stood.revision + 1)
            store.save([Write(row=new, expected=stood.revision)], mark=1)
            break
        except RevisionConflict:
            pass
store.close()
"""


def test_processes_share_one_file(tmp_path: Path) -> None:
    """What two processes and this one save at once is all there, and none is told that it is locked."""
    path = tmp_path / "tokens.db"
    with opened(path) as store:
        store.save([new(row())], mark=1)
        others = [subprocess.Popen([sys.executable, "-c", _ADDER, path, "40"]) for _ in range(2)]
        saved = 0
        while any(other.poll() is None for other in others):
            store.put("specs", str(saved), b"spec")
            saved += 1
        assert [other.returncode for other in others] == [0, 0]
        stood = store.load("acme", "reports")
        assert stood is not None
        assert stood.revision == 81
        assert len(store.names("specs")) == saved


_NURSERY = """
import os, sys
import attrs
from tokenflow import Entry, Write
from tokenflow_sqlite import SqliteStore

def say(line):
    os.write(1, f"{line}\\n".encode())  # one write: a kill leaves a whole line or none

def write_for_ever():
    store = SqliteStore(sys.argv[1])
    row = store.load("acme", "reports")
    say(os.getpid())
    while True:
        row = attrs.evolve(row, revision=row.revision + 1, body="x" * (row.revision % 5 * 400_000))
        line = Entry(tenant="acme", key="reports", token_id="i", revision=row.revision, at=1, happened="{}")
        store.save([Write(row=row, expected=row.revision - 1, entries=(line,))], mark=row.revision)
        say(row.revision)

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        write_for_ever()
    say("killed" if os.waitpid(child, 0)[1] == 9 else "ended")
"""


@pytest.mark.proves("R1")
@pytest.mark.parametrize("kills", [20, pytest.param(2_000, marks=pytest.mark.campaign)])
def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path, kills: int) -> None:
    """After each kill -9 the row is at the acknowledged revision or the next, and history and mark agree."""
    path = tmp_path / "tokens.db"
    with opened(path) as store:
        store.save([new(row())], mark=1)
    chance = random.Random(20)
    nursery = subprocess.Popen(
        [sys.executable, "-c", _NURSERY, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    acknowledged = 1
    for _ in range(kills):
        acknowledged = _kill_amid_writes(nursery, chance.uniform(0, 0.02))
        with opened(path) as store:
            stood = store.load("acme", "reports")
            assert stood is not None
            assert stood.revision in (acknowledged, acknowledged + 1)
            written = [line.revision for line in store.history("acme", "reports")]
            assert written == list(range(2, stood.revision + 1))
            assert store.mark() == stood.revision
        assert ask(path, "PRAGMA integrity_check") == "ok"
    nursery.communicate(timeout=30)
    assert acknowledged > 2 * kills, "too little was written for the kills to mean something"


def _kill_amid_writes(nursery: subprocess.Popen[str], after: float) -> int:
    """Have a writer born, kill it some time after its third row; return the last revision it acknowledged."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write("another\n")
    nursery.stdin.flush()
    writer = int(nursery.stdout.readline())
    told = [nursery.stdout.readline() for _ in range(3)]
    select.select([nursery.stdout], [], [], after)  # until the next row, or amid it
    os.kill(writer, signal.SIGKILL)
    while (line := nursery.stdout.readline()) != "killed\n":
        assert line not in ("", "ended\n"), "the writer ended by itself"
        told.append(line)
    return int(told[-1])


_HOLDER = """
import sys
from pathlib import Path
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.settings import Settings
connection = connect(Path(sys.argv[1]), Settings())
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.close()
"""


@pytest.mark.proves("R12")
def test_a_locked_file_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds the writer's lock, reads go on, and a write says who is in the way."""
    monkeypatch.setattr(link, "PATIENCE", 0.2)
    path = tmp_path / "tokens.db"
    with opened(path) as store:
        store.save([new(row())], mark=1)
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert store.load("acme", "reports") == row()
        with pytest.raises(StoreUnreadable, match="is locked by another process"):
            store.save([new(row("other"))], mark=1)
        holder.communicate("\n", timeout=30)
        store.save([new(row("other"))], mark=1)


_FORKING = """
import os, sys, threading, traceback
from tokenflow import Row, Write
from tokenflow_sqlite import SqliteStore

store = SqliteStore(sys.argv[1], options={"journal": sys.argv[2]})
def save(key):
    row = Row(tenant="t", key=key, id=key, revision=1, generation=1, state="s", live=True)
    store.save([Write(row=row, expected=0)], mark=1)

save("before")
stop = threading.Event()

def keep_writing():
    number = 0
    while not stop.is_set():
        store.put("thread", str(number), b"x")
        number += 1

thread = threading.Thread(target=keep_writing)
thread.start()
children = []
for number in range(8):
    child = os.fork()
    if child == 0:
        try:
            assert store.load("t", "before") is not None
            save(f"child-{number}")
            save(f"child-{number}-again")
            store.close()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    save(f"parent-{number}")
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
stop.set()
thread.join()
print(codes, len(store.keys("t")), len(store.names("thread")) > 0)
store.close()
"""


@pytest.mark.proves("R18")
@pytest.mark.parametrize("journal", ["truncate", "wal"] if wal_is_safe(LINKED) else ["truncate"])
def test_a_fork_shares_no_connection(tmp_path: Path, journal: str) -> None:
    """Children forked amid a thread's writes go on with the same store, and no row of anybody is lost."""
    told = run(_FORKING, tmp_path / "tokens.db", journal)
    assert told == f"{[0] * 8} {1 + 3 * 8} True\n"
    assert ask(tmp_path / "tokens.db", "PRAGMA integrity_check") == "ok"


_OUTLIVED = """
import os, sys
from tokenflow_sqlite import SqliteStore

open_store = lambda: SqliteStore(sys.argv[1], options={"journal": "wal"})
store = open_store()
store.put("shelf", "before", b"x")
to_parent, to_child = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    store.put("shelf", "child", b"x")
    os.write(to_parent[1], b"written")
    os.read(to_child[0], 9)
    store.put("shelf", "child-again", b"x")
    os._exit(0)
os.read(to_parent[0], 9)
store.close()
os.write(to_child[1], b"closed")
assert os.waitpid(child, 0)[1] == 0
store = open_store()
print(store.names("shelf"))
store.close()
"""


@pytest.mark.skipif(not wal_is_safe(LINKED), reason="this SQLite is not given WAL at all")
def test_a_child_holds_locks_of_its_own(tmp_path: Path) -> None:
    """A parent that closes first does not take the WAL from under its child (inherited locks are none)."""
    assert run(_OUTLIVED, tmp_path / "tokens.db") == "['before', 'child', 'child-again']\n"


_UNSEEN_FORK = """
import ctypes, os, sys
from tokenflow import Row, Write
from tokenflow_sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
inherited = store._link.session().connection
child = ctypes.PyDLL(None).fork()
if child == 0:
    store.put("shelf", "child", b"x")
    assert store._link.session().connection is not inherited
    store.close()
    assert inherited.execute("SELECT 1").fetchone() == (1,), "the parent's connection was closed"
    sys.exit(0)
store.put("shelf", "parent", b"x")
code = os.waitpid(child, 0)[1]
store.put("shelf", "after", b"x")
print(code, store.names("shelf"))
store.close()
"""


def test_a_fork_that_python_does_not_see_leaves_the_parents_connection_alone(tmp_path: Path) -> None:
    """By its process id a child knows that the connection is not its own; it opens and closes another."""
    assert run(_UNSEEN_FORK, tmp_path / "tokens.db") == "0 ['after', 'child', 'parent']\n"


_WATCHED = """
import sys
opens = []
sys.addaudithook(lambda event, facts: opens.append(str(facts[0])) if event in ("open", "os.open") else None)
from pathlib import Path
from tokenflow_sqlite import SqliteStore
SqliteStore(sys.argv[1]).close()
opens.clear()
store = SqliteStore(sys.argv[1])
store.put("shelf", "name", b"value")
store.take("shelf", "name")
store.close()
print([path for path in opens if Path(path).parent == Path(sys.argv[1]).parent])
"""


def test_an_existing_file_is_opened_by_sqlite_only(tmp_path: Path) -> None:
    """Closing any other descriptor of it would drop the locks of the whole process; Python opens none."""
    assert run(_WATCHED, tmp_path / "tokens.db") == "[]\n"


_MAKER = """
import sys
from tokenflow_sqlite import SqliteStore
sys.stdin.readline()
store = SqliteStore(sys.argv[1])
print(store.keep("store", "id", sys.argv[2].encode()).decode())
store.close()
"""


def test_processes_that_make_one_store_make_one(tmp_path: Path) -> None:
    """Of processes that open a new store at once one makes it, all have it, and nothing lies beside it."""
    path = tmp_path / "new" / "tokens.db"
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKER, path, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    told = {maker.communicate(timeout=30)[0] for maker in makers}
    assert [maker.returncode for maker in makers] == [0] * 4
    assert len(told) == 1
    assert sorted(file.name for file in path.parent.iterdir()) == ["tokens.db", "tokens.db-journal"]
