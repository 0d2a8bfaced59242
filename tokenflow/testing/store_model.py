"""The store contract as a model: dictionaries beside the store, and any history of calls.

Instants, keys and identities come from small pools, so that boundaries and conflicts really meet.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tokenflow.core.errors import AlreadyLive, RevisionConflict, StoreError, StoreUnreadable
from tokenflow.engine.stores import Entry, Reseal, Row, Store, Write
from tokenflow.engine.trails import AuditRecord
from tokenflow.testing.store_trails import Trail, said

TENANTS = st.sampled_from(["acme", "zoo"])
KEYS = st.sampled_from(["a", "b", "c"])
IDENTITIES = st.sampled_from([None, "u1", "u2"])
EVENT_IDS = st.sampled_from(["e1", "e2", None])
OWNERS = st.sampled_from(["w1", "w2"])
FINGERPRINTS = st.sampled_from([None, b"f", b"g"])
NAMES = st.sampled_from(["x", "y"])
POOL = (0, 1, 2, 3, 60_000_000, 2**53 + 1)
INSTANTS = st.sampled_from(POOL)
MAYBE = st.none() | INSTANTS
BLOBS = st.binary(max_size=16)
CHAINS = st.sampled_from([0, 1])
LINES = st.builds(
    lambda lines, last: [*lines, *last],
    st.lists(st.tuples(CHAINS, st.sampled_from([b"", b"a", b"a", b"\xff"])), max_size=2),
    st.sampled_from([[]] * 7 + [[(0, b"!")]]),  # seldom a trail that cannot be written: most saves succeed
)


@attrs.define
class Model:
    """What a store holds, written the plainest way."""

    rows: dict[tuple[str, str], Row] = attrs.field(factory=dict)
    lines: list[Entry] = attrs.field(factory=list)
    notes: list[Entry] = attrs.field(factory=list)
    """Those of the lines that changed no row."""
    pending: list[Entry] = attrs.field(factory=list)
    leases: dict[tuple[str, str], tuple[str, int]] = attrs.field(factory=dict)
    blobs: dict[tuple[str, str], bytes] = attrs.field(factory=dict)
    trail: Trail = attrs.field(factory=Trail)
    mark: int = 0

    def judge(
        self, writes: list[Write], record: AuditRecord | None
    ) -> tuple[type[StoreError] | None, dict[tuple[str, str], Row]]:
        """Return how a save has to end, and the rows after it."""
        rows = dict(self.rows)
        for write in writes:
            new, name = write.row, (write.row.tenant, write.row.key)
            if (rows[name].revision if name in rows else 0) != write.expected:
                return RevisionConflict, self.rows
            others = [
                one for place, one in rows.items() if place != name and one.live and one.tenant == new.tenant
            ]
            if new.live and new.identity is not None and new.identity in [one.identity for one in others]:
                return AlreadyLive, self.rows
            rows[name] = new
        if record is not None and (0, b"!") in record.said:
            return StoreUnreadable, self.rows
        return None, rows

    def live(self) -> list[Row]:
        """Return the rows that are no tombstones."""
        return [one for one in self.rows.values() if one.live]


@st.composite
def drafts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a write, before its revision is known."""
    key = draw(KEYS)
    return {
        "tenant": draw(TENANTS),
        "key": key,
        "id": key + draw(st.sampled_from(["1", "2"])),
        "generation": draw(st.integers(0, 3)),
        "state": draw(st.sampled_from(["issued", "x" * 40])),
        "live": draw(st.sampled_from([True, True, False])),
        "identity": draw(IDENTITIES),
        "parent": draw(st.none() | KEYS),
        "due_at": draw(MAYBE),
        "expires_at": draw(MAYBE),
        "body": draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
        "access_token": draw(st.none() | BLOBS),
        "fingerprint": draw(FINGERPRINTS),
    }


class StoreMachine(RuleBasedStateMachine):
    """Every call of the contract, with the model doing the same beside it."""

    make: Callable[[Path], Store]
    capabilities: frozenset[str] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tokenflow-"))
        self.store = type(self).make(self.folder)
        self.model = Model()

    def teardown(self) -> None:
        """Look at everything once more, and leave nothing behind."""
        try:
            self._look_at_everything()
        finally:
            self.store.close()
            shutil.rmtree(self.folder)

    @rule(
        batch=st.lists(st.tuples(drafts(), st.sampled_from([0, 0, 0, 0, 0, 1, -1])), min_size=1, max_size=3),
        events=st.lists(EVENT_IDS, max_size=2),
        mark=INSTANTS,
        lines=LINES,
    )
    def save(
        self,
        batch: list[tuple[dict[str, Any], int]],
        events: list[str | None],
        mark: int,
        lines: list[tuple[int, bytes]],
    ) -> None:
        """Save one to three writes, some of them stale."""
        writes: list[Write] = []
        for draft, off in batch:
            name = (draft["tenant"], draft["key"])
            stood = [one.row.revision for one in writes if (one.row.tenant, one.row.key) == name]
            now = stood[-1] if stood else self.model.rows[name].revision if name in self.model.rows else 0
            new = Row(revision=now + 1, **draft)
            writes.append(Write(row=new, expected=max(now + off, 0), entries=self._lines(new, events, mark)))
        record = self._record(lines)
        outcome, rows = self.model.judge(writes, record)
        assert self._outcome(writes, mark, record) is outcome, f"save must end with {outcome}"
        if outcome is None:
            self.model.rows = rows
            told = [line for write in writes for line in write.entries]
            self.model.lines += told
            self.model.pending += [line for line in told if line.delivery is not None]
            self.model.mark = max(self.model.mark, mark)
            self.model.trail.say(record)

    def _record(self, lines: list[tuple[int, bytes]]) -> AuditRecord | None:
        """Return what the trail is told, where the store has one."""
        return said(*lines) if lines and "audit" in self.capabilities else None

    def _outcome(self, writes: list[Write], mark: int, record: AuditRecord | None) -> type[StoreError] | None:
        told = {} if record is None else {"record": record}
        try:
            self.store.save(writes, mark=mark, **told)
        except StoreError as error:
            return type(error)
        return None

    def _lines(self, of: Row, events: list[str | None], at: int) -> tuple[Entry, ...]:
        told = len(self.model.lines)
        return tuple(
            Entry(
                tenant=of.tenant,
                key=of.key,
                token_id=of.id,
                revision=of.revision,
                at=at,
                event_id=event,
                happened=f"{told}.{number}",
                delivery=f"{of.id}:{of.revision}:{number}" if number or event is None else None,
            )
            for number, event in enumerate(events)
        )

    @rule(tenant=TENANTS, key=KEYS, which=st.sampled_from(["1", "2"]), event=EVENT_IDS, at=INSTANTS)
    def note(self, tenant: str, key: str, which: str, event: str | None, at: int) -> None:
        """A note is a line of which a key keeps the last two."""
        model, happened = self.model, f"note {len(self.model.lines)}.{at}"
        line = Entry(
            tenant=tenant, key=key, token_id=key + which, revision=1, at=at, event_id=event, happened=happened
        )
        record = self._record([(0, happened.encode())])
        self.store.note(line, 2, **({} if record is None else {"record": record}))
        model.trail.say(record)
        model.lines.append(line)
        model.notes.append(line)
        for old in [one for one in model.notes if (one.tenant, one.key) == (tenant, key)][:-2]:
            model.notes.remove(old)
            model.lines.remove(old)

    @precondition(lambda self: "outbox" in self.capabilities)
    @rule(tenant=TENANTS, places=st.sets(st.integers(0, 3), max_size=3))
    def deliver(self, tenant: str, places: set[int]) -> None:
        """Some of what is to be told is told, and no more to be told."""
        waiting = self.store.pending(tenant, 4)
        told = [line for place, line in enumerate(waiting) if place in places]
        self.store.delivered(told)
        self.model.pending = [line for line in self.model.pending if line not in told]

    @rule(tenant=TENANTS, key=KEYS)
    def forget(self, tenant: str, key: str) -> None:
        """Only a tombstone is forgotten."""
        stood = self.model.rows.get((tenant, key))
        gone = stood is not None and not stood.live
        record = self._record([(1, b"forgotten")])
        assert self.store.forget(tenant, key, **({} if record is None else {"record": record})) is gone
        if gone:
            self.model.trail.say(record)
            del self.model.rows[tenant, key]
            for lines in (self.model.lines, self.model.notes, self.model.pending):
                lines[:] = [line for line in lines if (line.tenant, line.key) != (tenant, key)]

    @rule(tenant=TENANTS, keys=st.sampled_from([set(), {"a"}, {"b", "c"}]))
    def erase(self, tenant: str, keys: set[str]) -> None:
        """What is erased is gone, live or not."""
        gone = [(tenant, key) for key in keys if (tenant, key) in self.model.rows]
        record = self._record([(1, b"erased")])
        told = {} if record is None else {"record": record}
        assert self.store.erase(tenant, sorted(keys), **told) == len(gone)
        self.model.trail.say(record)
        for name in gone:
            del self.model.rows[name]
        for key in keys:
            self.model.leases.pop((tenant, key), None)
        for lines in (self.model.lines, self.model.notes, self.model.pending):
            lines[:] = [line for line in lines if line.tenant != tenant or line.key not in keys]

    @precondition(lambda self: "audit" in self.capabilities)
    @rule(chain=CHAINS, number=st.integers(1, 4), seal=BLOBS)
    def prune(self, chain: int, number: int, seal: bytes) -> None:
        """A chain loses its beginning, never more than once."""
        said_so = [line for line in self.model.trail.ever.get(chain, ()) if line.number == number]
        for last in said_so:
            assert self.store.prune(last, seal) is self.model.trail.prune(last, seal)

    @rule(tenant=TENANTS, key=KEYS, off=st.sampled_from([0, 0, 1]), value=BLOBS, fingerprint=FINGERPRINTS)
    def reseal(self, tenant: str, key: str, off: int, value: bytes, fingerprint: bytes | None) -> None:
        """Only what still stands is resealed."""
        stood = self.model.rows.get((tenant, key))
        if stood is None:
            return
        read = attrs.evolve(stood, revision=stood.revision + off, state="of no account")
        assert self.store.reseal([Reseal(read, value, None, fingerprint)]) == (0 if off else 1)
        if not off:
            new = attrs.evolve(stood, access_token=value, refresh_token=None, fingerprint=fingerprint)
            self.model.rows[tenant, key] = new

    @rule(how=st.sampled_from(["put", "keep", "take"]), shelf=NAMES, name=NAMES, value=BLOBS)
    def handle_a_blob(self, how: str, shelf: str, name: str, value: bytes) -> None:
        """A put replaces, the first keep stands, a take removes."""
        blobs, place = self.model.blobs, (shelf, name)
        if how == "put":
            self.store.put(shelf, name, value)
            blobs[place] = value
        elif how == "keep":
            assert self.store.keep(shelf, name, value) == blobs.setdefault(place, value)
        else:
            assert self.store.take(shelf, name) == blobs.pop(place, None)

    @rule(shelf=NAMES, name=NAMES, off=st.booleans(), value=BLOBS)
    def swap_a_blob(self, shelf: str, name: str, off: bool, value: bytes) -> None:
        """A swap needs what stands."""
        blobs, place = self.model.blobs, (shelf, name)
        old = blobs.get(place, b"") + (b"!" if off else b"")
        stands = blobs.get(place) == old
        assert self.store.swap(shelf, name, old, value) is stands
        if stands:
            blobs[place] = value

    @precondition(lambda self: "leases" in self.capabilities)
    @rule(tenant=TENANTS, key=KEYS, owner=OWNERS, now=INSTANTS, lasting=st.integers(1, 3))
    def claim(self, tenant: str, key: str, owner: str, now: int, lasting: int) -> None:
        """A lease keeps others out until its instant."""
        holder, end = self.model.leases.get((tenant, key), (owner, now))
        free = holder == owner or end <= now
        assert self.store.claim(tenant, key, owner, now=now, until=now + lasting) is free
        if free:
            self.model.leases[tenant, key] = owner, now + lasting

    @precondition(lambda self: "leases" in self.capabilities)
    @rule(tenant=TENANTS, key=KEYS, owner=OWNERS)
    def release(self, tenant: str, key: str, owner: str) -> None:
        """Only its owner releases a lease."""
        self.store.release(tenant, key, owner)
        if self.model.leases.get((tenant, key), ("", 0))[0] == owner:
            del self.model.leases[tenant, key]

    @precondition(lambda self: "durable" in self.capabilities)
    @rule()
    def reopen(self) -> None:
        """Nothing is lost by closing and opening."""
        self.store.close()
        self.store = type(self).make(self.folder)

    @invariant()
    def the_store_is_where_the_model_is(self) -> None:
        """Rows, keys, blobs and mark agree after every call."""
        for tenant in ("acme", "zoo"):
            assert self.store.keys(tenant) == sorted(key for owner, key in self.model.rows if owner == tenant)
            for key in ("a", "b", "c"):
                assert self.store.load(tenant, key) == self.model.rows.get((tenant, key))
            if "outbox" in self.capabilities:
                waiting = [line for line in self.model.pending if line.tenant == tenant]
                assert self.store.pending(tenant, 2) == waiting[:2]
                assert self.store.pending(tenant, 999) == waiting
        if "audit" in self.capabilities:
            assert self.store.chains() == self.model.trail.chains()
            for chain in (0, 1):
                assert self.store.lines(chain, 0, 999) == self.model.trail.lines(chain, 0)
                assert self.store.lines(chain, 2, 1) == self.model.trail.lines(chain, 2)[:1]
        for shelf in ("x", "y"):
            assert self.store.names(shelf) == sorted(name for of, name in self.model.blobs if of == shelf)
        assert self.store.shelves() == sorted({shelf for shelf, _ in self.model.blobs})
        for (shelf, name), value in self.model.blobs.items():
            assert self.store.get(shelf, name) == value
        assert self.store.mark() == self.model.mark

    def _look_at_everything(self) -> None:
        """Ask every question that changes nothing, over the whole pool."""
        for before in POOL:
            self._look_at_due(before, 2)
            self._look_at_due(before, 99)
            self._look_at_census(before, before + 1)
        everything = [row for _, row in sorted(self.model.rows.items())]
        assert self.store.rows(None, 99) == everything
        for place in range(len(everything)):
            after = (everything[place].tenant, everything[place].key)
            assert self.store.rows(after, 2) == everything[place + 1 :][:2], f"rows after {after}"
        for tenant in ("acme", "zoo"):
            for fingerprint in (b"f", b"g"):
                wanted = [one for one in everything if (one.tenant, one.fingerprint) == (tenant, fingerprint)]
                assert self.store.whose(tenant, fingerprint) == (wanted[0] if wanted else None)
            for key in ("a", "b", "c"):
                self._look_at(tenant, key)

    def _look_at_due(self, before: int, limit: int) -> None:
        for tenant in ("acme", "zoo"):
            ripe = [
                (one.due_at or 0, one.key)
                for one in self.model.live()
                if one.tenant == tenant and one.due_at is not None and one.due_at <= before
            ]
            got = [(one.due_at or 0, one.key) for one in self.store.due(tenant, before, limit)]
            assert got == sorted(ripe)[:limit], (
                f"due({tenant}, {before}, {limit}) is ordered by (due_at, key)"
            )
            for place in got[:2]:
                further = [(one.due_at, one.key) for one in self.store.due(tenant, before, limit, place)]
                assert further == [one for one in sorted(ripe) if one > place][:limit], f"due after {place}"

    def _look_at_census(self, after: int, until: int) -> None:
        for tenant in (None, "acme", "zoo"):
            live = [one for one in self.model.live() if tenant in (None, one.tenant)]
            ending = [one for one in live if one.expires_at is not None and after < one.expires_at <= until]
            assert self.store.census(after, until, tenant) == (len(live), len(ending))

    def _look_at(self, tenant: str, key: str) -> None:
        model = self.model
        children = [one for one in model.rows.values() if (one.tenant, one.parent) == (tenant, key)]
        assert self.store.children(tenant, key) == sorted(children, key=lambda one: one.key)
        named = model.rows.get((tenant, key))
        if named is not None and named.identity is not None:
            holders = [one for one in model.live() if (one.tenant, one.identity) == (tenant, named.identity)]
            assert self.store.find(tenant, named.identity) == (holders[0] if holders else None)
        lines = [line for line in model.lines if line.tenant == tenant]
        assert self.store.history(tenant, key) == [line for line in lines if line.key == key]
        for token_id in (key + "1", key + "2"):
            for event_id in ("e1", "e2"):
                found = [line for line in lines if (line.token_id, line.event_id) == (token_id, event_id)]
                assert self.store.seen(tenant, token_id, event_id) == (found[0] if found else None)


def store_machine(make: Callable[[Path], Store], capabilities: frozenset[str]) -> type[StoreMachine]:
    """Return the machine for the stores that *make* opens."""
    return type(
        "OneStoreMachine", (StoreMachine,), {"make": staticmethod(make), "capabilities": capabilities}
    )
