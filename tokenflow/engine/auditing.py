"""The audit trail: every change, every no and every act of an operator leaves a line that cannot be edited.

A line is written in the transaction of what it tells of. Whoever builds an act that changes tokens or
hands power out asks the `Auditor` for its line:

- `record = auditor.act("erase", key="user/7")` goes into the store's call that does it, `record=record`;
- `auditor.write("export", facts={"tokens": 12})` stands before an act that is no single call: it is
  durable when it returns, and when it raises the act is not done.
"""

import logging
import os
import pwd
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from tokenflow.core.effects import Change
from tokenflow.core.errors import TokenflowError
from tokenflow.core.events import About, AttemptFailed, HandOverReplayed, Happened, WasRefused, WasRejected
from tokenflow.core.tokens import Instant, Token
from tokenflow.engine.anchoring import Moorings, moorings_of
from tokenflow.engine.ciphers import Cipher
from tokenflow.engine.rollback import Watch, hold, strayed
from tokenflow.engine.stores import Store
from tokenflow.engine.trails import AuditChain, AuditLine, AuditRecord
from tokenflow.engine.veils import kept_veils, own_veils
from tokenflow.engine.witnessing import Veil, Veils, Witness, look_witness, open_witness
from tokenflow.engine.wording import facts_of, worded

EVERY: Final = 60.0
"""Seconds between two anchors (ruling 9)."""
NOTED: Final = 1.0
"""Seconds between two notes, beside the store, of how far it has come (ruling 9)."""
_NOES: Final = (WasRefused, WasRejected, AttemptFailed, HandOverReplayed)
"""What changed nothing and is on the trail nevertheless; advice, looks and uses are not."""
_DEEPEST: Final = 16
"""Parents that are looked up for whose a token is."""
_MOST_GIVEN: Final = 100_000
"""Values that were given out and are remembered."""
_NOTHING: Final[Mapping[str, Any]] = {}
log = logging.getLogger(__name__)


class Auditor:
    """Writes the trail of one store; without the capability `audit` it writes nothing.

    Any thread may call it. It says who: `user@host`, and the worker that is named.
    """

    def __init__(
        self,
        store: Store,
        witness: Witness,
        moorings: Moorings,
        clock: Callable[[], Instant],
        *,
        veils: Veils | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """*veils* hides each person by themselves; None: all under one veil. *ticks* are seconds."""
        self.store, self.witness, self.moorings = store, witness, moorings
        self._clock, self._ticks = clock, ticks
        self._veils: Veils = veils or (lambda tenant, root: witness.veil)
        self._keeps = "audit" in store.capabilities
        self._by = f"{_user()}@{socket.gethostname()}"
        self.watch: Final = Watch(moorings, ticks)
        """Whether it is the store that was left here."""
        self._anchored, self._wrote, self._noted = ticks(), False, float("-inf")
        self._given: dict[tuple[object, ...], None] = {}

    def changes(self, changes: Sequence[Change], worker: str) -> AuditRecord | None:
        """Return one line for each change, for the save that makes them."""
        return self._record([self._change(change, worker) for change in changes] if self._keeps else [])

    def no(self, event: Happened, worker: str) -> AuditRecord | None:
        """Return the line of an act that was refused or rejected; None for what is not on the trail."""
        if not self._keeps or not isinstance(event, _NOES):
            return None
        about = event.about
        root = self.root_of(about.tenant, about.key)
        return self._record([self._line("refuse", about, root, [event], worker)])

    def act(
        self,
        act: str,
        *,
        tenant: str = "",
        key: str = "",
        worker: str = "",
        facts: Mapping[str, Any] = _NOTHING,
        hidden: Mapping[str, Any] = _NOTHING,
    ) -> AuditRecord | None:
        """Return the line of an act, for the store's call that does it; None without the capability.

        *act* is a word or two: "forget", "keys rotated". Without *key* it is about the installation.
        *facts* are JSON, in the open for ever: never a secret, nor anything of a person. *hidden* is what
        may tell of the person the token is of; it goes with their veil. No secret there either.
        """
        if not self._keeps:
            return None
        root = self.root_of(tenant, key) if key else ""
        said = {"act": act, "facts": dict(facts)} | ({"worker": worker} if worker else {})
        return self._record([self._worded(said, tenant, key, root, dict(hidden))])

    def write(self, act: str, **how: Any) -> None:
        """Write the line of an act before it is done (see `act`); raises StoreError: then it may not be.

        An operator's act that leaves no line is not done: fail closed (security.md J).
        """
        record = self.act(act, **how)
        if record is not None:
            self.store.save((), mark=0, record=record)
            self.wrote()

    def given(self, token: Token) -> None:
        """Write that a value goes out to a holder of the capability `read`, once a value and process.

        Raises StoreError: then it does not go out.
        """
        facts, hidden = {"generation": token.generation}, {"id": token.id}
        self.write("read", tenant=token.tenant, key=token.key, facts=facts, hidden=hidden)
        while len(self._given) >= _MOST_GIVEN:
            self._given.pop(next(iter(self._given)), None)
        self._given[_value(token)] = None

    def was_given(self, token: Token) -> bool:
        """Return whether `given` was told of this value, lately."""
        return _value(token) in self._given

    def begin(self) -> None:
        """Write the first line of a trail, unless there is one: what was before is not on it."""
        if self._keeps and not self.store.chains():
            record = self.act("begun")
            assert record is not None, "it keeps a trail"
            try:
                self.store.save((), mark=0, record=attrs.evolve(record, follow=self._first))
            except _Begun:
                log.debug("another process began the trail")
            self.wrote()

    def wrote(self) -> None:
        """Hear that lines were written: once a second that is noted, once a minute the trail is anchored."""
        self._wrote = self._keeps
        if self._wrote and self._ticks() - self._anchored >= EVERY:
            self.anchor()
        elif self._wrote and self._ticks() - self._noted >= NOTED:
            self._safely(self._note)

    def close(self) -> None:
        """Anchor the trail if anything was written since."""
        if self._wrote:
            self.anchor()

    def anchor(self) -> bool:
        """Sign how long the trail is; False, with a word in the log, when that could not be.

        What was written stands either way: a disk without room for an anchor stops no token.
        """
        self._anchored, self._wrote = self._ticks(), False
        return self._safely(lambda: self._is_believed() and self.moorings.drop(self._clock()))

    def _note(self) -> bool:
        self._noted = self._ticks()
        if not self._is_believed():
            return False
        self.moorings.note(self.moorings.now(self._clock()))
        return True

    def _is_believed(self) -> bool:
        """Return whether an anchor may be written: what is noted of the store this one is a copy of stays."""
        seen = strayed(self.moorings)
        if seen is not None:
            log.error(
                "no anchor is written, %s: tokenflow audit verify, tokenflow adopt --dry-run", seen.says
            )
        return seen is None

    def _safely(self, do: Callable[[], bool]) -> bool:
        try:
            return do()
        except (TokenflowError, OSError) as error:
            log.warning("the audit trail could not be anchored: %s", type(error).__name__)
            return False

    def settle(self) -> None:
        """Anchor the store where and as it stands, whatever its anchors say; raises StoreError, OSError."""
        self.moorings.write(self.moorings.now(self._clock()))

    def accept(self, why: str) -> None:
        """Anchor a trail that is shorter than its anchors say, with a line of what they counted.

        For whoever has put a backup in the place of the store, and knows that its newest lines are gone.
        Lines that were edited stay flaws. Raises StoreError, OSError; then the old anchors stand.
        """
        counted = {name: None if one is None else one.lines for name, one in self.moorings.stood().items()}
        here = sum(chain.number for chain in self.store.chains())
        seen = strayed(self.moorings)
        if seen is not None:  # that its lines are gone is accepted; that its tokens may be spent is not
            hold(self.store, "accepted", seen.says, self._clock())
        self.write("accept", facts={"why": why, "lines": here, "anchored": list(counted.values())})
        self.settle()

    def root_of(self, tenant: str, key: str, parent: str | None = None) -> str:
        """Return the key of the first token that the one under *key* came from: its own, if from none."""
        root = parent or key
        for _ in range(_DEEPEST):
            row = self.store.load(tenant, root)
            if row is None or row.parent is None:
                break
            root = row.parent
        return root

    def veil(self, tenant: str, root: str) -> Veil | None:
        """Return what hides the lines of a token that came from *root*; None: it was destroyed."""
        return self._veils(tenant, root) if root else self.witness.veil

    def _change(self, change: Change, worker: str) -> tuple[int, bytes]:
        token = change.token
        root = token.key if token.parent is None else self.root_of(token.tenant, token.key, token.parent)
        about = About.of(token, self._clock())
        return self._line("save", about, root, change.happened, worker)

    def _line(
        self, act: str, about: About, root: str, events: Sequence[Happened], worker: str
    ) -> tuple[int, bytes]:
        told = [facts_of(event) for event in events]
        said = {"act": act, "worker": worker, "revision": about.revision, "did": [one for one, _ in told]}
        hidden: dict[str, Any] = {"id": about.token_id}
        if any(veiled for _, veiled in told):
            hidden["did"] = [veiled for _, veiled in told]
        return self._worded(said, about.tenant, about.key, root, hidden)

    def _worded(
        self, said: dict[str, Any], tenant: str, key: str, root: str, hidden: dict[str, Any]
    ) -> tuple[int, bytes]:
        # Nobody's own veil is left for whoever was erased: what still comes is hidden with all others.
        veil = self.veil(tenant, root) or self.witness.veil
        said |= {"at": self._clock(), "of": veil.name(tenant, key) if key else "", "by": self._by}
        if key:
            hidden |= {"tenant": tenant, "key": key}
        return self.witness.place(tenant, key), worded(said, hidden, veil)

    def _record(self, said: list[tuple[int, bytes]]) -> AuditRecord | None:
        return AuditRecord(said=tuple(said), follow=self.witness.follow) if said else None

    def _first(self, before: AuditChain, body: bytes) -> AuditLine:
        if before.number:
            raise _Begun
        return self.witness.follow(before, body)


class _Begun(Exception):
    """Another process wrote the first line."""


def open_auditor(
    store: Store, cipher: Cipher, clock: Callable[[], Instant], *, veils: Veils | None = None
) -> Auditor:
    """Return the auditor of *store*, whose trail has begun; raises StoreError, WrongKey.

    *cipher* is what `open_keyed` returned for the store, *clock* the wall time in UTC microseconds.
    """
    witness = open_witness(store, cipher)
    veils = veils or own_veils(store, witness)
    auditor = Auditor(store, witness, moorings_of(store, witness), clock, veils=veils)
    auditor.begin()
    return auditor


def look_auditor(
    store: Store, cipher: Cipher, clock: Callable[[], Instant], *, veils: Veils | None = None
) -> Auditor | None:
    """Return the auditor of *store* as `open_auditor` does, and change nothing: None where none has begun."""
    witness = look_witness(store, cipher)
    if witness is None:
        return None
    veils = veils or kept_veils(store, witness)
    return Auditor(store, witness, moorings_of(store, witness), clock, veils=veils)


def _value(token: Token) -> tuple[object, ...]:
    return token.tenant, token.key, token.id, token.generation


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run a number that has no name
        return str(os.geteuid())
