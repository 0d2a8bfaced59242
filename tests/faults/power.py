"""The power fails, at each operation of a store's life: what is left is opened, and must hold what was said.

A real life over the real store is recorded, and replayed onto a modelled disk. After every operation the
disk is built as it may be found then, and SQLite opens it: no commit that was acknowledged may be missing,
and nothing may be damaged. Some are opened by a whole engine, which has to go on without presenting a
refresh token twice. The same with commits that are known not to last must be caught, or the run is void.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock

import attrs

from tests.faults.disk import fast_folder, journals, judge
from tests.faults.images import Disk, Image
from tests.faults.keeping import KEY, LOGIN, Ground
from tests.faults.nursery import Nursery
from tests.faults.report import Report
from tests.faults.shim import FAULTS, Operation, Shim, read_record
from tokenflow import Engine, StoreError, Token, TokenflowError
from tokenflow_sqlite import database, store
from tokenflow_sqlite.database import DatabaseError
from tokenflow_sqlite.database import _open as open_as_it_is
from tokenflow_sqlite.settings import Settings

GATE: Final = 20_000
_TURNS: Final = 6
"""How often a session refreshes the token; a life has two."""
_LONG, _SHORT = 8_000, 700
"""How many disks of a life are looked at; of one with a failed fsync fewer, for there are many of those."""
_FSYNC: Final = next(number for number, fault in enumerate(FAULTS) if "next succeeds" in fault.name)
_STORE: Final = "tokens.db"
_ENGINE: Final = 1_000
"""An engine opens one disk of so many."""
CONTROLS: Final = (("delete", "off"), ("delete", "full"))
"""Journal and synchronous of what is known to lose acknowledged commits (security.md §3.3)."""


# ---- in the child


def record(folder: str, journal: str, synchronous: str, turns: int, fails: int) -> Mapping[str, Any]:
    """Live, and write down what is asked of the disk; *fails*: the fsync that fails once, 0 for none."""
    shim = Shim()
    ground = Ground(Path(folder), tell=shim.note)
    ground.kept.mkdir(mode=0o700)
    shim.watch(ground.kept)
    shim.record(os.open(ground.folder / "record", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    shim.arm(FAULTS[_FSYNC], fails)
    _write_so(journal, synchronous)
    for session in range(2):
        with _opened(ground) as engine:
            if not session:
                _note(shim, engine, partial(engine.acquire, KEY, **LOGIN))
            for _ in range(turns):
                _note(shim, engine, partial(engine.extend, KEY))
    return {"seen": shim.seen, "fired": shim.fired}


def _opened(ground: Ground) -> Engine:
    """Open an engine; what fails once does not fail again."""
    try:
        return ground.open()
    except StoreError:
        return ground.open()


def _note(shim: Shim, engine: Engine, ask: Callable[[], Token]) -> None:
    """Note what came of it. What the engine calls unsaved is in hand, and was not acknowledged as kept."""
    try:
        token = ask()
        unsaved = KEY in engine.health().unsaved
        shim.note(f"{'unsaved' if unsaved else 'acknowledged'} {token.generation}")
    except TokenflowError as error:
        shim.note(f"refused {error.code}")


def _write_so(journal: str, synchronous: str) -> None:
    """Have the store write as no URL of it offers: without asking whether that is safe."""
    settings = Settings(journal=journal, synchronous=synchronous)
    mock.patch.object(store, "settings_of", return_value=settings).start()
    if (journal, synchronous) in CONTROLS:
        mock.patch.object(database, "_write_safely", _write_unsafely).start()


def _write_unsafely(connection: database.Connection, path: Path, settings: Settings) -> None:
    connection.execute(f"PRAGMA synchronous = {settings.synchronous}")
    connection.execute(f"PRAGMA journal_mode = {settings.journal}")


# ---- in the parent


@attrs.define
class Tally:
    """What was found on the disks of one kind of life."""

    images: int = 0
    lost: int = 0
    damaged: int = 0
    opened: int = 0
    first: list[str] = attrs.field(factory=list)
    """What was found, the first few times."""

    def adds(self, kind: str, what: str) -> None:
        """Count a loss or damage."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.first) < 5:
            self.first.append(what)


def campaign(size: int, seed: int) -> Report:
    """Look at *size* different disks, in each journal mode in turn."""
    chance, failures, void = Random(seed), list[str](), list[str]()
    figures: dict[str, Any] = {"images": 0}
    with Nursery() as nursery, tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        stage = _Stage(nursery, Path(name), chance)
        for journal, synchronous in CONTROLS:
            found = Tally()
            stage.live(found, _SHORT, journal, synchronous)
            figures[f"{journal}+{synchronous}, a control"] = _figures(found)
            if not found.lost + found.damaged:
                void.append(f"nothing was lost with {journal}+{synchronous}")
        ways = [(mode, "extra" if mode == "truncate" else "full") for mode in journals()]
        for journal, synchronous in ways:
            for fails in (False, True):
                found, share = Tally(), size // len(ways) * (1 if fails else 4) // 5
                while found.images < share:
                    most = min(share - found.images, _SHORT if fails else _LONG)
                    stage.live(found, most, journal, synchronous, fails=fails)
                what = f"{journal}+{synchronous}{', an fsync fails once' if fails else ''}"
                figures[what] = _figures(found)
                figures["images"] += found.images
                failures += [f"{what}: {one}" for one in found.first]
    return Report("power cuts", figures, void, failures)


def _figures(found: Tally) -> dict[str, int]:
    return attrs.asdict(found, filter=attrs.filters.exclude(attrs.fields(Tally).first))


@attrs.define
class _Stage:
    nursery: Nursery
    folder: Path
    chance: Random
    _syncs: dict[str, int] = attrs.field(factory=dict, init=False)

    def live(self, found: Tally, most: int, journal: str, synchronous: str, *, fails: bool = False) -> None:
        """Record one life and look at up to *most* of its disks."""
        turns = _TURNS if most > _SHORT else _TURNS // 2
        place = self.folder / "life"
        place.mkdir(mode=0o700)
        try:
            when = self.chance.randrange(1, self._syncs.get(journal, 60) + 1) if fails else 0
            said = self.nursery.call(
                record, folder=str(place), journal=journal, synchronous=synchronous, turns=turns, fails=when
            )
            assert "seen" in said, said
            self._syncs[journal] = said["seen"]
            bench = _Bench(place / "bench")
            bench.folder.mkdir(mode=0o700)
            Replay(self.nursery, place, journal, self.chance, found, bench).look(most)
        finally:
            shutil.rmtree(place)


@attrs.define
class Replay:
    """One recorded life, and the disks it may leave."""

    nursery: Nursery
    place: Path
    journal: str
    chance: Random
    found: Tally
    _bench: "_Bench"
    acknowledged: int = attrs.field(default=0, init=False)
    given: int = attrs.field(default=0, init=False)
    _known: dict[tuple[object, ...], int | str] = attrs.field(factory=dict, init=False)
    """What each disk holds that was looked at: a generation, or what is wrong with it."""

    def look(self, most: int) -> None:
        """Look at up to *most* different disks, evenly over all operations."""
        kept = Ground(self.place).kept
        disk, operations = Disk(str(kept), self.chance), self._operations()
        for number, one in enumerate(operations, start=1):
            if one.op == "A":
                self._hears(one.path)
            else:
                disk.does(one)
            for image in _images(disk, -(-most * number // len(operations)) - len(self._known)):
                if self._is_sound(image, number) and self._is_engines_turn():
                    self._open(image, number)
        self.found.images += len(self._known)

    def _operations(self) -> list[Operation]:
        return list(read_record((self.place / "record").read_bytes()))

    def _hears(self, said: str) -> None:
        what, about = said.split()
        if what == "acknowledged":
            self.acknowledged = int(about)
        elif what == "given":
            self.given = int(about)

    def _is_sound(self, image: Image, number: int) -> bool:
        """Compare a disk with what was acknowledged by now; return whether it is new, and holds a token."""
        new = image.key not in self._known
        if new:
            self._known[image.key] = self._bench.looks(image)
        held = self._known[image.key]
        if isinstance(held, str):
            self.found.adds("damaged", f"after operation {number}: {held}")
        elif held < self.acknowledged:
            self.found.adds(
                "lost", f"after operation {number}: {self.acknowledged} was acknowledged, {held} is"
            )
        return new and not isinstance(held, str) and held >= max(self.acknowledged, 1)

    def _is_engines_turn(self) -> bool:
        looked = self.found.images + len(self._known)
        return self.journal in journals() and looked > _ENGINE * self.found.opened

    def _open(self, image: Image, number: int) -> None:
        """Let an engine go on with a disk, of which it is known what the issuer has given."""
        self.found.opened += 1
        after = Ground(self.place / "opened")
        after.folder.mkdir(mode=0o700)
        after.kept.mkdir(mode=0o700)
        _build(image, f"{after.kept}/")
        shutil.copyfile(self.place / "key", after.folder / "key")
        (after.folder / "key").chmod(0o600)
        for token in range(1, self.given + 1):
            after.ledger.add("given", token)
        said = self.nursery.call(judge, folder=str(after.folder), journal=self.journal, laid_out=True)
        shutil.rmtree(after.folder)
        wrong = said.get("raised") or (said.get("stuck") and "stuck") or said["damage"] or said["replays"]
        if wrong:
            self.found.adds("damaged", f"opened after operation {number}: {wrong}")


@attrs.define
class _Bench:
    """A folder where one disk after another is laid out, and opened by SQLite."""

    folder: Path
    _file: Path = attrs.field(init=False, default=attrs.Factory(lambda self: self.folder / _STORE, True))
    _lies: set[str] = attrs.field(factory=set, init=False)

    def looks(self, image: Image) -> int | str:
        """Return which generation a disk's store holds, 0 for none, or what SQLite finds wrong with it."""
        here = f"{self.folder}/"
        for stale in self._lies - {path for path, _, _ in image.parts}:
            with suppress(FileNotFoundError):
                os.unlink(here + stale)
        _build(image, here)
        self._lies = {path for path, _, _ in image.parts}
        if _STORE not in self._lies:
            return 0
        self._lies |= {_STORE + ending for ending in ("-journal", "-wal", "-shm")}
        try:
            with closing(open_as_it_is(self._file)) as connection:
                (whole,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
                row = connection.execute("SELECT generation FROM tokens WHERE key = ?", (KEY,)).fetchone()
        except DatabaseError as error:
            return str(error)
        return str(whole) if whole != "ok" else 0 if row is None else int(row[0])


def _images(disk: Disk, wanted: int) -> Iterator[Image]:
    """Yield up to *wanted* disks; the same may come again."""
    for number in range(wanted):
        match number:
            case 0:
                yield disk.nothing()
            case 1:
                yield disk.everything()
            case _:
                yield disk.something(torn=number % 2 == 0)


def _build(image: Image, here: str) -> None:
    """Put an image's files below a folder."""
    for folder in image.folders:
        os.makedirs(here + folder, mode=0o700, exist_ok=True)
    for path, content in image.files():
        descriptor = os.open(here + path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, content)
        os.close(descriptor)
