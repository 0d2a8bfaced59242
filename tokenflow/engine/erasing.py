"""Erasing one person: tokens, history and what names them are gone; the audit trail keeps its lines.

Order. Who is erased is noted outside the store; then their half of the veil goes, what is on shelves and in
journals, and last the rows, in one transaction with the line that says that it was done. Killed anywhere, it
goes on when it is asked for again: while there is a row, there is something to find.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs

from tokenflow.core.errors import TokenNotFound, WrongKey
from tokenflow.core.tokens import Instant
from tokenflow.engine import veils
from tokenflow.engine.auditing import Auditor
from tokenflow.engine.ciphers import shelved
from tokenflow.engine.erasures import Erasures, remember
from tokenflow.engine.journals import record_name
from tokenflow.engine.rekeying import every_row, every_sealed_blob
from tokenflow.engine.rings import Ring
from tokenflow.engine.sealing import unopened
from tokenflow.engine.segments import wipe
from tokenflow.engine.stores import Row, Store
from tokenflow.engine.trails import AuditRecord

PERSON: Final = ("user_id", "subject", "admin_id")
"""Attributes that say of whom a token is."""


@attrs.frozen(kw_only=True)
class Erased:
    """What was erased, or would be."""

    keys: tuple[str, ...]
    """Whose rows and history are gone."""
    roots: tuple[str, ...]
    """Those whose lines in the audit trail say nothing any more."""
    shared: tuple[str, ...] = ()
    """Derived from a token that stays: what the trail says of them is under that one's veil."""
    blobs: int = 0
    """Parked logins, tickets, answers and the like that named them."""


def of_key(store: Store, tenant: str, key: str) -> Erased:
    """Return what erasing *key* comes to, with all that was derived from it; raises TokenNotFound."""
    if store.load(tenant, key) is None and key not in veils.veiled(store, tenant):
        raise TokenNotFound(key)
    return _plan(store, tenant, [key])


def of_person(store: Store, tenant: str, person: str) -> Erased:
    """Return what erasing a person comes to, by the issuer's id of them; raises StoreError."""
    mine = [row.key for row in every_row(store, tenant) if _is_of(row, person)]
    return _plan(store, tenant, mine)


def erase(ring: Ring, auditor: Auditor, tenant: str, plan: Erased, at: Instant) -> Erased:
    """Do what *plan* says; raises StoreError, WrongKey, OSError. Without a line in the trail nothing goes."""
    store, keys = ring.store, plan.keys
    record = _record(auditor, tenant, plan)
    remember(auditor.moorings, tenant, list(plan.roots), at)
    blobs = _clear(ring, tenant, keys)
    for root in plan.roots:
        veils.destroy(store, tenant, root)
    store.erase(tenant, keys, record=record)
    auditor.wrote()
    for root in plan.roots:  # what an engine was saving meanwhile may have made another
        veils.destroy(store, tenant, root)
    return attrs.evolve(plan, blobs=blobs)


def _record(auditor: Auditor, tenant: str, plan: Erased) -> AuditRecord | None:
    """Return a line for each whose tokens go, made before their veils are destroyed."""
    facts = {"tokens": len(plan.keys)}
    acts = [auditor.act("erase", tenant=tenant, key=key, facts=facts) for key in plan.roots or plan.keys[:1]]
    made = [act for act in acts if act is not None]
    return attrs.evolve(made[0], said=tuple(line for act in made for line in act.said)) if made else None


def erase_again(ring: Ring, auditor: Auditor, at: Instant) -> list[tuple[str, str]]:
    """Erase whom a store has that were erased after it was copied; return their (tenant, key)."""
    known, gone = Erasures(auditor.moorings), list[tuple[str, str]]()
    if not known:
        return gone
    for tenant, root in [(row.tenant, row.key) for row in every_row(ring.store)]:
        since = known.since(tenant, root)
        if since is not None and _began(ring.store, tenant, root) < since:
            plan = of_key(ring.store, tenant, root)
            erase(ring, auditor, tenant, plan, at)
            gone += [(tenant, key) for key in plan.keys]
    return gone


def _plan(store: Store, tenant: str, keys: Iterable[str]) -> Erased:
    chosen = list(dict.fromkeys(one for key in keys for one in (key, *_below(store, tenant, key))))
    parents = {key: None if (row := store.load(tenant, key)) is None else row.parent for key in chosen}
    roots = tuple(key for key in chosen if parents[key] is None)
    shared = tuple(key for key in chosen if _top(parents, key) not in roots)
    return Erased(keys=tuple(chosen), roots=roots, shared=shared)


def _below(store: Store, tenant: str, key: str) -> Iterator[str]:
    for child in store.children(tenant, key):
        yield child.key
        yield from _below(store, tenant, child.key)


def _top(parents: dict[str, str | None], key: str) -> str:
    parent = parents.get(key)
    return key if parent is None else _top(parents, parent)


def _is_of(row: Row, person: str) -> bool:
    attributes = unopened(row).attributes
    return person in {str(attributes[name]) for name in PERSON if name in attributes}


def _began(store: Store, tenant: str, key: str) -> Instant:
    """Return when the token under a key began; one without a history always was."""
    history = store.history(tenant, key)
    return history[0].at if history else 0


def _clear(ring: Ring, tenant: str, keys: Iterable[str]) -> int:
    """Take what is kept on shelves and in journals about keys; return how many."""
    named, store, taken = frozenset(keys), ring.store, 0
    for shelf, name, blob in every_sealed_blob(store):
        whose, _, rest = name.partition("/")
        if whose == tenant and (rest in named or _names(ring, shelf, tenant, rest, blob) in named):
            taken += store.take(shelf, name) is not None
    folder = getattr(store, "folder", None)
    if isinstance(folder, Path):
        taken += wipe(folder / "journals", frozenset(record_name(tenant, key) for key in named))
    return taken


def _names(ring: Ring, shelf: str, tenant: str, name: str, blob: bytes) -> str | None:
    """Return the key that a blob is about, as tickets and taken logins say."""
    with suppress(WrongKey, ValueError, AttributeError):
        found = json.loads(ring.open(blob, shelved(shelf, tenant, name)[1]).reveal()).get("key")
        return None if found is None else str(found)
    return None
