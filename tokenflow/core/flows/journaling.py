"""Drive a plugin's flow and note what it was answered, so that it can be run again to the same place.

A generator does not outlive its process, but what it was told can: a login that waits for a person
is run again when the answer comes, and a command whose answer had arrived when its process died is
finished from the answer, never sent again (rule F2). Secrets are read again, never noted.
"""

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from tokenflow.core.effects import Ask, Effect, Flow, Nonce, Now, Prompt, Response, Send
from tokenflow.core.errors import PromptExpired, StoreError, TokenflowError
from tokenflow.core.tokens import Instant

T = TypeVar("T")
_NOTED: Final = (Now, Nonce, Send, Ask)


class Parked(Exception):  # not an error: how a generator says it will go on later
    """The flow waits for a person."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt


Exchange: TypeAlias = Callable[[Send, list[Any]], Flow[Response]]
"""How a request is sent, and its answer noted at the end of the entries (`answered`)."""


def plainly(asked: Send, entries: list[Any]) -> Flow[Response]:
    """Send, and note the answer: the exchange of whoever keeps the entries itself."""
    response: Response = yield asked
    yield from answered(response, entries)
    return response


def keeping(keep: Callable[[list[Any]], Flow[None]]) -> Exchange:
    """Return the exchange that has *keep* make the entries durable before the flow reads an answer."""

    def exchange(asked: Send, entries: list[Any]) -> Flow[Response]:
        response = yield from plainly(asked, entries)
        with suppress(StoreError):  # the answer is in hand: if it cannot be kept either, that is said then
            yield from keep(entries)
        return response

    return exchange


def answered(response: Response, entries: list[Any]) -> Flow[None]:
    """Note an answer of the issuer's, and when it came."""
    came: Instant = yield Now()
    entries.append({"asked": "Send", "answer": _frozen(response), "at": came})


def journaled(flow: Flow[T], entries: list[Any], *, exchange: Exchange = plainly) -> Flow[T]:
    """Drive *flow*, answering from *entries* first and noting new answers; raises Parked at a new Ask.

    A flow whose entries end with an answer goes on at the instant that answer came.
    """
    replay = list(entries)
    arrived: Instant | None = None
    try:
        effect: Effect = next(flow)
        while True:
            try:
                if not isinstance(effect, _NOTED):
                    reply = yield effect
                elif replay:
                    entry = replay.pop(0)
                    reply, arrived = _thawed(effect, entry), entry.get("at")
                elif isinstance(effect, Ask):
                    flow.close()
                    _forget_polls(entries)
                    raise Parked(effect.prompt)
                elif isinstance(effect, Now) and arrived is not None:
                    reply = arrived
                else:
                    reply, arrived = (yield from _fresh(effect, entries, exchange)), None
            except TokenflowError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(reply)
    except StopIteration as done:
        result: T = done.value
        return result


def polled(interval: int) -> Mapping[str, Any]:
    """Return the entry with which a login that is polled goes on: it asks now, and kept *interval* so far.

    That is all it has to know of the answers before, so they are forgotten: however long it is asked
    about, its journal does not grow.
    """
    return {"asked": "Ask", "answer": {"poll": str(interval)}, "polled": True}


def is_polled(entries: list[Any]) -> bool:
    """Return whether the issuer was asked about a login, and its answer may be among *entries*."""
    return any(entry.get("polled") for entry in entries)


def _forget_polls(entries: list[Any]) -> None:
    first = next((at for at, entry in enumerate(entries) if entry.get("polled")), len(entries))
    del entries[first:]


def arrival(entries: list[Any]) -> Instant | None:
    """Return when the last answer of the issuer's came, or None when there was none."""
    return next((entry["at"] for entry in reversed(entries) if "at" in entry), None)


def _fresh(effect: Effect, entries: list[Any], exchange: Exchange) -> Flow[Any]:
    if isinstance(effect, Send):
        return (yield from exchange(effect, entries))
    reply = yield effect
    entries.append({"asked": type(effect).__name__, "answer": reply})
    return reply


def _frozen(response: Response) -> Mapping[str, Any]:
    body = base64.b64encode(response.body).decode()
    return {
        "status": response.status,
        "headers": dict(response.headers),
        "body": body,
        "ahead": response.ahead,
    }


def _thawed(effect: Effect, entry: Mapping[str, Any]) -> Any:
    if entry["asked"] != type(effect).__name__:
        raise PromptExpired("this was begun by another version of its plugin", mend="begin it again")
    if not isinstance(effect, Send):
        return entry["answer"]
    kept = entry["answer"]
    return Response(
        status=kept["status"],
        headers=kept["headers"],
        body=base64.b64decode(kept["body"]),
        ahead=kept.get("ahead", 0),
    )
