"""Take a token of a store that may be a copy: ask whether what it would spend next is alive (rule F3).

Somebody may have spent its refresh token since, and what came of that is nowhere here. So it is in doubt like
any exchange whose answer was lost, and the same table says what to do about it.
"""

import attrs

from tokenflow.core.decisions import renewing_event
from tokenflow.core.doubts import (
    Doubt,
    Said,
    Verdict,
    doubt_of,
    lasting,
    resolve,
    said_by,
    spent_by,
    uncertain,
)
from tokenflow.core.effects import Flow
from tokenflow.core.errors import IssuerError
from tokenflow.core.flows.failing import probe_of
from tokenflow.core.flows.holding import Held, current
from tokenflow.core.flows.saving import again, keep
from tokenflow.core.lifecycles import CommandSpec
from tokenflow.core.policies import meaning_of
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step
from tokenflow.core.tokens import Attempt, Inspection, Instant, Token

LONG_AGO: Instant = 1
"""Since when it is in doubt: nobody knows, so no window of grace is counted from it."""


@attrs.frozen(kw_only=True)
class Adopted:
    """What became of one token."""

    tenant: str
    key: str
    verdict: str
    """safe: nothing is spent by renewing it. alive: its issuer says so. dead: a person has to log in when it
    ends. unknown: nobody can say, and it is as if dead. later: it is asked about before it is renewed.
    failed: it could not be asked about, see `why`. erased: of a person who was erased."""
    why: str | None = None


def adopt(setting: Setting, key: str) -> Flow[Adopted]:
    """Ask about what renewing the token of *key* spends, and leave it in doubt unless that is alive."""

    def attempt() -> Flow[Adopted]:
        held = yield from current(setting, key)
        at_stake = stake(setting, held)
        if at_stake is None:
            return Adopted(tenant=held.token.tenant, key=key, verdict="safe")
        doubt, command, event = at_stake
        verdict, word = yield from _judged(setting, held, doubt)
        if verdict is Verdict.REPEAT:
            return Adopted(tenant=held.token.tenant, key=key, verdict=word)
        yield from _leave(setting, held, command, event, verdict)
        return Adopted(tenant=held.token.tenant, key=key, verdict=word)

    return (yield from again(attempt))


def stake(setting: Setting, held: Held) -> tuple[Doubt, CommandSpec, str] | None:
    """Return the doubt about a token's renewal, its command and its event; None: nothing is spent by it."""
    lifecycle, token = held.lifecycle, held.token
    event = renewing_event(lifecycle, token)
    if event is None or token.refresh_token is None:
        return None
    rows = lifecycle.chooser.rows(event, token.state)
    command = next(lifecycle.commands[row.data["do"]] for row in rows if "do" in row.data)
    can_ask = probe_of(setting, lifecycle) is not None
    doubt = doubt_of(command, setting.issuer_of(lifecycle), LONG_AGO, can_ask=can_ask)
    return None if doubt.harmless else (doubt, command, event)


def _judged(setting: Setting, held: Held, doubt: Doubt) -> Flow[tuple[Verdict, str]]:
    if doubt.grace is not None and doubt.can_ask:  # what is used up is called alive for so long
        return Verdict.LATER, "later"
    verdict = resolve(doubt, held.now)
    if verdict is not Verdict.ASK:
        return verdict, "safe" if verdict is Verdict.REPEAT else "unknown"
    said = yield from _said(setting, held)
    word = {Said.ALIVE: "alive", Said.DEAD: "dead", Said.NOT_NOW: "later"}.get(said, "unknown")
    return resolve(doubt, held.now, said), word


def _said(setting: Setting, held: Held) -> Flow[Said]:
    """Ask the issuer. What keeps us from asking (no secret, say) is raised: it is no answer."""
    probe = probe_of(setting, held.lifecycle)
    assert probe is not None, "it is asked only where there is a call for it"
    order = setting.probe_order(held.lifecycle, spent_by(held.token))
    try:
        found = yield from setting.plugins.command(probe)(order)
    except IssuerError as error:
        return said_by(error, meaning_of(held.lifecycle, error).kind)
    if not isinstance(found, Inspection):
        return Said.NOTHING
    return Said.ALIVE if found.active else Said.DEAD


def _leave(setting: Setting, held: Held, command: CommandSpec, event: str, verdict: Verdict) -> Flow[None]:
    """Leave the token's renewal in doubt: it is asked about again before anything is spent, or never made."""
    token, issuer = held.token, setting.issuer_of(held.lifecycle)
    never = verdict is Verdict.NEVER
    quiet = held.now + lasting(command, issuer) + ((issuer.grace or 0) if issuer.rotation == "grace" else 0)
    before = token.attempt or Attempt(
        event=event, command=command.name, number=1, started_at=held.now, error="transient"
    )
    left = attrs.evolve(
        before,
        error=before.error or "transient",
        lease_until=None,
        quiet_from=None if never else quiet,
        retry_at=None if never else quiet,
        unknown_since=LONG_AGO,
        uncertain=never,
    )
    after: Token = attrs.evolve(token, attempt=left, revision=token.revision + 1)
    happened = uncertain(after, held.now) if never else ()
    yield from keep(setting, [Step(before=token, after=after, row=None, happened=happened)])
