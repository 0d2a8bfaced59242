"""Looks through what came out while a test ran, and says where a secret did."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs

from tests.leaks.allowed import ALLOWED
from tests.leaks.births import Births
from tests.leaks.channels import Said, files, read
from tests.leaks.encodings import Table, search, table

MOST: Final = 4 << 20
"""Bytes of a file that are read: one that is longer is a store of many thousand rows, all written alike."""
_APART: Final = b"\n\x1e\n"


@attrs.frozen(order=True)
class Leak:
    """A secret that came out: never the secret itself."""

    channel: str
    where: str
    encoding: str
    kind: str

    def __str__(self) -> str:
        return f"{self.channel}: {self.where} shows {self.kind} ({self.encoding})"


@attrs.define
class Figures:
    """What a run has looked at."""

    planted: int = 0
    tests: int = 0
    scanned: int = 0
    """Bytes."""
    files: int = 0
    seconds: float = 0.0
    """Of this thread's time, for looking."""
    leaks: int = 0
    controls: set[str] = attrs.field(factory=set)
    """Channels whose deliberate leak was caught."""


@attrs.define
class Scanner:
    """Knows the canaries, has heard the channels, and looks for the ones in the others."""

    births: Births = attrs.field(factory=Births)
    said: Said = attrs.field(factory=Said)
    figures: Figures = attrs.field(factory=Figures)
    _lasting: Table = attrs.field(factory=dict, repr=False)
    _lasting_size: int = 0

    def begin(self) -> None:
        """Forget the test before."""
        self.said.clear()
        self.births.here.clear()

    def leaks(self, folders: Iterable[Path] = ()) -> list[Leak]:
        """Return what came out since `begin`, and what stands in files below *folders*; forget both."""
        found: list[Leak] = []
        begun = time.thread_time()
        if self.births.here or self.births.lasting:
            known = self._known()
            for channel, pieces in self._pieces(folders):
                found += self._in(channel, pieces, known)
        self.figures.leaks += len(found)
        self.said.clear()
        self.figures.seconds += time.thread_time() - begun
        return sorted(set(found))

    def _known(self) -> Table:
        if self._lasting_size != len(self.births.lasting):
            self._lasting, self._lasting_size = table(self.births.lasting), len(self.births.lasting)
        if not self.births.here:
            return self._lasting
        here = table(self.births.here)
        both = {**self._lasting}
        for word, forms in here.items():
            both[word] = [*both.get(word, ()), *forms]
        return both

    def _pieces(self, folders: Iterable[Path]) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
        for channel, heard in self.said.by.items():
            if heard:
                yield channel, [(where, _bytes(what)) for where, what in heard]
        found = [
            (name, read(path, MOST))
            for name, path in files(list(folders), self.said.written)
            if str(path) not in self.said.own
        ]
        self.figures.files += len(found)
        yield "file", found

    def _in(self, channel: str, pieces: list[tuple[str, bytes]], known: Table) -> Iterator[Leak]:
        # All at once first: hardly ever is there anything to be found.
        whole = _APART.join(what for _, what in pieces)
        self.figures.scanned += len(whole)
        if not search(whole, known):
            return
        for where, what in pieces:
            for one in search(what, known):
                if not any(each.covers(channel, where, one.kind) for each in ALLOWED):
                    yield Leak(channel, where, one.encoding, one.kind)


def _bytes(what: str | bytes) -> bytes:
    return what if isinstance(what, bytes) else what.encode("utf-8", "surrogatepass")
