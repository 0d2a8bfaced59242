"""Play a flow by hand: no engine, no server, no mock library.

A flow yields effects and is sent their answers, so a test needs only the answers:

    played = play(flow(order), [1_900_000_000_000_000, Response(status=200, body=b"{}")])
    assert played.result.expires == SILENT
    assert played.sent[0].url == "https://issuer.example/token"

`answers` is a sequence, used in order, or a callable from an effect to its answer; `answering`
makes the callable for the effects that plugins use. An answer that is an exception is raised where
the flow waits.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs

from tokenflow.core.effects import (
    Ask,
    Effect,
    Flow,
    Nonce,
    Now,
    Published,
    ReadSecret,
    Request,
    Response,
    Send,
)
from tokenflow.core.secret import Secret

T = TypeVar("T")
Answers: TypeAlias = Sequence[Any] | Callable[[Effect], Any]

_EXPECTED: Final[Mapping[type, type]] = {
    Send: Response,
    Ask: Mapping,
    Now: int,
    Nonce: str,
    ReadSecret: Secret,
    Published: Mapping,
}


@attrs.frozen
class Played(Generic[T]):
    """What a flow returned, and all it asked for on the way."""

    result: T
    asked: tuple[Effect, ...]

    @property
    def sent(self) -> tuple[Request, ...]:
        """The requests among what was asked."""
        return tuple(effect.request for effect in self.asked if isinstance(effect, Send))


def play(flow: Flow[T], answers: Answers = ()) -> Played[T]:
    """Drive *flow* to its end and return its result with what it asked for.

    Raises AssertionError when the flow asks for something not answered, when an answer is not of the
    kind that was asked for, and when an answer of a sequence was never asked for. Whatever the flow
    raises comes through.
    """
    asked: list[Effect] = []
    left = None if callable(answers) else list(answers)
    answer_to = answers if callable(answers) else _in_order(left if left is not None else [])
    try:
        effect = next(flow)
        while True:
            asked.append(effect)
            answer = answer_to(effect)
            if isinstance(answer, BaseException):
                effect = flow.throw(answer)
                continue
            _check(effect, answer)
            effect = flow.send(answer)
    except StopIteration as end:
        if left:
            raise AssertionError(f"the flow ended and never asked for: {left!r}") from None
        return Played(end.value, tuple(asked))


def _in_order(left: list[Any]) -> Callable[[Effect], Any]:
    def answer_to(effect: Effect) -> Any:
        if not left:
            raise AssertionError(f"the flow asked {effect!r}, and no answer is left")
        return left.pop(0)

    return answer_to


def _check(effect: Effect, answer: object) -> None:
    expected = _EXPECTED.get(type(effect))
    if expected is not None and not isinstance(answer, expected):
        raise AssertionError(
            f"the flow asked {effect!r}, and the answer is no {expected.__name__}: {answer!r}"
        )


def answering(
    *,
    now: int = 0,
    secrets: Mapping[str, str] | None = None,
    nonces: Sequence[str] = (),
    responses: Sequence[Response | BaseException] = (),
    person: Callable[[Ask], Mapping[str, str]] | None = None,
    published: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[Effect], Any]:
    """Return answers by kind of effect; raises AssertionError for what is not given.

    *now* is an instant (microseconds), *secrets* maps references to texts, *nonces* and *responses*
    are used in order, *person* is shown the prompt and returns the parameters that come back, and
    *published* maps URLs to public documents.
    """
    waiting, fresh, known = list(responses), list(nonces), dict(secrets or {})

    def answer_to(effect: Effect) -> Any:
        match effect:
            case Now():
                return now
            case ReadSecret(reference) if reference in known:
                return Secret(known[reference])
            case Nonce() if fresh:
                return fresh.pop(0)
            case Send() if waiting:
                return waiting.pop(0)
            case Published(url) if url in (published or {}):
                return (published or {})[url]
            case Ask() if person is not None:
                return person(effect)
        raise AssertionError(f"the flow asked {effect!r}, and no answer was given for it")

    return answer_to
