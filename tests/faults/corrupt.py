"""A store's file is changed behind its back: bytes flipped, pages cut, emptied, moved, the file replaced.

Whatever was done, the store answers right, or says what is wrong: it never hands out another token, nor one
of which a fact is another, never makes a new store over what is there, and never writes to a file it
refuses. A token that is not found is said not to be there, and counted.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import attrs

from tests.faults.disk import fast_folder
from tests.faults.keeping import LOGIN, Ground
from tests.faults.report import Report
from tokenflow import Token, TokenflowError
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.sealing import from_row
from tokenflow_sqlite import SqliteStore

GATE: Final = 1_000
KEYS: Final = ("ada", "bob")
PAGE: Final = 4096


@attrs.frozen
class Damage:
    """One thing done to the file: something written at a place, and what is behind that cut off or left."""

    what: str
    place: int
    content: bytes = b""
    cut: bool = False

    def done(self, was: bytes) -> bytes:
        """Return what the file holds afterwards."""
        end = self.place + len(self.content)
        return was[: self.place] + self.content + (b"" if self.cut else was[end:])


def campaign(size: int, seed: int) -> Report:
    """Flip *size* bytes of a store, each place at most once, and do everything else there is to do."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        ground, other = made(Path(name) / "one"), made(Path(name) / "other")
        content = ground.file.read_bytes()
        trial = Trial(ground, content, read(ground))
        for damage in (*_flips(content, size, Random(seed)), *_blunt(content, other.file.read_bytes())):
            trial.does(damage)
    void = [f"nothing ended as: {word}" for word in ("right", "store_unreadable") if not trial.ends[word]]
    figures = {"changes": trial.ends.total(), "bytes": len(content), "ends": dict(trial.ends)}
    return Report("changed files", figures, void, trial.failures)


def made(folder: Path) -> Ground:
    """Make a small store with two tokens and some history."""
    folder.mkdir(mode=0o700)
    ground = Ground(folder)
    with ground.open() as engine:
        for key in KEYS:
            engine.acquire(key, **LOGIN)
    return ground


def read(ground: Ground) -> list[Token | None]:
    """Open the store as an engine does, and return its tokens; raises StoreError."""
    store = SqliteStore(ground.file)
    try:
        ring = open_keyed(store, f"file:{ground.folder / 'key'}")
        rows = [store.load("default", key) for key in KEYS]
        return [None if row is None else from_row(row, ring) for row in rows]
    finally:
        store.close()


@attrs.define
class Trial:
    """One store, and what became of it under each damage."""

    ground: Ground
    content: bytes
    right: list[Token | None]
    ends: Counter[str] = attrs.field(factory=Counter, init=False)
    failures: list[str] = attrs.field(factory=list, init=False)

    def does(self, damage: Damage) -> None:
        """Damage the file, open it, judge, and put it back."""
        changed = damage.done(self.content)
        self._put(changed)
        try:
            end = self._end(read(self.ground))
        except TokenflowError as error:
            end = error.code
            if self.ground.file.read_bytes() != changed:
                self.failures.append(f"{damage.what}: it was refused ({end}), and written to")
        except Exception as error:  # noqa: BLE001  # an error without a mend is a finding
            end = f"raised {type(error).__name__}"
            self.failures.append(f"{damage.what}: {end}: {error}")
        if end == "wrong":
            self.failures.append(f"{damage.what}: another token was handed out")
        self.ends[end] += 1

    def _end(self, found: list[Token | None]) -> str:
        for token, right in zip(found, self.right, strict=True):
            if token is not None and token != right:
                return "wrong"
        return "not found" if None in found else "right"

    def _put(self, content: bytes) -> None:
        for left in self.ground.kept.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        descriptor = os.open(self.ground.file, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, content)
        os.close(descriptor)


def _flips(content: bytes, size: int, chance: Random) -> Iterator[Damage]:
    places = range(len(content)) if size >= len(content) else chance.sample(range(len(content)), size)
    for place in places:
        bits = chance.randrange(1, 256)
        yield Damage(f"byte {place} xor {bits}", place, bytes([content[place] ^ bits]))


def _blunt(content: bytes, other: bytes) -> Iterator[Damage]:
    """Yield what is done to whole pages, and to the file."""
    pages = len(content) // PAGE
    for page in range(pages):
        begin, end = page * PAGE, (page + 1) * PAGE
        after = (page + 1) % pages * PAGE
        yield Damage(f"cut before page {page}", begin, cut=True)
        yield Damage(f"cut within page {page}", begin + PAGE // 2, cut=True)
        yield Damage(f"page {page} emptied", begin, bytes(PAGE))
        yield Damage(f"page {page} replaced by the next", begin, content[after : after + PAGE])
        yield Damage(f"page {page} of another store", begin, other[begin:end])
    yield Damage("another store in its place", 0, other, cut=True)
    yield Damage("text in its place", 0, b"dear diary\n" * 1_000, cut=True)
    yield Damage("zeros in its place", 0, bytes(len(content)), cut=True)
    yield Damage("something behind it", len(content), b"\xa5" * PAGE)
