"""Servers that misbehave, each on a path of its own: `python -m tests.faults.misbehaving`.

It runs in a process of its own, so that what it costs delays nobody who is measured. It prints its port, and
answers `/lag` with how late this machine was meanwhile, and which paths were asked.
"""

import asyncio
import gzip
import itertools
import json
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behave: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]

TOKEN: Final = b'{"access_token": "a", "token_type": "Bearer", "expires_in": 3600}'
SMUGGLED: Final = "b"
"""The token in an answer that nobody asked for: as long as the other."""
BEAT: Final = 0.01
"""Seconds between two looks at how late this machine is."""
BOMB: Final = gzip.compress(b"0" * 8_000_000)


def head(status: str, *headers: str) -> bytes:
    """A response's first lines."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1")


def whole(body: bytes, status: str = "200 OK", kind: str = "application/json", *more: str) -> Behave:
    """Answer with a body, as its head says."""
    return sends(head(status, f"content-type: {kind}", f"content-length: {len(body)}", *more) + body)


def sends(*parts: bytes) -> Behave:
    """Send exactly that, and hang up."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(parts))
        await writer.drain()

    return behave


def stalls(*parts: bytes) -> Behave:
    """Send that, and nothing more."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(parts))
        await writer.drain()
        await asyncio.sleep(60)

    return behave


def drips(begin: bytes, drop: bytes, every: float = 0.02) -> Behave:
    """Send that, and then a drop now and then, for ever."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every)

    return behave


def floods(begin: bytes, more: bytes) -> Behave:
    """Send that, and more of it for ever, as fast as it is taken."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        block = more * (1 + 8_192 // len(more))
        while True:
            writer.write(block)
            await writer.drain()
            await asyncio.sleep(0.005)

    return behave


def resets(*parts: bytes) -> Behave:
    """Send that, and reset the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(parts))
        await writer.drain()
        own: socket.socket = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return behave


JSON: Final = "content-type: application/json"
CHUNKED: Final = head("200 OK", JSON, "transfer-encoding: chunked")
LONG: Final = head("200 OK", JSON, "content-length: 1000000")
SOUND: Final = head("200 OK", JSON, f"content-length: {len(TOKEN)}") + TOKEN


def _encoded(name: str, body: bytes) -> Behave:
    return whole(body, "200 OK", "application/json", f"content-encoding: {name}")


BEHAVIOURS: Final[Mapping[str, Behave]] = {
    "sound": whole(TOKEN),
    # Slow.
    "silence": stalls(),
    "drip of the status line": drips(b"HTTP/1.1 200 O", b"K"),
    "drip of a header": drips(b"HTTP/1.1 200 OK\r\nx: ", b"y"),
    "drip of headers": drips(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "drip of a body": drips(LONG, b" "),
    "drip of chunks": drips(CHUNKED, b"1\r\n \r\n"),
    "drip of a chunk's size": drips(CHUNKED, b"0"),
    "drip of a chunk's extension": drips(CHUNKED + b"1;", b"x"),
    "drip of trailers": drips(CHUNKED + b"0\r\n", b"x: y\r\n"),
    "drip of a body without an end": drips(head("200 OK", JSON), b" "),
    "drip of continues": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "half a status line": stalls(b"HTTP/1."),
    "half a head": stalls(b"HTTP/1.1 200 OK\r\ncontent-"),
    "half a body": stalls(LONG, b"{"),
    "a chunk that does not come": stalls(CHUNKED, b"ff\r\n"),
    "half an end of chunks": stalls(CHUNKED, b"0\r\n"),
    # Much.
    "flood of headers": floods(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "a header without an end": floods(b"HTTP/1.1 200 OK\r\nx: ", b"y"),
    "a status line without an end": floods(b"HTTP/1.1 200 ", b"K"),
    "flood of continues": floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "flood of early hints": floods(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
    "flood of body": floods(LONG, b"x"),
    "flood of body without an end": floods(head("200 OK", JSON), b"x"),
    "flood of chunks": floods(CHUNKED, b"1\r\nx\r\n"),
    "flood of a chunk": floods(CHUNKED + b"fffffff\r\n", b"x"),
    "flood of chunk extensions": floods(CHUNKED + b"1;", b"x=y;"),
    "flood of trailers": floods(CHUNKED + b"0\r\n", b"x: y\r\n"),
    "flood of cookies": sends(head("200 OK", *(f"set-cookie: a{n}=b" for n in range(5_000)), ""), TOKEN),
    "a body beyond the cap": whole(b'{"a": "' + b"x" * 300_000 + b'"}'),
    "gzip bomb": _encoded("gzip", BOMB),
    "gzip bomb in capitals": _encoded("GZIP", BOMB),
    "gzip bomb after identity": _encoded("identity, gzip", BOMB),
    "gzip bomb in two headers": whole(
        BOMB, "200 OK", "application/json", "content-encoding: identity", "content-encoding: gzip"
    ),
    "gzip bomb as a transfer": sends(
        head("200 OK", JSON, "transfer-encoding: gzip, chunked"), b"%x\r\n" % len(BOMB), BOMB, b"\r\n"
    ),
    "gzip bomb that is not called one": whole(BOMB),
    "deflate": _encoded("deflate", zlib.compress(b"0" * 8_000_000)),
    "brotli": _encoded("br", b"\x0b\x00\x80\x00\x03"),
    "zstandard": _encoded("zstd", b"\x28\xb5\x2f\xfd\x00\x00"),
    "an encoding nobody knows": _encoded("x-evil", TOKEN),
    # Elsewhere.
    **{
        f"redirect {status}": sends(head(f"{status} Elsewhere", "location: /thief", "content-length: 0"))
        for status in (300, 301, 302, 303, 305, 307, 308)
    },
    "redirect to a file": sends(head("302 Found", "location: file:///etc/passwd", "content-length: 0")),
    "redirect to itself": sends(head("307 Again", "location: ", "content-length: 0")),
    "refresh": sends(head("200 OK", JSON, "refresh: 0; url=/thief", f"content-length: {len(TOKEN)}"), TOKEN),
    "a switch of protocols": sends(head("101 Switching Protocols", "upgrade: h2c", "connection: upgrade")),
    "an alternative": whole(TOKEN, "200 OK", "application/json", 'alt-svc: h3=":1"'),
    # Cut.
    "reset at once": resets(),
    "reset in the status line": resets(b"HTTP/1.1 2"),
    "reset in the head": resets(b"HTTP/1.1 200 OK\r\ncon"),
    "reset after the head": resets(LONG),
    "reset in the body": resets(LONG, b"{"),
    "reset in a chunk": resets(CHUNKED, b"ff\r\n{"),
    "reset before the end of chunks": resets(CHUNKED, b"1\r\n{\r\n"),
    "end at once": sends(),
    "end in the head": sends(b"HTTP/1.1 200 OK\r\ncon"),
    "end in the body": sends(head("200 OK", JSON, "content-length: 70"), b'{"access_token": "a"'),
    "end before the end of chunks": sends(CHUNKED, b"1\r\n{\r\n"),
    # Wrong.
    "no http": sends(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "http 0.9": sends(TOKEN),
    "http 2": sends(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18),
    "tls": sends(b"\x15\x03\x03\x00\x02\x02\x28"),
    "bytes": sends(bytes(range(256)) * 16),
    "status 000": whole(TOKEN, "000 Zero"),
    "status 99": whole(TOKEN, "99 Low"),
    "status 1000": whole(TOKEN, "1000 High"),
    "status that is no number": whole(TOKEN, "OK OK"),
    "negative status": whole(TOKEN, "-200 OK"),
    "zero in a header": sends(head("200 OK", "x: a\x00b", JSON, f"content-length: {len(TOKEN)}"), TOKEN),
    "a header without a colon": sends(head("200 OK", "nonsense", f"content-length: {len(TOKEN)}"), TOKEN),
    "folded header": sends(head("200 OK", "x: a", " b", JSON, f"content-length: {len(TOKEN)}"), TOKEN),
    "space before the colon": sends(head("200 OK", JSON, f"content-length : {len(TOKEN)}"), TOKEN),
    "bare line feeds": sends(SOUND.replace(b"\r\n", b"\n")),
    "negative length": sends(head("200 OK", JSON, "content-length: -1"), TOKEN),
    "length that is no number": sends(head("200 OK", JSON, "content-length: ten"), TOKEN),
    "length of a thousand digits": sends(head("200 OK", JSON, "content-length: " + "9" * 1_000), TOKEN),
    "two lengths": sends(head("200 OK", JSON, "content-length: 3", "content-length: 64"), TOKEN),
    "length and chunks": sends(
        head("200 OK", JSON, "content-length: 3", "transfer-encoding: chunked"), b"1\r\n{\r\n0\r\n\r\n"
    ),
    "chunk of a negative size": sends(CHUNKED, b"-1\r\n{\r\n0\r\n\r\n"),
    "chunk of too many digits": sends(CHUNKED, b"f" * 1_000 + b"\r\n{"),
    "chunk longer than it says": sends(CHUNKED, b"1\r\n{}\r\n0\r\n\r\n"),
    "longer than it says": sends(SOUND, b"x" * 100),
    "two answers": sends(SOUND, SOUND.replace(b'"a"', f'"{SMUGGLED}"'.encode())),
    # Not what it should be.
    "html": whole(b"<html>Wait</html>", kind="text/html"),
    "html that says json": whole(b"<html>Wait</html>"),
    "empty": whole(b""),
    "nothing at all": sends(head("204 No Content")),
    "not modified": sends(head("304 Not Modified")),
    "half of json": whole(TOKEN[:30]),
    "byte order mark": whole(b"\xef\xbb\xbf" + TOKEN),
    "utf-16": whole(TOKEN.decode().encode("utf-16")),
    "latin-1": whole(b'{"access_token": "\xe9"}'),
    "a lone surrogate": whole(b'{"access_token": "\\ud800"}'),
    "duplicate keys": whole(b'{"access_token": "a", "access_token": "c"}'),
    "not a number": whole(b'{"access_token": "a", "expires_in": NaN}'),
    "infinity": whole(b'{"access_token": "a", "expires_in": -Infinity}'),
    "a huge number": whole(b'{"access_token": "a", "expires_in": ' + b"9" * 200_000 + b"}"),
    "a huge exponent": whole(b'{"access_token": "a", "expires_in": 1e999999}'),
    "deep lists": whole(b"[" * 100_000 + b"]" * 100_000),
    "deep objects": whole(b'{"a":' * 40_000 + b"1" + b"}" * 40_000),
    "many keys": whole(b"{" + b",".join(b'"%d":1' % n for n in range(20_000)) + b"}"),
    "a list": whole(b"[1]"),
    "a text": whole(b'"access_token"'),
    "null": whole(b"null"),
    "an error in a 200": whole(b'{"error": "invalid_grant"}'),
    "an error that is a list": whole(b'{"error": [["x"]]}', "400 Bad Request"),
    "form encoded": whole(b"access_token=a&expires=1", kind="text/plain"),
    "form of many": whole(b"&".join(b"a%d=b" % n for n in range(20_000)), kind="text/plain"),
    "retry after garbage": whole(b"", "429 Slow Down", "text/plain", "retry-after: " + "9" * 400),
    "retry after a date": whole(b"", "503 No", "text/plain", "retry-after: Fri, 31 Dec 9999 23:59:59 GMT"),
    "a date that is none": whole(TOKEN, "200 OK", "application/json", "date: " + "9" * 4_000),
}  # fmt: skip
"""What is misbehaved like, by name; `sound` is the control."""


class Server:
    """All of them, on one port of this machine."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.lag = 0.0
        self._paths = {f"/{number}": name for number, name in enumerate(BEHAVIOURS)}

    async def serve(self) -> None:
        """Serve until the process is ended."""
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0, backlog=1_024)
        print(server.sockets[0].getsockname()[1], flush=True)
        loop = asyncio.get_running_loop()
        for _ in itertools.count():
            before = loop.time()
            await asyncio.sleep(BEAT)
            self.lag = max(self.lag, loop.time() - before - BEAT)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await reader.readuntil(b"\r\n\r\n")
            path = asked.split(b" ")[1].decode()
            self.asked[self._paths.get(path, path)] += 1
            if path == "/lag":
                told = json.dumps({"lag": self.lag, "asked": self.asked}).encode()
                self.lag = 0.0
                await whole(told)(writer)
            else:
                await BEHAVIOURS[self._paths.get(path, "sound")](writer)
        except (OSError, asyncio.IncompleteReadError):
            return  # the client went away, as it should
        finally:
            writer.close()


if __name__ == "__main__":
    asyncio.run(Server().serve())
