"""Look at the tokens of a store without an engine: no key, no secret, no network, and nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import attrs

from tokenflow.core.compiling import compile_issuer, compile_lifecycle
from tokenflow.core.effects import Issuer
from tokenflow.core.errors import SpecError, TokenNotFound
from tokenflow.core.events import Happened, from_json
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.moments import Trusted
from tokenflow.core.tokens import SECOND, Token
from tokenflow.engine.clocks import Clock
from tokenflow.engine.library import Library
from tokenflow.engine.opening import OnDemand, read_all, spec_names
from tokenflow.engine.places import look_into
from tokenflow.engine.sealing import unopened
from tokenflow.engine.stores import Store
from tokenflow.engine.timekeeping import Timekeeper
from tokenflow.hooks.registry import Registry
from tokenflow.spec import Document
from tokenflow.spec.issuers import shipped_issuer

_TOLERANCE: Final = 5 * 60 * SECOND


@attrs.frozen(kw_only=True)
class Glass:
    """A store seen through the specs there are; `looking` makes one."""

    store: Store
    tenant: str
    registry: Registry
    lifecycles: Mapping[str, Lifecycle]
    """Those that were named, by name."""
    issuers: Mapping[str, Issuer]
    issuer_data: Mapping[str, Mapping[str, Any]]
    library: Library
    clock: Clock

    def token(self, key: str) -> Token | None:
        """Return the token under *key* with its values left sealed, or None."""
        row = self.store.load(self.tenant, key)
        return None if row is None else unopened(row)

    def demand(self, key: str) -> Token:
        """Return the token under *key*; raises TokenNotFound."""
        token = self.token(key)
        if token is None:
            raise TokenNotFound(key, among=self.store.keys(self.tenant))
        return token

    def lifecycle(self, token: Token) -> Lifecycle:
        """Return the lifecycle *token* is pinned to; raises SpecError."""
        return self.library.of(token)

    def history(self, key: str) -> tuple[Happened, ...]:
        """Return what happened under *key*, the oldest first."""
        return tuple(from_json(entry.happened) for entry in self.store.history(self.tenant, key))

    def time(self) -> Trusted:
        """Return the instant to decide by, and why timers are held, if they are (rule T12)."""
        tolerance = max((one.backward_tolerance for one in self.lifecycles.values()), default=_TOLERANCE)
        return Timekeeper(self.clock, self.store, backward_tolerance=tolerance, accept_clock=False).look()


@contextmanager
def looking(
    url: str, specs: Sequence[str] = (), *, registry: Registry, tenant: str, clock: Clock
) -> Iterator[Glass]:
    """Open the store at *url* to look, with the lifecycles *specs* name; raises StoreError, SpecError."""
    documents = read_all(specs, registry)
    with look_into(url, registry) as store:
        yield glass(store, documents, registry=registry, tenant=tenant, clock=clock)


def glass(
    store: Store, documents: Sequence[Document], *, registry: Registry, tenant: str, clock: Clock
) -> Glass:
    """Return a look at an open *store* through *documents*, and through what its tokens are pinned to."""
    names = spec_names(registry)
    named = {doc.name: doc.data for doc in documents if doc.kind == "Issuer"}
    issuer_data = OnDemand(named, lambda name: shipped_issuer(name, names).data)
    lifecycles = compiled(documents, registry, issuer_data)
    return Glass(
        store=store,
        tenant=tenant,
        registry=registry,
        lifecycles=lifecycles,
        issuers=OnDemand({}, lambda name: compile_issuer(issuer_data[name], client_id="")),
        issuer_data=issuer_data,
        library=Library(lifecycles, issuer_data, registry.guards(), {}, store),
        clock=clock,
    )


def compiled(
    documents: Sequence[Document], registry: Registry, issuers: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Lifecycle]:
    """Return the lifecycles among *documents* by name, with what their *issuers* say (None: those beside)."""
    known = issuers if issuers is not None else {d.name: d.data for d in documents if d.kind == "Issuer"}
    guards = registry.guards()
    return {
        doc.name: compile_lifecycle(
            doc.data, digest=doc.digest, guards=guards, issuer=_known(known, doc.data.get("issuer", ""))
        )
        for doc in documents
        if doc.kind == "Lifecycle"
    }


def _known(issuers: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    with suppress(SpecError):
        return issuers.get(name)
    return None
