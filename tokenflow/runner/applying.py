"""Apply a plan: its acts in their order, each only if its token is still what the plan saw, and no other."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from tokenflow.core.errors import IssuerRefused, IssuerUnreachable, PersonNeeded, Refused, TokenflowError
from tokenflow.core.events import AttemptFailed, from_json
from tokenflow.core.plans import Act, Plan
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.sealing import unopened
from tokenflow.engine.sync import Engine

_NAP: Final = 60.0
"""Seconds; the clock is looked at again at least this often."""


@attrs.frozen(kw_only=True)
class Applied:
    """What became of one act."""

    act: Act
    outcome: str
    """done, earlier (it was done before), later (it is not due yet), refused, person or failed."""
    state: str | None = None
    """Where the token stands afterwards."""
    error: TokenflowError | None = attrs.field(default=None, repr=False)

    @property
    def as_planned(self) -> bool:
        """Whether it was done and came to what the plan expected."""
        return self.outcome == "done" and self.act.state in (None, self.state)


def apply(
    engine: Engine,
    plan: Plan,
    *,
    tell: Callable[[Applied], None] = lambda applied: None,
    stop: threading.Event | None = None,
) -> tuple[Applied, ...]:
    """Do what *plan* lists and return what became of each act; nothing else is done.

    Without *stop* the acts that are due are done, and the others left for later; with it, each is
    waited for until *stop* is set. Raises Refused: other_store, other_tenant, specs_changed,
    timers_held.
    """
    _check(engine, plan)
    found = []
    for act in plan.acts:
        if not act.changes:
            continue
        applied = _one(engine, act, plan.acts, stop)
        found.append(applied)
        tell(applied)
    return tuple(found)


def _one(engine: Engine, act: Act, acts: Sequence[Act], stop: threading.Event | None) -> Applied:
    if _done_before(engine, act, acts):
        return Applied(act=act, outcome="earlier")
    if not _is_time(engine, act, stop):
        return Applied(act=act, outcome="later")
    try:
        token = engine.desk.perform(act).result()
    except Refused as no:
        return Applied(act=act, outcome="refused", state=_state(engine, act.key), error=no)
    except PersonNeeded as needed:
        return Applied(act=act, outcome="person", state=_state(engine, act.key), error=needed)
    except TokenflowError as error:
        return Applied(act=act, outcome="failed", state=_state(engine, act.key), error=error)
    failure = _failure(engine, act)
    return Applied(act=act, outcome="done" if failure is None else "failed", state=token.state, error=failure)


def _failure(engine: Engine, act: Act) -> TokenflowError | None:
    """Return what the issuer's no comes to, which an act that is attended to notes and does not raise."""
    for entry in reversed(engine.desk.store.history(engine.desk.tenant, act.key)):
        if entry.revision <= act.sees.revision:
            return None
        match from_json(entry.happened):
            case AttemptFailed(detail=detail, error="reconsent"):
                return PersonNeeded(detail)
            case AttemptFailed(detail=detail, error=("transient" | "rate_limited")):
                return IssuerUnreachable(detail, sent=True)
            case AttemptFailed(detail=detail):
                return IssuerRefused(detail, status=0, facts={})
    return None


def _check(engine: Engine, plan: Plan) -> None:
    again = "make a new plan"
    desk = engine.desk
    if (desk.store.get("store", "id") or b"").decode(errors="replace") != plan.store:
        raise Refused(
            "other_store", "the plan was made for another store", mend="name the store it was made for"
        )
    if desk.tenant != plan.tenant:
        raise Refused("other_tenant", f"the plan was made for the tenant {plan.tenant!r}", mend=again)
    if plan.held is not None:
        raise Refused("timers_held", f"nothing is planned while timers are held: {plan.held}", mend=again)
    now = {one.ref: one.digest for one in desk.setting.lifecycles.values()}
    changed = sorted(ref for ref, digest in plan.digests.items() if now.get(ref) != digest)
    if changed:
        raise Refused("specs_changed", f"{', '.join(changed)} changed since the plan was made", mend=again)


def _done_before(engine: Engine, act: Act, acts: Sequence[Act]) -> bool:
    """Return whether its token already stands where a later act of the plan begins."""
    row = engine.desk.store.load(engine.desk.tenant, act.key)
    token = None if row is None else unopened(row)
    if token is None or act.sees.fits(token):
        return False
    later = [one for one in acts if one.key == act.key and one.sees.revision > act.sees.revision]
    return any(one.sees.fits(token) for one in later)


def _is_time(engine: Engine, act: Act, stop: threading.Event | None) -> bool:
    """Return whether the act is due, having waited for it if there is a *stop*."""
    while (rest := _due(engine, act) - engine.desk.clock()) > 0:
        if stop is None or stop.wait(min(rest / SECOND, _NAP)):
            return False
    return stop is None or not stop.is_set()


def _due(engine: Engine, act: Act) -> Instant:
    """Return when it is due: of a token that the plan acquired, what its own id makes of the jitter."""
    row = engine.desk.store.load(engine.desk.tenant, act.key)
    if act.does == "fire" and act.sees.id is None and row is not None and row.due_at is not None:
        return max(act.due, row.due_at)
    return act.due


def _state(engine: Engine, key: str) -> str | None:
    row = engine.desk.store.load(engine.desk.tenant, key)
    return None if row is None else row.state
