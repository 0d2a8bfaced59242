"""Where a scenario is played: the engine, its store, its clock, and what was heard."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from tokenflow.core.effects import Issuer
from tokenflow.core.errors import TokenNotFound
from tokenflow.core.events import Happened
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import Instant
from tokenflow.engine.clocks import VirtualClock
from tokenflow.engine.explanations import Explanation
from tokenflow.engine.holders import Sources
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.opening import read_all
from tokenflow.engine.stores import Store
from tokenflow.engine.sync import Engine
from tokenflow.engine.transports import HttpTransport
from tokenflow.hooks.registry import Registry
from tokenflow.runner.backstage import REDIRECT_URI, Backstage
from tokenflow.runner.counter import Counter
from tokenflow.runner.standing_in import stand_ins
from tokenflow.runner.story import Step, Story
from tokenflow.runner.wallet import Wallet

_PASSES = 1000
_BY_TIME = ("advance", "sleep", "clock_back")


@attrs.frozen
class Alone:
    """A run's store, which the run shares with nobody: it takes no leases.

    One that a killed run left behind would keep the next process waiting, by a clock that stands still.
    """

    store: Store

    @property
    def capabilities(self) -> frozenset[str]:
        """What the store can do, but for leases."""
        return self.store.capabilities - {"leases"}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@attrs.define
class Stage:
    """A scenario's engine, which can be taken down and put up again."""

    story: Story
    backstage: Backstage
    registry: Registry
    store: Store
    key: str | None
    clock: VirtualClock
    counter: Counter
    run: str
    """The run's own name (`Progress.run`)."""
    remember: Callable[[], None] = attrs.field(default=lambda: None)
    """Notes how far the run has come; called while nothing is in flight."""
    heard: list[Happened] = attrs.field(factory=list)
    engine: Engine = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.engine = self._open()
        self.counter.redeem = self._redeem

    def _redeem(self, ticket: Secret, origin: str, event_id: str) -> Mapping[str, str]:
        return self.engine.redeem(ticket, origin, event_id=event_id).form()

    def _open(self) -> Engine:
        documents = read_all(self.story.lifecycles, self.registry)
        return Engine.open(
            [*self.story.lifecycles, *stand_ins(documents, self.counter.ca_file.parent)],
            Alone(self.store),
            key=self.key,
            registry=self.registry,
            clock=self.clock,
            transport=lambda: HttpTransport(ca_file=str(self.counter.ca_file)),
            issuer=self.backstage.url,
            app=self.story.app,
            client_ids=self._client_ids(),
            redirect_uri=REDIRECT_URI,
            secrets=self._secrets(),
            trust_cache=0.0,
            worker=self.run,  # what a killed run left open is this one's own
            settled=True,  # the sandbox does a step once, whenever it hears of it
            on_event=self.heard.extend,
        )

    def once(self, step_id: str) -> str:
        """Return the name under which the sandbox does something once, in this run."""
        return f"{self.run}/{step_id}"

    def wallet(self) -> Wallet:
        """Return what clients hold in this run."""
        ring = open_keyed(self.store, self.key, Sources.of(self.registry))
        return Wallet(store=self.store, cipher=ring, run=self.run)

    def is_open(self, step: Step, step_id: str) -> bool:
        """Return whether a step that was cut short has no outcome on record yet.

        Acts with an event id are on record under it; a timer's command is open while its attempt is.
        """
        held = self.engine.keys()
        found = [self.engine.explain(key) for key in held]
        if step.act in _BY_TIME:
            attempts = [one.token.attempt for one in found]
            return any(attempt is not None and attempt.error is None for attempt in attempts)
        event_id = step.how.get("id", step_id)
        return not any(event.about.event_id == event_id for one in found for event in one.history)

    def issuer(self, lifecycle: str) -> Issuer:
        """Return the issuer a lifecycle names."""
        setting = self.engine.desk.setting
        return setting.issuer_of(setting.lifecycle(lifecycle))

    def _issuers(self) -> Iterable[Mapping[str, Any]]:
        return (doc.data for doc in read_all(self.story.lifecycles, self.registry) if doc.kind == "Issuer")

    def _client_ids(self) -> dict[str, str]:
        clients = list(self.story.world.get("clients", {}))
        ids = {}
        for data in self._issuers():
            graph = "graph" in data.get("endpoints", {})
            if graph or clients:
                ids[data["metadata"]["name"]] = self.backstage.app_id if graph else clients[0]
        return ids

    def _secrets(self) -> dict[str, Secret]:
        """Lend the run's own secrets under the references the specs name."""
        known: dict[str, str | None] = {
            "app_secret": self.backstage.app_secret,
            "client_token": self.backstage.client_token,
            "admin_token": self.backstage.admin_of_the_business,
        }
        clients = list(self.story.world.get("clients", {}))
        if clients:
            known["client_secret"] = self.backstage.client_secret(clients[0])
        lent = {}
        for doc in read_all(self.story.lifecycles, self.registry):
            for name, spec in doc.data.get("secrets", {}).items():
                if (value := known.get(name)) is not None:
                    lent[spec["from"]] = Secret(value)
        return lent

    def reopen(self, pass_time: Callable[[], None]) -> None:
        """Take the process down, let time pass, and start it again."""
        self.engine.close()
        pass_time()
        self.engine = self._open()

    def move(self, microseconds: int) -> None:
        """Let time pass for everybody: the machine and the issuer."""
        self.clock.advance(microseconds)
        self.backstage.admin.set_clock(self.backstage.admin.now() + microseconds)

    def advance_to(self, target: Instant) -> None:
        """Let time pass until *target*, attending to each token when it falls due."""
        for _ in range(_PASSES):
            due = self.settle()
            now = self.clock()
            if due is None or due > target:
                self.move(max(target - now, 0))
                self.settle()
                return
            self.remember()
            self.move(max(due - now, 1))
        raise RuntimeError(f"{self.story.name}: {_PASSES} timers fell due in one step")

    def settle(self) -> Instant | None:
        """Attend to all that is due now, and return when something is due next."""
        while True:
            swept = self.engine.sweep()
            if not swept.attended or swept.next_due is None or swept.next_due > self.clock():
                return swept.next_due

    def explain(self, key: str) -> Explanation | None:
        """Return where a token stands, or None when there is none."""
        try:
            return self.engine.explain(key)
        except TokenNotFound:
            return None

    def history(self, since: Instant) -> Sequence[Happened]:
        """Return what is on record since an instant, of all tokens, and what was heard in this process."""
        held = self.engine.keys()
        recorded = [
            event for key in held for event in (self.engine.explain(key).history) if event.about.at >= since
        ]
        return [*recorded, *self.heard]
