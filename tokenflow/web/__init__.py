"""The web room: an ASGI application with the routes where tokens arrive and leave over HTTPS.

It decides nothing: what comes is taken by the engine's verbs, under the rules of its specs. It needs the
extra `web`, which is imported when an application is made.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from tokenflow.core.errors import MissingExtra
from tokenflow.engine.aio import AsyncEngine
from tokenflow.engine.sync import Engine

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

__all__ = ["KeyOf", "application"]

KeyOf: TypeAlias = "Callable[[Request], str | Awaitable[str | None] | None]"
"""Whose token a request is about: the key, by the application's own session; None for nobody."""


def application(
    engine: Engine | AsyncEngine,
    *,
    public_url: str,
    key_of: KeyOf,
    lifecycle: str,
    logins: Iterable[str] = ("web",),
    hand_off: str = "javascript",
    scope: Iterable[str] = (),
    script: bytes | None = None,
) -> "ASGIApp":
    """Return an ASGI application over *engine*, to be mounted in another or served alone.

    *public_url* is where it is reached from outside, with the path it is mounted at: https, or http at the
    loopback addresses 127.0.0.1 and [::1]. Nothing a request says is taken for it. Tokens are of *lifecycle*;
    *logins* are its platforms that a person may be sent to, *hand_off* is the one whose payload a page posts,
    *scope* is what logins ask for. *script* is what `/tokenflow.js` serves. The engine stays its opener's,
    who closes it.

    Raises Refused (transport_not_allowed, bad_audience, bad_public_url), MissingExtra.
    """
    try:
        from tokenflow.web.routes import routed
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "starlette":
            raise
        raise MissingExtra(
            "the web room needs an extra", mend='pip install "tokenflow-engine[web]"'
        ) from missing
    from tokenflow.web.sites import Site

    return routed(
        Site(
            engine=AsyncEngine(engine.desk),
            public_url=public_url,
            key_of=key_of,
            lifecycle=lifecycle,
            logins=frozenset(logins),
            hand_off=hand_off,
            scope=tuple(scope),
            script=script,
        )
    )
