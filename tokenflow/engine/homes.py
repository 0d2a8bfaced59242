"""Where a store lives: which file it is, on which machine. A copy of it lives somewhere else.

Two copies that are both used present the same refresh token twice, and the second time ends every token of
the person (security.md R25). So a copy has to be told from the original: by the file's number, which it
keeps when it is renamed and no copy beside it can have, and by the machine.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tokenflow.engine.stores import Store

_MACHINE: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


class Home(NamedTuple):
    """Where a store lives."""

    machine: str
    """A digest that is this machine's alone; empty where the machine has no id."""
    file: int
    """The number of its file in the file system (inode)."""

    def is_other(self, than: "Home") -> bool:
        """Return whether this is certainly not the same place. Containers have no id, and change names."""
        machines = {self.machine, than.machine} - {""}
        return self.file != than.file or len(machines) > 1


def home_of(store: Store) -> Home | None:
    """Return where a store lives; None for one that is in no file of this machine. Nothing is opened."""
    path = getattr(store, "path", None)
    if not isinstance(path, Path):
        return None
    with suppress(OSError):
        return Home(_machine(), os.stat(path, follow_symlinks=False).st_ino)
    return None


def _machine() -> str:
    for file in _MACHINE:
        with suppress(OSError):
            told = file.read_text("ascii", errors="replace").strip()
            if told:  # it is not to leave the machine (machine-id(5)), so a digest of it does
                return hashlib.sha256(b"tokenflow/1 home " + told.encode()).hexdigest()[:32]
    return ""
