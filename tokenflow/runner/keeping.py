"""The keeper: acquire the tokens a Tokens file names, and keep them alive (ruling 17)."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from tokenflow.core.effects import PROMPT_LIVES
from tokenflow.core.errors import (
    PersonNeeded,
    PromptPending,
    StoreError,
    TokenflowError,
    TokenNotFound,
)
from tokenflow.core.events import ReacquireWanted
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.sync import Engine
from tokenflow.spec import Document, load
from tokenflow.spec.neighbours import beside

LONGEST_SLEEP: Final = 60.0
"""Seconds; the loop looks again at least this often (rule T13)."""


@attrs.frozen(kw_only=True)
class Wanted:
    """One entry of a Tokens file."""

    key: str
    lifecycle: str
    """Its name, whatever file it was read from."""
    platform: str
    attributes: Mapping[str, Any]
    scope: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Kept:
    """How one wanted token stands after a look at it."""

    key: str
    state: str | None
    error: TokenflowError | None = attrs.field(default=None, repr=False)
    """Why there is no usable token."""

    @property
    def problem(self) -> str | None:
        """The error in a line, or None."""
        if isinstance(self.error, PromptPending):
            return "a person has to log in"
        return None if self.error is None else str(self.error).splitlines()[0]

    @property
    def url(self) -> str | None:
        """The link a person has to open, or None."""
        return self.error.url if isinstance(self.error, PromptPending) else None


def wanted(documents: Sequence[Document]) -> tuple[Wanted, ...]:
    """Return what Tokens documents ask for; raises SpecError for a lifecycle that cannot be read."""
    return tuple(
        Wanted(
            key=key,
            lifecycle=load(beside(entry["lifecycle"], document.path)).name,
            platform=entry["acquire"],
            attributes=entry.get("attributes", {}),
            scope=tuple(entry.get("scope", ())),
        )
        for document in documents
        for key, entry in document.data["tokens"].items()
    )


def specs_of(documents: Sequence[Document]) -> list[str]:
    """Return what is opened for Tokens documents: their lifecycles, and issuers in place of shipped ones."""
    return sorted(
        {
            beside(ref, document.path)
            for document in documents
            for ref in (
                *(entry["lifecycle"] for entry in document.data["tokens"].values()),
                *document.data.get("issuers", {}).values(),
            )
        }
    )


def look_after(engine: Engine, one: Wanted) -> Kept:
    """Make sure of one token: serve it, acquire it when it is missing, say what a person must do.

    One that serves and wants to be acquired anew (`reacquire: auto`) is; should that fail, it still serves.
    What stands in the way of one token keeps no other waiting; a StoreError is raised.
    """
    held = None
    try:
        held = _held(engine, one.key)
        if held is not None and not _wants_another(engine, one.key):
            return Kept(key=one.key, state=held)
        token = engine.acquire(
            one.key,
            lifecycle=one.lifecycle,
            platform=one.platform,
            attributes=one.attributes,
            scope=one.scope,
        )
        return Kept(key=one.key, state=token.state)
    except StoreError:
        raise
    except TokenflowError as error:
        return Kept(key=one.key, state=held, error=error if held is None else None)


def _held(engine: Engine, key: str) -> str | None:
    """Return the state of a usable token, or None when it has to be acquired."""
    try:
        return engine.token(key).state
    except (TokenNotFound, PersonNeeded):
        return None


def _wants_another(engine: Engine, key: str) -> bool:
    """Return whether the lifecycle wants a new token in the place of this one, without a person."""
    found = engine.explain(key)
    return any(
        isinstance(event, ReacquireWanted) and event.how == "auto" and event.about.token_id == found.token.id
        for event in found.history
    )


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
    """Attend until *stop* is set: sleep until the next deadline, at most a minute, and look again.

    A token that is over, or wants to be acquired anew, is: a minute after the last look at it, or when
    the link that waits for a person has ended, for a new link would end the old one.
    """
    again: dict[str, Instant] = {}
    while not stop.is_set():
        for one in wishes:
            if one.key in again and (
                engine.desk.clock() < again[one.key] or not _needs_a_look(engine, one.key)
            ):
                continue
            kept = look_after(engine, one)
            tell(kept)
            rest = PROMPT_LIVES if kept.url is not None else round(LONGEST_SLEEP * SECOND)
            again[one.key] = engine.desk.clock() + rest
        swept = engine.sweep()
        pause = LONGEST_SLEEP
        if swept.next_due is not None:
            pause = min(max((swept.next_due - engine.desk.clock()) / SECOND, 0.1), LONGEST_SLEEP)
        stop.wait(pause)


def _needs_a_look(engine: Engine, key: str) -> bool:
    try:
        found = engine.explain(key)
    except TokenNotFound:
        return True
    return (not found.usable and not found.deadlines) or _wants_another(engine, key)
