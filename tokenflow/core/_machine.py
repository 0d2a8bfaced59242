"""The only module that imports `transitions`: one shared machine chooses the edge for any number of tokens.

Theory: a `Machine` is built once per spec version with no model. `events[name].trigger(cursor)` is
public, takes any object with a `state`, and never asks whether it was added. The cursor lives for
one event and is the only thing that changes; our `Edge` notes itself on it when it is taken.

Never: `add_model` (4 KB a token, and quadratic), text as a condition or callback (it is imported and
called), `queued` (every answer becomes True), `AsyncMachine` (it cancels a running transition).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from transitions import EventData, Machine, Transition
from transitions.core import Event

from tokenflow.core.conditions import UNKNOWN, Condition, Verdict, View

__all__ = ["Chooser", "Chosen", "Row"]


class Row:
    """One row of the table: event, source, target (None stays), conditions, and the spec's own data."""

    __slots__ = ("conditions", "data", "event", "index", "source", "target")

    def __init__(
        self,
        event: str,
        source: str,
        target: str | None,
        conditions: tuple[Condition, ...],
        data: Any,
        index: int,
    ) -> None:
        self.event, self.source, self.target = event, source, target
        self.conditions, self.data, self.index = conditions, data, index


class _Cursor:
    __slots__ = ("row", "state", "trail", "view")

    def __init__(self, state: str, view: View) -> None:
        self.state, self.view = state, view
        self.row: Row | None = None
        self.trail: list[tuple[Condition, Verdict]] = []


class _Guard:
    """A condition as `transitions` calls it; `__name__` and str are what its diagrams print."""

    __slots__ = ("condition",)

    def __init__(self, condition: Condition) -> None:
        self.condition = condition

    @property
    def __name__(self) -> str:
        return self.condition.text

    def __call__(self, event_data: EventData) -> bool:
        cursor: Any = event_data.model
        verdict = self.condition.check(cursor.view)
        cursor.trail.append((self.condition, verdict))
        return verdict is True


class _Edge(Transition):
    def __init__(self, *args: Any, row: Row, label: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        if label is not None:
            self.label = label  # shown by diagrams

    def execute(self, event_data: EventData) -> bool:
        if not super().execute(event_data):
            return False
        cursor: Any = event_data.model
        cursor.row = self.row
        return True


class _Event(Event):
    """An event without queue, callbacks or swallowed errors: the first edge that takes it."""

    def trigger(self, model: Any, *args: Any, **kwargs: Any) -> bool:
        state = self.machine.states[model.state]
        event_data = EventData(state, self, self.machine, model, args=args, kwargs=kwargs)
        return any(edge.execute(event_data) for edge in self.transitions[model.state])


class _Table(Machine):
    transition_cls = _Edge
    event_cls = _Event


def _all(conditions: Iterable[Condition], view: View) -> Verdict:
    """Ask in order and stop at the first that is false, as choosing does."""
    answer: Verdict = True
    for condition in conditions:
        verdict = condition.check(view)
        if verdict is False:
            return False
        if verdict is UNKNOWN:
            answer = UNKNOWN
    return answer


class Chosen:
    """The row an event takes (None: no row's conditions hold) and the conditions that were asked."""

    __slots__ = ("row", "trail")

    def __init__(self, row: Row | None, trail: Sequence[tuple[Condition, Verdict]]) -> None:
        self.row, self.trail = row, tuple(trail)


class Chooser:
    """The machine of one spec version. Built once, then only read: any number of threads may share it."""

    def __init__(self, states: Mapping[str, bool], initial: str, rows: Iterable[Row]) -> None:
        """*states* maps each name to whether it is final."""
        rows = tuple(rows)
        self._machine: Final = _Table(
            model=None,
            states=[{"name": name, "final": final} for name, final in states.items()],
            initial=initial,
            transitions=[
                {
                    "trigger": row.event,
                    "source": row.source,
                    "dest": row.target,
                    "conditions": [_Guard(condition) for condition in row.conditions],
                    "row": row,
                    "label": row.event,
                }
                for row in rows
            ],
            auto_transitions=False,
            send_event=True,
            queued=False,
        )

    def choose(self, event: str, state: str, view: View) -> Chosen:
        """Return the first row for *event* from *state* whose conditions all hold (rule E1).

        The caller has checked that *state* takes *event*. Whatever a guard raises passes through.
        """
        cursor = _Cursor(state, view)
        self._machine.events[event].trigger(cursor)
        return Chosen(cursor.row, cursor.trail)

    def rows(self, event: str, state: str) -> list[Row]:
        """Return the candidate rows, in order."""
        edges: list[Any] = list(self._machine.events[event].transitions[state])
        return [edge.row for edge in edges]

    def verdict(self, event: str, state: str, view: View) -> Verdict:
        """Return whether *event* would be taken: True, False, or UNKNOWN until its payload is known."""
        answer: Verdict = False
        for row in self.rows(event, state):
            try:
                verdict = _all(row.conditions, view)
            except Exception:  # noqa: BLE001  # choosing would end here too, with guard_error (rule E2)
                return answer
            if verdict is True:
                return True  # this row takes it, unless one before it does
            if verdict is UNKNOWN:
                answer = UNKNOWN
        return answer

    def every_row(self) -> list[Row]:
        """Return all rows as the machine holds them, event by event: what a drawing draws."""
        edges: list[Any] = [
            edge
            for event in self._machine.events.values()
            for candidates in event.transitions.values()
            for edge in candidates
        ]
        return [edge.row for edge in edges]
