"""How a sandbox starts."""

import secrets

from attrs import field, frozen

from tokenflow.sandbox.clock import VirtualClock
from tokenflow.sandbox.faults import Faults
from tokenflow.sandbox.ledger import Ledger
from tokenflow.sandbox.wire import Reply
from tokenflow.sandbox.world import App, Client, World


def _some_id(given: str | None) -> str:
    return str(10**15 + secrets.randbelow(9 * 10**15)) if given is None else given


def _some_secret(given: str | None) -> str:
    return secrets.token_hex(16) if given is None else given


@frozen(kw_only=True)
class Sandbox:
    """The settings of one run. Ids and secrets left out are made up, new each time.

    *now* is the instant the virtual clock starts at, UTC microseconds; None is the present. With
    *real_time* it runs from there with the wall clock.
    """

    app_id: str = field(default=None, converter=_some_id)
    app_secret: str = field(default=None, converter=_some_secret, repr=False)
    client_token: str = field(default=None, converter=_some_secret, repr=False)
    redirect_uris: tuple[str, ...] = ()
    #: More apps, with their settings.
    apps: tuple[App, ...] = ()
    #: Clients of the OAuth face that are registered from the start.
    clients: tuple[Client, ...] = ()
    now: int | None = None
    real_time: bool = False
    #: Allow loopback redirect URIs and those of Facebook's SDKs, for every app and client.
    any_loopback_redirect: bool = False
    #: Approve every dialog as the first person, or as the one in the query's `sandbox_person`.
    auto_approve: bool = False
    admin_token: str = field(default=None, converter=_some_secret, repr=False)
    #: 0 is any free port.
    port: int = 0

    def state(self) -> "State":
        """Return a new world as these settings describe it."""
        world = World(
            clock=VirtualClock(self.now, real_time=self.real_time),
            any_loopback_redirect=self.any_loopback_redirect,
            auto_approve=self.auto_approve,
        )
        world.apps[self.app_id] = App(
            app_id=self.app_id,
            app_secret=self.app_secret,
            client_token=self.client_token,
            redirect_uris=self.redirect_uris,
        )
        world.apps |= {app.app_id: app for app in self.apps}
        world.clients |= {client.client_id: client for client in self.clients}
        return State(world=world, admin_token=self.admin_token)


@frozen(kw_only=True)
class State:
    """A running sandbox: its world, and what the admin keeps beside it."""

    world: World
    admin_token: str = field(repr=False)
    faults: Faults = field(factory=Faults)
    ledger: Ledger = field(factory=Ledger, repr=False)
    #: (path, Idempotency-Key) -> the first answer.
    answered: dict[tuple[str, str], Reply] = field(factory=dict, repr=False)
