"""What migrating a store's tokens would come to: looked at from outside, with no key, writing nothing."""

from collections.abc import Iterator, Sequence

import attrs

from tokenflow.core.errors import AlreadyLive, Refused, SpecError, StoreUnreadable
from tokenflow.core.migrating import Migration, comes_over, lost, stays, upgrade
from tokenflow.core.steps import settle
from tokenflow.core.tokens import Instant, Token
from tokenflow.engine.library import Library
from tokenflow.engine.sealing import unopened
from tokenflow.engine.stores import Store


@attrs.frozen
class _Identities:
    """Who is live: at most one token has an identity, also after some have come over."""

    owners: dict[tuple[str, ...], str] = attrs.field(factory=dict)

    def move(self, before: Token, after: Token, *, live: bool) -> None:
        """Let *after* take the place of *before*; raises AlreadyLive when its identity is another's."""
        owner = self.owners.get(after.identity, after.key)
        if live and after.identity and owner != after.key:
            raise AlreadyLive(f"{after.key!r}: {owner!r} is live with the identity it would have")
        if before.identity:
            self.owners.pop(before.identity, None)
        if live and after.identity:
            self.owners[after.identity] = after.key


def prospects(store: Store, library: Library, tenant: str, now: Instant) -> Iterator[Migration]:
    """Yield what would become of each of *tenant*'s tokens of the lifecycles opened in *library*."""
    keys, identities = store.keys(tenant), _Identities()
    for row in (store.load(tenant, key) for key in keys):
        if row is not None and row.live and row.identity is not None:
            token = unopened(row)
            identities.owners[token.identity] = token.key
    for key in keys:
        found = _prospect(store, library, tenant, key, now, identities)
        if found is not None:
            yield found


def _prospect(
    store: Store, library: Library, tenant: str, key: str, now: Instant, identities: _Identities
) -> Migration | None:
    row = store.load(tenant, key)
    if row is None:
        return None
    try:
        token = unopened(row)
        new = library.opened.get(token.lifecycle.rpartition("@")[0])
        if new is None:
            return None
        old = library.of(token)
    except (SpecError, StoreUnreadable) as trouble:
        return lost(key, trouble)
    try:
        over = upgrade(old, new, settle(old, token, now), now)
        identities.move(token, over.token, live=not new.states[over.token.state].final)
    except (Refused, AlreadyLive) as no:
        return stays(token, no)
    return comes_over(token, over)


def count(found: Sequence[Migration]) -> tuple[int, int, int]:
    """Return how many come over, how many rightly stay, and how many ought to come and do not."""
    over = sum(1 for one in found if one.code is None)
    refused = sum(1 for one in found if one.refused)
    return over, len(found) - over - refused, refused
