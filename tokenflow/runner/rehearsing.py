"""Play the engine's own flows over a copy in memory, at an issuer that always says yes.

What a store holds is read when it is first needed and never written; what the flows save stays here.
So a rehearsal decides as the engine will, because it is the same code that decides.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any, TypeVar

import attrs

from tokenflow.core.effects import (
    Code,
    Effect,
    Emit,
    Exchange,
    Flow,
    Load,
    LoadChildren,
    Nonce,
    Order,
    Pinned,
    Recall,
    Remember,
    Save,
)
from tokenflow.core.errors import RevisionConflict
from tokenflow.core.events import Happened
from tokenflow.core.learning import Learned
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.plans import UNBORN
from tokenflow.core.setting import AcquireFlow, CommandFlow, DeriveFlow, Setting
from tokenflow.core.tokens import Grant, Inspection, Instant, Token
from tokenflow.engine.lessons import SHELF, read
from tokenflow.engine.sealing import unopened
from tokenflow.runner.driving import as_things_are, drive
from tokenflow.runner.looking import Glass
from tokenflow.runner.simulation.issuer import ModelIssuer

T = TypeVar("T")


@attrs.define
class Rehearsal:
    """The store as it would be, and what happened and was asked since somebody last looked."""

    glass: Glass
    now: Instant
    tokens: dict[str, Token] = attrs.field(factory=dict)
    """What was saved here, over what the store holds."""
    happened: list[Happened] = attrs.field(factory=list)
    calls: list[tuple[str, str]] = attrs.field(factory=list)
    """(issuer, what was asked of it)."""
    saved: set[str] = attrs.field(factory=set)
    """Keys that were saved since somebody last looked."""
    acquiring: Lifecycle | None = None
    """The lifecycle that is acquired just now."""
    lessons: dict[str, Learned] = attrs.field(factory=dict)
    """What values would have taught by then, by lifecycle and lifetime class."""
    _numbers: Any = attrs.field(factory=count)

    @property
    def setting(self) -> Setting:
        """What flows are given: the specs as they are, and plugins whose issuer says yes."""
        return Setting(lifecycles=self.glass.lifecycles, issuers=self.glass.issuers, plugins=_SaysYes(self))

    def token(self, key: str) -> Token | None:
        """Return the token as it would be."""
        return self.tokens[key] if key in self.tokens else self.glass.token(key)

    def forget(self) -> None:
        """Begin to listen anew."""
        self.happened, self.calls, self.saved = [], [], set()

    def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its end; whatever it raises passes through."""
        return drive(flow, self._answer)

    def _answer(self, effect: Effect) -> Any:
        match effect:
            case Load(key):
                return self.token(key)
            case LoadChildren(key):
                return self._children(key)
            case Save(changes):
                return self._save(changes)
            case Emit(happened):
                self.happened.extend(happened)
                return None
            case Recall(name):
                return self._recall(name)
            case Remember(name, learned):
                self.lessons[name] = learned
                return None
            case Pinned(token):
                return self.glass.lifecycle(token)
            case Nonce():
                return f"{UNBORN}{next(self._numbers)}"
        return as_things_are(effect, self.now, "plan")

    def _recall(self, name: str) -> Learned:
        if name not in self.lessons:
            self.lessons[name] = read(self.glass.store.get(SHELF, f"{self.glass.tenant}/{name}"))
        return self.lessons[name]

    def _children(self, parent: str) -> list[Token]:
        kept = {row.key: unopened(row) for row in self.glass.store.children(self.glass.tenant, parent)}
        new = {key: token for key, token in self.tokens.items() if token.parent == parent or key in kept}
        return [token for _, token in sorted({**kept, **new}.items()) if token.parent == parent]

    def _save(self, changes: Sequence[Any]) -> None:
        for change in changes:
            held = self.token(change.token.key)
            if (0 if held is None else held.revision) != change.expected:
                raise RevisionConflict(f"{change.token.key!r} is not at revision {change.expected}")
        for change in changes:
            self.tokens[change.token.key] = change.token
            self.saved.add(change.token.key)
            self.happened.extend(change.happened)


@attrs.frozen
class _SaysYes:
    """Plugins for a rehearsal: every call is noted, and answered as the spec plans for."""

    rehearsal: Rehearsal

    def acquire(self, name: str) -> AcquireFlow:
        def flow(order: Order) -> Flow[Grant]:
            self._note(order, name)
            return (yield from self._model(self._acquired, order).acquire(name)(order))

        return flow

    def login_in(self, name: str, order: Order) -> str | None:
        return None

    def command(self, name: str) -> CommandFlow:
        def flow(order: Order) -> Flow[Grant | Inspection | Code | None]:
            assert order.token is not None, "a command is about a token"
            model = self._model(self.rehearsal.glass.lifecycle(order.token), order)
            model.believe(order.token)
            self._note(order, name)
            return (yield from model.command(name)(order))

        return flow

    def exchange(self, name: str) -> Exchange:
        def flow(order: Order, code: Code) -> Flow[Grant]:
            self._note(order, name)
            return (yield from self._model(self._acquired, order).exchange(name)(order, code))

        return flow

    def derive(self, name: str) -> DeriveFlow:
        def flow(order: Order) -> Flow[Sequence[Grant]]:
            self._note(order, name)
            assert order.token is not None, "children come from a token"
            model = self._model(self.rehearsal.glass.lifecycle(order.token), order)
            return (yield from model.derive(name)(order))

        return flow

    @property
    def _acquired(self) -> Lifecycle:
        assert self.rehearsal.acquiring is not None, "an acquisition is of a lifecycle"
        return self.rehearsal.acquiring

    def _note(self, order: Order, name: str) -> None:
        self.rehearsal.calls.append((order.issuer.name, name))

    def _model(self, lifecycle: Lifecycle, order: Order) -> ModelIssuer:
        return ModelIssuer(lifecycle=lifecycle, contract=order.issuer)
