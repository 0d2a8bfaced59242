"""The list of seeded bugs. Each patches what the product does; none is a flag in it."""

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

import attrs

from tests.faults.bugs import bug
from tests.faults.points import put, taken
from tokenflow import Request, Response, TokenflowError
from tokenflow.core import refresh
from tokenflow.core.doubts import Doubt, Said, Verdict
from tokenflow.core.effects import Save, Send
from tokenflow.core.events import AttemptBegun, Transitioned
from tokenflow.core.flows import commanding, concluding
from tokenflow.engine import aio, locks, sealing, segments
from tokenflow.engine.desk import Desk
from tokenflow.engine.grips import Grip
from tokenflow.engine.journals import Journals
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


@bug("kills", 40, "I", tokens={"strict": 3})
def blind_save() -> None:
    """A save does not look which revision it replaces; alone, with the lock in place, that harms nobody."""
    no_lock()
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


@bug("kills", 40, "I1", tokens=FEW)
def doubt_forgotten() -> None:
    """An intent of a process that died is not looked at: its request is sent again."""
    found = taken(refresh, "_found")

    def hopeful(turn: Any, news: Any) -> Any:
        return found(turn, news if news.answered else attrs.evolve(news, intent=None))

    put(refresh, "_found", hopeful)


@bug("kills", 60, "L", tokens=FEW)
def journal_not_read() -> None:
    """An answer that is in the journal is not taken from there."""
    put(Journals, "find", lambda *_: None)


@bug("kills", 60, "L", tokens=FEW)
def journal_not_written() -> None:
    """An answer is read and saved, and not kept before."""
    put(Journals, "keep", lambda *_: None)


@bug("kills", 4, "I4", tokens=FEW)
def journal_not_synced() -> None:
    """An answer is in the journal, and on no disk."""
    put(segments, "os", _NoSync())


class _NoSync:
    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fdatasync(self, file: int) -> None:
        """Believe that the disk has it."""


@bug("kills", 40, "I1", tokens=FEW)
def intent_not_written() -> None:
    """The issuer is asked, and nobody could tell if the process died now."""
    save = taken(Performer, "_save")

    def forgetful(performer: Performer, changes: Any) -> None:
        if not _only_begun(changes):
            save(performer, changes)

    put(Performer, "_save", forgetful)


@bug("kills", 40, "I1", tokens=FEW)
def intent_written_late() -> None:
    """The intent is written when the answer is there."""
    answer: Callable[..., Awaitable[Any]] = taken(Performer, "_answer")
    late = dict[asyncio.Task[Any] | None, Any]()

    async def answered(performer: Performer, effect: Any, step: str | None) -> Any:
        if isinstance(effect, Save) and _only_begun(effect.changes):
            late[asyncio.current_task()] = effect
            return None
        told = await answer(performer, effect, step)
        waiting = late.pop(asyncio.current_task(), None) if isinstance(effect, Send) else None
        if waiting is not None:
            await answer(performer, waiting, step)
        return told

    put(Performer, "_answer", answered)


def _only_begun(changes: Any) -> bool:
    return all(isinstance(one, AttemptBegun) for change in changes for one in change.happened)


@bug("messages", 60, "I1")
def not_quiet() -> None:
    """What is in doubt is asked about while its request may still arrive."""
    put(commanding, "lasting", lambda *_: 0)


@bug("kills", 60, "I1", tokens=FEW)
def not_asked() -> None:
    """What is in doubt is sent again, and nobody asks the issuer first."""
    resolve = taken(refresh, "resolve")

    def hasty(doubt: Doubt, now: int, said: Said | None = None) -> Verdict:
        verdict: Verdict = resolve(doubt, now, said)
        return Verdict.REPEAT if verdict is Verdict.ASK else verdict

    put(refresh, "resolve", hasty)


@bug("contention", 1, "R2")
def no_lock() -> None:
    """Everybody is told that the token's lock is theirs."""
    put(locks, "_locked", lambda _: True)


@bug("contention", 1, "R2")
def not_waited_for() -> None:
    """A token that another process works on is an error at once."""
    take: Callable[..., Awaitable[Any]] = taken(Grip, "take")

    async def hasty(grip: Grip, key: str, *, patient: bool) -> Any:
        return await take(grip, key, patient=False)

    put(Grip, "take", hasty)


@bug("leaving", 4, "R18")
def lock_kept_by_a_child() -> None:
    """A forked child holds what its parent let go of."""
    release = taken(taken(locks, "_FileLock"), "release")

    def kept(lock: Any) -> None:
        if lock._pid == os.getpid():
            release(lock)

    put(taken(locks, "_FileLock"), "release", kept)


@bug("leaving", 4, "R18")
def lock_dropped_by_a_child() -> None:
    """A forked child unlocks what its parent holds."""
    release = taken(taken(locks, "_FileLock"), "release")

    def dropped(lock: Any) -> None:
        if lock._pid != os.getpid() and lock._descriptor >= 0:
            fcntl.flock(lock._descriptor, fcntl.LOCK_UN)
        release(lock)

    put(taken(locks, "_FileLock"), "release", dropped)


@bug("kills", 4, "I7", tokens=FEW)
def lock_left() -> None:
    """A lock stays with the process when its work is done."""
    put(Grip, "release", lambda grip: None)


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
