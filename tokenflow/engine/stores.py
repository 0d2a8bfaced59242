"""Where tokens rest, seen from the engine: a small contract, and what goes through it.

A store is untrusted: secrets reach it sealed, with the row's identity as associated data, and a
store's author never meets a cipher. `tokenflow.testing.store_conformance` is this contract, run.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import attrs

from tokenflow.core.tokens import Instant
from tokenflow.engine.trails import AuditChain, AuditLine, AuditRecord

Place: TypeAlias = tuple[Instant, str]
"""Where a row stands among those of its tenant that are due: (due_at, key)."""


@attrs.frozen(kw_only=True)
class Row:
    """One token as a store keeps it. (tenant, key) names it; a store never looks into `body`."""

    tenant: str
    key: str
    id: str
    revision: int
    generation: int
    state: str
    live: bool
    """False once the state is final: a tombstone, with no secret left in it (rule F4)."""
    identity: str | None = None
    """At most one live row of a tenant has it; None is no identity."""
    parent: str | None = None
    due_at: Instant | None = None
    """When the next timer or retry falls due; always None for a tombstone."""
    expires_at: Instant | None = None
    digest: str = ""
    body: str = ""
    """JSON of everything that is not secret."""
    access_token: bytes | None = attrs.field(default=None, repr=False)
    refresh_token: bytes | None = attrs.field(default=None, repr=False)
    fingerprint: bytes | None = attrs.field(default=None, repr=False)
    """What `whose` finds it by: a keyed hash of the access token, the same under every sealing key."""
    counted: str | None = None
    """Under which name an operator counts it; None: under none."""
    counted_until: Instant | None = None
    """It counts up to then; None: for as long as it lives."""


@attrs.frozen(kw_only=True)
class Entry:
    """One line of a token's history; never changed, never holds a secret."""

    tenant: str
    key: str
    token_id: str
    revision: int
    at: Instant
    event_id: str | None = None
    """What `seen` finds it by; of several entries with one id the first saved is remembered (rule E4)."""
    happened: str
    """JSON of the event."""
    delivery: str | None = None
    """`<token id>:<revision>:<n>` of one that is told at least once (capability outbox); else None."""


@attrs.frozen(kw_only=True)
class Write:
    """One row's next revision with its history."""

    row: Row
    expected: int
    """The revision it replaces; 0 means the key must not exist."""
    entries: tuple[Entry, ...] = ()


class HasFolder(Protocol):
    """What a store with the capability `folder` offers besides."""

    @property
    def folder(self) -> Path:
        """Where token locks and response journals stand; made when first needed."""


@attrs.frozen
class Reseal:
    """The same secrets of a row, sealed otherwise."""

    row: Row
    """As it was read."""
    access_token: bytes | None = attrs.field(repr=False)
    refresh_token: bytes | None = attrs.field(repr=False)
    fingerprint: bytes | None = attrs.field(repr=False)


class Store(Protocol):
    """The contract. Calls may come from any thread; each one is atomic."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can do beyond the contract: durable (it survives a reopen), leases, outbox, folder, audit.

        One with `folder` has an attribute of that name: where its token locks and response journals stand,
        a private path beside the data that is the same for all who open it on this host (`HasFolder`).
        """

    def load(self, tenant: str, key: str) -> Row | None:
        """Return the row, live or tombstone, or None."""

    def save(self, writes: Sequence[Write], *, mark: Instant, record: AuditRecord | None = None) -> None:
        """Save all *writes*, their entries and the lines of *record* in one transaction, or nothing.

        They are judged in the order given, each in sight of those before it. *mark* raises the
        store's high-water mark and never lowers it (rule T12). *record*, here and below, is for a
        store with the capability audit; what its `follow` raises comes through. Raises
        RevisionConflict when a row is not at the expected revision, AlreadyLive when another live
        row has the identity.
        """

    def due(self, tenant: str, before: Instant, limit: int, after: Place | None = None) -> list[Row]:
        """Return live rows of the tenant with due_at <= *before*, ordered by (due_at, key).

        With *after*, only those beyond that place in the order: a walk goes on where it stopped.
        """

    def children(self, tenant: str, parent: str) -> list[Row]:
        """Return the rows, live or not, whose parent is that key, ordered by key."""

    def find(self, tenant: str, identity: str) -> Row | None:
        """Return the live row of the tenant that has the identity, or None."""

    def keys(self, tenant: str) -> list[str]:
        """Return the tenant's keys, sorted."""

    def whose(self, tenant: str, fingerprint: bytes) -> Row | None:
        """Return the row of the tenant that has the fingerprint, the first by key, or None."""

    def rows(self, after: tuple[str, str] | None, limit: int) -> list[Row]:
        """Return up to *limit* rows of all tenants, live or not, ordered by (tenant, key), beyond *after*."""

    def reseal(self, changes: Sequence[Reseal]) -> int:
        """Put other sealed values into rows in one transaction; return into how many.

        Only where a row still has the revision and the sealed values it was read with; another is left as
        it is. What is kept is the same secret: nothing else of the row changes, nor its history.
        """

    def history(self, tenant: str, key: str) -> list[Entry]:
        """Return the key's entries in the order they were saved, over all its token ids."""

    def seen(self, tenant: str, token_id: str, event_id: str) -> Entry | None:
        """Return the entry first saved with an event id, or None."""

    def note(self, entry: Entry, bound: int, *, record: AuditRecord | None = None) -> None:
        """Add a line that changed no row to its key's history; a key keeps the last *bound* of such lines."""

    def pending(self, tenant: str, limit: int) -> list[Entry]:
        """Return up to *limit* entries with a delivery that were not delivered yet (capability outbox).

        An entry is pending from the save that brings it; the one saved first comes first.
        """

    def delivered(self, entries: Sequence[Entry]) -> None:
        """Note that entries were told: they are pending no more. What is not pending is left as it is."""

    def mark(self) -> Instant:
        """Return the highest instant a save has named; 0 for a new store."""

    def census(self, after: Instant, until: Instant, tenant: str | None = None) -> tuple[int, int]:
        """Return how many rows are live, and how many of them expire in (*after*, *until*].

        Of one tenant, or of all: the clock, which is everybody's, is judged by all of them.
        """

    def counted(self, tenant: str, now: Instant) -> dict[str, int]:
        """Return how many of the tenant's live rows count after *now*, by the name they are counted under."""

    def claim(self, tenant: str, key: str, owner: str, *, now: Instant, until: Instant) -> bool:
        """Lease a key to *owner* until an instant; False while another's lease runs (capability leases)."""

    def release(self, tenant: str, key: str, owner: str) -> None:
        """Give back *owner*'s lease; nothing happens when it is not theirs."""

    def forget(self, tenant: str, key: str, *, record: AuditRecord | None = None) -> bool:
        """Remove a tombstone with its history, told or not; False, and no line, when there is none.

        A live row stays, and so does what the audit trail says.
        """

    def erase(self, tenant: str, keys: Sequence[str], *, record: AuditRecord | None = None) -> int:
        """Remove rows, live or not, with history, leases and what was to be told; return how many.

        In one transaction with the lines of *record*, and so that nothing can be read of them in the store's
        files any more. What the audit trail says stays.
        """

    def chains(self) -> list[AuditChain]:
        """Return the chains of the audit trail that have begun, by number (capability audit)."""

    def lines(self, chain: int, after: int, limit: int) -> list[AuditLine]:
        """Return up to *limit* lines of a chain beyond number *after*, in order."""

    def prune(self, last: AuditLine, seal: bytes) -> bool:
        """Remove a chain's lines up to *last*, of which its head stays, with *seal*.

        False, and nothing happens, when the chain was pruned there or further already.
        """

    def put(self, shelf: str, name: str, value: bytes) -> None:
        """Keep a named blob beside the tokens: a resolved spec, a parked login, a run's progress."""

    def keep(self, shelf: str, name: str, value: bytes) -> bytes:
        """Put a blob unless the name is taken; return the one that stands: all callers get the same."""

    def get(self, shelf: str, name: str) -> bytes | None:
        """Return a blob, or None."""

    def take(self, shelf: str, name: str) -> bytes | None:
        """Return a blob and remove it, at once: of two callers one gets it."""

    def swap(self, shelf: str, name: str, old: bytes, new: bytes) -> bool:
        """Put *new* where *old* still is; False, and nothing happens, when it is not."""

    def names(self, shelf: str) -> list[str]:
        """Return the names on a shelf, sorted."""

    def shelves(self) -> list[str]:
        """Return the shelves with something on them, sorted."""

    def close(self) -> None:
        """Release files and locks; a closed store is not used again."""
