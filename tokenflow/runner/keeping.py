"""The keeper, told to those who watch a process: a health file, and the service manager."""

import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tokenflow.core.errors import TokenflowError
from tokenflow.engine.health import Health, plain
from tokenflow.engine.keeper import Keeper
from tokenflow.engine.sync import Engine
from tokenflow.engine.wishes import Kept, Wanted

EVERY: Final = 5.0
"""Seconds between looks at an engine's health."""


def keep_once(engine: Engine, wishes: Sequence[Wanted]) -> tuple[Kept, ...]:
    """Look after every wanted token, attend to all that is due, and return how the wanted ones stand."""
    keeper = Keeper(engine.desk, wishes)
    return engine.desk.keep_going(keeper.once(), keeper.stop).result()


def write_health(path: Path, health: Health) -> None:
    """Write *health* to a file that is whole at every moment, for its owner only (0600)."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"version": 1, **plain(health)}, file)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def notify(state: str) -> None:
    """Tell the service manager *state* (READY=1, STOPPING=1), if one asked to be told (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
            wire.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            wire.send(state.encode())


class Watch:
    """Looks at an engine's health every few seconds, in a thread of its own, and tells it."""

    def __init__(self, engine: Engine, tell: Callable[[Health], None], every: float = EVERY) -> None:
        self._engine, self._tell, self._every = engine, tell, every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tokenflow-health", daemon=True)

    def _watch(self) -> None:
        while True:
            with suppress(
                TokenflowError, OSError
            ):  # an old health file says by its age that something is wrong
                self._tell(self._engine.health())
            if self._end.wait(self._every):
                return

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._end.set()
        self._thread.join()
