"""What a test of this room is given: an authority that answers, and somebody to log in to it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from attrs import field, frozen

from tokenflow.sandbox import AdminClient

#: Be so many seconds in the future for the length of a block.
Later = Callable[[float], AbstractContextManager[None]]


@frozen(kw_only=True)
class Authority:
    """A sandbox in a process of its own, and the app that is registered with it."""

    url: str
    admin: AdminClient = field(repr=False)
    app_id: str
    app_secret: str = field(repr=False)
    client_token: str = field(repr=False)
    #: Loopback, and nobody listens there: no test follows it.
    callback: str = "http://localhost/callback?from=facebook"


@frozen(kw_only=True)
class Somebody:
    """A person of one test."""

    id: str
    name: str = "Grace Example"

    @property
    def email(self) -> str:
        """Return the address they are known by, once they grant it."""
        return f"grace_{self.id}@tfbnw.net"
