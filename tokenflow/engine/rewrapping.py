"""Another key for a ring: what it holds stays, and nothing that it sealed is touched.

The key file of a store's own is given a new key in its place. It holds both while the ring changes hands, so
whoever is killed in between, and whoever opens the store meanwhile, has the one that opens it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenflow.core.secret import Secret
from tokenflow.engine.ciphers import fresh_key
from tokenflow.engine.holders import Holder, keys_in
from tokenflow.engine.keyfiles import read_key_file, replace_key_file, write_key_file
from tokenflow.engine.rings import Ring


def rewrap(ring: Ring, to: Holder | None = None) -> Holder:
    """Seal *ring* under *to*'s key and return who holds it now; raises WrongKey, SecretNotFound, StoreError.

    Without *to* the holder stays and its newest key is taken: the key file of the store's own gets one, a
    file that somebody else keeps may have one in its first line, a key service has its newest version.
    A file that *to* names and that is not there is made.
    """
    if to is None and ring.holder.is_own and ring.holder.path is not None:
        with _alone(ring.holder.path.parent):
            _renew(ring, ring.holder.path)
    else:
        if to is not None and to.path is not None and not os.path.lexists(to.path):
            write_key_file(to.path)
        ring.change(lambda keys: keys, to or ring.holder)
    return ring.holder


def _renew(ring: Ring, path: Path) -> None:
    keys = _in(path)
    if len(keys) == 1:
        replace_key_file(path, [fresh_key(), *keys])
    ring.change(lambda keys: keys, ring.holder)
    replace_key_file(path, _in(path)[:1])


def _in(path: Path) -> tuple[Secret, ...]:
    return keys_in(read_key_file(path), str(path))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of two who renew a key one waits; the lock is let go of with the process that has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
