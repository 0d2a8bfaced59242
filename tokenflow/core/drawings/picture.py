"""What a drawing shows, whatever language it is written in: boxes, arrows, and where a token has been."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from tokenflow.core.events import Acquired, Derived, Happened, Transitioned

if TYPE_CHECKING:
    from tokenflow.core._machine import Row
    from tokenflow.core.lifecycles import Lifecycle, State


@attrs.frozen(kw_only=True)
class Trail:
    """Where one token stands, and the way it went there."""

    state: str
    passed: frozenset[tuple[str, str]] = frozenset()
    """(source, target) of the moves it made."""

    @property
    def visited(self) -> frozenset[str]:
        """Every state it was in."""
        return frozenset({self.state, *(state for move in self.passed for state in move)})


@attrs.frozen(kw_only=True)
class Box:
    """A state."""

    name: str
    kind: str
    """usable, waiting (neither usable nor final) or final."""
    note: str = ""
    """How long a value lives in it."""
    here: bool = False
    """The token that is shown stands in it."""
    visited: bool = False
    """The token that is shown was in it, or is."""


@attrs.frozen(kw_only=True)
class Arrow:
    """One row of the table: an event, what raises it by time, the command it runs, what it needs."""

    source: str
    target: str
    event: str
    timers: tuple[str, ...] = ()
    command: str | None = None
    guards: tuple[str, ...] = ()
    stays: bool = False
    """It leads back to where it begins."""
    passed: bool = False
    """The token that is shown went along it."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The label, cut where a reader would."""
        first = self.event + (f" / {self.command}" if self.command else "")
        needs = (f"[{' and '.join(self.guards)}]",) if self.guards else ()
        return (first, *self.timers, *needs)

    @property
    def label(self) -> str:
        """The label on one line, as UML writes it: event (when) / command [guards]."""
        when = f" ({'; '.join(self.timers)})" if self.timers else ""
        does = f" / {self.command}" if self.command else ""
        needs = f" [{' and '.join(self.guards)}]" if self.guards else ""
        return f"{self.event}{when}{does}{needs}"


@attrs.frozen(kw_only=True)
class Picture:
    """A lifecycle, ready to be drawn."""

    title: str
    initial: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    @property
    def summary(self) -> str:
        """The picture in sentences, for those who do not see it."""
        kinds = {
            kind: [box.name for box in self.boxes if box.kind == kind]
            for kind in ("usable", "waiting", "final")
        }
        said = [f"State machine of {self.title}. It begins in {self.initial}."]
        said += [f"{kind.capitalize()}: {', '.join(names)}." for kind, names in kinds.items() if names]
        said += [f"{arrow.source} to {arrow.target}: {arrow.label}." for arrow in self.arrows]
        here = next((box.name for box in self.boxes if box.here), None)
        return " ".join([*said, *([f"The token stands in {here}."] if here else [])])


def picture_of(lifecycle: "Lifecycle", trail: Trail | None = None) -> Picture:
    """Return what a drawing of *lifecycle* shows, with the way of one token when *trail* is given."""
    return Picture(
        title=lifecycle.ref,
        initial=lifecycle.initial,
        boxes=tuple(_box(lifecycle, state, trail) for state in lifecycle.states.values()),
        arrows=tuple(_arrow(lifecycle, row, trail) for row in lifecycle.chooser.every_row()),
    )


def trail_of(lifecycle: "Lifecycle", state: str, history: Iterable[Happened]) -> Trail:
    """Return the way a token went, from the history of one token id."""
    passed = set()
    for event in history:
        match event:
            case Acquired(state=target) | Derived(state=target):
                passed.add((lifecycle.initial, target))
            case Transitioned(source=source, state=target):
                passed.add((source, target))
    return Trail(state=state, passed=frozenset(passed))


def _box(lifecycle: "Lifecycle", state: "State", trail: Trail | None) -> Box:
    lifetime = lifecycle.lifetimes.get(state.lifetime or "")
    length = lifecycle.spec["lifetimes"][lifetime.name]["typical"] if lifetime is not None else ""
    return Box(
        name=state.name,
        kind="final" if state.final else "usable" if state.usable else "waiting",
        note="no end by time" if length == "never" else f"lives {length}" if length else "",
        here=trail is not None and trail.state == state.name,
        visited=trail is not None and state.name in trail.visited,
    )


def _arrow(lifecycle: "Lifecycle", row: "Row", trail: Trail | None) -> Arrow:
    target = row.target or row.source
    timers = (lifecycle.spec["states"][row.source] or {}).get("timers") or {}
    return Arrow(
        source=row.source,
        target=target,
        event=row.event,
        timers=tuple(_when(timer) for timer in timers.values() if timer["raise"] == row.event),
        command=row.data.get("do"),
        guards=tuple(condition.text for condition in row.conditions),
        stays=target == row.source,
        passed=trail is not None and (row.source, target) in trail.passed,
    )


def _when(timer: Mapping[str, Any]) -> str:
    """`at expires - 30%, every 5m`, as the spec has it."""
    again = f", every {timer['every']}" if "every" in timer else ""
    return f"at {timer['at']}{again}"
