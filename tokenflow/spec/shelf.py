"""Where a document finds the others it names: those given with it, files around it, and shipped ones."""

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.neighbours import around
from tokenflow.spec.places import Place, Unread, locate, unreadable
from tokenflow.spec.shipped import PREFIX, shipped
from tokenflow.spec.tree import Node


@attrs.frozen(kw_only=True)
class Shelved:
    """A document that was found."""

    root: Node | None
    """The tree, resolved; None when it is not fit to be used."""
    folder: Path | None
    """Where it was read from; None for a shipped one."""
    problems: tuple[Diagnostic, ...] = ()
    files: frozenset[str] = frozenset()
    """Every file that was read for it."""
    given: bool = False
    """Given with the one that names it, so that its own problems are told anyway."""


@attrs.frozen(kw_only=True)
class Shelf:
    """Finds documents by name or reference. Each is read once."""

    given: Mapping[tuple[str, str], Shelved]
    """(kind, name) -> a document given by whoever asks."""
    read: Callable[[Place], Shelved]
    """Reads and resolves; never raises."""
    _seen: dict[str, Shelved] = attrs.field(factory=dict, repr=False, eq=False)
    _tried: set[str] = attrs.field(factory=set, repr=False, eq=False)

    def files(self) -> frozenset[str]:
        """Return the files that were read so far, and the files and folders that were looked at."""
        return frozenset(self._tried).union(*(one.files for one in self._seen.values()))

    def named(self, kind: str, name: str, folder: Path | None) -> Shelved | None:
        """Return the document *name* of *kind*, as seen from *folder*, or None where there is none."""
        if (kind, name) in self.given:
            return self.given[kind, name]
        found = None if folder is None else self._around(kind, name, folder)
        return self.at(f"{PREFIX}{name}", None) if found is None and name in shipped(kind) else found

    def at(self, ref: str, folder: Path | None) -> Shelved:
        """Return what *ref* leads to: a shipped spec, or a file as seen from *folder*."""
        place = locate(ref, folder)
        if isinstance(place, Unread):
            return Shelved(root=None, folder=None, problems=(unreadable(ref, place),))
        if place.path not in self._seen:
            self._seen[place.path] = self.read(place)
        return self._seen[place.path]

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the names of the given documents of *kind*."""
        return tuple(name for its_kind, name in self.given if its_kind == kind)

    def _around(self, kind: str, name: str, folder: Path) -> Shelved | None:
        found = around(kind, name, folder)
        self._tried.update(found.looked)
        return None if found.path is None else self.at(found.path.name, found.path.parent)
