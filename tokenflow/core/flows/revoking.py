"""Tell an issuer that a token ended, and take its word; what it did not confirm it is told again (R23)."""

from contextlib import suppress
from typing import Final

import attrs

from tokenflow.core.effects import Change, Flow, LoadChildren, Save
from tokenflow.core.errors import ClockHeld, IssuerUnreachable, Refused, Rejected, StoreError, TokenflowError
from tokenflow.core.events import About, Happened, Notified, RevocationFailed
from tokenflow.core.flows.commanding import carry_out
from tokenflow.core.flows.holding import Held, current
from tokenflow.core.flows.retiring import retire_children
from tokenflow.core.flows.saving import again, load, look, pinned
from tokenflow.core.policies import meaning_of, until_of
from tokenflow.core.revoking import HERE, INVALIDATE, Outcome, Way, here_only, in_vain, standing, way_of
from tokenflow.core.setting import Setting
from tokenflow.core.tokens import SECOND, Token

_DEAD: Final = ("revoked", "expired")
"""Classes of a no that says that the token is over."""
_PAUSE: Final = 10 * SECOND
"""How long a parent waits for children of which nobody was told yet ..."""
_AT_MOST: Final = 600 * SECOND
"""... since its revocation began."""


def tell(setting: Setting, key: str, *, place: str | None = "server", cause: str = "caller") -> Flow[Outcome]:
    """Tell the issuer of *key*, which was taken out of service, and return what came of it.

    Where its lifecycle, or its issuer, has no way to be told, it ends here only. Raises TokenNotFound and
    StoreError; whatever else goes wrong is in the outcome, and on record.
    """
    held = yield from current(setting, key)
    token = held.token
    if held.lifecycle.states[token.state].final or token.revoking is None:
        return standing(token)
    way = Way(event=INVALIDATE, upstream=True)
    try:
        way = way_of(held.lifecycle, token, place)
        yield from _ended(setting, held, way, place, cause)
    except StoreError:
        raise
    except TokenflowError as error:
        if getattr(error, "code", None) == "cannot_revoke":
            return (yield from _here_only(setting, token, way, error, cause))
        if meaning_of(held.lifecycle, error).kind in _DEAD:
            yield from _found_dead(setting, token, error)
        return (yield from _in_vain(token, way, error))
    verdict = "revoked" if way.upstream else "unsupported"
    return Outcome(key=key, verdict=verdict, why=way.why, issuer=token.issuer)


def _ended(setting: Setting, held: Held, way: Way, place: str | None, cause: str) -> Flow[Token]:
    payload = {"reason": HERE} if way.event == INVALIDATE else None
    return (yield from carry_out(setting, held, way.event, cause=cause, place=place, payload=payload))


def _found_dead(setting: Setting, token: Token, error: TokenflowError) -> Flow[None]:
    """Take the issuer's no for its word that the token is dead, where the spec's `on_error` did not."""
    held = yield from current(setting, token.key)
    reason = meaning_of(held.lifecycle, error).payload.get("reason", "dead_at_issuer")
    with suppress(Rejected):
        yield from carry_out(setting, held, INVALIDATE, cause="issuer", payload={"reason": reason})


def _here_only(setting: Setting, token: Token, way: Way, no: TokenflowError, cause: str) -> Flow[Outcome]:
    """End a token here whose issuer turned out to have no way to be told."""
    held = yield from current(setting, token.key)
    try:
        here = here_only(held.lifecycle, held.token, _line(no))
    except Refused as neither:
        return (yield from _in_vain(token, way, neither))
    yield from _ended(setting, held, here, None, cause)
    return Outcome(key=token.key, verdict="unsupported", why=here.why, issuer=token.issuer)


def _in_vain(token: Token, way: Way, error: TokenflowError) -> Flow[Outcome]:
    """Note that the issuer did not confirm, and when it is told again; or that it calls the token dead."""

    def noted() -> Flow[Outcome]:
        latest = yield from load(token.key)
        lifecycle = yield from pinned(latest)
        if lifecycle.states[latest.state].final or latest.revoking is None:
            return standing(latest)  # the issuer's no was that it is over: its spec's `on_error` took it
        now = (yield from look()).now
        meaning = meaning_of(lifecycle, error)
        unasked = (
            isinstance(error, IssuerUnreachable) and not error.sent and latest.revision == token.revision
        )
        after = in_vain(
            latest,
            latest.revoking,
            way.retry,
            kind=meaning.kind,
            counts=not (unasked or isinstance(error, ClockHeld)),
            until=until_of(meaning, error, now),
            now=now,
        )
        happened = _given_up(latest, after, meaning.kind, now)
        yield Save((Change(token=after, expected=latest.revision, happened=happened),))
        return Outcome(key=token.key, verdict="failed", why=_line(error), issuer=token.issuer)

    return (yield from again(noted))


def _given_up(before: Token, after: Token, kind: str, now: int) -> tuple[Happened, ...]:
    """Return what is told once, when the last of its tries was in vain."""
    was, mark = before.revoking, after.revoking
    assert was is not None, "it is being revoked"
    assert mark is not None, "it still is"
    if mark.irrevocable_since is None or was.irrevocable_since is not None:
        return ()
    about = About.of(after, now)
    failed = RevocationFailed(about=about, tries=mark.tries, error=kind, again_at=mark.again_at)
    return failed, Notified(about=about.to_deliver(), name="token.irrevocable")


def _line(error: TokenflowError) -> str:
    return str(error).splitlines()[0]


def tell_again(setting: Setting, held: Held) -> Flow[Token]:
    """Tell the issuer of a token that is due to be revoked, as a sweep does; failures are on record.

    Its children come first: those that were not reached when its revocation began are taken along now, and
    those whose issuers were not told yet are waited for, but not for ever.
    """
    token = held.token
    assert token.revoking is not None, "it is being revoked"
    with suppress(Refused):  # its spec has no end for it: telling its issuer says so
        yield from retire_children(setting, token, way_of(held.lifecycle, token, None), at_once=True)
    children: list[Token] = yield LoadChildren(token.key)
    untold = any(one.revoking is not None and one.revoking.tries == 0 for one in children)
    if untold and held.now < token.revoking.since + _AT_MOST:
        later = attrs.evolve(token.revoking, again_at=held.now + _PAUSE)
        after = attrs.evolve(token, revoking=later, revision=token.revision + 1)
        yield Save((Change(token=after, expected=token.revision),))
        return after
    yield from tell(setting, token.key, place=None, cause="timer")
    return (yield from load(token.key))
