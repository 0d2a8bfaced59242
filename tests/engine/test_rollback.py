"""What was noted beside a store's key tells an older copy, another way and another place from the store."""

import shutil
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.audit_ground import KEYS, Clocks, auditor_of, chain_of, chains_of, lines_of, written
from tests.engine.ground import ADA, Ground
from tokenflow import Engine, Refused
from tokenflow.engine import rollback
from tokenflow.engine.anchoring import Anchor
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.containers import Lock
from tokenflow.engine.exporting import export, import_
from tokenflow.engine.holders import Sources
from tokenflow.engine.homes import Home, home_of
from tokenflow.engine.keyfiles import write_key_file
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.rollback import strayed, suspicion
from tokenflow.runner.keepsakes import opened

pytestmark = pytest.mark.proves("A3", "R25")


def cause(auditor: Auditor) -> str | None:
    seen = suspicion(auditor.moorings)
    return None if seen is None else seen.cause


@given(counts=st.tuples(*[st.integers(0, 4)] * 3).filter(any), lost=st.integers(0, 2), more=st.integers(0, 6))
@settings(max_examples=25, deadline=None)
def test_whatever_is_lost_of_what_was_noted_is_noticed_also_behind_new_lines(
    counts: tuple[int, int, int], lost: int, more: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A chain that was rolled back is noticed however many lines it has been given since."""
    auditor = written(counts, tmp_path_factory.mktemp("a") / "a.anchor")
    assert cause(auditor) is None
    key, count = KEYS[lost], counts[lost]
    if count:
        chain = chain_of(auditor, key)
        lines = lines_of(auditor, chain)
        del lines[-1:]
        number, head = (lines[-1].number, lines[-1].head) if lines else (0, b"")
        chains_of(auditor)[chain] = attrs.evolve(chains_of(auditor)[chain], number=number, head=head)
        assert cause(auditor) == "behind"
    for _ in range(more):
        auditor.write("other", tenant="acme", key=key)
    assert cause(auditor) == ("behind" if count else None)


def test_a_note_that_nobody_with_the_key_wrote_is_no_note(tmp_path: Path) -> None:
    """It is suspicious, not believed; without any note the store is believed, as a new one is."""
    file = tmp_path / "a.anchor"
    auditor = written((1, 0, 0), file)
    file.write_bytes(file.read_bytes().replace(b'"lines":1', b'"lines":0'))
    assert cause(auditor) == "unsigned"
    file.unlink()
    assert cause(auditor) is None


@pytest.mark.parametrize(
    ("one", "two", "other"),
    [
        (Home("m", 1), Home("m", 1), False),
        (Home("m", 1), Home("m", 2), True),
        (Home("m", 1), Home("n", 1), True),
        (Home("", 1), Home("n", 1), False),
        (Home("", 1), Home("", 2), True),
    ],
)
def test_a_home_is_a_file_and_a_machine(one: Home, two: Home, *, other: bool) -> None:
    """Another file or machine is another home; a machine without an id is any: containers have none."""
    assert one.is_other(two) is two.is_other(one) is other


def test_it_is_noted_once_a_second_and_never_over_what_is_ahead(tmp_path: Path) -> None:
    """Ruling 9: lines within a second share a note; a store that is behind writes none."""
    clock, file = Clocks(), tmp_path / "keys" / "a.anchor"
    auditor = auditor_of(MemoryStore(), file, clock)
    auditor.write("export")
    first = file.read_bytes()
    auditor.write("export")
    assert file.read_bytes() == first
    clock.seconds += 1
    auditor.write("export")
    noted = file.read_bytes()
    assert noted != first
    clock.seconds += 1
    older = auditor_of(MemoryStore(), file, clock)
    older.write("export")
    older.close()
    assert file.read_bytes() == noted
    assert cause(older) == "behind"


def test_accepting_a_shorter_trail_does_not_let_it_refresh(tmp_path: Path) -> None:
    """`audit accept` is about lines; that refresh tokens may be spent has to be adopted all the same."""
    auditor = written((2, 0, 0), tmp_path / "a.anchor")
    older = auditor_of(MemoryStore(), tmp_path / "a.anchor")
    older.write("begun")
    older.accept("a backup")
    assert (cause(older), strayed(older.moorings)) == ("accepted", None)
    with pytest.raises(Refused, match="nothing is refreshed"):
        older.watch.demand()
    assert auditor.moorings.own() is not None


def test_a_pruned_beginning_is_no_loss(tmp_path: Path) -> None:
    """What was noted of lines that were pruned since cannot be looked at: it is not held against it."""
    file = tmp_path / "a.anchor"
    auditor = written((3, 0, 0), file)
    chain = chain_of(auditor, KEYS[0])
    auditor.write("other", tenant="acme", key=KEYS[0])
    last = lines_of(auditor, chain)[2]
    assert auditor.store.prune(last, auditor.witness.seal(last))
    assert cause(auditor) is None
    assert Anchor.of(auditor.store.chains(), 0).lines == 4


@pytest.fixture
def moved(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a token that rotates, moved to another file system: no line is missing."""
    monkeypatch.setattr(rollback, "LOOK", 0.0)
    path = ground.folder / "tokens.db"
    with ground.open(f"sqlite:{path}", ("oauth2-rotating",)) as engine:
        ground.rotating(engine, "ada", ADA)
        assert home_of(engine.desk.store) is not None
    (to := ground.folder / "new.db").touch(0o600)
    shutil.copyfile(path, to)
    path.unlink()
    return to


def test_a_store_that_was_moved_is_adopted_without_a_question(ground: Ground, moved: Path) -> None:
    """It refreshes nothing, says that it lived in another file, and goes on once that is said to be all."""
    requests = ground.requests()
    with ground.open(f"sqlite:{moved}", ("oauth2-rotating",)) as engine:
        with pytest.raises(Refused, match="lived in another file"):
            engine.extend("ada")
        with pytest.raises(Refused, match="say what happened"):
            engine.adopt(" ", moved=True)
        done = engine.adopt("a new disk", moved=True)
        assert (done.done, done.outcomes, ground.requests()) == (True, (), requests)
        assert engine.extend("ada").generation == 2
    with ground.open(f"sqlite:{moved}", ("oauth2-rotating",)) as engine:
        assert engine.adopt("", dry_run=True).suspicion is None


def test_what_keeps_it_from_asking_leaves_the_store_as_it_is(ground: Ground, moved: Path) -> None:
    """Without the client's secret nobody is asked, nobody is called dead, and nothing is adopted."""
    with ground.open(f"sqlite:{moved}", ("oauth2-rotating",), secrets={}) as engine:
        done = engine.adopt("a new disk")
        assert ([one.verdict for one in done.outcomes], done.done) == (["failed"], False)
    with ground.open(f"sqlite:{moved}", ("oauth2-rotating",)) as engine:
        with pytest.raises(Refused, match="nothing is refreshed"):
            engine.extend("ada")
        assert engine.adopt("a new disk").counts == {"alive": 1}
        assert engine.extend("ada").generation == 2


def test_what_was_imported_is_asked_about_first(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of a token in another store spends nothing before it is adopted; then its issuer is asked."""
    monkeypatch.setattr(rollback, "LOOK", 0.0)
    one, two, file = (ground.folder / name for name in ("one.db", "two.db", "file"))

    def engine_at(path: Path) -> Engine:
        return ground.open(f"sqlite:{path}", ("oauth2-rotating",))

    lock = Lock(holder=Sources().holder(f"file:{write_key_file(ground.folder / 'locks' / 'lock.key')}"))
    with engine_at(one) as engine:
        ground.rotating(engine, "ada", ADA)
    with opened(f"sqlite:{one}", None) as it:
        export(it.ring, it.acting, file, lock)
    with opened(f"sqlite:{two}", None, create=True) as it:
        assert import_(it.ring, it.acting, file, lock, ground.clock()).held
    with engine_at(one) as engine:
        engine.extend("ada")
    with engine_at(two) as engine:
        with pytest.raises(Refused, match="imported"):
            engine.extend("ada")
        assert engine.adopt("moved over").counts == {"dead": 1}
    spent = [row for row in ground.admin.ledger()["requests"] if row["grant_type"] == "refresh_token"]
    assert [row["status"] for row in spent] == [200]
