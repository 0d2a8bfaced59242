"""Servers that misbehave, on loopback: each is a function that is given the accepted connection."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket, bytes], None]


class Hostile:
    """A listening server; `seen` holds what clients sent."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self.seen: list[bytes] = []
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    self.seen.append(request := _read(connection))
                    self._behave(connection, request)
                except OSError:
                    continue  # the client went away, as some of these tests want it to

    def close(self) -> None:
        self._stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def hostile(behave: Behaviour) -> Iterator[Hostile]:
    """Run a server that behaves so."""
    server = Hostile(behave)
    try:
        yield server
    finally:
        server.close()


def answering(*parts: bytes) -> Behaviour:
    """Answer with exactly these bytes."""

    def behave(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"".join(parts))

    return behave


def head(status: str, *headers: str) -> bytes:
    """Return a response's first lines."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "connection: close", "", ""]).encode()
