"""What a process keeps from other processes of its user, from those it starts, and off the disk.

A token that is in use is in memory, and Python cannot wipe a text. What can be done is that nobody else
reads that memory: no core file of it is written, and no other process of this user looks into it, or into
its environment (ptrace, /proc/<pid>/mem, environ, maps). Root still may, and so may code in the process.
"""

import ctypes
import re
import resource
import sys
from collections.abc import Mapping
from typing import Final

_PR_SET_DUMPABLE: Final = 4
"""prctl(2)."""
_SECRET: Final = re.compile("KEY|SECRET|TOKEN|PASSW|CREDENTIAL", re.IGNORECASE)
_OWN: Final = "TOKENFLOW_"


def keep_memory_private() -> bool:
    """Have no core file written, and on Linux let no other process look in; return whether both was done.

    It holds for forked children too, not for programs that are started.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    if not sys.platform.startswith("linux"):
        return False
    undumpable: int = ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return undumpable == 0


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a program that needs no secret of ours: without what is called like one."""
    return {name: value for name, value in environ.items() if not _SECRET.search(name.removeprefix(_OWN))}
