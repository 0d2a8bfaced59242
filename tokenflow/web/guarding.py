"""Around every route: headers on each answer, a bound on each body, and no error that shows anything."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokenflow.core.errors import PayloadError

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "; ".join(
        f"{what} 'none'" for what in ("default-src", "base-uri", "form-action", "frame-ancestors")
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""On every answer (security.md B9, C12)."""

log = logging.getLogger(__name__)


def guarded(inner: ASGIApp) -> ASGIApp:
    """Return *inner* with its headers on, whatever it answers; what fails in it is told by its kind alone."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await inner(scope, receive, answer)
        except Exception as error:  # noqa: BLE001  # its text, its frames and what is chained to it may tell
            log.error("an answer failed with %s", type(error).__name__)
            if not answer.begun:
                await JSONResponse({"error": "server_error"}, 500)(scope, receive, answer)

    return guard


class _Answer:
    """A *send* that puts the headers on, and knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            MutableHeaders(scope=message).update(HEADERS)
        await self._send(message)


def bounded(
    answer: Callable[[Request], Awaitable[Response]], largest: int
) -> Callable[[Request], Awaitable[Response]]:
    """Return *answer* for requests whose body has *largest* bytes at most; a longer one is not read (413)."""

    async def endpoint(request: Request) -> Response:
        body = await _body(request.receive, largest)
        if body is None:
            return JSONResponse({"error": "too_large"}, 413)
        return await answer(Request(request.scope, _said(body, request.receive)))

    return endpoint


def query_of(request: Request) -> dict[str, str]:
    """Return the query's parameters; raises PayloadError when one is there twice: which is meant?

    They are taken out of the address, for an access log prints what is there when the answer begins.
    """
    pairs = request.query_params.multi_items()
    request.scope["query_string"] = b""
    if len(dict(pairs)) != len(pairs):
        raise PayloadError("malformed", "a parameter is there twice")
    return dict(pairs)


async def _body(receive: Receive, largest: int) -> bytes | None:
    """Return the whole body, None when it is too long."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > largest:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body


def _said(body: bytes, receive: Receive) -> Receive:
    """Return a *receive* that says *body* once, and then what the server has to say."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def said() -> Message:
        return waiting.pop() if waiting else await receive()

    return said
