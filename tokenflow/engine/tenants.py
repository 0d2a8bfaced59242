"""Other tenants of one engine: each has a desk, and all share loop, connections, gate and store thread.

What could tell one tenant of another is a desk's own: cache, locks, flights, lessons, sweep, outbox.
"""

import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs

from tokenflow.core.errors import Refused
from tokenflow.core.events import Happened
from tokenflow.core.tokens import SECOND, Token
from tokenflow.engine.cache import Cache
from tokenflow.engine.desk import Desk
from tokenflow.engine.forks import ForkLock
from tokenflow.engine.lessons import Lessons
from tokenflow.engine.outbox import Outbox
from tokenflow.engine.performer import Performer, Strander

REMEMBERED: Final = 1_000
"""Desks that are kept though nobody holds one: their caches are warm when their tenant comes again."""
_LONGEST: Final = 200


def named(tenant: str) -> str:
    """Return a tenant's name; raises Refused("bad_tenant") for one that could be taken for another's place.

    Names on a store's shelves are `<tenant>/<key>`: without a slash in a tenant no two of them are one.
    """
    if not isinstance(tenant, str) or not 0 < len(tenant) <= _LONGEST or not tenant.isprintable():
        raise Refused("bad_tenant", f"a tenant is named by 1 to {_LONGEST} printable characters")
    if "/" in tenant:
        raise Refused("bad_tenant", f"the tenant {tenant!r} has a slash", mend="name it without one")
    return tenant


class Tenants:
    """The desks of an engine's other tenants, made when first asked for. Any thread may ask."""

    def __init__(self, own: Desk, listen: Callable[[Sequence[Happened]], bool]) -> None:
        """*listen* tells those who listen to all of the engine; False when one of them failed."""
        self._own, self._listen = own, listen
        self._lock = ForkLock()
        self._desks: weakref.WeakValueDictionary[str, Desk] = weakref.WeakValueDictionary()
        self._latest: deque[Desk] = deque(maxlen=REMEMBERED)

    def desk(self, tenant: str) -> Desk:
        """Return the one desk of a tenant; raises Refused("bad_tenant")."""
        if named(tenant) == self._own.tenant:
            return self._own
        with self._lock:
            found = self._desks.get(tenant)
            if found is not None:
                return found
            found = self._desks[tenant] = desk_beside(self._own, tenant, self._listen)
            self._latest.append(found)
        found.outbox.deliver()  # what a process that died, or a listener that failed, has left to tell
        return found

    def close(self) -> None:
        """Forget what they hold in memory."""
        with self._lock:
            for desk in self._desks.values():
                desk.cache.close()


def desk_beside(own: Desk, tenant: str, listen: Callable[[Sequence[Happened]], bool]) -> Desk:
    """Return a desk of *tenant* that shares what is not a tenant's with *own*."""
    cache = Cache(own.cache.trusted_for / SECOND)

    def hear(events: Sequence[Happened]) -> bool:
        heard = listen(events)
        for hearer in tuple(desk.hearers):
            hearer.happened(events)
        return heard

    def saved(tokens: Sequence[Token]) -> None:
        for token in tokens:
            cache.saved(token)
        for hearer in tuple(desk.hearers):
            hearer.saved(tokens)

    outbox = Outbox(own.store, tenant, hear)

    def performer(_: ThreadPoolExecutor, strand: Strander) -> Performer:
        return attrs.evolve(
            own.performer,
            tenant=tenant,
            journals=own.performer.journals.of(tenant),
            grip=own.performer.grip.of(tenant),
            strand=strand,
            lessons=Lessons(own.store, tenant),
            tell=outbox.tell,
            saved=saved,
        )

    desk = Desk(
        setting=own.setting,
        store=own.store,
        cache=cache,
        clock=own.clock,
        tenant=tenant,
        owns_store=False,
        comes_back=own.comes_back,
        audit=own.audit,
        gate=own.gate,
        outbox=outbox,
        callback_flow=own.callback_flow,
        make_performer=performer,
        thread=own.thread,
    )
    return desk
