"""Around every route: headers on each answer, a bound on each body, and no error that shows anything."""

import logging
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST: Final = 64 * 1024
"""Bytes of a body; a longer one is refused with 413 and not read."""

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
    """Return *inner* behind its guard, which lets HTTP through and nothing else."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        answer = _Answer(send)
        body = await _body(receive)
        if body is None:
            await JSONResponse({"error": "too_large"}, 413)(scope, receive, answer)
            return
        try:
            await inner(scope, _said(body, receive), answer)
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


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, None when it is too long."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body


def _said(body: bytes, receive: Receive) -> Receive:
    """Return a *receive* that says *body* once, and then what the server has to say."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def said() -> Message:
        return waiting.pop() if waiting else await receive()

    return said
