"""The list of seeded bugs. Each patches what the product does; none is a flag in it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

import attrs

from tests.faults.bugs import bug
from tests.faults.points import put, taken
from tokenflow import Request, Response, TokenflowError
from tokenflow.core import refresh
from tokenflow.core.doubts import Doubt, Said, Verdict
from tokenflow.core.events import Transitioned
from tokenflow.core.flows import concluding
from tokenflow.engine import aio, sealing
from tokenflow.engine.desk import Desk
from tokenflow.engine.performer import Performer
from tokenflow.engine.transports import HttpTransport
from tokenflow_sqlite import link, statements, store
from tokenflow_sqlite.link import Link

FEW: Final[Mapping[str, int]] = {"none": 2, "grace": 2, "idempotent": 2, "strict": 10}
"""Tokens: enough for a mistake to show, and few to log in."""


@bug("kills", 10, "L none", "broken", tokens=FEW)
def refresh_token_dropped() -> None:
    """An answer without a refresh token takes the held one away (RFC 6749 §6 lets it stay)."""
    received = taken(concluding, "received")

    def forgetful(lifecycle: Any, grant: Any, *more: Any) -> dict[str, Any]:
        return {**received(lifecycle, grant, *more), "refresh_token": grant.refresh_token}

    put(concluding, "received", forgetful)


@bug("kills", 20, "I", tokens={"strict": 2})
def blind_save() -> None:
    """A save does not look which revision it replaces."""
    kept = taken(store, "_save")

    def blind(db: Any, write: Any) -> None:
        found = db.execute(statements.REVISION, (write.row.tenant, write.row.key)).fetchone()
        kept(db, attrs.evolve(write, expected=0 if found is None else found[0]))

    put(store, "_save", blind)


@bug("kills", 10, "I3", "I4", tokens=FEW)
def event_lost() -> None:
    """What happened is not written beside what changed."""
    write = taken(Performer, "_write")

    def silent(performer: Performer, change: Any) -> Any:
        told = tuple(one for one in change.happened if not isinstance(one, Transitioned))
        return write(performer, attrs.evolve(change, happened=told))

    put(Performer, "_write", silent)


@bug("messages", 40, "I1")
def request_sent_again() -> None:
    """The transport repeats a request that was not answered."""
    send: Callable[..., Awaitable[Response]] = taken(HttpTransport, "send")

    async def again(transport: HttpTransport, request: Request, *, step: str | None = None) -> Response:
        try:
            async with asyncio.timeout(0.1):
                return await send(transport, request, step=step)
        except (TokenflowError, TimeoutError):
            return await send(transport, request, step=step)

    put(HttpTransport, "send", again)


@bug("cancellations", 200, "R19")
def unshielded() -> None:
    """A caller that goes away takes the refresh along."""

    async def outcome(future: "Future[Any]") -> Any:
        return await asyncio.wrap_future(future)

    put(aio, "outcome", outcome)


@bug("kills", 60, "I1", tokens=FEW)
def probe_not_heard() -> None:
    """The issuer calls the token spent, and it is presented again."""
    resolve = taken(refresh, "resolve")

    def deaf(doubt: Doubt, now: int, said: Said | None = None) -> Verdict:
        return Verdict.REPEAT if said is Said.DEAD else resolve(doubt, now, said)

    put(refresh, "resolve", deaf)


@bug("kills", 10, "I3", "I5", "broken", tokens=FEW)
def generation_not_counted() -> None:
    """A new secret stands under the old one's number."""
    received = taken(concluding, "received")

    def stuck(lifecycle: Any, grant: Any, token: Any, *more: Any) -> dict[str, Any]:
        return {**received(lifecycle, grant, token, *more), "generation": token.generation}

    put(concluding, "received", stuck)


@bug("kills", 4, "I7", tokens=FEW)
def descriptor_left() -> None:
    """A closed store keeps its file open."""
    put(taken(link, "_Session"), "drop", lambda session: None)


@bug("kills", 4, "I7", tokens=FEW)
def thread_left() -> None:
    """A closed engine leaves a thread behind."""

    async def last(desk: Desk) -> None:
        if desk._room is not None:
            await desk._room[1].performer.transport.close()

    put(Desk, "_last", last)


@bug("kills", 10, "R12", "broken", tokens=FEW)
def not_patient() -> None:
    """A file that another process is writing to is an error at once."""
    put(link, "PATIENCE", 0.0)
    transaction = taken(Link, "_transaction")

    def deferred(one: Link, connection: Any, work: Any) -> Any:
        connection.execute("PRAGMA busy_timeout = 0")
        return transaction(one, connection, work)

    put(Link, "_transaction", deferred)


def _told_otherwise(**changes: Any) -> None:
    """Have the protocol be told something else of the row than what stands there."""
    found = taken(refresh, "_found")
    put(refresh, "_found", lambda turn, news: found(turn, attrs.evolve(news, **changes)))


@bug("kills", 40, "I1", tokens=FEW)
def doubt_forgotten() -> None:
    """An intent of a process that died is not looked at: its request is sent again."""
    _told_otherwise(intent=None)


@bug("kills", 60, "L", tokens=FEW)
def journal_not_read() -> None:
    """An answer that is in the journal is not taken from there."""
    _told_otherwise(answered=False)


@bug("kills", 40, "I1", "I3", tokens={"strict": 2})
def row_not_read_again() -> None:
    """What was decided on is believed still to stand when the lock is there at last."""
    _told_otherwise(moved=False)


@bug("messages", 60, "I1")
def time_out_taken_for_no() -> None:
    """No answer came, so nothing was sent: the token is free to be spent again."""
    _steps(refresh.Do.SEND, refresh.Came.NOTHING, refresh.Do.NOTE, refresh.End.UNSENT)


def _steps(do: refresh.Do, news: refresh.News, then: refresh.Do, end: refresh.End | None) -> None:
    """Change one row of the protocol's table."""
    taken(refresh, "_STEPS")[(do, news)] = (then, end)


@bug("kills", 4, "I5", tokens=FEW)
def not_bound_to_its_row() -> None:
    """A sealed value opens wherever it stands."""
    put(sealing, "binding", lambda *_, **__: b"somewhere")


@bug("kills", 4, "I5", tokens=FEW)
def kept_in_the_clear() -> None:
    """The store is given the secret itself, too."""
    save = taken(Performer, "_save")

    def telling(performer: Performer, changes: Any) -> None:
        save(performer, changes)
        for token in (change.token for change in changes if change.token.refresh_token is not None):
            performer.store.put("notes", token.key, token.refresh_token.reveal().encode())

    put(Performer, "_save", telling)
