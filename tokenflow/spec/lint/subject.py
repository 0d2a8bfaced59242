"""The document under inspection, and the handful of questions every check asks of it."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

import attrs

from tokenflow.spec.diagnostics import Diagnostic, Related
from tokenflow.spec.explaining import diagnostic
from tokenflow.spec.names import Names
from tokenflow.spec.shelf import Shelf
from tokenflow.spec.tree import Node, Path
from tokenflow.spec.words import did_you_mean, listed


@attrs.frozen(kw_only=True)
class Edge:
    """One transition out of one state."""

    source: str
    event: str
    body: Mapping[str, Any]
    path: Path
    """Where it is written; an entry of `everywhere` is the same for every state."""
    entry: Path
    """The event's own place."""

    @property
    def target(self) -> str | None:
        """The next state; None stays."""
        return self.body.get("to")


@attrs.frozen(kw_only=True, slots=False)
class Subject:
    """A document whose shape is right."""

    root: Node
    names: Names
    folder: FilePath | None = None
    """Where it was read from; None for a shipped one."""
    shelf: Shelf | None = None
    """Where other documents are found; None: nothing is said about others."""

    @cached_property
    def data(self) -> dict[str, Any]:
        """The plain document."""
        found: dict[str, Any] = self.root.data()
        return found

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.data["kind"])

    def table(self, name: str) -> dict[str, Any]:
        """Return a top-level mapping, empty when there is none."""
        found: dict[str, Any] = self.data.get(name, {})
        return found

    @cached_property
    def states(self) -> dict[str, dict[str, Any]]:
        """States by name."""
        return self.table("states")

    @cached_property
    def finals(self) -> frozenset[str]:
        """Names of the final states."""
        return frozenset(name for name, state in self.states.items() if state.get("final"))

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every transition; a state's own entry for an event hides that of `everywhere` (rule E1)."""
        return tuple(self._edges())

    def _edges(self) -> Iterator[Edge]:
        shared = self.table("everywhere")
        for name, state in self.states.items():
            if name in self.finals:
                continue
            own = state.get("transitions", {})
            for event, entry in own.items():
                yield from _entries(name, event, entry, ("states", name, "transitions", event))
            for event, entry in shared.items():
                if event not in own:
                    yield from _entries(name, event, entry, ("everywhere", event))

    @cached_property
    def _accepted(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for edge in self.edges:
            found.setdefault(edge.source, set()).add(edge.event)
        return found

    def accepts(self, state: str) -> frozenset[str]:
        """Return the events *state* has a transition for."""
        return frozenset(self._accepted.get(state, ()))

    def is_own(self, *path: str | int) -> bool:
        """Return whether the key at *path* is written in this file, and not inherited."""
        return self.root.where(path, key=True).file == self.root.span.file

    def other(self, kind: str, name: str) -> "Subject | None":
        """Return the document *name* of another *kind*, or None where there is none that can be read."""
        found = None if self.shelf is None else self.shelf.named(kind, name, self.folder)
        return self._beside(found)

    def referred(self, ref: str) -> "Subject | None":
        """Return the document that a reference leads to, or None where there is none that can be read."""
        return self._beside(None if self.shelf is None else self.shelf.at(ref, self.folder))

    def _beside(self, found: Any) -> "Subject | None":
        if found is None or found.root is None:
            return None
        return attrs.evolve(self, root=found.root, folder=found.folder)

    @cached_property
    def issuer(self) -> "Subject | None":
        """The Issuer document this lifecycle names, if it can be read."""
        return self.other("Issuer", self.data["issuer"]) if "issuer" in self.data else None

    def found(
        self,
        code: str,
        message: str,
        *path: str | int,
        key: bool = False,
        help: str | None = None,
        related: tuple[Related, ...] = (),
        severity: str | None = None,
        lacking: Path = (),
    ) -> Diagnostic:
        """Return a diagnostic at *path*, or at its key.

        *lacking* is where what is missing would be, so that a `remove` of it is pointed at.
        """
        one = diagnostic(code, message, self.root.where(path, key=key), help)
        pointed = any(note.span.file == self.root.span.file for note in related)
        ours = tuple(self._removed(lacking or path)) or tuple(() if pointed else self._inherited(one))
        return attrs.evolve(one, related=(*related, *ours), severity=severity or one.severity)

    def _removed(self, path: Path) -> Iterator[Related]:
        """Point at the entries of `remove` that took something from *path*, or *path* itself."""
        for entry in self.root.find(("remove",)).elements or ():
            gone = tuple(str(entry.value).split("."))
            least = min(len(gone), len(path))
            if least and gone[:least] == path[:least]:
                yield Related(label="removed here", span=entry.span)

    def _inherited(self, one: Diagnostic) -> Iterator[Related]:
        """Point at this file's `extends` when the place is in a parent."""
        if one.span.file != self.root.span.file and "extends" in (self.root.items or {}):
            yield Related(label="inherited here", span=self.root.where(("extends",)))

    def note(self, label: str, *path: str | int, key: bool = False) -> tuple[Related, ...]:
        """Return a pointer at another place."""
        return (Related(label=label, span=self.root.where(path, key=key)),)

    def known(
        self,
        code: str,
        what: str,
        name: str,
        options: Collection[str],
        *path: str | int,
        key: bool = False,
        lacking: Path = (),
    ) -> Iterator[Diagnostic]:
        """Yield a diagnostic unless *name* is among *options*; *lacking* is where it would be declared."""
        if name not in options:
            names = f"known: {listed(options)}" if options else f"no {what} is declared"
            help = did_you_mean(name, sorted(options), otherwise=names)
            yield self.found(code, f"unknown {what} `{name}`", *path, key=key, help=help, lacking=lacking)


def _entries(source: str, event: str, entry: Any, path: Path) -> Iterator[Edge]:
    if isinstance(entry, list):
        for index, body in enumerate(entry):
            yield Edge(source=source, event=event, body=body, path=(*path, index), entry=path)
    else:
        yield Edge(source=source, event=event, body=entry, path=path, entry=path)
