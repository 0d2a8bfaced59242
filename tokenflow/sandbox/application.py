"""The sandbox as an ASGI application: sockets on one side, values on the other."""

import asyncio
import contextlib
import json
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokenflow.sandbox import callbacks
from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.handling import CUT, handle
from tokenflow.sandbox.settings import State
from tokenflow.sandbox.wire import Call, Pairs, Reply, pairs_of, split_version

#: Bytes of a body; a longer one is refused with 413.
LONGEST_BODY = 1 << 20

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(state: State) -> ASGIApp:
    """Return the ASGI application over *state*; it needs no server to be tested."""

    async def everything(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response, cut_at = await _response(state, request)
        if response is not None:
            await response(scope, receive, send if cut_at is None else _first(send, cut_at))
        if response is None or cut_at is not None:
            await _cut(scope, receive)

    # No router and no middleware around it: there is one route, and a test suite asks it thousands of times.
    return everything


async def _response(state: State, request: Request) -> tuple[Response | None, int | None]:
    """Return the response, None when there is to be none, and where in its body to cut it."""
    if request.method == "OPTIONS":
        return Response(headers=_PREFLIGHT), None
    body = await _body(request)
    if body is None:
        return Response("the body is too long", 413), None
    answer = handle(state, call_of(request, body))
    for notice in callbacks.taken(state.world):
        # In a thread: whoever is told may ask the sandbox something before it answers.
        state.ledger.deliveries.append(await asyncio.to_thread(callbacks.deliver, notice))
    if answer.delay:
        await _waited(request, answer.delay)
    if answer.reply is None:
        return None, None
    return _written(answer.reply, state.world.clock.now()), answer.cut_at


async def _waited(request: Request, seconds: float) -> None:
    """Wait, but no longer than the caller does."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(gone(), seconds)


def _first(send: Send, count: int) -> Send:
    """Return a *send* that promises the whole body and lets only its first *count* bytes out."""

    async def some(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": message["body"][:count], "more_body": True}
        await send(message)

    return some


_PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": ", ".join(_METHODS),
    "access-control-allow-headers": "Authorization, Content-Type, X-Request-Id",
}


def call_of(request: Request, body: bytes) -> Call:
    """Read a request. An admin body stays whole, as the parameter named ""."""
    version, path = split_version(request.url.path)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if path.partition("/")[0] == "admin":
        form: Pairs = (("", body.decode("utf-8", "replace")),)
    elif kind == "application/json":
        form = _json_pairs(body)
    elif kind == "multipart/form-data":
        form = _multipart_pairs(request.headers["content-type"], body)
    else:
        form = pairs_of(body.decode("utf-8", "surrogateescape"))
    return Call(
        method=request.method,
        path=path,
        version=version,
        base=f"{request.url.scheme}://{request.url.netloc}",
        query=pairs_of(request.scope["query_string"].decode("utf-8", "surrogateescape")),
        form=form,
        peer="" if request.client is None else request.client.host,
        headers=dict(request.headers),
    )


async def _body(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return None
    return body


def _json_pairs(body: bytes) -> Pairs:
    """Flatten a JSON object into parameters; what is no text stays JSON text."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(data, dict):
        return ()
    return tuple((key, value if isinstance(value, str) else json.dumps(value)) for key, value in data.items())


def _multipart_pairs(content_type: str, body: bytes) -> Pairs:
    """Read a multipart form, as the mobile SDKs and PHP send it; files are left out."""
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        return ()
    pairs = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes) and part.get_filename() is None:
            pairs.append((name, content.decode("utf-8", "surrogateescape")))
    return tuple(pairs)


def _written(reply: Reply, now: int) -> Response:
    response = Response(reply.body, reply.status)
    response.headers["date"] = formatdate(now / SECOND, usegmt=True)
    for name, value in reply.headers:
        response.headers[name] = value
    return response


async def _cut(scope: Scope, receive: Receive) -> None:
    cut = scope.get("extensions", {}).get(CUT)
    if cut is None:
        raise RuntimeError("this server cannot cut a connection; start the sandbox with serve()")
    cut()
    while (await receive())["type"] != "http.disconnect":
        pass
