"""Children by the hundred: a process that has everything imported, and forks one for each thing asked.

What is asked is a function of this folder's modules and its arguments, as JSON; so is what it returns.
The nursery itself has the shim and touches no store: each child begins clean, and ends as it likes.
"""

import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias
from unittest import mock

from tests.faults.keeping import KEY, LOGIN, Ground
from tests.faults.shim import environment
from tokenflow.engine import opening
from tokenflow.hooks.registry import Registry
from tokenflow.spec import Document

ReadAll: TypeAlias = Callable[[Sequence[str | Path], Registry], list[Document]]

PATIENCE: Final = 60.0
"""Seconds until a child is taken for stuck, and killed."""


class Nursery:
    """The process, from outside; a context manager."""

    def __init__(self, patience: float | None = PATIENCE) -> None:
        """*patience*: seconds until a child that says nothing is taken for stuck; None: for ever."""
        self._patience = patience

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery", json.dumps(self._patience)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def call(self, work: Callable[..., Mapping[str, Any]], **arguments: Any) -> dict[str, Any]:
        """Return what *work* returns in a child of its own; `{"stuck": True}` or `{"raised": text}` else."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"module": work.__module__, "work": work.__name__, "arguments": arguments}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the nursery is gone"
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    """Fork for each line of standard input, and answer with a line, until there are no more."""
    patience: float | None = json.loads(sys.argv[1])
    _warm_up()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        work = getattr(importlib.import_module(asked["module"]), asked["work"])
        print(json.dumps(_child(partial(work, **asked["arguments"]), patience)), flush=True)


def _child(work: Callable[[], Mapping[str, Any]], patience: float | None) -> dict[str, Any]:
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        _tell(theirs, work)
    os.close(theirs)
    try:
        said = _heard(ours, patience)
    finally:
        os.close(ours)
        if select.select([], [], [], 0) and os.waitpid(child, os.WNOHANG) == (0, 0):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return {"stuck": True} if said is None else json.loads(said or b'{"raised": "it ended without a word"}')


def _tell(pipe: int, work: Callable[[], Mapping[str, Any]]) -> None:
    try:
        said = dict(work())
    except BaseException:  # noqa: BLE001  # whatever it is, it is the answer
        said = {"raised": traceback.format_exc()}
    os.write(pipe, json.dumps(said).encode())
    os._exit(0)


def _heard(pipe: int, patience: float | None) -> bytes | None:
    """Return all that a child says, or None when it says nothing for long."""
    said = b""
    while select.select([pipe], [], [], patience)[0]:
        more = os.read(pipe, 65536)
        if not more:
            return said
        said += more
    return None


def _warm_up() -> None:
    """Read the specs and import what is imported late, once for all children."""
    mock.patch.object(opening, "read_all", _remembering(opening.read_all)).start()
    with tempfile.TemporaryDirectory() as folder, Ground(Path(folder)).open() as engine:
        engine.acquire(KEY, **LOGIN)
        engine.extend(KEY)


def _remembering(read_all: ReadAll) -> ReadAll:
    known: dict[tuple[str | Path, ...], list[Document]] = {}

    def remembered(specs: Sequence[str | Path], registry: Registry) -> list[Document]:
        if tuple(specs) not in known:
            known[tuple(specs)] = read_all(specs, registry)
        return known[tuple(specs)]

    return remembered


if __name__ == "__main__":
    main()
