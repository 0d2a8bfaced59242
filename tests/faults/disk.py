"""The disk fails at the n-th operation, in each way a disk fails, under an engine that keeps a strict token.

Nothing acknowledged may be lost, no refresh token presented twice, no store left damaged or taken for
damaged. Where the disk gets well while the engine lives, not even an answer may be lost that could not be
saved. Where it does not, what happened to the token has to be said, not found out.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias
from unittest import mock

import attrs

from tests.faults.keeping import KEY, LOGIN, Ground, number_of
from tests.faults.nursery import Nursery
from tests.faults.report import Report
from tests.faults.shim import FAULTS, Shim
from tokenflow import SECOND, Engine, StoreError, Token, TokenflowError
from tokenflow.engine import rollback
from tokenflow_sqlite.database import LINKED, connect
from tokenflow_sqlite.link import Link
from tokenflow_sqlite.settings import Settings, wal_is_safe

Said: TypeAlias = dict[str, Any]
GATE: Final = 200
_TURNS: Final = 3
"""How often a life refreshes its token."""
_SOON, _LATE = 0.3, 30.0
"""Seconds that a call may take before the disk gets well, and after."""
_PASSES: Final = 2
"""Seconds between two calls, by the engine's clock: what was read is asked for anew."""
_AHEAD: Final = 300
"""Seconds after a life when it is judged: leases are over, and nothing is on its way any more."""


@attrs.frozen(kw_only=True)
class Point:
    """What fails where, and how the life ends."""

    fault: int
    when: int
    heals: bool
    """The disk gets well while the engine lives; else the process ends with it broken."""
    born: bool = False
    """The store and the login are made under the fault, too."""
    journal: str = "truncate"
    careless: bool = False
    """The store takes a write that failed for done: it has to be seen."""

    def __str__(self) -> str:
        how = "it gets well" if self.heals else "it stays so"
        born = ", from the first" if self.born else ""
        return f"{FAULTS[self.fault].name} at operation {self.when}; {how} ({self.journal}{born})"


# ---- in the child


@attrs.define
class Life:
    """An engine under a fault, and what it says of itself."""

    shim: Shim
    heals: bool
    acknowledged: int
    """The newest token that a call returned, or that was there before."""
    served: int = 0
    known: int = -1
    """Which one was the newest when the engine served one."""
    unserved: list[str] = attrs.field(factory=list)
    """What was said instead of a good token."""
    met: list[str] = attrs.field(factory=list)
    """The errors that callers met, in the product's words."""
    fired: int = 0
    seen: int = 0

    def opened(self, ground: Ground) -> Engine | None:
        """Open the engine; on a disk that gets well, at the second try at the latest."""
        try:
            return ground.open()
        except TokenflowError as error:
            self.met.append(error.code)
        if not self.heals:
            return None
        self.well()
        return ground.open()

    def brings(self, engine: Engine, start: Callable[[], "Future[Token]"]) -> None:
        """Wait for a token that a call brings; one that never comes while the disk is broken is let be.

        One that the engine calls unsaved is in hand, and was not acknowledged as kept.
        """
        call = start()
        try:
            try:
                token = call.result(_SOON)
            except NotYet:
                if not self.heals:
                    return
                self.well()
                token = call.result(_LATE)
            if KEY not in engine.health().unsaved:
                self.acknowledged = max(self.acknowledged, number_of(token))
        except TokenflowError as error:
            self.met.append(error.code)

    def serves(self, ground: Ground, engine: Engine) -> None:
        """Ask for the token, which is good for an hour; the one that was served before is served on."""
        ground.clock.advance(_PASSES * SECOND)
        given = ground.ledger.current
        try:
            engine.token(KEY)
            self.served, self.known = self.served + 1, given
        except TokenflowError as error:
            if self.known == given:
                self.unserved.append(error.code)

    def well(self) -> None:
        """Let the disk be well from here on."""
        self.count()
        self.shim.heal()

    def count(self) -> None:
        """Remember how many operations there were, and how many of them failed."""
        self.seen, self.fired = max(self.seen, self.shim.seen), max(self.fired, self.shim.fired)


def live(
    folder: str, fault: int, when: int, heals: bool, born: bool, journal: str, careless: bool
) -> Mapping[str, Any]:
    """Keep a token while the disk fails, and say what was acknowledged."""
    if careless:
        _take_for_done()
    ground, shim = Ground(Path(folder), f"?journal={journal}"), Shim()
    life = Life(shim, heals, acknowledged=0 if born else 1)
    shim.watch(ground.kept)
    shim.arm(FAULTS[fault], when)
    engine = life.opened(ground)
    if engine is not None:
        desk = engine.desk
        if born:
            life.brings(engine, lambda: desk.acquire(KEY, **LOGIN))
        for _ in range(_TURNS):
            life.brings(engine, lambda: desk.extend(KEY))
            life.serves(ground, engine)
        if heals:
            life.well()
            life.serves(ground, engine)
            engine.close()
    life.count()
    return attrs.asdict(life, filter=attrs.filters.exclude(attrs.fields(Life).shim))


def _take_for_done() -> None:
    """Have the store take a write that failed for done."""
    write = Link.write

    def careless(link: Link, work: Callable[[Any], Any]) -> Any:
        try:
            return write(link, work)
        except StoreError:
            return None

    mock.patch.object(Link, "write", careless).start()


def judge(folder: str, journal: str, laid_out: bool = False) -> Mapping[str, Any]:
    """Say what is left of a life: the row, whether the file is whole, and whether the token goes on.

    *laid_out*: the files were laid out anew, so that their numbers do not say whether they are a copy.
    """
    if laid_out:
        mock.patch.object(rollback, "home_of", return_value=None).start()
    ground = Ground(Path(folder), f"?journal={journal}")
    given = ground.ledger.current
    ground.clock.advance(_AHEAD * SECOND)
    with ground.open() as engine:
        held, following = _number(lambda: engine.token(KEY).token), _number(lambda: engine.extend(KEY))
    connection = connect(ground.file, Settings(journal=journal))
    whole = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    connection.close()
    return {
        "given": given,
        "held": held,
        "following": following,
        "replays": ground.ledger.replays,
        "damage": [one for one in whole if one != "ok"],
    }


def _number(ask: Callable[[], Token]) -> int | str:
    try:
        return number_of(ask())
    except TokenflowError as error:
        return error.code


# ---- in the parent


def played(size: int, seed: int, *, careless: bool = False) -> Iterator[tuple[Point, Said, Said]]:
    """Play *size* lives, their faults spread over all there are; yield what each and its judge say."""
    with Nursery() as nursery, tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        stage = _Stage(nursery, Path(name))
        for point in _points(stage, size, Random(seed), careless):
            yield point, *stage.play(point)


def campaign(size: int, seed: int) -> Report:
    """Let the disk fail at *size* points, spread over its ways to fail; *seed* says at which operations."""
    failures, fired, met, unserved = list[str](), Counter[str](), Counter[str](), Counter[str]()
    lost_in_hand = 0
    for point, life, judged in played(size, seed):
        failures += [f"{point}: {what}" for what in complaints(point, life, judged)]
        fired[FAULTS[point.fault].name] += bool(life.get("fired"))
        met.update(life.get("met", ()))
        unserved.update(life.get("unserved", ()))
        lost_in_hand += isinstance(judged.get("held"), int) and judged["held"] < judged["given"]
    void = [f"never happened: {fault.name}" for fault in FAULTS if not fired[fault.name]]
    if fired.total() < 0.9 * size:
        void.append(f"only {fired.total()} of {size} faults happened")
    figures = {
        "points": size,
        "faults that happened": dict(fired),
        "errors that callers met": dict(met),
        "good tokens not served": dict(unserved),
        "answers in hand when the process ended, said to be in doubt": lost_in_hand,
    }
    return Report("n-th I/O failure", figures, void, failures)


def complaints(point: Point, life: Mapping[str, Any], judged: Mapping[str, Any]) -> Iterator[str]:
    """Yield what went wrong at a point, in sentences."""
    for who, said in (("the life", life), ("the judge", judged)):
        if trouble := said.get("raised") or ("did not end" if said.get("stuck") else None):
            yield f"{who}: {trouble}"
            return
    held, given = judged["held"], judged["given"]
    yield from (f"damaged: {what}" for what in judged["damage"])
    if judged["replays"]:
        yield f"{judged['replays']} refresh tokens were presented twice"
    if life["unserved"]:
        yield f"a token that is good was not served: {life['unserved'][0]}"
    if not isinstance(held, int):
        told = not life["acknowledged"]  # of a login that failed: it can be done again
        if not told and (point.heals or given == life["acknowledged"]):
            yield f"the token is not there any more: {held}"
    elif held < life["acknowledged"]:
        yield f"token {life['acknowledged']} was acknowledged, and {held} is kept"
    elif point.heals and held < given:
        yield f"the disk got well, and token {given}, which was answered, was not kept, but {held}"
    elif held == given and not (isinstance(judged["following"], int) and judged["following"] > given):
        yield f"what is kept is good, and did not go on: {judged['following']}"


def fast_folder() -> Path | None:
    """Return a folder in memory, where the system has one: what fails here is no disk of ours."""
    return memory if (memory := Path("/dev/shm")).is_dir() else None


def make(folder: str) -> Mapping[str, Any]:
    """Make a store with the token of a login, on a disk that is well."""
    Path(folder).mkdir(mode=0o700)
    with Ground(Path(folder)).open() as engine:
        engine.acquire(KEY, **LOGIN)
    return {}


def journals() -> tuple[str, ...]:
    """Return the journal modes that this machine's SQLite is trusted with."""
    return ("truncate", "wal") if wal_is_safe(LINKED) else ("truncate",)


def _points(stage: "_Stage", size: int, chance: Random, careless: bool) -> Iterator[Point]:
    """Yield *size* points: each way in turn, and for each the operations that it can hit, evenly."""
    ways = [
        Point(fault=fault, when=0, heals=heals, born=born, journal=journal)
        for born, journal in (*((False, journal) for journal in journals()), (True, "truncate"))
        for heals in (True, False)
        for fault in range(len(FAULTS))
    ]
    rounds = -(-size // len(ways))
    for number in range(size):
        turn, place = divmod(number, len(ways))
        way, share = ways[place], (turn + chance.random()) / rounds
        yield attrs.evolve(way, when=1 + int(stage.operations(way) * share), careless=careless)


@attrs.define
class _Stage:
    """Where lives are played, one folder after another."""

    nursery: Nursery
    folder: Path
    _known: dict[tuple[int, bool, str], int] = attrs.field(factory=dict, init=False)
    """How many operations a life has, by what is counted and how it begins."""
    _made: dict[Path, bytes] = attrs.field(factory=dict, init=False)
    """What the files of a store hold that was just made."""

    def play(self, point: Point) -> tuple[Said, Said]:
        """Play one life to its end, and judge what is left."""
        with self._place(point) as place:
            life = self.nursery.call(live, folder=str(place), **attrs.asdict(point))
            return life, self.nursery.call(judge, folder=str(place), journal=point.journal)

    @contextmanager
    def _place(self, point: Point) -> Iterator[Path]:
        """Give a folder with a store that was made on a disk that is well, or one that is empty."""
        place = self.folder / ("born" if point.born else "made")
        if point.born:
            place.mkdir(mode=0o700)
        elif not self._made:
            assert self.nursery.call(make, folder=str(place)) == {}
            self._made.update({path: path.read_bytes() for path in place.rglob("*") if path.is_file()})
        try:
            yield place
        finally:
            if point.born:
                shutil.rmtree(place)
            else:
                self._put_back(place)

    def _put_back(self, place: Path) -> None:
        """Have all files be as they were made, in the same places: a copy of a store is not believed."""
        for path in list(place.rglob("*")):
            if path.is_file() and path not in self._made:
                path.unlink()
        for path, content in self._made.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)

    def operations(self, way: Point) -> int:
        """Return how many operations a life has that its fault could hit."""
        kind = FAULTS[way.fault].kinds, way.born, way.journal
        if kind not in self._known:
            with self._place(way) as place:
                life = self.nursery.call(live, folder=str(place), **attrs.asdict(way))
            assert "seen" in life, life
            self._known[kind] = int(life["seen"])
        return self._known[kind]
