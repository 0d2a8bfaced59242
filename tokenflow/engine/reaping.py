"""The reaper: what nobody needs any more leaves the store, page by page, and it says what and why.

It never touches a live token, nor the audit trail. It may work beside engines that run: a tombstone is
removed under the key's lease, a login or an answer only if it still is the one that was looked at, and a
spec only when it has been named by no token for as long as a tombstone is kept.
"""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any, Final, TypeAlias

import attrs

from tokenflow.core.effects import Flow, Journaled, Load, Pinned, Unjournal, Unpark, Waiting
from tokenflow.core.errors import Refused, StoreError
from tokenflow.core.flows import handing, inviting
from tokenflow.core.shelves import NamesOn, TakeAway
from tokenflow.core.tickets import is_over
from tokenflow.core.tokens import DAY, Instant, Token
from tokenflow.engine.desk import Desk
from tokenflow.engine.journals import SHELF as JOURNAL
from tokenflow.engine.library import SPECS, UNUSED
from tokenflow.engine.performer import PARKED
from tokenflow.engine.stores import Row

KEPT_FOR: Final = 30 * DAY
"""How long a tombstone is kept with its history, in microseconds, unless somebody says otherwise."""
AT_LEAST: Final = DAY
"""It is kept no shorter: late news of a token finds its tombstone, and a spec its marks."""
_PAGE: Final = 100
_TICKETS: Final = tuple(
    name for shelf in (handing.SHELF, inviting.SHELF) for name in (shelf, f"{shelf}-stubs")
)


@attrs.frozen(kw_only=True)
class Reaped:
    """One thing that was removed, or would be."""

    kind: str
    """tombstone, login, journal, ticket or spec."""
    name: str
    """A key, or a digest; of a ticket only the shelf."""
    why: str


@attrs.frozen(kw_only=True)
class Harvest:
    """What a reaper removed."""

    reaped: tuple[Reaped, ...] = ()
    planned: bool = False
    """Nothing was removed: this is what would be."""


Tell: TypeAlias = Callable[[Reaped], None]


def reap(
    desk: Desk, *, older_than: int = KEPT_FOR, dry_run: bool = False, tell: Tell | None = None
) -> "Future[Harvest]":
    """Remove what nobody needs any more: tombstones *older_than* (microseconds) with their histories, logins
    and tickets whose time is over, journals of no attempt, and specs that no token names.

    A tombstone stays while it has live children, or something to be told at least once. *tell* hears of each
    thing as it goes. Raises Refused (too_soon) for less than a day, StoreError.
    """
    return desk.begin(_reap(desk, older_than, dry_run, tell))


async def _reap(desk: Desk, older_than: int, dry_run: bool, tell: Tell | None) -> Harvest:
    if older_than < AT_LEAST:
        raise Refused("too_soon", "what ended less than a day ago is kept: late news has to find it")
    now = (await desk.look()).now
    found: list[Reaped] = []
    for walk in (_tombstones(desk, now, older_than, dry_run), _sealed(desk, now, dry_run)):
        async for one in walk:
            found.append(one)
            if tell is not None:
                tell(one)
    for one in await desk.on_store(lambda: _specs(desk, now, older_than, dry_run)):
        found.append(one)
        if tell is not None:
            tell(one)
    return Harvest(reaped=tuple(found), planned=dry_run)


async def _tombstones(desk: Desk, now: Instant, older_than: int, dry_run: bool) -> AsyncIterator[Reaped]:
    store, tenant = desk.store, desk.tenant
    keys = await desk.on_store(lambda: store.keys(tenant))
    for first in range(0, len(keys), _PAGE):
        page = keys[first : first + _PAGE]
        over = await desk.on_store(lambda wanted=page: _over(desk, wanted, now - older_than))  # type: ignore[misc]
        for key, why in over:
            if dry_run or await _forgotten(desk, key, now - older_than):
                yield Reaped(kind="tombstone", name=key, why=why)


def _over(desk: Desk, keys: list[str], before: Instant) -> list[tuple[str, str]]:
    found = ((key, desk.store.load(desk.tenant, key)) for key in keys)
    return [
        (key, why) for key, row in found if row is not None and (why := _why(desk, row, before)) is not None
    ]


def _why(desk: Desk, row: Row, before: Instant) -> str | None:
    """Return why a row may go, or None: it lives, ended lately, has live children, or is still to be told.

    One that is not as it was saved stays: it may be a live token that somebody has made a tombstone of.
    """
    try:
        token = None if row.live else desk.proven(row)
    except StoreError:
        return None
    if token is None or token.entered_at >= before:
        return None
    if any(child.live for child in desk.store.children(row.tenant, row.key)):
        return None
    if "outbox" in desk.store.capabilities:
        pending = {entry.key for entry in desk.store.pending(row.tenant, _PAGE)}
        if row.key in pending or len(pending) >= _PAGE:
            return None
    return f"`{row.state}`" + (f" ({token.reason})" if token.reason else "")


async def _forgotten(desk: Desk, key: str, before: Instant) -> bool:
    """Remove a tombstone under its key's lease, if it is still one; what a lease held up comes next time."""

    def forget() -> bool:
        row = desk.store.load(desk.tenant, key)
        if row is None or _why(desk, row, before) is None:
            return False
        record = desk.audit.act("reap", tenant=desk.tenant, key=key)
        return desk.store.forget(desk.tenant, key, record=record)

    async with desk.leased(key) as mine:
        return mine and await desk.on_store(forget)


async def _sealed(desk: Desk, now: Instant, dry_run: bool) -> AsyncIterator[Reaped]:
    """Go through what flows put away: each is opened, looked at, and taken by one flow of its key."""
    for shelf, flow in ((PARKED, _login), (JOURNAL, _journal)):
        for key in await desk.alone("", lambda shelf=shelf: _names(shelf), None):  # type: ignore[misc]
            why = await desk.alone(key, lambda key=key, flow=flow: flow(key, now, dry_run), None)  # type: ignore[misc]
            if why is not None:
                yield Reaped(kind="login" if shelf == PARKED else "journal", name=key, why=why)
    for shelf in _TICKETS:
        for name in await desk.alone("", lambda shelf=shelf: _names(shelf), None):  # type: ignore[misc]
            if is_over(name, now):
                if not dry_run:
                    await desk.alone("", lambda shelf=shelf, name=name: _taken(shelf, name), None)  # type: ignore[misc]
                yield Reaped(kind="ticket", name=shelf, why="its minute is over")


def _names(shelf: str) -> Flow[list[str]]:
    names: list[str] = yield NamesOn(shelf)
    return names


def _taken(shelf: str, name: str) -> Flow[None]:
    yield TakeAway(shelf, name)


def _login(key: str, now: Instant, dry_run: bool) -> Flow[str | None]:
    """Take a login away that has waited longer than its issuer, or we, wait for a person."""
    parked: Any = yield Waiting(key)
    if parked is None or parked["until"] >= now:
        return None
    if not dry_run:
        yield Unpark(key, parked["state"])
    return "nobody came back to it in time"


def _journal(key: str, now: Instant, dry_run: bool) -> Flow[str | None]:
    """Take away what was received for an attempt that is over: its token is gone, ended, or has moved on."""
    receipt: Any = yield Journaled(key, "")  # what stands on the shelf: segments go with their processes
    if receipt is None:
        return None
    token: Token | None = yield Load(key)
    token_id, generation = receipt["of"][:2]
    if token is not None:
        lifecycle = yield Pinned(token)
        final = lifecycle.states[token.state].final
        if (token.id, token.generation) == (token_id, generation) and not final:
            return None
    if not dry_run:
        yield Unjournal(key, receipt)
    return "its attempt is over"


def _specs(desk: Desk, now: Instant, older_than: int, dry_run: bool) -> list[Reaped]:
    """Remove specs that no token of any tenant has named for long; one that is unused now is marked first."""
    store, used = desk.store, _named(desk)
    reaped: list[Reaped] = []
    for digest in store.names(SPECS):
        mark = store.get(UNUSED, digest)
        if digest in used or digest in {one.digest for one in desk.setting.lifecycles.values()}:
            if mark is not None and not dry_run:
                store.take(UNUSED, digest)
        elif mark is None:
            if not dry_run:
                store.keep(UNUSED, digest, str(now).encode())
        elif int(mark) <= now - older_than and (dry_run or _dropped(desk, digest, mark)):
            reaped.append(Reaped(kind="spec", name=digest, why="no token has named it for as long"))
    return reaped


def _dropped(desk: Desk, digest: str, mark: bytes) -> bool:
    """Remove a spec, unless an engine has taken its mark meanwhile: it is about to save a token with it."""
    store, going = desk.store, b"0"
    if not store.swap(UNUSED, digest, mark, going):
        return False
    spec = store.take(SPECS, digest)
    if store.take(UNUSED, digest) is None or digest in _named(desk):
        if spec is not None:
            store.keep(SPECS, digest, spec)
        return False
    return True


def _named(desk: Desk) -> set[str]:
    """Return the digests that rows of any tenant name."""
    found: set[str] = set()
    after: tuple[str, str] | None = None
    while rows := desk.store.rows(after, _PAGE):
        found |= {row.digest for row in rows}
        after = rows[-1].tenant, rows[-1].key
    return found
