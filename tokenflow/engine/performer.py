"""Does what flows ask: one coroutine drives any flow; one method answers each effect."""

import asyncio
import hmac
import json
import secrets
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from tokenflow.core.doubts import SLACK
from tokenflow.core.effects import (
    Admit,
    Ask,
    Change,
    Effect,
    Emit,
    Flow,
    Journal,
    Journaled,
    Load,
    LoadChildren,
    Look,
    MayRenew,
    Nonce,
    Now,
    Park,
    Pinned,
    Published,
    Quiet,
    ReadSecret,
    Recall,
    Remember,
    Save,
    Seen,
    Send,
    Unjournal,
    Unpark,
    Waiting,
    Worker,
)
from tokenflow.core.errors import PromptPending, TamperedRow
from tokenflow.core.events import Happened, from_json, to_json
from tokenflow.core.locks import Guard, Lock, OnLock, Pause, Strand
from tokenflow.core.secret import Secret
from tokenflow.core.shelves import LookUp, NamesOn, OnShelf, PutAway, TakeAway
from tokenflow.core.tokens import SECOND, Token
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.ciphers import binding
from tokenflow.engine.grips import Grip
from tokenflow.engine.guards import Errand
from tokenflow.engine.journals import Journals
from tokenflow.engine.lessons import Lessons
from tokenflow.engine.library import Library
from tokenflow.engine.published import Publications
from tokenflow.engine.rings import Ring
from tokenflow.engine.sealing import from_row, to_row
from tokenflow.engine.stores import Entry, Store, Write
from tokenflow.engine.switches import demand_refreshing
from tokenflow.engine.timekeeping import Timekeeper
from tokenflow.engine.vouching import MEND

T = TypeVar("T")
Strander: TypeAlias = Callable[[Strand, Grip], None]
"""Goes on with a save that failed, the token's lock in hand, and serves the answer meanwhile."""
PARKED: Final = "parked"
NOTES: Final = 64
"""Refusals and the like that a key remembers by their event ids."""


@attrs.frozen(kw_only=True)
class Performer:
    """The rim of the engine. Everything it holds is given to it."""

    tenant: str
    worker: str
    """Whose attempts and leases these are."""
    settled: bool
    """Nothing that an earlier process of that name sent can still arrive."""
    store: Store
    cipher: Ring = attrs.field(repr=False)
    audit: Auditor
    transport: Errand
    time: Timekeeper
    read_secret: Callable[[str], Secret] = attrs.field(repr=False)
    library: Library
    lessons: Lessons
    publications: Publications
    journals: Journals
    grip: Grip
    """The token lock of this errand."""
    strand: Strander
    tell: Callable[[Sequence[Happened]], None]
    """Told of events after their commit."""
    saved: Callable[[Sequence[Token]], None]
    """Told of tokens after their commit: the cache."""
    store_thread: ThreadPoolExecutor

    async def run(self, flow: Flow[T], step: str | None = None) -> T:
        """Drive *flow* to its end and return what it returns. *step* labels the requests it sends."""
        effect: Effect | None = None
        answer: Any = None
        try:
            effect = next(flow)
            while True:
                try:
                    answer = await self._answer(effect, step)
                except Exception as error:  # noqa: BLE001  # whatever went wrong is the flow's to judge
                    effect = flow.throw(error)
                else:
                    effect = flow.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        except Exception as error:
            forget_locals(error)
            effect = answer = None  # this frame cannot be cleared while it runs
            raise

    async def _answer(self, effect: Effect, step: str | None) -> Any:  # noqa: C901  # one line an effect
        match effect:
            case Send(request, within):
                return await self.transport.send(request, step=step, within=within)
            case Now() | Look():
                trusted = await self._on_store(self.time.look)
                return trusted.now if isinstance(effect, Now) else trusted
            case Worker():
                return self.worker
            case Quiet():
                return self.settled
            case Nonce(size):
                return secrets.token_urlsafe(size)
            case ReadSecret(reference):
                return await asyncio.to_thread(self.read_secret, reference)
            case Ask(prompt):
                raise PromptPending("", prompt.url, prompt.user_code, prompt.poll)
            case Pinned(token):
                return await self._on_store(self.library.of, token)
            case Emit(happened):
                await self._on_store(self._note, happened)
                return self.tell(happened)
            case Published():
                return await self.publications.read(effect, self.transport.send)
            case Admit(issuer):
                return await self.transport.admit(issuer)
            case Lock() | Guard() | Strand() | Pause():
                return await self._on_lock(effect)
            case Journal(key, receipt):  # on no store's thread: it waits for nobody's commit
                return await asyncio.to_thread(self.journals.keep, key, receipt)
            case PutAway() | LookUp() | TakeAway() | NamesOn() | MayRenew():
                return await self._on_store(self._on_shelf, effect)
            case _:
                return await self._on_store(self._with_store, effect)

    async def _on_lock(self, effect: OnLock) -> Any:
        match effect:
            case Lock(key, patient):
                return await self.grip.take(key, patient=patient)
            case Guard(since=since):
                now = (await self._on_store(self.time.look)).now
                return self.grip.still() and (since is None or now - since <= SLACK)
            case Strand():
                return self.strand(effect, self.grip.passed_on())
            case Pause(length):
                return await asyncio.sleep(length / SECOND)

    async def _on_store(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.store_thread, work, *arguments)

    def _with_store(self, effect: Effect) -> Any:
        match effect:
            case Load(key):
                return self.load(key)
            case LoadChildren(key):
                return [from_row(row, self.cipher) for row in self.store.children(self.tenant, key)]
            case Save(changes):
                return self._save(changes)
            case Seen(key, event_id):
                row = self.store.load(self.tenant, key)
                entry = None if row is None else self.store.seen(self.tenant, row.id, event_id)
                return None if entry is None else from_json(entry.happened)
            case Park(key, journal):
                return self._put_away(PARKED, key, journal)
            case Unpark(key, state):
                return self._unpark(key, state)
            case Waiting(key):
                return self._look_up(PARKED, key)[0]
            case Journaled(key, worker):
                return self.journals.find(key, worker)
            case Unjournal(key, receipt):
                return self.journals.drop(key, receipt)
            case Recall(name):
                return self.lessons.recall(name)
            case Remember(name, learned):
                return self.lessons.remember(name, learned)
        raise TypeError(f"a flow asked for {type(effect).__name__}, which the engine does not know")

    def _on_shelf(self, effect: OnShelf | MayRenew) -> Any:
        match effect:
            case MayRenew(issuer):
                demand_refreshing(self.store, issuer)
                self.audit.watch.demand()
                return None
            case PutAway(shelf, name, content):
                return self._put_away(shelf, name, content)
            case LookUp(shelf, name):
                return self._look_up(shelf, name)[0]
            case TakeAway(shelf, name):
                return self._take_away(shelf, name)
            case NamesOn(shelf):
                own = f"{self.tenant}/"
                return [one.removeprefix(own) for one in self.store.names(shelf) if one.startswith(own)]

    def load(self, key: str) -> Token | None:
        """Return the token under *key*, opened, or None."""
        row = self.store.load(self.tenant, key)
        if row is not None and (row.tenant, row.key) != (self.tenant, key):
            raise TamperedRow(f"{key!r}: the store answers with the row of another key", mend=MEND)
        return None if row is None else from_row(row, self.cipher)

    def _save(self, changes: tuple[Change, ...]) -> None:
        writes = tuple(self._write(change) for change in changes)
        record = self.audit.changes(changes, self.worker)
        self.store.save(writes, mark=self.time.mark(), record=record)
        self.audit.wrote()
        self.saved([change.token for change in changes])
        self.tell([event for change in changes for event in change.happened])

    def _note(self, happened: Sequence[Happened]) -> None:
        """Remember what changed nothing and has an event id: repeated, it gets the same no (rules E3, E4).

        With or without one, a no is on the audit trail.
        """
        for event in happened:
            record = self.audit.no(event, self.worker)
            if event.about.event_id is not None:
                self.store.note(_entry(event), NOTES, record=record)
            elif record is not None:
                self.store.save((), mark=self.time.mark(), record=record)
            if record is not None:
                self.audit.wrote()

    def _write(self, change: Change) -> Write:
        token = change.token
        lifecycle = self.library.of(token)
        self.library.keep(lifecycle)
        entries = tuple(attrs.evolve(_entry(event), revision=token.revision) for event in change.happened)
        return Write(row=to_row(token, lifecycle, self.cipher), expected=change.expected, entries=entries)

    def _put_away(self, shelf: str, key: str, told: Mapping[str, Any]) -> None:
        """Keep what a flow was told, sealed; what stood there for the key is replaced."""
        text = Secret(json.dumps(dict(told), default=str))
        sealed = self.cipher.seal(text, binding(self.tenant, key, shelf, 0))
        self.store.put(shelf, f"{self.tenant}/{key}", sealed)

    def _look_up(self, shelf: str, key: str) -> tuple[Any, bytes | None]:
        """Return what was put away for a key, opened and as it is kept, or None twice."""
        sealed = self.store.get(shelf, f"{self.tenant}/{key}")
        if sealed is None:
            return None, None
        return json.loads(self.cipher.open(sealed, binding(self.tenant, key, shelf, 0)).reveal()), sealed

    def _take_away(self, shelf: str, name: str) -> Any:
        """Return what was put away, opened, to one caller only: the store's own take decides."""
        sealed = self.store.take(shelf, f"{self.tenant}/{name}")
        if sealed is None:
            return None
        return json.loads(self.cipher.open(sealed, binding(self.tenant, name, shelf, 0)).reveal())

    def _take(self, shelf: str, key: str, sealed: bytes) -> bool:
        """Take away just what was seen there; what another process put there meanwhile stays."""
        name = f"{self.tenant}/{key}"
        taken = self.store.take(shelf, name)
        if taken is not None and taken != sealed:
            self.store.keep(shelf, name, taken)
        return taken == sealed

    def _unpark(self, key: str, state: str) -> Any:
        journal, sealed = self._look_up(PARKED, key)
        if sealed is None or not hmac.compare_digest(str(journal["state"]).encode(), state.encode()):
            return None
        return journal if self._take(PARKED, key, sealed) else None


def _entry(event: Happened) -> Entry:
    about = event.about
    return Entry(
        tenant=about.tenant,
        key=about.key,
        token_id=about.token_id,
        revision=about.revision,
        at=about.at,
        event_id=about.event_id,
        happened=to_json(event),
        delivery=about.delivery,
    )


def forget_locals(error: BaseException) -> None:
    """Let an error that leaves a flow keep its places and lose its locals.

    They hold payloads, codes and answers, and whoever reports errors may report locals with them.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            waiting += (one.__cause__, one.__context__)
