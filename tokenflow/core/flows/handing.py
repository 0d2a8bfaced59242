"""Hand a token over, by ticket: made here, redeemed once by whom it is for (seed, "Tokens are Portable")."""

from typing import Final

import attrs

from tokenflow.core.effects import Code, Emit, Flow, Nonce
from tokenflow.core.errors import AnswerNotUnderstood, Refused, TokenflowError, TokenNotFound
from tokenflow.core.events import About, HandedOver, Redeemed, RuleWarned, WasRefused
from tokenflow.core.flows.holding import Held, current, demand_clock
from tokenflow.core.flows.serving import assembled
from tokenflow.core.flows.serving import token as usable
from tokenflow.core.flows.tearing import Torn, on_record, put_away, torn
from tokenflow.core.lifecycles import CommandSpec
from tokenflow.core.policies import check_custody, check_rules, check_transport
from tokenflow.core.secret import Secret
from tokenflow.core.setting import Setting
from tokenflow.core.steps import is_usable, view_of
from tokenflow.core.tickets import (
    RANDOM_BYTES,
    TICKET_LIVES,
    Handed,
    Terms,
    Ticket,
    demand_origin,
    not_good,
    written,
)
from tokenflow.core.tokens import SECOND, Instant

SHELF: Final = "tickets"
"""Where tickets for held tokens are kept."""


def hand_over(
    setting: Setting, key: str, *, to: str, audience: str, event_id: str | None = None
) -> Flow[Ticket]:
    """Return a ticket for the token of *key*, good once for a *to* (client, server) at *audience*.

    Nothing is sent. Raises Refused (custody, transport_not_allowed, bad_audience, a rule's id) before
    anything is made, and what `token` raises when there is nothing usable to hand over.
    """
    held = yield from current(setting, key)
    demand_clock(held)
    try:
        warned = _allowed(held, to, audience)
    except Refused as no:
        about = About.of(held.token, held.now, event_id)
        yield Emit((WasRefused(about=about, act="hand_over", code=no.code),))
        raise
    token = yield from usable(setting, key)
    if token.access_token is None:
        raise Refused("not_usable", f"{key!r} holds no token to hand over")
    until = held.now + TICKET_LIVES
    random: str = yield Nonce(RANDOM_BYTES)
    saved = yield from on_record(  # first: what is not on record is not made
        key,
        held.now,
        event_id,
        lambda about: (*warned, HandedOver(about=about, to=to, audience=audience, until=until)),
    )
    terms = Terms(
        tenant=token.tenant,
        key=key,
        to=to,
        audience=audience,
        until=until,
        token_id=token.id,
        revision=saved.revision,
        generation=token.generation,
    )
    ticket = Ticket(value=written(random, until), until=until, audience=audience, to=to)
    yield from put_away(SHELF, ticket.value, attrs.asdict(terms), held.now)
    return ticket


def _allowed(held: Held, to: str, audience: str) -> tuple[RuleWarned, ...]:
    """Return warnings; raises Refused when custody, transport or a rule forbids the move."""
    check_custody(held.lifecycle, to)
    check_transport(held.lifecycle, audience)
    demand_origin(audience)
    view = view_of(held.lifecycle, held.token, platform={"runs_on": to})
    return check_rules(held.lifecycle, "hand_over", view, About.of(held.token, held.now))


def redeem(setting: Setting, ticket: Secret, audience: str, *, event_id: str | None = None) -> Flow[Handed]:
    """Return what *ticket* brings, once; raises Refused (ticket_refused), which does not say why.

    It is torn before it is looked at, so a try at another audience is its only one. The token has to be the
    one it was made for: alive, and not replaced since. Why a ticket was refused is told in events; that it
    was shown twice is told loudly, for one of the two was not meant to have it.
    """
    found = yield from torn(SHELF, ticket)
    terms = Terms(**found.content)
    try:
        handed = yield from _handed(setting, found, terms, audience)
    except TokenflowError as no:  # it is torn: whatever was in the way, showing it again is no use
        yield Emit((WasRefused(about=found.about(event_id), act="redeem", code=no.code),))
        raise not_good() from None
    yield from on_record(
        terms.key,
        found.now,
        event_id or found.mark,
        lambda about: (
            Redeemed(about=about, to=terms.to, audience=audience, as_code=handed.code is not None),
        ),
    )
    return handed


def _handed(setting: Setting, found: Torn, terms: Terms, audience: str) -> Flow[Handed]:
    """Return what is given for a torn ticket; raises Refused with the reason, which stays inside."""
    found.demand(audience)
    try:
        held = yield from current(setting, terms.key)
    except TokenNotFound:
        raise Refused("token_changed", f"{terms.key!r} is gone") from None
    token = held.token
    if (token.id, token.generation) != (terms.token_id, terms.generation):
        raise Refused("token_changed", f"{terms.key!r} is not the token the ticket was made for")
    if not is_usable(held.lifecycle, token, found.now):
        raise Refused("token_changed", f"{terms.key!r} is not usable any more")
    _allowed(held, terms.to, audience)
    return (yield from _given(setting, held, terms.to, found.now))


def _given(setting: Setting, held: Held, to: str, now: Instant) -> Flow[Handed]:
    """Return the token, or a code in its place where the lifecycle says that this is what such a one gets."""
    token, instead = (yield from assembled(setting, held)), held.lifecycle.hand_over
    left = None if token.expires_at is None else max((token.expires_at - now) // SECOND, 0)
    handed = Handed(
        access_token=token.access_token,
        client_id=setting.issuer_of(held.lifecycle).client_id,
        kind=token.kind.name,
        scope=token.scope,
        expires_in=left,
        issuer=token.issuer,
        lifecycle=token.lifecycle,
    )
    view = view_of(held.lifecycle, token, platform={"runs_on": to})
    if instead is None or to not in instead.to or not all(one.check(view) is True for one in instead.when):
        return handed
    command = CommandSpec(name="hand_over", use=instead.use, secrets=instead.secrets, options=instead.options)
    order = setting.command_order(held.lifecycle, command, token, "server")
    code = yield from setting.plugins.command(instead.use)(order)
    if not isinstance(code, Code):
        raise AnswerNotUnderstood(f"{held.lifecycle.ref}: `{instead.use}` brought no code to hand over")
    return attrs.evolve(
        handed, access_token=None, code=code.code, redirect_uri=code.redirect_uri, expires_in=None
    )
