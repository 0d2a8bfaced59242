"""Named points of a refresh where a process dies or stops, put into the product's way from outside."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Final

import attrs

from tests.faults.trace import Trace
from tokenflow.core.effects import Request, Response
from tokenflow.engine.performer import Performer
from tokenflow.engine.segments import Segment
from tokenflow.engine.transports import HttpTransport, Transport
from tokenflow.sandbox.ledger import fingerprint
from tokenflow_sqlite import SqliteStore
from tokenflow_sqlite.link import Link

POINTS: Final = (
    "save.before",
    "commit.before",
    "commit.after",
    "save.after",
    "send.before",
    "send.amid",
    "received",
    "keep.before",
    "keep.after",
    "settled",
)
"""A write (save, commit), a send, a receive, the journal (keep), and the end of it all."""
_AMID: Final = 0.001
"""Seconds after a request left that a process dies amid the exchange."""
_MOST: Final = 6
"""A point is reached up to so often before it fires."""

_label: ContextVar[str] = ContextVar("label", default="-")


class Fuses:
    """Which point fires next in this process, and what happens then."""

    def __init__(
        self, trace: Trace, deck: Sequence[str], chance: random.Random, kill: signal.Signals
    ) -> None:
        self._trace, self._deck, self._chance, self._kill = trace, list(deck), chance, kill
        self._left = 0
        self._arm()

    def _arm(self) -> None:
        self._left = self._chance.randint(1, _MOST)

    def reach(self, point: str) -> None:
        """Fire, if it is this one's turn: SIGKILL ends the process here, SIGSTOP lets it go on later."""
        if not self._deck or point != self._deck[0]:
            return
        self._left -= 1
        if not self._left:
            self._deck.pop(0)
            self._arm()
            self._trace.say("fired", point)
            os.kill(os.getpid(), self._kill)


@attrs.define
class Watched:
    """This process: its trace and fuses, set after the fork."""

    trace: Trace | None = None
    fuses: Fuses | None = None
    sent: int = 0
    synced: int = 0
    """How often this process had a file made durable."""

    def reach(self, point: str) -> None:
        if self.fuses is not None:
            self.fuses.reach(point)

    def say(self, kind: str, *words: object) -> None:
        if self.trace is not None:
            self.trace.say(kind, *words)


HERE: Final = Watched()


class Labelled:
    """A transport whose requests say in X-Request-Id which refresh token they present, and who sends."""

    def __init__(self, inner: Transport | None = None) -> None:
        self._inner = inner if inner is not None else HttpTransport()

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        presented = (request.form or {}).get("refresh_token")
        if presented is None:
            return await self._inner.send(request, step=step)
        HERE.sent += 1
        value = presented if isinstance(presented, str) else presented.reveal()
        label = f"{fingerprint(value)}.{os.getpid()}.{HERE.sent}"
        _label.set(label)
        HERE.reach("send.before")
        HERE.say("sent", label)
        asyncio.get_running_loop().call_later(_AMID, HERE.reach, "send.amid")
        response = await self._inner.send(request, step=label)
        HERE.say("received", label)
        HERE.reach("received")
        return response

    async def close(self) -> None:
        await self._inner.close()


class Reached(SqliteStore):
    """The store, with a point before and after each save."""

    def save(self, *arguments: Any, **named: Any) -> None:
        HERE.reach("save.before")
        super().save(*arguments, **named)
        HERE.reach("save.after")


def lay() -> None:
    """Lay the points that are inside the product; once in a process, before it forks."""
    commit, answer = Link._commit, Performer._answer

    def committed(link: Link, connection: Any) -> None:
        HERE.reach("commit.before")
        commit(link, connection)
        HERE.reach("commit.after")

    async def answered(performer: Performer, effect: Any, step: str | None) -> Any:
        name = type(effect).__name__
        if name != "Journal":
            told = await answer(performer, effect, step)
            if name == "Unjournal":
                HERE.reach("settled")
            return told
        HERE.reach("keep.before")
        told = await answer(performer, effect, step)
        HERE.say("durable", _label.get())
        HERE.reach("keep.after")
        return told

    def syncing(name: str) -> None:
        sync = taken(os, name)

        def counted(file: Any) -> None:
            sync(file)
            HERE.synced += 1

        put(os, name, counted)

    keep = taken(Segment, "put")

    def kept(segment: Segment, *record: Any) -> bool:
        before = HERE.synced
        well: bool = keep(segment, *record)
        if well and HERE.synced == before:
            HERE.say("unsynced", _label.get())
        return well

    put(Segment, "put", kept)
    syncing("fsync")
    syncing("fdatasync")
    put(Link, "_commit", committed)
    put(Performer, "_answer", answered)


def put(owner: Any, name: str, patch: Any) -> None:
    """Put *patch* in place of what is there; a name that is gone is a patch that means nothing."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, patch)


def taken(owner: Any, name: str) -> Any:
    """Return what is there now, for a patch that does most of it."""
    return getattr(owner, name)
