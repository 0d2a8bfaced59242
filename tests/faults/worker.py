"""A process of a round: it refreshes tokens that are always due, until it is killed or told to end."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from tests.faults.ground import Ground
from tests.faults.points import HERE
from tokenflow import (
    Engine,
    IssuerError,
    PersonNeeded,
    RevisionConflict,
    StoreError,
    TokenflowError,
)

_QUIET: Final = 0.8
"""Seconds a worker leaves a token alone that it could not refresh."""
_ENDS: Final = 2.0
"""Seconds for threads that were told to end."""


class Told:
    """Whether this process was told to end."""

    def __init__(self) -> None:
        self.over = False
        signal.signal(signal.SIGTERM, self)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def __call__(self, number: int, frame: object) -> None:
        self.over, HERE.fuses = True, None


def refresh(ground: Ground, engine: Engine, asks: Callable[[str], None], chance: random.Random) -> None:
    """Refresh tokens at random until told to end; whoever has to log in is asked."""
    told, alone = Told(), dict[str, float]()
    HERE.say("began")
    while not told.over:
        now = time.monotonic()
        ready = [key for key in ground.keys if alone.get(key, 0.0) <= now]
        if not ready:
            time.sleep(0.01)
            continue
        key = chance.choice(ready)
        if not attempt(engine, key, asks):
            alone[key] = time.monotonic() + _QUIET


def attempt(engine: Engine, key: str, asks: Callable[[str], None]) -> bool:
    """Refresh one token, and say what came of it."""
    try:
        token = engine.extend(key)
    except PersonNeeded:
        asks(key)
    except (IssuerError, RevisionConflict):
        return False
    except StoreError as error:
        HERE.say("store_said", key, type(error).__name__)
    except TokenflowError as error:  # nothing can be refreshed in a final state: it was ended
        if error.code not in ("final_state", "busy"):
            HERE.say("broken", key, type(error).__name__, str(error).splitlines()[0])
        elif error.code == "final_state":
            asks(key)
    except Exception as error:  # noqa: BLE001  # it is told, and fails the round
        HERE.say("broken", key, type(error).__name__, error)
    else:
        HERE.say("acknowledged", key, token.id, token.generation, token.revision)
        return True
    return False


def leave(engine: Engine, close: Callable[[], None], began_with: int) -> None:
    """End as a process ends that was told to: close everything, and say what is left."""
    engine.close()
    close()
    until = time.monotonic() + _ENDS
    while (others := threads()) and time.monotonic() < until:
        time.sleep(0.005)
    HERE.say("closed", began_with, open_files(), *others)


def threads() -> list[str]:
    """Return the names of the threads beside the main one."""
    return [one.name for one in threading.enumerate() if one is not threading.main_thread()]


def open_files() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
