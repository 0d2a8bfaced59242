"""Anchors: how long each chain of the audit trail is, signed, and kept outside the table it speaks of.

A chain whose end was cut off looks whole; only what was noted of it elsewhere shows that (ruling 9). The
anchor stands in the store, and for a store that stays in a file where the sealing keys are: who rolls the
store back does not thereby roll back the file.
"""

import json
import logging
import os
import secrets
from collections.abc import Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Final

import attrs

from tokenflow.core.errors import SecretNotFound
from tokenflow.core.tokens import Instant
from tokenflow.engine.homes import Home, home_of
from tokenflow.engine.keys import SHELF as STORE_SHELF
from tokenflow.engine.keys import default_key_file
from tokenflow.engine.stores import Store
from tokenflow.engine.trails import AuditChain
from tokenflow.engine.witnessing import SHELF, Witness

NAME: Final = "anchor"
_LARGEST: Final = 64 * 1024
"""Bytes an anchor's file may have."""
log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Anchor:
    """How long each chain was at an instant, and its last head."""

    at: Instant
    ends: Mapping[int, tuple[int, str]]
    """chain -> (number, head in hex)."""
    home: Home | None = None
    """Where the store lived then; None: in no file."""

    @classmethod
    def of(cls, chains: list[AuditChain], at: Instant, home: Home | None = None) -> "Anchor":
        """Return the anchor of *chains* as they stand."""
        return cls(at=at, ends={one.chain: (one.number, one.head.hex()) for one in chains}, home=home)

    @property
    def lines(self) -> int:
        """How many lines were ever written."""
        return sum(number for number, _ in self.ends.values())

    def is_behind(self, other: "Anchor") -> bool:
        """Return whether any chain is longer in *other*."""
        return any(number > self.ends.get(chain, (0, ""))[0] for chain, (number, _) in other.ends.items())


def text_of(anchor: Anchor, store_id: str, witness: Witness) -> bytes:
    """Return an anchor as it is kept: a line of JSON and its signature."""
    ends = {str(chain): list(end) for chain, end in sorted(anchor.ends.items())}
    said = {"anchor": 1, "store": store_id, "at": anchor.at, "lines": anchor.lines, "chains": ends}
    if anchor.home is not None:
        said["home"] = list(anchor.home)
    text = json.dumps(said, separators=(",", ":")).encode()
    return text + b"\n" + witness.sign(text).hex().encode() + b"\n"


def anchor_in(text: bytes, store_id: str, witness: Witness) -> Anchor | None:
    """Return the anchor that is kept in *text*; None when nobody with the key signed it for this store."""
    said, _, signature = text.removesuffix(b"\n").partition(b"\n")
    if not compare_digest(witness.sign(said).hex().encode(), signature):
        return None
    told = json.loads(said)
    if told["store"] != store_id:
        return None
    ends = {int(chain): tuple(end) for chain, end in told["chains"].items()}
    return Anchor(at=told["at"], ends=ends, home=Home(*told["home"]) if "home" in told else None)


@attrs.frozen(kw_only=True)
class Moorings:
    """Where the anchors of one store are."""

    store: Store
    witness: Witness
    store_id: str
    file: Path | None
    """None: the store ends with its process, or this user has no folder for keys."""

    def texts(self) -> dict[str, bytes]:
        """Return what stands in each place where something does."""
        row = self.store.get(SHELF, NAME)
        found = {} if row is None else {"the store's anchor": row}
        if (text := self.beside()) is not None:
            found[f"the anchor in {self.file}"] = text
        return found

    def stood(self) -> dict[str, Anchor | None]:
        """Return the anchor in each place where there is one; None: nobody with the key signed it."""
        return {name: anchor_in(text, self.store_id, self.witness) for name, text in self.texts().items()}

    def drop(self, at: Instant) -> bool:
        """Note how long the chains are now; raises StoreError, OSError.

        False, and nothing is written, where an anchor counts lines that are gone, or is not ours: it is
        the evidence. `tokenflow audit verify` says what is wrong.
        """
        stood = list(self.stood().values())
        now = self.now(at)  # looked at last: another process may just have written
        if any(one is None or now.is_behind(one) for one in stood):
            log.error("the audit trail lacks what its anchor counts: tokenflow audit verify")
            return False
        self.write(now)
        return True

    def write(self, anchor: Anchor) -> None:
        """Put *anchor* in each place, whatever stands there; raises StoreError, OSError."""
        self.store.put(SHELF, NAME, text_of(anchor, self.store_id, self.witness))
        self.note(anchor)

    def note(self, anchor: Anchor) -> None:
        """Put *anchor* beside the store alone, whatever stands there; raises OSError."""
        if self.file is not None:
            _write(self.file, text_of(anchor, self.store_id, self.witness))

    def now(self, at: Instant) -> Anchor:
        """Return the anchor of the store as it stands, where it stands."""
        return Anchor.of(self.store.chains(), at, home_of(self.store))

    def beside(self) -> bytes | None:
        """Return what is noted beside the store; None where nothing is."""
        return None if self.file is None else _read(self.file)

    def own(self) -> Anchor | None:
        """Return the store's own anchor, where it has one that was signed for it."""
        text = self.store.get(SHELF, NAME)
        return None if text is None else anchor_in(text, self.store_id, self.witness)


def moorings_of(store: Store, witness: Witness) -> Moorings:
    """Return where the anchors of *store* are: `<keys>/<store id>.anchor` beside its default key file."""
    store_id = (store.get(STORE_SHELF, "id") or b"").decode()
    file = None
    if "durable" in store.capabilities:
        try:
            file = default_key_file(store_id).with_suffix(".anchor")
        except SecretNotFound:
            log.warning("the audit trail has no anchor outside the store: this user has no home folder")
    return Moorings(store=store, witness=witness, store_id=store_id, file=file)


def _read(file: Path) -> bytes | None:
    """Return what is in a file, None when there is none; one that may not be read holds no anchor: b""."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(_LARGEST)


def _write(file: Path, text: bytes) -> None:
    """Put a file in the place of the one that stands; it appears whole, and 0600."""
    for folder in reversed([one for one in (file.parent, *file.parent.parents) if not one.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(descriptor)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
