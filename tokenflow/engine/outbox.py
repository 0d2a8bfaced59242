"""Tell what a spec says shall be heard, at least once, in order per token, after the commit (rule F1).

What is to be told was saved in the transaction that brought it. It is told from there, and pending until
every listener has heard it: a listener that raised, or a process that died in between, hears it again,
under the same key. Everything else that happens is told once, as well as it goes.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from tokenflow.core.errors import StoreError, StoreTooNew
from tokenflow.core.events import Happened, from_json
from tokenflow.engine.forks import ForkLock
from tokenflow.engine.stores import Entry, Store

log = logging.getLogger(__name__)
_PAGE: Final = 100
"""Entries read at once."""


@attrs.frozen
class Outbox:
    """What stands between an engine's saves and those who listen."""

    store: Store
    tenant: str
    hear: Callable[[Sequence[Happened]], bool]
    """Tells all listeners; False when one of them failed."""
    _lock: ForkLock = attrs.field(factory=ForkLock)
    _stuck: set[str] = attrs.field(factory=set)
    """Tokens of which a listener did not hear: not tried again with each commit, but by the next sweep."""

    def tell(self, events: Sequence[Happened]) -> None:
        """Tell what has happened: at once, or by way of the store."""
        if "outbox" not in self.store.capabilities:
            self.hear(events)
            return
        if told := [event for event in events if event.about.delivery is None]:
            self.hear(told)
        if len(told) < len(events):
            self.deliver()

    def again(self) -> int:
        """Deliver, also what a listener failed at before."""
        with self._lock:
            self._stuck.clear()
        return self.deliver()

    def deliver(self) -> int:
        """Tell what is pending, and return how much of it still is; what fails is logged, not raised.

        After a listener has failed, the later events of that token wait, and those of others go on.
        """
        if "outbox" not in self.store.capabilities:
            return 0
        waiting: set[str | None] = set()
        with self._lock:
            try:
                while self._page(waiting):
                    continue
            except StoreError as error:
                log.warning("what is to be told waits for the store: %s", error.code)
        return len(waiting)

    def _page(self, waiting: set[str | None]) -> bool:
        """Tell one page; False when there was nothing new in it."""
        page = self.store.pending(self.tenant, _PAGE + len(waiting))
        fresh = [entry for entry in page if entry.delivery not in waiting]
        told = []
        for entry in fresh:
            if entry.token_id not in self._stuck and self._heard(entry):
                told.append(entry)
            else:
                self._stuck.add(entry.token_id)
                waiting.add(entry.delivery)
        if told:
            self.store.delivered(told)
        return bool(fresh)

    def _heard(self, entry: Entry) -> bool:
        """Tell one event; one that only a newer tokenflow can read waits for it, and stops nobody."""
        try:
            event = from_json(entry.happened)
        except (StoreTooNew, KeyError, TypeError, ValueError):
            log.warning("%s: what is to be told of it cannot be read; is it a newer tokenflow's?", entry.key)
            return False
        return self.hear((event,))
