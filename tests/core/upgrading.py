"""One life under two versions of a lifecycle: edits that make the newer one, and a history to live through.

Everything here is pure: commands are answered by the history itself, and time is what it says.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, HOUR, MINUTE, START, lifecycle_of
from tokenflow.core.errors import Rejected
from tokenflow.core.events import Happened, Transitioned
from tokenflow.core.grants import identity_of, received, with_defaults
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.secret import Secret
from tokenflow.core.steps import (
    Step,
    attempted,
    choose,
    payload_of,
    settle,
    step,
    take,
    view_of,
)
from tokenflow.core.tokens import NEVER, SILENT, At, Attempt, Expiry, Grant, Instant, Token, TokenKind

Data = dict[str, Any]
SOON: Final = 20 * MINUTE
"""How long a retry waits."""


@attrs.frozen(kw_only=True)
class Edit:
    """One change to a spec: what it does to the data, and what `migrate` says of it."""

    name: str
    make: Callable[[Data], None] = attrs.field(repr=False)
    states: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Pair:
    """Two versions of one lifecycle."""

    old: Lifecycle
    new: Lifecycle
    states: Mapping[str, str]

    def mapped(self, state: str) -> str:
        """Return what a state of the old version is called in the new one."""
        return self.states.get(state, state)


def pair(base: Data, edits: list[Edit], timers: str) -> Pair:
    """Return *base* and what *edits* make of it, with a `migrate` entry that takes it."""
    new = copy.deepcopy(base)
    states: dict[str, str] = {}
    for edit in sorted(edits, key=lambda one: bool(one.states)):  # the others use the old names
        edit.make(new)
        states |= edit.states
    new["metadata"] = {**new["metadata"], "version": "2.0.0"}
    new["migrate"] = [{"from": "<2.0.0", "states": states, "timers": timers}]
    return Pair(old=lifecycle_of(base), new=lifecycle_of(new), states=states)


def renaming(data: Data, old: str, new: str) -> None:
    """Call a state something else, wherever it is named."""
    data["states"] = {new if name == old else name: spec for name, spec in data["states"].items()}
    entries = [data["everywhere"], *((spec or {}).get("transitions", {}) for spec in data["states"].values())]
    for entry in entries:
        for event, rows in entry.items():
            listed = rows if isinstance(rows, list) else [rows]
            moved = [{**row, "to": new} if row.get("to") == old else row for row in listed]
            entry[event] = moved if isinstance(rows, list) else moved[0]


def rename(old: str, new: str, instead: Data | None = None) -> Edit:
    """Return the edit that renames a state and maps it; another may be called what it was (*instead*)."""

    def make(data: Data) -> None:
        renaming(data, old, new)
        if instead is not None:
            data["states"][old] = instead

    also = f", and another is {old}" if instead is not None else ""
    return Edit(name=f"{old} is {new}{also}", make=make, states={old: new})


def put(*path: str, value: Any) -> Edit:
    """Return the edit that writes *value* at *path*."""

    def make(data: Data) -> None:
        place = data
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value

    return Edit(name=f"{'.'.join(path)} is {value}", make=make)


def drop(*path: str) -> Edit:
    """Return the edit that removes what is at *path*."""

    def make(data: Data) -> None:
        place = data
        for key in path[:-1]:
            place = place.get(key, {})
        place.pop(path[-1], None)

    return Edit(name=f"no {'.'.join(path)}", make=make)


# What happens in a life. A command is answered by the history: yes, no, or not now.


@attrs.frozen
class Pass:
    """Time goes by."""

    span: int


@attrs.frozen
class Raise:
    """Something happens to it, or is said to it."""

    event: str
    payload: Mapping[str, Any]


@attrs.frozen
class Answer:
    """The issuer answers the command of an event: a value, or (None) no, now or for a while."""

    event: str
    expires: int | str | None
    again: bool = False


Deed = Pass | Raise | Answer

spans = st.sampled_from([1, 20 * MINUTE, 50 * MINUTE, HOUR, 3 * HOUR, DAY, DAY, 8 * DAY, 31 * DAY])
lives = st.sampled_from([HOUR, 90 * MINUTE, 20 * DAY, 60 * DAY, "never", "silent"])


def deeds(commands: list[str], events: list[tuple[str, Mapping[str, Any]]]) -> st.SearchStrategy[list[Deed]]:
    """Return histories: mostly time, answers to *commands*, and *events*."""
    kinds = [
        st.builds(Pass, spans),
        st.builds(Pass, spans),
        st.builds(Answer, st.sampled_from(commands), lives),
        st.builds(Answer, st.sampled_from(commands), st.none(), st.booleans()),
        st.builds(Answer, st.sampled_from(commands), st.none(), st.just(False)),
        st.sampled_from(events).map(lambda one: Raise(*one)),
    ]
    return st.lists(st.one_of(*kinds), max_size=12)


@attrs.define
class Life:
    """A token and what has happened to it."""

    lifecycle: Lifecycle
    token: Token
    now: Instant
    happened: list[Happened] = attrs.field(factory=list)
    failures: list[tuple[Instant, str, bool]] = attrs.field(factory=list)
    """When which command failed, and whether it is tried again."""

    def live(self, history: list[Deed]) -> None:
        """Let all of *history* happen."""
        for deed in history:
            match deed:
                case Pass(span):
                    self.now += span
                case Raise(event, payload):
                    self._step(event, payload)
                case Answer(event, expires, again):
                    self._answer(event, expires, again)
            self.settle()

    def settle(self) -> None:
        """Let the clock have its say."""
        settled = settle(self.lifecycle, self.token, self.now)
        self.take(settled.steps)

    def take(self, steps: tuple[Step, ...]) -> None:
        """Go on with *steps*."""
        for one in steps:
            self.token = one.after
            self.happened += one.happened

    def _step(self, event: str, payload: Mapping[str, Any]) -> None:
        try:
            row = choose(
                self.lifecycle, self.token, event, view_of(self.lifecycle, self.token, event=payload)
            )
            if row is None or "do" not in row.data:
                self.take(
                    (step(self.lifecycle, self.token, event, now=self.now, cause="caller", payload=payload),)
                )
        except Rejected:
            return

    def _answer(self, event: str, expires: int | str | None, again: bool) -> None:
        """Let the command of *event* end, where the token takes one."""
        lifecycle, token = self.lifecycle, self.token
        if event not in lifecycle.states[token.state].accepts:
            return
        payload = payload_of(lifecycle, event, {"lifetime": "long"} if isinstance(expires, int) else {})
        row = choose(lifecycle, token, event, view_of(lifecycle, token, event=payload))
        if row is None or "do" not in row.data:
            return
        if expires is None:
            self.failures.append((self.now, event, again))
            self.token = self._failed(event, again)
            return
        name = lifecycle.states[row.target or token.state].lifetime
        grant = Grant(access_token=Secret("a"), refresh_token=Secret("r"), expires=_expiry(expires, self.now))
        changes = received(lifecycle, grant, token, name, self.now)
        self.take(
            (take(lifecycle, token, row, now=self.now, cause="caller", payload=payload, changes=changes),)
        )

    def _failed(self, event: str, again: bool) -> Token:
        token, revision = self.token, self.token.revision + 1
        if again:
            retry = Attempt(
                event=event, number=1, started_at=self.now, retry_at=self.now + SOON, error="transient"
            )
            return attrs.evolve(token, attempt=retry, revision=revision)
        fired = attempted(self.lifecycle, token, event, self.now)
        return attrs.evolve(token, attempt=None, fired=fired, revision=revision)

    def moves(self, rename: Callable[[str], str]) -> list[tuple[Any, ...]]:
        """Return what moved or changed it, and when: two lives with the same of it are one life."""
        return [
            (one.about.at, one.event, rename(one.source), rename(one.state), one.cause, one.command)
            for one in self.happened
            if isinstance(one, Transitioned) and (one.source != one.state or one.command or self._sets(one))
        ]

    def _sets(self, one: Transitioned) -> bool:
        return any("set" in row.data for row in self.lifecycle.chooser.rows(one.event, one.state))


def _expiry(lives: int | str, now: Instant) -> Expiry:
    if isinstance(lives, int):
        return At(now + lives)
    return NEVER if lives == "never" else SILENT


def begin(
    lifecycle: Lifecycle, facts: Mapping[str, Any], platform: str, lives: int | str, long: bool
) -> Life:
    """Return the life of a token that has just been acquired."""
    known = with_defaults(lifecycle, facts)
    asked = Token(
        key="me",
        id="t1",
        kind=TokenKind(lifecycle.kind),
        lifecycle=lifecycle.ref,
        digest=lifecycle.digest,
        issuer=lifecycle.issuer,
        state=lifecycle.initial,
        attributes=known,
        identity=identity_of(lifecycle, known, platform),
        entered_at=START,
        platform=platform,
        runs_on=lifecycle.acquisitions[platform].runs_on,
    )
    name = "long" if long and "long" in lifecycle.lifetimes else lifecycle.acquisitions[platform].lifetime
    payload = payload_of(lifecycle, "acquired", {"lifetime": name, "platform": platform})
    row = choose(lifecycle, asked, "acquired", view_of(lifecycle, asked, event=payload))
    assert row is not None
    target = lifecycle.states[row.target or asked.state].lifetime or name
    grant = Grant(access_token=Secret("a"), refresh_token=Secret("r"), expires=_expiry(lives, START))
    changes = received(lifecycle, grant, asked, target, START) | {"attributes": known}
    moved = take(lifecycle, asked, row, now=START, cause="command", payload=payload, changes=changes)
    life = Life(lifecycle, moved.after, START, list(moved.happened))
    life.settle()
    return life
