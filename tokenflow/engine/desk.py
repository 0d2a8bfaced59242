"""Every verb, once: each starts a flow on the engine's loop and returns a future.

`Engine` waits for the future and `AsyncEngine` awaits it; neither decides anything. One flow runs
for a key at a time, and callers who ask for the same token share the one outcome.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tokenflow.core import flows
from tokenflow.core.attending import EXPIRING, IRREVOCABLE, REVOKING
from tokenflow.core.deadlines import deadlines
from tokenflow.core.effects import Call, Flow, Response
from tokenflow.core.errors import StoreUnreadable, TokenflowError
from tokenflow.core.flows.holding import current
from tokenflow.core.flows.receiving import ReceiveFlow
from tokenflow.core.flows.using import VERIFIED
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.migrating import Migration
from tokenflow.core.moments import Trusted
from tokenflow.core.plans import Act
from tokenflow.core.setting import Setting
from tokenflow.core.tokens import SECOND, Inspection, Instant, Token
from tokenflow.engine import journals
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.cache import Cache
from tokenflow.engine.clocks import Clock
from tokenflow.engine.explanations import Explanation, explanation
from tokenflow.engine.guards import Gate
from tokenflow.engine.health import LIVELY, Health, counted, late
from tokenflow.engine.held import HeldToken
from tokenflow.engine.keeper import Keeper
from tokenflow.engine.loop import LoopThread
from tokenflow.engine.outbox import Outbox
from tokenflow.engine.patience import Patience
from tokenflow.engine.performer import Performer, Strander
from tokenflow.engine.rooms import Room
from tokenflow.engine.sealing import from_row
from tokenflow.engine.stores import Row, Store
from tokenflow.engine.sweeping import Sweeper, Swept
from tokenflow.engine.switches import stopped
from tokenflow.engine.wishes import Wanted

if TYPE_CHECKING:
    from tokenflow.engine.tenants import Tenants

T = TypeVar("T")
log = logging.getLogger(__name__)
_LEASE: Final = 2 * 60 * SECOND
"""How long a key may be held; beyond any exchange's deadline."""
_TURN: Final = 25.0
"""Seconds to wait while another process acquires the same key; an exchange takes at most 20 (ruling 30)."""
_AGAIN: Final = 0.02
"""Seconds between two looks at its lease."""


class Desk:
    """Where verbs are handed in. Made by `opening.open_desk`."""

    def __init__(
        self,
        *,
        setting: Setting,
        store: Store,
        cache: Cache,
        clock: Clock,
        tenant: str,
        make_performer: Callable[[ThreadPoolExecutor, Strander], Performer],
        audit: Auditor,
        gate: Gate,
        outbox: Outbox,
        callback_flow: Callable[[str], ReceiveFlow],
        owns_store: bool,
        comes_back: bool = False,
        thread: LoopThread | None = None,
    ) -> None:
        """*comes_back*: its worker has a name, under which another process may have left attempts open.

        *thread*: whose loop it shares; None: its own.
        """
        self.setting, self.store, self.cache, self.clock, self.tenant = setting, store, cache, clock, tenant
        self._make_performer, self._owns_store, self.audit = make_performer, owns_store, audit
        self.gate, self.outbox, self.comes_back = gate, outbox, comes_back
        self.callback_flow = callback_flow
        """The flow of a callback that plugins offer, by name; raises UnknownCapability."""
        self.wishes: tuple[Wanted, ...] = ()
        """What the Tokens documents it was opened with ask for."""
        self.hearers: list[Keeper] = []
        """Told of what was saved, and of what happened, after each commit."""
        self.tenants: Tenants | None = None
        """The desks of other tenants; None on those desks themselves."""
        self._thread = LoopThread() if thread is None else thread
        self._room: tuple[asyncio.AbstractEventLoop, Room] | None = None

    def token(self, key: str, by: str | None = None) -> "Future[HeldToken]":
        """Return a usable token, extending or acquiring it if need be; *by*: for whom, as for `use`."""
        return self._thread.submit(self._token(key) if by is None else self._theirs(key, by))

    def acquire(
        self,
        key: str,
        *,
        lifecycle: str,
        platform: str,
        payload: Any = None,
        attributes: Mapping[str, Any] | None = None,
        scope: frozenset[str] | list[str] | tuple[str, ...] = (),
        place: str | None = None,
        event_id: str | None = None,
        step: str | None = None,
    ) -> "Future[Token]":
        """Get a first token for *key*; raises PromptPending when a person has to log in."""
        how: dict[str, Any] = {
            "lifecycle": lifecycle,
            "platform": platform,
            "payload": payload,
            "attributes": attributes,
        }

        def make() -> Flow[Token]:
            more: dict[str, Any] = {"place": place, "event_id": event_id, "tenant": self.tenant}
            return flows.acquire(self.setting, key, scope=frozenset(scope), **how, **more)

        if payload is None or event_id is not None:
            return self._start(key, make, step or event_id)
        return self.begin(self._once(key, lambda: flows.login_in(self.setting, key, **how), make, step))

    def answer(
        self, key: str, params: Mapping[str, str] | None = None, *, step: str | None = None
    ) -> "Future[Token]":
        """Finish a parked login with the parameters that came back; raises PromptExpired.

        Without *params* the issuer of a polled one is asked, if it is time, whether the person has decided;
        raises PromptPending again while they have not.
        """
        if params is None:
            return self._start(key, lambda: flows.poll(self.setting, key), step)
        return self._start(key, lambda: flows.answer(self.setting, key, params), step)

    def decided(self, key: str, *, step: str | None = None) -> "Future[Token]":
        """Ask about a polled login until the person has decided; raises what `answer` raises then.

        It waits by the engine's clock, and ends with Closed when the engine is closed.
        """
        waits = Patience(self.clock)
        work = waits.until_decided(lambda: self.alone(key, lambda: flows.poll(self.setting, key), step))
        return self._thread.submit(work, waits.stop)

    def extend(
        self, key: str, *, place: str = "server", event_id: str | None = None, step: str | None = None
    ) -> "Future[Token]":
        """Replace the token by a longer-lived or newer one now."""
        return self._start(
            key, lambda: flows.extend(self.setting, key, place=place, event_id=event_id), step or event_id
        )

    def send(
        self,
        key: str,
        event: str,
        *,
        payload: Mapping[str, Any] | None = None,
        place: str = "server",
        event_id: str | None = None,
        step: str | None = None,
    ) -> "Future[Token]":
        """Raise an event of the lifecycle on the token; a repeated *event_id* changes nothing."""
        return self._start(
            key,
            lambda: flows.raise_event(
                self.setting, key, event, place=place, payload=payload, event_id=event_id
            ),
            step or event_id,
        )

    def derive(
        self,
        parent: str,
        *,
        lifecycle: str,
        key: str,
        only: Mapping[str, Any] | None = None,
        place: str = "server",
        event_id: str | None = None,
        step: str | None = None,
    ) -> "Future[tuple[Token, ...]]":
        """Get child tokens from *parent*, each under its own key (a template such as `page/{page_id}`).

        *only*: the one that these attributes tell, e.g. `{"page_id": "42"}`; without, all there are.
        """
        return self._start(
            parent,
            lambda: flows.derive(
                self.setting,
                parent,
                lifecycle=lifecycle,
                key=key,
                only=only,
                place=place,
                event_id=event_id,
            ),
            step or event_id,
        )

    def introspect(self, key: str, *, step: str | None = None) -> "Future[Inspection]":
        """Ask the issuer about the token; news that it is dead is taken."""
        return self._start(key, lambda: flows.introspect(self.setting, key), step)

    def invalidate(
        self, key: str, *, reason: str = "operator", event_id: str | None = None, step: str | None = None
    ) -> "Future[Token]":
        """Take the news that a token was ended; its children follow as their specs say."""
        return self._start(
            key,
            lambda: flows.invalidate(self.setting, key, reason=reason, event_id=event_id),
            step or event_id,
        )

    def use(
        self,
        key: str,
        call: Call,
        *,
        by: str | None = None,
        place: str = "server",
        event_id: str | None = None,
        step: str | None = None,
    ) -> "Future[Response]":
        """Send *call* with the token: rules first, one retry after verified bad news.

        *by*: the key of the token of whoever asks. Only that one, and those derived from it, are theirs.
        """

        def make() -> Flow[Response]:
            return flows.use(self.setting, key, call, by=by, place=place, event_id=event_id)

        return self.begin(self._use(key, make, step or event_id))

    def report(self, key: str, response: Response, *, step: str | None = None) -> "Future[Token]":
        """Tell the engine what an API answered to a call the application made itself."""
        return self._start(key, lambda: flows.report(self.setting, key, response), step)

    def explain(self, key: str) -> "Future[Explanation]":
        """Return where the token stands, what may happen, and what did."""
        return self._thread.submit(self._explain(key))

    def keys(self) -> "Future[list[str]]":
        """Return the tenant's keys, sorted."""
        return self._thread.submit(self.on_store(lambda: self.store.keys(self.tenant)))

    def forget(self, key: str) -> "Future[bool]":
        """Remove a tombstone with its history; False when there is none. A live token stays."""
        self.cache.drop(key)
        return self._thread.submit(self.on_store(lambda: self._forget(key)))

    def _forget(self, key: str) -> bool:
        record = self.audit.act("forget", tenant=self.tenant, key=key)
        gone = self.store.forget(self.tenant, key, record=record)
        if gone:
            self.audit.wrote()
            for shelf in (journals.SHELF, VERIFIED):
                self.store.take(shelf, f"{self.tenant}/{key}")
        return gone

    def migrate(self, keys: Sequence[str]) -> "Future[tuple[Migration, ...]]":
        """Bring the tokens under *keys* over to the versions that are open; say what became of each.

        One that is of no lifecycle this engine was opened with is left out.
        """
        return self._thread.submit(self._migrate(tuple(keys)))

    def perform(self, act: Act, *, step: str | None = None) -> "Future[Token]":
        """Do one act of a plan, and nothing else; raises Refused (moved_on, not_as_planned)."""
        return self._start(act.key, lambda: flows.planned(self.setting, act, self.tenant), step)

    def sweep(self, limit: int = 100) -> "Future[Swept]":
        """Attend to up to *limit* tokens that are due: settle them and run the commands they wait for."""
        return self._thread.submit(self._sweep(limit))

    def keep_going(self, work: Coroutine[Any, Any, T], stop: Callable[[], None]) -> "Future[T]":
        """Run *work*, which goes on until *stop* is called, by whoever closes the engine if need be."""
        return self._thread.submit(work, stop)

    def health(self) -> "Future[Health]":
        """Return how the engine, its keeper and its issuers are."""
        return self._thread.submit(self._health())

    def close(self, patience: float = 25.0) -> None:
        """Let what runs end (up to *patience* seconds), then close transport and store."""
        self._thread.close(self._last, patience)
        self.cache.close()
        if self.tenants is not None:
            self.tenants.close()
        self.audit.close()
        if self._owns_store:
            self.store.close()

    def _here(self) -> Room:
        loop = asyncio.get_running_loop()
        if self._room is None or self._room[0] is not loop:
            self.hearers.clear()  # in a forked child they are the parent's
            pool = ThreadPoolExecutor(1, thread_name_prefix="tokenflow-store")
            self._room = (loop, Room(lambda strand: self._make_performer(pool, strand), Sweeper(self)))
        return self._room[1]

    def _start(self, key: str, make: Callable[[], Flow[T]], step: str | None) -> "Future[T]":
        return self.begin(self.alone(key, make, step))

    def begin(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run *work* on the engine's loop."""
        return self._thread.submit(work)

    async def alone(self, key: str, make: Callable[[], Flow[T]], step: str | None) -> T:
        """Run a flow of *key* when no other runs for it. *step* labels the requests it sends."""
        room = self._here()
        async with room.lock(key):
            room.demand_saved(key)
            with room.errand() as performer:
                return await performer.run(make(), step)

    async def at_leisure(self, key: str, make: Callable[[], Flow[T]]) -> T:
        """Run a flow that can wait: callers' calls to its issuer go first."""
        room = self._here()
        async with room.lock(key):
            room.demand_saved(key)
            with room.errand(leisurely=True) as performer:
                return await performer.run(make())

    async def _once(
        self, key: str, login_in: Callable[[], str | None], make: Callable[[], Flow[Token]], step: str | None
    ) -> Token:
        """Acquire by a payload; one whose login works once may be brought to several processes at once."""
        login = login_in()
        if login is None or await self.on_store(lambda: self._was_taken(key, login)):
            return await self.alone(key, make, step)
        clock = asyncio.get_running_loop().time
        until = clock() + _TURN
        while True:
            async with self.leased(key) as mine:
                if mine or clock() > until:
                    return await self.alone(key, make, step)
            await asyncio.sleep(_AGAIN)

    def _was_taken(self, key: str, login: str) -> bool:
        row = self.store.load(self.tenant, key)
        return row is not None and self.store.seen(self.tenant, row.id, login) is not None

    async def look(self) -> Trusted:
        """Return the clock's reading, and why it is held, if it is."""
        return await self.on_store(self._here().performer.time.look)

    @property
    def thread(self) -> LoopThread:
        """Where its flows run."""
        return self._thread

    @property
    def performer(self) -> Performer:
        """Who performs its flows on the running loop."""
        return self._here().performer

    @property
    def worker(self) -> str:
        """Whose leases this process takes on the running loop."""
        return self._here().worker

    def opened(self, row: Row) -> tuple[Token, Lifecycle]:
        """Return the token a row keeps, and its lifecycle; on the store's thread. Raises StoreError."""
        token = self.proven(row)
        assert self._room is not None, "there is a row, so there is a room"
        return token, self._room[1].performer.library.of(token)

    def proven(self, row: Row) -> Token:
        """Return the token a row keeps, which nobody else wrote; on the store's thread. Raises StoreError."""
        assert self._room is not None, "there is a row, so there is a room"
        return from_row(row, self._room[1].performer.cipher)

    async def _token(self, key: str) -> HeldToken:
        room = self._here()
        if key in room.stranded:
            return room.stranded[key].token((await self.look()).now)
        glance = await self._glance(key)
        if glance is None:
            return await asyncio.shield(self._flight(key))
        held = HeldToken(glance.token)
        if glance.stale:  # while it serves nobody waits for the next one
            self._flight(key)
        else:
            with suppress(StoreUnreadable):
                await self._cached(held, glance.lifecycle)
        return held

    async def _glance(self, key: str) -> flows.Glance | None:
        """Return the token if it serves just now, as far as the store can be read."""
        with suppress(StoreUnreadable), self._here().errand() as performer:
            return await performer.run(flows.glance(self.setting, key))
        return None

    async def _use(self, key: str, make: Callable[[], Flow[Response]], step: str | None) -> Response:
        """Run a use: beside whatever else is under way for the key, while its token serves."""
        room = self._here()
        if key in room.stranded or (glance := await self._glance(key)) is None:
            return await self.alone(key, make, step)
        if glance.stale:
            self._flight(key)
        with room.errand() as performer:
            return await performer.run(make(), step)

    def _flight(self, key: str) -> "asyncio.Task[HeldToken]":
        """Return the one task that gets a usable token for a key, whoever waits for it."""
        flights = self._here().flights

        def landed(flight: "asyncio.Task[HeldToken]") -> None:
            flights.pop(key, None)
            if not flight.cancelled():
                flight.exception()  # who waited has heard it; if nobody did, it is on the token's record

        if key not in flights:
            flights[key] = asyncio.create_task(self._fetch(key))
            flights[key].add_done_callback(landed)
        return flights[key]

    def landed(self) -> "Future[None]":
        """Wait until no token is being renewed for callers who had the held one."""
        return self._thread.submit(self._landed())

    async def _landed(self) -> None:
        while flights := tuple(self._here().flights.values()):
            await asyncio.wait(flights)

    async def _theirs(self, key: str, by: str) -> HeldToken:
        await self.alone(key, lambda: flows.demand_theirs(key, by, "token"), None)
        return await self._token(key)

    async def _fetch(self, key: str) -> HeldToken:
        """Return a usable token; while the store cannot be read, the one it had last, if that is good.

        A broken disk makes no token bad (security.md R10). What this process knows to have ended is not
        in the cache any more.
        """
        try:
            held = HeldToken(await self.alone(key, lambda: flows.token(self.setting, key), None))
        except StoreUnreadable as error:
            last = self.cache.last(key, self.clock())
            if last is None:
                raise
            log.warning("%s is served from memory: %s", key, error.code)
            return last
        except TokenflowError:
            self.cache.drop(key)
            raise
        if self.cache.trusted_for > 0:
            library = self._here().performer.library
            with suppress(StoreUnreadable):  # it is not remembered, and no worse for it
                await self._cached(held, await self.on_store(lambda: library.of(held.token)))
        return held

    async def _cached(self, held: HeldToken, lifecycle: Lifecycle) -> None:
        if self.cache.trusted_for > 0:
            await self.on_store(lambda: self._remember(held, lifecycle))

    def _remember(self, held: HeldToken, lifecycle: Lifecycle) -> None:
        """Put a token into the cache, unless it was saved anew since it was found.

        On the store thread, where this engine saves: nothing comes between the look and the put.
        """
        token = held.token
        acquisition = lifecycle.acquisitions.get(token.platform or "")
        if acquisition is not None and not acquisition.keep_value:
            return
        row = self.store.load(self.tenant, token.key)
        if row is not None and (row.id, row.revision) == (token.id, token.revision):
            now = self.clock()
            ends = None if token.expires_at is None else token.expires_at - lifecycle.skew
            self.cache.put(token.key, held, now, _fresh_until(lifecycle, token, now), ends)

    async def _explain(self, key: str) -> Explanation:
        room = self._here()
        async with room.lock(key):
            with room.errand() as performer:
                held = await performer.run(current(self.setting, key))
        return explanation(held, await self.on_store(lambda: self.store.history(self.tenant, key)))

    async def _migrate(self, keys: tuple[str, ...]) -> tuple[Migration, ...]:
        with self._here().errand() as performer:
            return await performer.run(flows.migrate(self.setting, keys))

    async def _sweep(self, limit: int) -> Swept:
        await self.on_store(self.outbox.again)
        return await self._here().sweeper.page(limit)

    async def sweep_page(
        self, limit: int, *, in_flight: int, go_on: Callable[[], bool] = lambda: True
    ) -> Swept:
        """Sweep as `sweep` does, for a keeper; see `Sweeper.page`."""
        await self.on_store(self.outbox.again)
        return await self._here().sweeper.page(limit, in_flight=in_flight, go_on=go_on)

    @asynccontextmanager
    async def leased(self, key: str) -> AsyncIterator[bool]:
        """Yield whether *key* is this worker's to attend to; True where the store has no leases."""
        if "leases" not in self.store.capabilities:
            yield True
            return
        now, worker = (await self.look()).now, self.worker
        span = {"now": now, "until": now + _LEASE}
        mine = await self.on_store(lambda: self.store.claim(self.tenant, key, worker, **span))
        try:
            yield mine
        finally:
            if mine:
                await self.on_store(lambda: self.store.release(self.tenant, key, worker))

    @contextmanager
    def heard_by(self, keeper: Keeper) -> Iterator[None]:
        """Tell *keeper* of every commit, for as long as the block lasts. On the engine's loop."""
        self._here()
        self.hearers.append(keeper)
        try:
            yield
        finally:
            self.hearers.remove(keeper)

    async def _health(self) -> Health:
        sweeper, clock = self._here().sweeper, await self.look()
        keeper = self.hearers[0] if self.hearers else None
        came = None if keeper is None else keeper.came_round
        first = await self.on_store(lambda: self.store.due(self.tenant, 2**62, 1))
        live, _ = await self.on_store(lambda: self.store.census(clock.now, clock.now, self.tenant))
        found = await self.on_store(lambda: self.store.counted(self.tenant, clock.now))
        switches = await self.on_store(lambda: stopped(self.store))
        next_due = first[0].due_at if first else None
        return Health(
            at=clock.now,
            alive=came is not None and self.clock.reading().boot - came < LIVELY,
            last_sweep=sweeper.last,
            next_due=next_due,
            due_late=late(next_due, clock.now),
            in_flight=sweeper.running,
            kept=live,
            clock=clock.held,
            issuers=self.gate.health(),
            unsaved=tuple(sorted(self._here().stranded)),
            needing_person=() if keeper is None else keeper.needing_person,
            uncertain=() if keeper is None else tuple(sorted(keeper.uncertain)),
            expiring_unattended=counted(found, EXPIRING),
            revoking=counted(found, REVOKING),
            irrevocable=counted(found, IRREVOCABLE),
            stopped=switches,
            trouble=None if keeper is None else keeper.trouble,
        )

    async def on_store(self, work: Callable[[], T]) -> T:
        """Do *work* on the store's thread, where this engine saves."""
        pool = self._here().performer.store_thread
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    async def _last(self) -> None:
        if self._room is not None:
            await self._room[1].performer.transport.close()
            self._room[1].performer.journals.close()
            self._room[1].performer.store_thread.shutdown(wait=False)


def _fresh_until(lifecycle: Lifecycle, token: Token, now: Instant) -> Instant:
    lines = deadlines(lifecycle, token)
    first = lines[0][0] if lines else now + 2**62
    return first if token.expires_at is None else min(first, token.expires_at - lifecycle.skew)
