"""Forked processes: each does its work and is gone, whatever happens in it."""

import os
import signal
import sys
import traceback
from collections.abc import Callable


def forked(work: Callable[[], object]) -> int:
    """Do *work* in a forked child and return its process id; it ends with 0, or with 1 after an error.

    SIGTERM is held back in it, until it listens.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001  # it is told; nothing of the parent's may run here any more
        traceback.print_exc(file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


def exit_code(child: int) -> int:
    """Wait for a child and return its exit code, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
