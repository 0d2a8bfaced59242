"""A network that loses, delays, repeats, cuts and flips what is said, between engines and their issuer."""

import asyncio
import os
import random
import re
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import attrs

from tests.faults.children import forked
from tests.faults.trace import Trace

FAULTS: Final = (
    "request_lost",
    "request_late",
    "request_twice",
    "request_cut",
    "request_flipped",
    "answer_lost",
    "answer_late",
    "answer_twice",
    "answer_cut",
    "answer_flipped",
    "reset",
)
NOT_OURS: Final = ("request_twice", "request_flipped", "answer_flipped")
"""What only TLS, and a network that repeats no POST, keep from ending a token."""
_HEAD: Final = b"\r\n\r\n"


@attrs.frozen(kw_only=True)
class Network:
    """Where it listens, where it leads, and how often something goes wrong."""

    listening: socket.socket
    upstream: int
    trace: Trace
    chance: random.Random
    rate: float
    """The share of refreshes that something happens to."""
    patience: float
    """Seconds after which a caller has given up."""

    async def serve(self) -> None:
        """Carry what comes, until the process ends."""
        server = await asyncio.start_server(self._carry, sock=self.listening)
        async with server:
            await server.serve_forever()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            beyond = await asyncio.open_connection("127.0.0.1", self.upstream)
            try:
                while await self._exchange(reader, writer, *beyond):
                    pass
            finally:
                beyond[1].close()
        writer.close()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
    ) -> bool:
        """Carry one request and its answer; False when the connection has had its time."""
        request = await _message(reader)
        fault = self._struck(request)
        if fault == "reset":
            _reset(writer)
            return False
        if fault == "request_lost":
            await asyncio.sleep(self.patience * 2)
            return False
        if fault == "request_late":
            await asyncio.sleep(self.patience * 1.5)
        if fault == "request_cut":
            onward.write(request[: len(request) - 5])
            await onward.drain()
            return False
        onward.write(self._flipped(request) if fault == "request_flipped" else request)
        answer = await _message(answers)
        if fault == "request_twice":
            onward.write(request)
            await _message(answers)  # what the second one is told, nobody hears
        return await self._answered(writer, answer, fault)

    async def _answered(self, writer: asyncio.StreamWriter, answer: bytes, fault: str | None) -> bool:
        if fault == "answer_lost":
            await asyncio.sleep(self.patience * 2)
            return False
        if fault in ("answer_late", "request_late"):
            await asyncio.sleep(self.patience * 1.5)
        if fault == "answer_cut":
            writer.write(answer[: len(answer) - self.chance.randrange(1, len(answer))])
            await writer.drain()
            _reset(writer)
            return False
        writer.write(self._flipped(answer) if fault == "answer_flipped" else answer)
        if fault == "answer_twice":
            writer.write(answer)
        await writer.drain()
        return True

    def _struck(self, request: bytes) -> str | None:
        """Say whether something happens to this exchange; only refreshes carry a label."""
        label = re.search(rb"\r\nx-request-id: ([0-9a-f]{16}\.\d+\.\d+)\r\n", request, re.IGNORECASE)
        if label is None or self.chance.random() >= self.rate:
            return None
        fault = self.chance.choice(FAULTS)
        self.trace.say("struck", fault, label[1].decode())
        return fault

    def _flipped(self, message: bytes) -> bytes:
        """Flip one bit of the body."""
        at = self.chance.randrange(message.index(_HEAD) + len(_HEAD), len(message))
        return message[:at] + bytes([message[at] ^ 1 << self.chance.randrange(8)]) + message[at + 1 :]


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(_HEAD)
    length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head, re.IGNORECASE)
    return head + await reader.readexactly(int(length[1]) if length else 0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset, as a machine does that has gone."""
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def proxy(url: str, trace: Trace, seed: int, rate: float, patience: float) -> Iterator[str]:
    """Run such a network in a forked process, and yield the URL that leads through it to *url*."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)

    def carry() -> None:
        network = Network(
            listening=listening,
            upstream=int(url.rpartition(":")[2]),
            trace=trace,
            chance=random.Random(seed),
            rate=rate,
            patience=patience,
        )
        asyncio.run(network.serve())

    child = forked(carry)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
