"""The end of a token on purpose: how its lifecycle ends it, when its issuer is told again, what came of it.

A token that is to be revoked is used for nothing from then on, whatever its issuer says. It stays on record,
with its value, until the issuer has confirmed: what the issuer did not hear it has to be told again.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Final

import attrs

from tokenflow.core._machine import Row
from tokenflow.core.conditions import View
from tokenflow.core.deadlines import REVOKE
from tokenflow.core.errors import NotRevoked, Refused, Rejected
from tokenflow.core.lifecycles import Lifecycle, Retry
from tokenflow.core.steps import choose, effects, payload_of, view_of
from tokenflow.core.tokens import DAY, SECOND, Instant, Revoking, Token

INVALIDATE: Final = "invalidate"
"""The event that ends a token here only."""
HERE: Final = "revoked"
"""The reason of a token that ended here only."""

TRIES: Final = Retry(attempts=6, first=10 * SECOND, factor=2, longest=3600 * SECOND)
"""As Vault revokes a lease (security.md §1). A command with several attempts has a schedule of its own."""
TAKEN_UP: Final = 60 * SECOND
"""Who began to revoke is left so long to tell the issuer; then the sweep does."""
_HOUR: Final = 3600 * SECOND


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of one token's revocation."""

    key: str
    verdict: str
    """revoked: its issuer confirmed. unsupported: nobody can tell its issuer, and it ended here only.
    already: it was over. failed: its issuer did not confirm; it is used for nothing, and told again."""
    why: str | None = None
    issuer: str = ""


@attrs.frozen(kw_only=True)
class Revocation:
    """What came of a revocation, token by token, in the order in which they were dealt with."""

    outcomes: tuple[Outcome, ...] = ()
    planned: bool = False
    """Nothing was done: these are what is expected."""

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those whose issuer has not confirmed."""
        return tuple(one for one in self.outcomes if one.verdict == "failed")

    @property
    def counts(self) -> Mapping[str, int]:
        """How many there are of each verdict."""
        return Counter(one.verdict for one in self.outcomes)

    def demand(self) -> None:
        """Raise NotRevoked, naming the first, unless every issuer has confirmed what it could be told."""
        if self.failed:
            first, more = self.failed[0], len(self.failed) - 1
            others = f", and {more} more" if more else ""
            raise NotRevoked(
                f"{first.key} was not revoked: {first.why}{others}",
                mend="it is used for nothing any more, and its issuer is told again by whoever sweeps",
            )


@attrs.frozen(kw_only=True)
class Way:
    """How a token ends on purpose, as its lifecycle says."""

    event: str
    upstream: bool
    """Whether its issuer is told, and has to confirm."""
    why: str | None = None
    """Why its issuer is not told; None: it is."""
    cascades: tuple[str, ...] = ()
    """What its children hear of it (rule F5)."""
    retry: Retry = TRIES
    """When its issuer is told again: as its command's own `retry` says, if that has several attempts."""


def way_of(lifecycle: Lifecycle, token: Token, place: str | None = "server") -> Way:
    """Return how *token* ends when that is asked for at *place*; None: wherever its command runs.

    Raises Refused("cannot_revoke") when its state takes neither `revoke` nor `invalidate`.
    """
    if REVOKE not in lifecycle.events:
        return here_only(lifecycle, token, f"{lifecycle.ref} declares no `{REVOKE}`")
    try:
        row = choose(lifecycle, token, REVOKE, _view(lifecycle, token, REVOKE))
    except Rejected as no:
        return here_only(
            lifecycle, token, f"`{token.state}` of {lifecycle.ref} takes no `{REVOKE}` ({no.code})"
        )
    command = None if row is None or "do" not in row.data else lifecycle.commands[row.data["do"]]
    if command is None:
        why = f"`{REVOKE}` of {lifecycle.ref} waits for no word of its issuer's"
        return Way(event=REVOKE, upstream=False, cascades=_cascades(row), why=why)
    if place not in (None, command.runs_on):
        return here_only(
            lifecycle, token, f"`{command.name}` of {lifecycle.ref} runs on the {command.runs_on} only"
        )
    if token.access_token is None and token.refresh_token is None:
        return here_only(lifecycle, token, "no value of it is held that its issuer could be told of")
    retry = command.retry if command.retry.attempts > 1 else TRIES
    return Way(event=REVOKE, upstream=True, cascades=_cascades(row), retry=retry)


def here_only(lifecycle: Lifecycle, token: Token, why: str) -> Way:
    """Return how *token* ends without its issuer; raises Refused("cannot_revoke") when it does not."""
    try:
        row = choose(lifecycle, token, INVALIDATE, _view(lifecycle, token, INVALIDATE))
    except Rejected as no:
        raise Refused(
            "cannot_revoke",
            f"{token.key!r} cannot be ended: {why}, and no `{INVALIDATE}` either ({no.code})",
            mend=f"declare `{REVOKE}` or `{INVALIDATE}` in {lifecycle.name}",
        ) from None
    return Way(event=INVALIDATE, upstream=False, why=why, cascades=_cascades(row))


def _view(lifecycle: Lifecycle, token: Token, event: str) -> View:
    return view_of(lifecycle, token, event=payload_of(lifecycle, event, {"reason": HERE}))


def _cascades(row: Row | None) -> tuple[str, ...]:
    return tuple(effect["cascade"] for effect in effects(row) if "cascade" in effect)


def begun(token: Token, now: Instant, *, at_once: bool = False) -> Token:
    """Return *token* as one that is being revoked; *at_once*: by whoever sweeps."""
    if token.revoking is not None:
        return token
    again_at = now if at_once else now + TAKEN_UP
    return attrs.evolve(token, revoking=Revoking(since=now, again_at=again_at), revision=token.revision + 1)


def in_vain(
    token: Token,
    revoking: Revoking,
    retry: Retry,
    *,
    kind: str,
    counts: bool,
    until: Instant | None,
    now: Instant,
) -> Token:
    """Return *token* after its issuer was told in vain; *counts*: it was asked, and did not confirm.

    *until*: its issuer wants no more calls before.
    """
    tries = revoking.tries + 1 if counts else revoking.tries
    over = revoking.irrevocable_since or (now if tries >= retry.attempts else None)
    pause = DAY - int(_HOUR * _chance(token, tries)) if over else _pause(retry, token, max(tries, 1))
    again = attrs.evolve(
        revoking, tries=tries, why=kind, irrevocable_since=over, again_at=max(now + pause, until or 0)
    )
    return attrs.evolve(token, revoking=again, revision=token.revision + 1)


def _pause(retry: Retry, token: Token, tries: int) -> int:
    """Return a length doubled each time, half to one and a half of it: the same on every worker."""
    plain = min(retry.first * retry.factor ** (tries - 1), retry.longest)
    return int(plain * (0.5 + _chance(token, tries))) if retry.jitter else plain


def _chance(token: Token, tries: int) -> float:
    seed = hashlib.blake2b(f"{token.id}|{REVOKE}|{tries}".encode(), digest_size=8).digest()
    return int.from_bytes(seed, "big") / 2**64


def standing(token: Token) -> Outcome:
    """Return how a token stands whose revocation was asked for before, or which was over."""
    if token.revoking is not None:
        why = token.revoking.why or "its issuer is still to be told"
        return Outcome(key=token.key, verdict="failed", why=why, issuer=token.issuer)
    return Outcome(key=token.key, verdict="already", why=token.reason or token.state, issuer=token.issuer)


def demand_not_revoking(token: Token) -> None:
    """Raise Refused("revoking") for a token whose issuer is still to be told that it ended."""
    if token.revoking is not None:
        raise Refused(
            "revoking",
            f"{token.key} is being revoked and used for nothing; its issuer has not confirmed yet",
            mend=f"tell it now: tokenflow revoke {token.key}; or give that up, and end the token here only: "
            f"engine.invalidate({token.key!r})",
        )
