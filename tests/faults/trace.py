"""What happened in every process of a round, a line each, in one file: a kill leaves whole lines or none."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import attrs


@attrs.frozen
class Line:
    """One thing that one process did."""

    at: int
    """UTC microseconds; all processes of a host read one clock, and the sandbox's ledger tells the same."""
    pid: int
    kind: str
    """began, sent, received, durable, acknowledged, asked, logged_in, fired, broken or closed."""
    words: tuple[str, ...]


class Trace:
    """An append-only file that forked processes share."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._read, self._rest = 0, b""

    def say(self, kind: str, *words: object) -> None:
        """Write a line, whole: what the kernel has taken outlives the process."""
        told = " ".join(str(one).replace(" ", "_") for one in words)
        os.write(self._file, f"{time.time_ns() // 1000} {os.getpid()} {kind} {told}\n".encode())

    def news(self) -> Iterator[Line]:
        """Yield the lines that were written since the last time."""
        while content := os.pread(self._file, 1 << 20, self._read):
            self._read += len(content)
            *lines, self._rest = (self._rest + content).split(b"\n")
            for line in lines:
                at, pid, kind, *words = line.decode().split(" ")
                yield Line(int(at), int(pid), kind, tuple(word for word in words if word))
