"""A store's rows are sealed anew by processes that are killed at random, while others read and save.

Each kill comes at a random moment of a rotation's walk. After it everything that is looked at has to open,
and in the end all of it, under one term. At a campaign's size the same rows are then written once more by a
bare UPDATE in the order of their ids, with the same pragmas and pages: that is what a rotation is measured
by.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

import attrs

from tests.faults.report import Report
from tokenflow import Row, Secret, TokenflowError, Write
from tokenflow.engine.ciphers import binding, shelved, term_of
from tokenflow.engine.keyfiles import write_key_file
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.rekeying import PAGE, every_row, rotate, uses
from tokenflow.engine.rings import Ring
from tokenflow_sqlite import SqliteStore
from tokenflow_sqlite.database import connect
from tokenflow_sqlite.settings import Settings

GATE: Final = 5_000
KILLS: Final = 8
MEASURED: Final = 100_000
"""From how many rows on a rotation is measured: below, its fixed costs are most of it."""
_LOOKS: Final = 50
_BODY: Final = (
    '{"attributes":{"user_id":"1234567890"},"kind":"USER","scope":["email","public_profile"]}' + " " * 200
)


@attrs.frozen
class Ground:
    """A store in a file, and its key in another folder."""

    folder: Path

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / "data" / "tokens.db"

    @contextmanager
    def opened(self) -> Iterator[Ring]:
        """Yield the ring as a process of its own would have it."""
        store = SqliteStore(self.path)
        try:
            yield open_keyed(store, f"file:{write_key_file(self.folder / 'keys' / 'one.key')}")
        finally:
            store.close()


def fill(ring: Ring, rows: int) -> None:
    """Save so many rows in the order of their keys, and a parked blob for every hundredth."""
    for first in range(0, rows, PAGE):
        page = [_row(ring, number) for number in range(first, min(first + PAGE, rows))]
        ring.store.save([Write(row=row, expected=0) for row in page], mark=1)
    for number in range(0, rows, 100):
        name, identity = shelved("parked", "acme", f"k{number:08}")
        ring.store.put("parked", name, ring.seal(Secret(f"parked {number}"), identity))


def _row(ring: Ring, number: int) -> Row:
    key, name = f"k{number:08}", f"id-{number}"
    access, refresh = Secret(f"access-{number:060}"), Secret(f"refresh-{number:060}")
    return Row(
        tenant="acme",
        key=key,
        id=name,
        revision=1,
        generation=1,
        state="issued",
        live=True,
        due_at=number,
        body=_BODY,
        access_token=ring.seal(access, binding("acme", name, "access_token", 1)),
        refresh_token=ring.seal(refresh, binding("acme", name, "refresh_token", 1)),
        fingerprint=ring.fingerprint(access, "acme"),
    )


def wrong(ring: Ring, row: Row) -> str | None:
    """Return what is wrong with a row, if anything: each value has to be what was kept there."""
    number = int(row.key[1:])
    for field, sealed in (("access", row.access_token), ("refresh", row.refresh_token)):
        try:
            value = ring.open(sealed or b"", binding("acme", row.id, f"{field}_token", 1))
        except TokenflowError as error:
            return f"{row.key}: {type(error).__name__}"
        if value != Secret(f"{field}-{number:060}"):
            return f"{row.key}: another value"
    return None


def campaign(size: int = GATE, seed: int = 1) -> Report:
    """Rotate *size* rows under kills at random moments."""
    random = Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="tokenflow-rekey-"))
    try:
        return _rotated(Ground(folder), size, random)
    finally:
        shutil.rmtree(folder)


def _rotated(ground: Ground, size: int, random: Random) -> Report:
    with ground.opened() as ring:
        fill(ring, size)
    whole = _timed(ground)
    failures, deaths = list[str](), 0
    while deaths < KILLS:
        died = _kill(ground, random.uniform(0, whole))
        deaths += died
        failures += _looked(ground, size, random)
        if not died and random.random() < 0.5:
            whole *= 0.8  # the machine got faster, or the walk had little left: sooner then
    with ground.opened() as ring:
        rotate(ring, settle=0)
        terms = uses(ring)
        failures += [said for row in every_row(ring.store) if (said := wrong(ring, row)) is not None][:5]
        newest = ring.newest
        kept = ring.store.whose("acme", ring.fingerprint(Secret(f"access-{0:060}"), "acme"))
    if set(terms) != {newest} or terms[newest].rows != size:
        failures.append(f"after {deaths} kills there are rows under {terms}")
    if kept is None:
        failures.append("a token is no more found by its fingerprint")
    figures: dict[str, object] = {
        "rows": size,
        "kills": deaths,
        "term": newest,
        "seconds of a rotation": whole,
    }
    void = []
    if size >= MEASURED:
        figures |= _measured(ground)
    if newest < 2 or deaths < KILLS:
        void.append("no rotation was killed")
    return Report("rekey", figures, void, failures)


def _timed(ground: Ground) -> float:
    """Return how long a rotation takes that nobody kills."""
    with ground.opened() as ring:
        begun = time.perf_counter()
        rotate(ring, settle=0)
        return time.perf_counter() - begun


def _kill(ground: Ground, after: float) -> bool:
    """Rotate in a process of its own and kill it; return whether it was still at it."""
    child = os.fork()
    if child == 0:
        try:
            with ground.opened() as ring:
                rotate(ring, settle=0)
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _looked(ground: Ground, size: int, random: Random) -> list[str]:
    """Open a few rows and blobs, as an engine that comes now would; save one as it does."""
    found = []
    with ground.opened() as ring:
        for number in random.sample(range(size), min(_LOOKS, size)):
            row = ring.store.load("acme", f"k{number:08}")
            said = "a row is gone" if row is None else wrong(ring, row)
            if said is not None:
                found.append(said)
        number = 100 * random.randrange((size - 1) // 100 + 1)
        name, identity = shelved("parked", "acme", f"k{number:08}")
        try:
            ring.open(ring.store.get("parked", name) or b"", identity)
        except TokenflowError as error:
            found.append(f"parked {name}: {type(error).__name__}")
    return found


def _measured(ground: Ground) -> dict[str, object]:
    """Return a rotation's time beside that of a bare UPDATE of the same values, page by page in id order."""
    turned = _timed(ground)
    db = connect(ground.path, Settings())
    try:
        (last,) = db.execute("SELECT max(rowid) FROM tokens").fetchone()
        sealed = db.execute("SELECT access_token, refresh_token FROM tokens WHERE rowid = 1").fetchone()
        assert term_of(sealed[0]) is not None
        begun = time.perf_counter()
        for first in range(1, last + 1, PAGE):
            page = [(*sealed, number) for number in range(first, min(first + PAGE, last + 1))]
            db.execute("BEGIN IMMEDIATE")
            db.executemany("UPDATE tokens SET access_token = ?, refresh_token = ? WHERE rowid = ?", page)
            db.execute("COMMIT")
        bare = time.perf_counter() - begun
    finally:
        db.close()
    return {"rotation, seconds": turned, "bare UPDATE, seconds": bare, "ratio": turned / bare}
