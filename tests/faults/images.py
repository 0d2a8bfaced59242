"""A disk as it may be found after the power failed: what was synced, and of the rest what chance left.

A write is certain once its file was synced; that a name was made, changed or removed, once its folder
was. Until then each may be there or not, in any mixture, and a write may have reached only some of its
sectors. After a sync that failed, the kernel takes what was not written for written: a later sync that
succeeds says nothing of it, so there a coin decides for good.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Final, TypeAlias

import attrs

from tests.faults.shim import Operation

SECTOR: Final = 512
_ALL: Final = -1
"""Stands for every sector of a write."""
Choice: TypeAlias = tuple[tuple[int, int], ...]
"""Which of the pending operations are on the disk: their places, and the sectors of a torn write as bits."""


@attrs.define(eq=False)
class _File:
    number: int
    sure: bytearray = attrs.field(factory=bytearray)
    syncs: int = 0
    pending: list[Operation] = attrs.field(factory=list)


Names: TypeAlias = dict[str, _File | None]
"""What stands under each path; None is a folder."""
Chooses: TypeAlias = Callable[[_File], Choice]


@attrs.frozen
class Image:
    """One disk. Two with the same `key` are the same."""

    key: tuple[object, ...]
    parts: tuple[tuple[str, _File, Choice], ...] = attrs.field(repr=False)
    folders: tuple[str, ...]

    def files(self) -> Iterator[tuple[str, bytearray]]:
        """Yield each file's path and content."""
        for path, file, choice in self.parts:
            content = bytearray(file.sure) if choice else file.sure
            for place, sectors in choice:
                _do(content, file.pending[place], sectors)
            yield path, content


class Disk:
    """What was asked of a disk so far, below one folder."""

    def __init__(self, folder: str, chance: Random) -> None:
        self._folder, self._chance = folder, chance
        self._sure: Names = {"": None}
        self._now: Names = {"": None}
        self._names: list[tuple[Operation, str, str, _File | None]] = []
        """Changes of names that no sync of their folder has made certain."""
        self._made = 0

    def does(self, one: Operation) -> None:
        """Take an operation that the process was told had succeeded."""
        path = self._within(one.path)
        match one.op:
            case "O" | "M":
                self._made += 1
                self._name(one, path, path, _File(self._made) if one.op == "O" else None)
            case "L" | "R":
                self._name(one, path, self._within(one.data.decode()), self._now[path])
            case "U":
                self._name(one, path, path, self._now[path])
            case "S" if self._now[path] is None:
                self._settle(path)
            case "S" | "F" if self._now[path] is not None:
                self._sync(path, holds=one.op == "S")
            case "W" | "T" | "G":
                self._file(path).pending.append(one)

    def nothing(self) -> Image:
        """Return the disk on which nothing is that was not synced."""
        return self._image(self._sure, lambda file: ())

    def everything(self) -> Image:
        """Return the disk on which all is."""
        return self._image(self._now, lambda file: tuple((at, _ALL) for at in range(len(file.pending))))

    def something(self, *, torn: bool) -> Image:
        """Return a disk with some of it, drawn by chance; *torn*: and of writes some sectors."""
        names, chance = dict(self._sure), self._chance
        for change in self._names:
            if chance.random() < 0.5:
                _rename(names, *change)

        def choose(file: _File) -> Choice:
            some = [at for at in range(len(file.pending)) if chance.random() < 0.5]
            return tuple((at, self._sectors(file.pending[at]) if torn else _ALL) for at in some)

        return self._image(names, choose)

    def _sectors(self, one: Operation) -> int:
        count = -(-len(one.data) // SECTOR)
        return self._chance.getrandbits(count) if count > 1 else _ALL

    def _image(self, names: Mapping[str, _File | None], choose: Chooses) -> Image:
        parts = tuple(
            (path, file, choose(file))
            for path, file in sorted(names.items())
            if file is not None and posixpath.dirname(path) in names and not path.endswith("-shm")
        )
        folders = tuple(sorted(path for path, file in names.items() if file is None and path))
        key = tuple((path, file.number, file.syncs, choice) for path, file, choice in parts)
        return Image((*key, *folders), parts, folders)

    def _within(self, path: str) -> str:
        return path.removeprefix(self._folder).strip("/")

    def _file(self, path: str) -> _File:
        file = self._now[path]
        assert file is not None, f"{path} is a folder"
        return file

    def _name(self, one: Operation, path: str, onto: str, file: _File | None) -> None:
        change = (one, path, onto, file)
        _rename(self._now, *change)
        self._names.append(change)

    def _settle(self, folder: str) -> None:
        """Make certain what the names in a folder are."""
        left = []
        for change in self._names:
            if posixpath.dirname(change[2]) == folder:
                _rename(self._sure, *change)
            else:
                left.append(change)
        self._names = left

    def _sync(self, path: str, *, holds: bool) -> None:
        file = self._file(path)
        for one in file.pending:
            if holds or self._chance.random() < 0.5:
                _do(file.sure, one, _ALL)
        file.pending, file.syncs = [], file.syncs + 1


def _do(content: bytearray, one: Operation, sectors: int) -> None:
    if one.op != "W":
        shorter = content[: one.offset] if one.op == "T" else content
        content[:] = shorter + bytes(max(0, one.offset - len(shorter)))
        return
    if len(content) < one.offset:
        content.extend(bytes(one.offset - len(content)))
    if sectors == _ALL:
        content[one.offset : one.offset + len(one.data)] = one.data
        return
    for number in range(-(-len(one.data) // SECTOR)):
        if sectors >> number & 1:
            part = one.data[number * SECTOR : (number + 1) * SECTOR]
            at = one.offset + number * SECTOR
            content.extend(bytes(max(0, at - len(content))))
            content[at : at + len(part)] = part


def _rename(names: Names, one: Operation, path: str, onto: str, file: _File | None) -> None:
    """Do one change of names, unless what it changes is not there."""
    if one.op == "U":
        names.pop(path, None)
    elif one.op == "R" and path in names:
        del names[path]
        names[onto] = file
    elif one.op != "R":
        names[onto] = file
