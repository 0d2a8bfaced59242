"""Start and stop: embedded in a thread of its own, or alone in a process."""

import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from tokenflow.sandbox.handling import CUT
from tokenflow.sandbox.settings import Sandbox, State

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp


class SandboxExtraMissing(ImportError):
    """Starlette or uvicorn is not installed."""


@frozen(kw_only=True)
class Running:
    """A sandbox that answers. Secrets stay out of its repr."""

    url: str
    app_id: str
    admin_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    client_token: str = field(repr=False)
    #: The world itself, for a test that looks inside.
    state: State = field(repr=False)


@contextmanager
def serve(settings: Sandbox) -> Iterator[Running]:
    """Serve on loopback, in a thread of its own, for as long as the block lasts."""
    state = settings.state()
    with hosted(_application(state), settings.port) as url:
        yield Running(
            url=url,
            app_id=settings.app_id,
            admin_token=settings.admin_token,
            app_secret=settings.app_secret,
            client_token=settings.client_token,
            state=state,
        )


@contextmanager
def hosted(application: "ASGIApp", port: int = 0) -> Iterator[str]:
    """Serve any ASGI application as the sandbox is served, and yield its URL."""
    server, listening = _server(application), _listening(port)
    thread = threading.Thread(target=server.run, args=([listening],), name="tokenflow-sandbox", daemon=True)
    thread.start()
    try:
        yield _url(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def run_forever(settings: Sandbox, port: int) -> None:
    """Serve on loopback until SIGTERM or SIGINT; one JSON line on stdout says that it is ready."""
    server, listening = _server(_application(settings.state())), _listening(port)
    ready = {
        "url": _url(listening),
        "admin_token": settings.admin_token,
        "app_id": settings.app_id,
        "app_secret": settings.app_secret,
        "client_token": settings.client_token,
        "apps": [app.app_id for app in settings.apps],
        "clients": [client.client_id for client in settings.clients],
    }

    def stop(number: int, frame: FrameType | None) -> None:
        """Take a signal before uvicorn listens for it, and the one it raises again after a clean stop."""
        server.should_exit = True

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        server.run([listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listening.close()


def _listening(port: int) -> socket.socket:
    # Named as TCP, or asyncio leaves Nagle's algorithm on and each kept connection waits 40 ms an answer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        # Loopback only: the sandbox gives tokens to whoever asks.
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def _url(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def _application(state: State) -> "ASGIApp":
    try:
        from tokenflow.sandbox.application import application
    except ImportError as missing:
        raise SandboxExtraMissing(_EXTRA) from missing
    return application(state)


def _server(application: "ASGIApp") -> "uvicorn.Server":
    try:
        import uvicorn
    except ImportError as missing:
        raise SandboxExtraMissing(_EXTRA) from missing
    config = uvicorn.Config(
        application,
        # The access log would print codes and tokens out of query strings.
        access_log=False,
        log_config=None,
        lifespan="off",
        http=_cutting(),
        ws="none",
        server_header=False,
        # The authority's idea of now is the virtual clock's; the application writes Date from it.
        date_header=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


_EXTRA = 'the sandbox needs an extra: pip install "tokenflow-engine[sandbox]"'


def _cutting() -> Any:
    """Return uvicorn's HTTP/1.1 protocol with one more ASGI extension: cut the connection."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    def protocol(**settings: Any) -> H11Protocol:
        made = H11Protocol(**settings)
        inner = made.app
        # uvicorn logs a request whenever some handler listens, whatever `access_log` says.
        made.access_log = False

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[CUT] = made.transport.abort
            await inner(scope, receive, send)

        made.app = app
        return made

    return protocol
