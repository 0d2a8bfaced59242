"""Who was erased is remembered outside the store, so that a backup of before does not bring them back.

One line an erasure, appended: when, a keyed hash of whose, and a signature of both. Without the store's key
nobody reads a name in it, or writes a line.
"""

import os
from collections.abc import Iterator
from hmac import compare_digest
from pathlib import Path
from typing import Final

from tokenflow.core.tokens import Instant
from tokenflow.engine.anchoring import Moorings
from tokenflow.engine.folders import settle
from tokenflow.engine.witnessing import Witness

_SIGNED: Final = 32
"""Characters of a signature."""


def file_of(moorings: Moorings) -> Path | None:
    """Return where they are remembered: beside the anchor; None where that is nowhere."""
    return None if moorings.file is None else moorings.file.with_suffix(".erased")


def remember(moorings: Moorings, tenant: str, roots: list[str], at: Instant) -> None:
    """Remember that the tokens of *roots* were erased, durably; raises OSError."""
    file = file_of(moorings)
    if file is None or not roots:
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = "".join(_line(moorings.witness, at, moorings.witness.erased(tenant, root).hex()) for root in roots)
    descriptor = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    settle(file.parent)


class Erasures:
    """What is remembered, read once."""

    def __init__(self, moorings: Moorings) -> None:
        """Read it; raises OSError when it is there and cannot be read."""
        self._witness = moorings.witness
        self._last: dict[str, Instant] = {}
        for at, whose in _lines(file_of(moorings), moorings.witness):
            self._last[whose] = max(at, self._last.get(whose, at))

    def __len__(self) -> int:
        return len(self._last)

    def since(self, tenant: str, root: str) -> Instant | None:
        """Return when a key was last erased, or None."""
        return self._last.get(self._witness.erased(tenant, root).hex())


def _lines(file: Path | None, witness: Witness) -> Iterator[tuple[Instant, str]]:
    """Yield what was signed; half a line, or one that somebody else wrote, is stepped over."""
    if file is None or not file.exists():
        return
    with file.open("r", encoding="ascii", errors="replace") as opened:
        for line in opened:
            at, _, rest = line.partition(" ")
            whose = rest.partition(" ")[0]
            if at.isdecimal() and compare_digest(line.encode(), _line(witness, int(at), whose).encode()):
                yield int(at), whose


def _line(witness: Witness, at: Instant, whose: str) -> str:
    text = f"{at} {whose}"
    return f"{text} {witness.sign(b'erased ' + text.encode()).hex()[:_SIGNED]}\n"
