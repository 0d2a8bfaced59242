"""The verbs that end tokens on purpose: one with all that goes with it, or all of an issuer.

Each token's flow runs alone for its key, a few at once; what one comes to keeps no other waiting.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Final, TypeAlias, TypeVar

from tokenflow.core import flows
from tokenflow.core.errors import StoreError, TamperedRow, TokenflowError, WrongKey
from tokenflow.core.revoking import Outcome, Revocation, standing, way_of
from tokenflow.engine.desk import Desk
from tokenflow.engine.stores import Row
from tokenflow.engine.sweeping import IN_FLIGHT

K = TypeVar("K")
T = TypeVar("T")
Tell: TypeAlias = Callable[[Outcome], None]
_PAGE: Final = 100
"""Rows read at once."""


def revoke(
    desk: Desk, key: str, *, place: str = "server", event_id: str | None = None, step: str | None = None
) -> "Future[Revocation]":
    """End a token on purpose, with the children its lifecycle's end takes along; say what came of each.

    All of them are used for nothing from then on. Issuers are told children first, and a token whose issuer
    does not confirm is `failed`: it is kept, and told again by whoever sweeps; `.demand()` raises for it.
    Raises TokenNotFound, Refused("cannot_revoke") for one that has no way to end, StoreError.
    """
    return desk.begin(_revoked(desk, key, place, event_id, step or event_id))


async def _revoked(desk: Desk, key: str, place: str, event_id: str | None, step: str | None) -> Revocation:
    retired = await desk.alone(
        key, lambda: flows.retire(desk.setting, key, place=place, event_id=event_id), step
    )
    outcomes = list(retired.ended)

    async def told(one: str) -> Outcome:
        return await desk.alone(one, lambda: flows.tell(desk.setting, one, place=place), step)

    for row in retired.ahead:
        outcomes += await a_few_at_once(row, told)
    return Revocation(outcomes=tuple(outcomes))


def revoke_all(
    desk: Desk, *, issuer: str | None = None, dry_run: bool = False, tell: Tell | None = None
) -> "Future[Revocation]":
    """Revoke every live token of an *issuer*, by its name in the specs; None: of any.

    *tell* hears of each outcome as it comes, on the engine's thread. A token in trouble keeps no other from
    its end, and what was cut short goes on where it stopped when it is asked for again. *dry_run*: nothing
    is done, and the outcomes are those to expect. Raises StoreError.
    """
    return desk.begin(_expected(desk, issuer, tell) if dry_run else _all_revoked(desk, issuer, tell))


async def _all_revoked(desk: Desk, issuer: str | None, tell: Tell | None) -> Revocation:
    chosen = {one.key: one.parent async for page in _pages(desk, issuer) for one in page}
    found: dict[str, Outcome] = {}

    async def tried(key: str) -> None:
        if key in found:
            return
        for outcome in await _tried(desk, key):
            if outcome.key not in found:
                found[outcome.key] = outcome
                if tell is not None:
                    tell(outcome)

    roots = [key for key, parent in chosen.items() if parent not in chosen]
    await a_few_at_once(roots, tried)  # they take along whom their specs say ...
    await a_few_at_once([key for key in chosen if key not in found], tried)  # ... but all are to end
    return Revocation(outcomes=tuple(found.values()))


async def _tried(desk: Desk, key: str) -> tuple[Outcome, ...]:
    """Return what came of one of many; only a store in trouble ends the whole."""
    try:
        return (await _revoked(desk, key, "server", None, None)).outcomes
    except TokenflowError as error:
        if isinstance(error, StoreError) and not isinstance(error, TamperedRow | WrongKey):
            raise
        return (Outcome(key=key, verdict="failed", why=str(error).splitlines()[0]),)


async def _expected(desk: Desk, issuer: str | None, tell: Tell | None) -> Revocation:
    outcomes: list[Outcome] = []
    async for page in _pages(desk, issuer):
        expected = await desk.on_store(lambda rows=page: [_outlook(desk, row) for row in rows])  # type: ignore[misc]
        outcomes += expected
        for outcome in expected:
            if tell is not None:
                tell(outcome)
    return Revocation(outcomes=tuple(outcomes), planned=True)


def _outlook(desk: Desk, row: Row) -> Outcome:
    try:
        token, lifecycle = desk.opened(row)
        if token.revoking is not None:
            return standing(token)
        way = way_of(lifecycle, token)
    except TokenflowError as error:
        return Outcome(key=row.key, verdict="failed", why=str(error).splitlines()[0])
    verdict = "revoked" if way.upstream else "unsupported"
    return Outcome(key=row.key, verdict=verdict, why=way.why, issuer=token.issuer)


async def _pages(desk: Desk, issuer: str | None) -> AsyncIterator[list[Row]]:
    """Yield the live rows of the tenant whose issuer it is, or of all, a page at a time."""
    await desk.look()  # a row is read in a room, and then there is one
    keys = await desk.on_store(lambda: desk.store.keys(desk.tenant))
    for first in range(0, len(keys), _PAGE):
        page = keys[first : first + _PAGE]
        yield await desk.on_store(lambda wanted=page: _to_end(desk, wanted, issuer))  # type: ignore[misc]


def _to_end(desk: Desk, keys: Sequence[str], issuer: str | None) -> list[Row]:
    """Return the rows to end; one that is not as it was saved may be one of them, and is told as failed."""
    rows = [row for key in keys if (row := desk.store.load(desk.tenant, key)) is not None]
    return [row for row in rows if _is_live(desk, row, issuer)]


def _is_live(desk: Desk, row: Row, issuer: str | None) -> bool:
    try:
        token = desk.proven(row)
    except StoreError:
        return True
    return row.live and issuer in (None, token.issuer)


async def a_few_at_once(them: Sequence[K], work: Callable[[K], Awaitable[T]]) -> list[T]:
    """Do *work* on each of *them*, so many at a time as a sweep does."""
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one(it: K) -> T:
        async with slots:
            return await work(it)

    return await asyncio.gather(*(one(it) for it in them))
