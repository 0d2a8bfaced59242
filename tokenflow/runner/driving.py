"""Drive a flow over what is in memory: nothing is sent, and no clock is read.

Whoever drives answers what touches tokens; what only asks how things are is answered here, alike for all.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from tokenflow.core.effects import (
    Admit,
    Effect,
    Flow,
    Journal,
    Journaled,
    Look,
    MayRenew,
    Now,
    Quiet,
    Seen,
    Unjournal,
    Worker,
)
from tokenflow.core.errors import TokenflowError
from tokenflow.core.locks import Guard, Hold, Lock
from tokenflow.core.moments import Trusted
from tokenflow.core.tokens import Instant

T = TypeVar("T")


def drive(flow: Flow[T], answer: Callable[[Effect], Any]) -> T:
    """Drive *flow* to its end, each effect answered by *answer*; whatever the flow raises passes through."""
    try:
        effect: Effect = next(flow)
        while True:
            try:
                reply = answer(effect)
            except TokenflowError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(reply)
    except StopIteration as done:
        result: T = done.value
        return result


def as_things_are(effect: Effect, now: Instant, worker: str) -> Any:
    """Answer what asks for the time, or who works, and what concerns an issuer or a crash: there is none.

    Raises TypeError for any other effect.
    """
    match effect:
        case Look():
            return Trusted(now)
        case Now():
            return now
        case Worker():
            return worker
        case Quiet():
            return False
        case Seen() | Admit() | MayRenew() | Journal() | Journaled() | Unjournal():
            return None
        case Lock():
            return Hold.LEASED
        case Guard():
            return True
    raise TypeError(f"a flow asked for {type(effect).__name__}, which no {worker} answers")
