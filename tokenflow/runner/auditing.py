"""The audit trail of a store, for whoever looks into it or prunes it. It needs the store's key."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from heapq import nlargest
from typing import Any, Final

from tokenflow.core.errors import StoreError
from tokenflow.engine.auditing import Auditor, look_auditor
from tokenflow.engine.clocks import SystemClock
from tokenflow.engine.examining import every_chain, walk
from tokenflow.engine.holders import Sources
from tokenflow.engine.keys import look_keyed
from tokenflow.engine.places import look_into
from tokenflow.engine.veils import veiled
from tokenflow.engine.wording import Said, read
from tokenflow.hooks.registry import Registry
from tokenflow.runner.spans import iso

_SHORT: Final = 8
"""Characters of a pseudonym or a worker that people are shown."""


@contextmanager
def trail(url: str, key: str | None) -> Iterator[Auditor]:
    """Open the trail of the store at *url*; raises StoreError when it keeps none yet, WrongKey."""
    registry = Registry.installed()
    with look_into(url, registry) as store:
        ring = look_keyed(store, key, Sources.of(registry)) if "audit" in store.capabilities else None
        auditor = None if ring is None else look_auditor(store, ring, SystemClock())
        if auditor is None:
            said = (
                "keeps no audit trail yet" if "audit" in store.capabilities else "cannot keep an audit trail"
            )
            raise StoreError(f"{url} {said}", mend="open it once with an engine; sqlite: keeps one")
        yield auditor
        auditor.close()


def said_of(auditor: Auditor, tenant: str, key: str) -> Iterator[Said]:
    """Yield what the trail says of a tenant's key, the oldest first; nothing, once that was erased."""
    veil = auditor.veil(tenant, auditor.root_of(tenant, key))
    if veil is None:
        return
    of = veil.name(tenant, key)
    chain = every_chain(auditor.store)[auditor.witness.place(tenant, key)]
    for line in walk(auditor.store, chain):
        said = read(line, veil)
        if said.of == of:
            yield said


def last_said(auditor: Auditor, tenant: str, count: int) -> list[Said]:
    """Return the last *count* lines of the whole trail, the oldest first; all tenants' are in it.

    What is hidden is opened for *tenant*'s keys, and for whatever has no veil of its own.
    """
    veils = {}
    for key in {*auditor.store.keys(tenant), *veiled(auditor.store, tenant)}:
        veil = auditor.veil(tenant, auditor.root_of(tenant, key))
        if veil is not None:
            veils[veil.name(tenant, key)] = veil
    lines = (line for chain in every_chain(auditor.store) for line in walk(auditor.store, chain))
    told = (read(line, auditor.witness.veil) for line in lines)
    found = nlargest(count, told, key=lambda said: (said.at, said.chain, said.number))
    return [_opened(auditor, said, veils) for said in reversed(found)]


def _opened(auditor: Auditor, said: Said, veils: Mapping[str, Any]) -> Said:
    if said.hidden is not None or said.of not in veils:
        return said
    (line,) = auditor.store.lines(said.chain, said.number - 1, 1)
    return read(line, veils[said.of])


def plain(said: Said) -> dict[str, Any]:
    """Return a line for programs."""
    hidden = dict(said.hidden or {})
    veiled = hidden.pop("did", [{}] * len(said.did))
    return {
        "at": iso(said.at),
        "chain": said.chain,
        "number": said.number,
        "act": said.act,
        "tenant": hidden.pop("tenant", None),
        "key": hidden.pop("key", None),
        "of": said.of or None,
        "revision": said.revision,
        "did": [_event(dict(one) | more) for one, more in zip(said.did, veiled, strict=True)],
        "facts": _event(dict(said.facts) | {name: value for name, value in hidden.items() if name != "id"}),
        "token_id": hidden.get("id"),
        "by": said.by,
        "worker": said.worker or None,
        "erased": said.hidden is None,
    }


def in_words(said: Said) -> str:
    """Return a line for people, in one line whatever it says."""
    told = plain(said)
    about = told["key"] or (f"({said.of[:_SHORT]}...)" if said.of else "the store")
    did = "; ".join(_words(one) for one in told["did"]) or _pairs(told["facts"])
    by = f"{said.by} {said.worker[:_SHORT]}".rstrip()
    text = f"{told['at']}  {said.chain:02}/{said.number}  {said.act}  {about}  {did}  [{by}]"
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _event(one: dict[str, Any]) -> dict[str, Any]:
    ends = {name: iso(value) for name, value in one.items() if name in _INSTANTS and isinstance(value, int)}
    return one | ends


_INSTANTS: Final = frozenset({"at", "before", "expires_at", "until", "retry_at", "again_at", "asks_again_at"})


def _words(one: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in one.items() if name not in ("happened", "at")}
    return f"{one['happened']} {_pairs(facts)}".rstrip()


def _pairs(facts: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in facts.items())
