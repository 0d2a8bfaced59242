"""A world of one token: it performs what flows ask, in memory, at the instant it is told."""

from typing import Any, TypeVar

import attrs

from tokenflow.core.effects import (
    Effect,
    Emit,
    Flow,
    Load,
    LoadChildren,
    Nonce,
    Pinned,
    Recall,
    Remember,
    Save,
)
from tokenflow.core.events import Happened
from tokenflow.core.learning import Learned
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.tokens import Instant, Token
from tokenflow.runner.driving import as_things_are, drive

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
        return drive(flow, self._answer)

    def name(self) -> str:
        """Return the id of the token that was born last."""
        return f"{self.number}.{self.births}"

    def _answer(self, effect: Effect) -> Any:
        match effect:
            case Load():
                return self.token
            case LoadChildren():
                return []
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
            case Recall():
                return Learned()
            case Remember():
                return None
        return as_things_are(effect, self.now, "simulation")
