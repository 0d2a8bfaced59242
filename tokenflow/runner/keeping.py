"""The keeper: acquire the tokens a Tokens file names, and keep them alive (ruling 17)."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from tokenflow.core.errors import IssuerError, PersonNeeded, PromptPending, TokenNotFound
from tokenflow.core.tokens import SECOND
from tokenflow.engine.sync import Engine
from tokenflow.spec import Document

LONGEST_SLEEP: Final = 60.0
"""Seconds; the loop looks again at least this often (rule T13)."""


@attrs.frozen(kw_only=True)
class Wanted:
    """One entry of a Tokens file."""

    key: str
    lifecycle: str
    platform: str
    attributes: Mapping[str, Any]
    scope: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Kept:
    """How one wanted token stands after a look at it."""

    key: str
    state: str | None
    problem: str | None = None
    """Why there is no usable token."""
    url: str | None = attrs.field(default=None, repr=False)
    """The link a person has to open."""


def wanted(documents: Sequence[Document]) -> tuple[Wanted, ...]:
    """Return what Tokens documents ask for."""
    return tuple(
        Wanted(
            key=key,
            lifecycle=entry["lifecycle"],
            platform=entry["acquire"],
            attributes=entry.get("attributes", {}),
            scope=tuple(entry.get("scope", ())),
        )
        for document in documents
        for key, entry in document.data["tokens"].items()
    )


def look_after(engine: Engine, one: Wanted) -> Kept:
    """Make sure of one token: serve it, acquire it when it is missing, say what a person must do."""
    try:
        held = _held(engine, one.key)
        if held is not None:
            return Kept(key=one.key, state=held)
        token = engine.acquire(
            one.key,
            lifecycle=one.lifecycle,
            platform=one.platform,
            attributes=one.attributes,
            scope=one.scope,
        )
        return Kept(key=one.key, state=token.state)
    except PromptPending as pending:
        return Kept(key=one.key, state=None, problem="a person has to log in", url=pending.url)
    except (PersonNeeded, IssuerError) as error:
        return Kept(key=one.key, state=None, problem=str(error).splitlines()[0])


def _held(engine: Engine, key: str) -> str | None:
    """Return the state of a usable token, or None when it has to be acquired."""
    try:
        return engine.token(key).state
    except (TokenNotFound, PersonNeeded):
        return None


def keep_once(engine: Engine, wishes: Sequence[Wanted]) -> tuple[Kept, ...]:
    """Look after every wanted token, then attend to all that is due."""
    kept = tuple(look_after(engine, one) for one in wishes)
    while True:
        swept = engine.sweep()
        if not swept.attended or swept.next_due is None or swept.next_due > engine.desk.clock():
            return kept


def keep_watching(
    engine: Engine, wishes: Sequence[Wanted], stop: threading.Event, tell: Callable[[Kept], None]
) -> None:
    """Attend until *stop* is set: sleep until the next deadline, at most a minute, and look again."""
    for kept in keep_once(engine, wishes):
        tell(kept)
    while not stop.is_set():
        swept = engine.sweep()
        pause = LONGEST_SLEEP
        if swept.next_due is not None:
            pause = min(max((swept.next_due - engine.desk.clock()) / SECOND, 0.1), LONGEST_SLEEP)
        if stop.wait(pause):
            return
        for one in wishes:
            if _is_over(engine, one.key):
                tell(look_after(engine, one))


def _is_over(engine: Engine, key: str) -> bool:
    try:
        found = engine.explain(key)
    except TokenNotFound:
        return True
    return not found.usable and not found.deadlines
