"""Hand out a usable token: the heart of it. Fresh is handed out, stale is extended, over is acquired anew."""

from collections.abc import Mapping
from typing import Any

import attrs

from tokenflow.core.decisions import Acquire, Extend, Use, Wait, decide, renewing_event
from tokenflow.core.effects import Flow, Load
from tokenflow.core.errors import (
    IssuerUnreachable,
    PersonNeeded,
    RevisionConflict,
    StoreError,
    TokenflowError,
)
from tokenflow.core.flows.acquiring import acquire
from tokenflow.core.flows.commanding import carry_out
from tokenflow.core.flows.holding import Held, current, decided
from tokenflow.core.flows.revoking import tell_again
from tokenflow.core.flows.saving import again, load, look, pinned
from tokenflow.core.lifecycles import Acquisition, Lifecycle
from tokenflow.core.locks import Hold, Lock
from tokenflow.core.migrating import newer
from tokenflow.core.revoking import demand_not_revoking
from tokenflow.core.setting import Setting
from tokenflow.core.steps import is_usable, settle
from tokenflow.core.tokens import SECOND, Token


def token(setting: Setting, key: str) -> Flow[Token]:
    """Return a usable token for *key*, extending or acquiring it if need be.

    A stale token is still served when the issuer cannot be asked just now. Raises TokenNotFound,
    PersonNeeded, IssuerError when it is over and nothing helped, Refused("revoking") when it is to end.
    """

    def attempt() -> Flow[Token]:
        held = yield from current(setting, key)
        demand_not_revoking(held.token)
        match decide(held.lifecycle, held.token, held.now, held.due):
            case Use():
                return (yield from assembled(setting, held))
            case Extend(_, event, urgent):
                if not urgent and held.clock.held is not None:
                    return held.token
                return (yield from _extended(setting, held, event, patient=urgent))
            case Wait(_, until):
                if (yield from _is_let_go(held.token)):
                    raise RevisionConflict(f"{key!r} was worked on meanwhile", mend="look again")
                seconds = (until - held.now) // SECOND
                raise IssuerUnreachable(
                    f"{key}: not usable now; the issuer is asked again in {seconds} s", sent=False
                )
            case Acquire(reason):
                return (yield from _acquired_again(setting, held, reason))

    return (yield from again(attempt))


def _is_let_go(token: Token) -> Flow[bool]:
    """Wait for whoever works on a token that serves nobody; return whether they have done something."""
    if token.attempt is None or not token.attempt.open:
        return False
    if (yield Lock(token.key)) is not Hold.FIRM:
        return False
    latest: Token | None = yield Load(token.key)
    return latest is not None and latest.revision != token.revision


@attrs.frozen
class Glance:
    """A token that serves just now, as it is held."""

    token: Token
    lifecycle: Lifecycle
    stale: bool
    """A newer one is to be had."""


def glance(setting: Setting, key: str) -> Flow[Glance | None]:
    """Return the token under *key* if it serves just now; None: only `token` can say. Raises TokenNotFound.

    Nothing is changed, and nobody is waited for: whoever extends the token meanwhile is not disturbed.
    """
    stored = yield from load(key)
    lifecycle = yield from pinned(stored)
    clock = yield from look()
    settled = settle(lifecycle, stored, clock.now)
    anew = settled.steps or newer(setting.lifecycles, stored) is not None
    if anew or clock.held is not None or stored.access_token is None:
        return None
    doubted = stored.attempt is not None and stored.attempt.doubted_since is not None
    match decide(lifecycle, stored, clock.now, settled.due):
        case Use():
            return Glance(stored, lifecycle, stale=doubted)
        case Extend(urgent=False):
            return Glance(stored, lifecycle, stale=True)
    return None


def _extended(setting: Setting, held: Held, event: str, *, patient: bool) -> Flow[Token]:
    key = held.token.key
    try:
        renewed = yield from carry_out(setting, held, event, cause="timer", patient=patient)
    except StoreError:
        raise
    except TokenflowError as error:
        after = yield from current(setting, key)
        if is_usable(after.lifecycle, after.token, after.now):
            return after.token
        if isinstance(error, PersonNeeded) and _by_itself(after) is not None:
            return (yield from _acquired_again(setting, after, "its renewal was lost"))
        raise
    if (yield from pinned(renewed)).states[renewed.state].usable:
        return renewed
    raise PersonNeeded(
        f"{key} became `{renewed.state}` while it was renewed",
        mend=f"engine.acquire({key!r}, lifecycle={held.lifecycle.name!r}, platform=...)",
    )


def assembled(setting: Setting, held: Held) -> Flow[Token]:
    """Put a value that is never kept (`keep_value: false`) together for this one use."""
    platform = held.token.platform
    acquisition = held.lifecycle.acquisitions.get(platform or "")
    if held.token.access_token is not None or acquisition is None or acquisition.keep_value:
        return held.token
    order = setting.acquisition_order(
        held.lifecycle,
        acquisition,
        held.token.key,
        payload=None,
        attributes=held.token.attributes,
        scope=held.token.scope,
    )
    grant = yield from setting.plugins.acquire(acquisition.use)(order)
    return attrs.evolve(held.token, access_token=grant.access_token)


def _by_itself(held: Held) -> Acquisition | None:
    """Return how the token is acquired anew without anybody, or None."""
    acquisition = held.lifecycle.acquisitions.get(held.token.platform or "")
    alone = acquisition is not None and acquisition.consent == "none" and acquisition.runs_on == "server"
    return acquisition if alone else None


def _acquired_again(setting: Setting, held: Held, reason: str) -> Flow[Token]:
    token, lifecycle = held.token, held.lifecycle
    acquisition = _by_itself(held)
    if acquisition is None:
        raise PersonNeeded(
            f"{token.key} is over ({reason}); a person has to log in again",
            mend=f"engine.acquire({token.key!r}, lifecycle={lifecycle.name!r}, platform=...)",
        )
    return (
        yield from acquire(
            setting,
            token.key,
            lifecycle=lifecycle.name,
            platform=acquisition.platform,
            attributes=token.attributes,
            scope=token.scope,
        )
    )


def extend(setting: Setting, key: str, *, place: str = "server", event_id: str | None = None) -> Flow[Token]:
    """Replace the token by a longer-lived or newer one now; raises Rejected, Refused or IssuerError.

    The event is `extend`, or the one whose command renews a token in this state.
    """
    held = yield from current(setting, key)
    event = "extend" if "extend" in held.lifecycle.events else renewing_event(held.lifecycle, held.token)
    return (yield from raise_event(setting, key, event or "extend", place=place, event_id=event_id))


def raise_event(
    setting: Setting,
    key: str,
    event: str,
    *,
    cause: str = "caller",
    place: str = "server",
    payload: Mapping[str, Any] | None = None,
    event_id: str | None = None,
) -> Flow[Token]:
    """Raise *event* on a token and return what it leaves. A repeated *event_id* changes nothing (rule E4)."""

    def attempt() -> Flow[Token]:
        if (yield from decided(key, event_id)):
            return (yield from load(key))
        held = yield from current(setting, key)
        return (
            yield from carry_out(
                setting, held, event, cause=cause, place=place, payload=payload, event_id=event_id
            )
        )

    return (yield from again(attempt))


def attend(setting: Setting, key: str) -> Flow[Token]:
    """Do what is due for *key* and return the token, as a sweep does. Failures are recorded, not raised."""

    def attempt() -> Flow[Token]:
        held = yield from current(setting, key)
        if held.due is None or held.clock.held is not None:
            return held.token
        if held.token.revoking is not None:
            return (yield from tell_again(setting, held))
        try:
            return (yield from carry_out(setting, held, held.due, cause="timer", patient=False))
        except StoreError:
            raise
        except TokenflowError:
            return (yield from load(key))

    return (yield from again(attempt))
