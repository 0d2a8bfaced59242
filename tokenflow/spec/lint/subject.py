"""The document under inspection, and the handful of questions every check asks of it."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs

from tokenflow.spec.diagnostics import Diagnostic, Related
from tokenflow.spec.explaining import diagnostic
from tokenflow.spec.names import Names
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

    def error(
        self,
        code: str,
        message: str,
        *path: str | int,
        key: bool = False,
        help: str | None = None,
        related: tuple[Related, ...] = (),
        severity: str = "error",
    ) -> Diagnostic:
        """Return a diagnostic at *path*, or at its key."""
        found = diagnostic(code, message, self.root.where(path, key=key), help)
        return attrs.evolve(found, related=related, severity=severity)

    def note(self, label: str, *path: str | int, key: bool = False) -> tuple[Related, ...]:
        """Return a pointer at another place."""
        return (Related(label=label, span=self.root.where(path, key=key)),)

    def known(
        self, code: str, what: str, name: str, options: Collection[str], *path: str | int, key: bool = False
    ) -> Iterator[Diagnostic]:
        """Yield a diagnostic unless *name* is among *options*."""
        if name not in options:
            names = f"known: {listed(options)}" if options else f"no {what} is declared"
            help = did_you_mean(name, sorted(options), otherwise=names)
            yield self.error(code, f"unknown {what} `{name}`", *path, key=key, help=help)


def _entries(source: str, event: str, entry: Any, path: Path) -> Iterator[Edge]:
    if isinstance(entry, list):
        for index, body in enumerate(entry):
            yield Edge(source=source, event=event, body=body, path=(*path, index), entry=path)
    else:
        yield Edge(source=source, event=event, body=entry, path=path, entry=path)
