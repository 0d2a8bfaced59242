"""The audit trail as a store keeps it: chains of lines, each appended with the change it tells of.

A store never meets the trail's key. It is given what to say and a function that binds that to what
was said before, and calls it within its transaction: a change has its line, or neither is there.
"""

from collections.abc import Callable
from typing import NamedTuple

import attrs


class AuditLine(NamedTuple):
    """One line of the trail; never changed, and gone only by pruning.

    A tuple, because trails are long: examining one would take a fifth longer over attrs' values.
    """

    chain: int
    number: int
    """Its place in its chain, from 1."""
    body: bytes
    """What it says, for the engine to read."""
    head: bytes
    """Binds it to its place and to every line before it."""


@attrs.frozen(kw_only=True)
class AuditChain:
    """Where one chain ends, and where it begins since it was last pruned."""

    chain: int
    number: int = 0
    """How many lines were ever appended."""
    head: bytes = b""
    """The last line's."""
    base: int = 0
    """The last line that was pruned; 0 for none."""
    base_head: bytes = b""
    seal: bytes = b""
    """Shows that the engine pruned it, and nobody else."""


@attrs.frozen(kw_only=True)
class AuditRecord:
    """What is appended to the trail within one call of a store, or not at all."""

    said: tuple[tuple[int, bytes], ...]
    """(chain, body) of each line, in order."""
    follow: Callable[[AuditChain, bytes], AuditLine] = attrs.field(repr=False)
    """Makes a chain's next line, given how the chain stands. When it raises, nothing is saved."""


@attrs.define
class MemoryTrail:
    """The trail of a store that lives as long as its process. Its owner holds a lock around each call."""

    _chains: dict[int, AuditChain] = attrs.field(factory=dict)
    _lines: dict[int, list[AuditLine]] = attrs.field(factory=dict)

    def following(self, record: AuditRecord | None) -> list[AuditLine]:
        """Return the lines that *record* adds; nothing is changed yet."""
        stood, lines = dict(self._chains), []
        for chain, body in () if record is None else record.said:
            before = stood.get(chain, AuditChain(chain=chain))
            line = record.follow(before, body)  # type: ignore[union-attr]  # None says nothing
            stood[chain] = attrs.evolve(before, number=line.number, head=line.head)
            lines.append(line)
        return lines

    def append(self, lines: list[AuditLine]) -> None:
        """Append what `following` returned."""
        for line in lines:
            before = self._chains.get(line.chain, AuditChain(chain=line.chain))
            self._chains[line.chain] = attrs.evolve(before, number=line.number, head=line.head)
            self._lines.setdefault(line.chain, []).append(line)

    def chains(self) -> list[AuditChain]:
        """Return the chains that have begun, by number."""
        return [self._chains[chain] for chain in sorted(self._chains)]

    def lines(self, chain: int, after: int, limit: int) -> list[AuditLine]:
        """Return up to *limit* lines of a chain beyond number *after*, in order."""
        return [line for line in self._lines.get(chain, ()) if line.number > after][:limit]

    def prune(self, last: AuditLine, seal: bytes) -> bool:
        """Remove the lines of a chain up to *last*; False when it was pruned there or further already."""
        before = self._chains.get(last.chain)
        if before is None or before.base >= last.number:
            return False
        self._chains[last.chain] = attrs.evolve(before, base=last.number, base_head=last.head, seal=seal)
        self._lines[last.chain] = [line for line in self._lines[last.chain] if line.number > last.number]
        return True
