"""The compiled specs: those the engine was opened with, and those its tokens are pinned to (rule M1)."""

import json
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from tokenflow.core.compiling import compile_lifecycle
from tokenflow.core.conditions import GuardCheck
from tokenflow.core.errors import SpecError
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.tokens import Token
from tokenflow.engine.forks import ForkLock
from tokenflow.engine.stores import Store

SPECS = "spec"
UNUSED = "unused-specs"
"""Where the reaper marks a spec that no token names, for as long as it may be needed after all."""
_SURE = 3600.0
"""Seconds a spec that was seen is believed to be there: far less than the reaper waits."""


def kept_specs(store: Store) -> dict[str, dict[str, Any]]:
    """Return the resolved lifecycles a store keeps for the tokens pinned to them, by digest."""
    found = ((digest, store.get(SPECS, digest)) for digest in store.names(SPECS))
    return {digest: json.loads(spec) for digest, spec in found if spec is not None}


def find_kept(store: Store, wanted: str) -> tuple[str, dict[str, Any]]:
    """Return digest and data of the kept lifecycle *wanted* names: name@version, or a digest.

    Raises SpecError naming those there are, also when one version was kept with several contents.
    """
    specs = kept_specs(store)
    names = {
        digest: f"{one['metadata']['name']}@{one['metadata']['version']}" for digest, one in specs.items()
    }
    found = [digest for digest, name in names.items() if wanted in (digest, name)]
    if len(found) == 1:
        return found[0], specs[found[0]]
    there = ", ".join(
        f"{names[digest]} ({digest})" for digest in found or sorted(names, key=names.__getitem__)
    )
    if found:
        raise SpecError(f"the store keeps {wanted} with several contents: {there}", mend="name its digest")
    raise SpecError(f"the store keeps no {wanted}; it keeps: {there or 'none'}")


class Library:
    """Finds the lifecycle a token is pinned to: in memory by digest, else in the store."""

    def __init__(
        self,
        lifecycles: Mapping[str, Lifecycle],
        issuers: Mapping[str, Mapping[str, Any]],
        guards: Mapping[str, GuardCheck],
        app: Mapping[str, Any],
        store: Store,
    ) -> None:
        """*issuers* are resolved Issuer documents by name."""
        self.opened = lifecycles
        self._by_digest = {lifecycle.digest: lifecycle for lifecycle in lifecycles.values()}
        self._issuers, self._guards, self._app, self._store = issuers, guards, app, store
        self._lock = ForkLock()
        self._kept: dict[str, float] = {}

    def keep(self, lifecycle: Lifecycle) -> None:
        """Make sure the store has a lifecycle's resolved spec, so that deleting a file strands no token."""
        now = monotonic()
        if now - self._kept.get(lifecycle.digest, -_SURE) < _SURE:
            return
        marked = self._store.take(UNUSED, lifecycle.digest) is not None
        if marked or self._store.get(SPECS, lifecycle.digest) is None:
            spec = json.dumps(lifecycle.spec, sort_keys=True, separators=(",", ":"))
            self._store.put(SPECS, lifecycle.digest, spec.encode())
        self._kept[lifecycle.digest] = now

    def of(self, token: Token) -> Lifecycle:
        """Return the lifecycle *token* is pinned to; raises SpecError when the store has lost it."""
        found = self._by_digest.get(token.digest)
        if found is not None:
            return found
        kept = self._store.get(SPECS, token.digest)
        if kept is None:
            raise SpecError(
                f"{token.key!r} is pinned to {token.lifecycle} ({token.digest}), which is nowhere kept"
            )
        data, issuer = json.loads(kept), None
        with suppress(SpecError):  # an issuer that is gone has no meanings left, but its token is still held
            issuer = self._issuers.get(data.get("issuer", ""))
        lifecycle = compile_lifecycle(
            data,
            digest=token.digest,
            guards=self._guards,
            issuer=issuer,
            app=self._app,
        )
        with self._lock:
            return self._by_digest.setdefault(token.digest, lifecycle)
