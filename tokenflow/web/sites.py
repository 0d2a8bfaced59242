"""What one application of the web room is set up with: where it is, whom it serves, and with what."""

import re
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

import attrs
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from tokenflow.core.errors import Refused
from tokenflow.core.tickets import demand_page
from tokenflow.engine.aio import AsyncEngine

if TYPE_CHECKING:
    from tokenflow.web import KeyOf

_URL: Final = re.compile(r"(?P<origin>[^/]*//[^/]*)(?:/[A-Za-z0-9._~-]+)*")


def _bare(url: str) -> str:
    return url.removesuffix("/")


def _demand_public(site: object, field: Any, url: str) -> None:
    """Raise Refused unless *url* is one that this application may be reached at."""
    found = _URL.fullmatch(url)
    if found is None:
        raise Refused(
            "bad_public_url",
            "public_url is no address of an application: an origin, and the path it is mounted at",
            mend="write it as https://app.example or https://app.example/tokens",
        )
    demand_page(found["origin"])


@attrs.frozen(kw_only=True)
class Site:
    """One application. Its address is configured: no header of a request changes it (security.md C2)."""

    engine: AsyncEngine = attrs.field(repr=False)
    public_url: str = attrs.field(converter=_bare, validator=_demand_public)
    key_of: "KeyOf" = attrs.field(repr=False)
    lifecycle: str
    logins: frozenset[str]
    hand_off: str
    scope: tuple[str, ...] = ()
    script: bytes | None = attrs.field(default=None, repr=False)

    @property
    def origin(self) -> str:
        """The origin of its pages, as a browser writes it in Origin."""
        found = _URL.fullmatch(self.public_url)
        assert found is not None, "it was looked at"
        return found["origin"]

    @property
    def secure(self) -> bool:
        """Whether it is reached over TLS."""
        return self.public_url.startswith("https://")

    @property
    def redirect_uri(self) -> str:
        """Where issuers send people back to: what is registered there."""
        return f"{self.public_url}/callback"

    async def key(self, request: Request) -> str:
        """Return whose token *request* is about; raises Refused (no_session) when it is nobody's."""
        found = await run_in_threadpool(self.key_of, request)
        key = await found if isawaitable(found) else found
        if key is None:
            raise Refused("no_session", "the request belongs to no session of the application")
        return key
