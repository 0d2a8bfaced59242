"""A world of one token: it performs what flows ask, in memory, at the instant it is told."""

from typing import Any, TypeVar

import attrs

from tokenflow.core.effects import (
    Admit,
    Effect,
    Emit,
    Flow,
    Journal,
    Journaled,
    Load,
    LoadChildren,
    Look,
    Nonce,
    Now,
    Pinned,
    Recall,
    Remember,
    Save,
    Seen,
    Unjournal,
    Worker,
)
from tokenflow.core.errors import TokenflowError
from tokenflow.core.events import Happened
from tokenflow.core.learning import Learned
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.moments import Trusted
from tokenflow.core.tokens import Instant, Token

T = TypeVar("T")


@attrs.define(kw_only=True)
class World:
    """What is true just now, and what has happened since somebody last looked."""

    lifecycle: Lifecycle
    number: str
    """What the ids of its tokens begin with: jitter follows from them, so they are not random here."""
    now: Instant
    token: Token | None = None
    births: int = 0
    happened: list[Happened] = attrs.field(factory=list)

    def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its end; whatever it raises passes through."""
        try:
            effect: Effect = next(flow)
            while True:
                try:
                    reply = self._answer(effect)
                except TokenflowError as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result

    def name(self) -> str:
        """Return the id of the token that was born last."""
        return f"{self.number}.{self.births}"

    def _answer(self, effect: Effect) -> Any:
        match effect:
            case Load() | LoadChildren():
                return self.token if isinstance(effect, Load) else []
            case Look():
                return Trusted(self.now)
            case Now():
                return self.now
            case Save(changes):
                for change in changes:
                    self.token = change.token
                    self.happened.extend(change.happened)
                return None
            case Emit(happened):
                self.happened.extend(happened)
                return None
            case Pinned():
                return self.lifecycle
            case Nonce():
                self.births += 1
                return self.name()
            case Worker():
                return "simulation"
            case Recall():
                return Learned()
            case Seen() | Admit() | Journal() | Journaled() | Unjournal() | Remember():
                return None
        raise TypeError(f"a flow asked for {type(effect).__name__}, which no simulation answers")
