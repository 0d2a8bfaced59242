"""The verb that takes a store for what it is: a copy, a backup put back, or the very one, moved elsewhere.

Adopting says that nobody else uses another copy. Every token whose renewal spends something is asked about
at its issuer first; what is dead, or may be, waits for a person, and the rest goes on (`rollback`).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TypeAlias

import attrs

from tokenflow.core import flows
from tokenflow.core.errors import Refused, StoreError, TokenflowError
from tokenflow.core.flows.adopting import Adopted, stake
from tokenflow.core.flows.holding import Held
from tokenflow.core.moments import Trusted
from tokenflow.core.tokens import Instant
from tokenflow.engine.desk import Desk
from tokenflow.engine.erasing import erase_again
from tokenflow.engine.rekeying import every_row
from tokenflow.engine.revoking import a_few_at_once
from tokenflow.engine.rings import Ring
from tokenflow.engine.rollback import Suspicion, release
from tokenflow.engine.stores import Row

Tell: TypeAlias = Callable[[Adopted], None]


@attrs.frozen(kw_only=True)
class Adoption:
    """What came of it, token by token."""

    suspicion: Suspicion | None
    """Why it had to be adopted; None: it had not to be."""
    outcomes: tuple[Adopted, ...] = ()
    planned: bool = False
    """Nothing was done: `ask` stands where a token would be asked about."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each verdict came."""
        return Counter(one.verdict for one in self.outcomes)

    @property
    def done(self) -> bool:
        """Whether tokens are refreshed again."""
        return not self.planned and not self.counts["failed"]


def adopt(
    desk: Desk, because: str, *, moved: bool = False, dry_run: bool = False, tell: Tell | None = None
) -> "Future[Adoption]":
    """Adopt the store, all tenants': from its end on tokens are refreshed again.

    Every token that is renewed by something that is good once is asked about at its issuer, and nothing is
    spent. *moved*: it is the very store, moved here whole, and nobody used another since; nobody is asked.
    *because* stands in the audit trail: no secret, nor a name. Raises Refused (no_reason, not_moved), and
    what keeps it from asking is told of each token as `failed`: then the store stays as it is.
    """
    return desk.begin(_adopt(desk, because, moved, dry_run, tell))


async def _adopt(desk: Desk, because: str, moved: bool, dry_run: bool, tell: Tell | None) -> Adoption:
    now, performer = (await desk.look()).now, desk.performer
    seen = await desk.on_store(desk.audit.watch.again)
    if seen is None:
        return Adoption(suspicion=None, planned=dry_run)
    if dry_run:
        return Adoption(
            suspicion=seen,
            outcomes=tuple(await desk.on_store(lambda: _plan(desk, performer.time.look()))),
            planned=True,
        )
    if not because.strip():
        raise Refused("no_reason", "say what happened: it stands in the audit trail", mend="because=...")
    if moved and seen.cause != "elsewhere":
        raise Refused(
            "not_moved",
            f"this store was not just moved: {seen.says}",
            mend="adopt it without --moved: its issuers are asked",
        )
    done = Adoption(suspicion=seen, outcomes=() if moved else await _asked(desk, performer.cipher, now, tell))
    if done.done:
        await desk.on_store(lambda: _settle(desk, seen, because, done))
    return done


async def _asked(desk: Desk, ring: Ring, now: Instant, tell: Tell | None) -> tuple[Adopted, ...]:
    gone = await desk.on_store(lambda: erase_again(ring, desk.audit, now))
    outcomes = [Adopted(tenant=tenant, key=key, verdict="erased") for tenant, key in gone]

    async def one(row: Row) -> None:
        assert desk.tenants is not None, "it is an engine's own desk"
        theirs = desk.tenants.desk(row.tenant)
        try:
            outcome = await theirs.alone(row.key, lambda: flows.adopt(theirs.setting, row.key), None)
        except StoreError:
            raise
        except TokenflowError as error:
            why = str(error).splitlines()[0]
            outcome = Adopted(tenant=row.tenant, key=row.key, verdict="failed", why=why)
        outcomes.append(outcome)
        if tell is not None:
            tell(outcome)

    rows = await desk.on_store(lambda: [row for row in every_row(desk.store) if _may_spend(row)])
    await a_few_at_once(rows, one)
    return tuple(outcomes)


def _plan(desk: Desk, clock: Trusted) -> list[Adopted]:
    return [_outlook(desk, row, clock) for row in every_row(desk.store) if _may_spend(row)]


def _outlook(desk: Desk, row: Row, clock: Trusted) -> Adopted:
    try:
        token, lifecycle = desk.opened(row)
        held = Held(token=token, lifecycle=lifecycle, clock=clock)
        verdict = "safe" if stake(desk.setting, held) is None else "ask"
    except TokenflowError as error:
        return Adopted(tenant=row.tenant, key=row.key, verdict="failed", why=str(error).splitlines()[0])
    return Adopted(tenant=row.tenant, key=row.key, verdict=verdict)


def _may_spend(row: Row) -> bool:
    return row.live and row.refresh_token is not None


def _settle(desk: Desk, seen: Suspicion, because: str, done: Adoption) -> None:
    facts = {"why": because, "cause": seen.cause, "asked": len(done.outcomes)}
    desk.audit.write("adopt", facts=facts)
    desk.audit.settle()
    release(desk.store)
    desk.audit.watch.again()
