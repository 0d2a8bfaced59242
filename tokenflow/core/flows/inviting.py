"""Invite a client to send its token up: by a ticket that comes back with it, once (security.md D3).

What comes without a ticket, with another session's, or twice, is not looked at. What comes with one is
acquired as its platform, and the issuer is asked whose it is: the ticket says who may speak, never what is
true.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core.effects import Emit, Flow, Nonce
from tokenflow.core.errors import ClockHeld, Refused
from tokenflow.core.events import WasRefused
from tokenflow.core.flows.acquiring import acquire
from tokenflow.core.flows.saving import look
from tokenflow.core.flows.tearing import Torn, put_away, torn
from tokenflow.core.grants import demand_vouched
from tokenflow.core.policies import check_custody
from tokenflow.core.secret import Secret
from tokenflow.core.setting import Setting
from tokenflow.core.tickets import (
    RANDOM_BYTES,
    TICKET_LIVES,
    Invitation,
    Ticket,
    demand_page,
    digest_of,
    not_good,
    same,
    written,
)
from tokenflow.core.tokens import Token

SHELF: Final = "invitations"
"""Where tickets for tokens that are still to come are kept."""


def invite(
    setting: Setting,
    key: str,
    *,
    lifecycle: str,
    platform: str,
    audience: str,
    session: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    scope: frozenset[str] = frozenset(),
    tenant: str = "default",
) -> Flow[Ticket]:
    """Return a ticket with which a client at *audience* may send, once, the payload that `acquire` takes.

    *session* is whatever names the caller's session (a cookie's value, say); it is kept as a digest, and has
    to be shown again. *attributes* are what the token has to be of: a user_id, say. Raises SpecError, Refused
    (bad_audience, transport_not_allowed, custody, not_verified).
    """
    spec = setting.lifecycle(lifecycle)
    acquisition = setting.acquisition(spec, platform)
    demand_page(audience)
    check_custody(spec, acquisition.runs_on)
    demand_vouched(spec, acquisition)
    clock = yield from look()
    if clock.held is not None:
        raise ClockHeld(clock.held, mend="set the clock right, or open the engine with accept_clock=True")
    until = clock.now + TICKET_LIVES
    random: str = yield Nonce(RANDOM_BYTES)
    invitation = Invitation(
        tenant=tenant,
        key=key,
        audience=audience,
        until=until,
        lifecycle=lifecycle,
        platform=platform,
        attributes=attributes or {},
        scope=tuple(sorted(scope)),
        session=None if session is None else digest_of(session),
    )
    ticket = Ticket(value=written(random, until), until=until, audience=audience, to="server")
    kept = {**attrs.asdict(invitation, recurse=False), "attributes": dict(invitation.attributes)}
    yield from put_away(SHELF, ticket.value, kept, clock.now)
    return ticket


def accept(
    setting: Setting,
    ticket: Secret,
    audience: str,
    payload: Any,
    *,
    session: str | None = None,
    event_id: str | None = None,
) -> Flow[Token]:
    """Acquire what came with *ticket* from *audience*; raises Refused (ticket_refused), and as `acquire`.

    The ticket is torn before anything else is looked at: a payload that is refused needs another one.
    """
    found = yield from torn(SHELF, ticket)
    invitation = Invitation(**found.content)
    try:
        _demand(found, invitation, audience, session)
    except Refused as no:
        yield Emit((WasRefused(about=found.about(event_id), act="accept", code=no.code),))
        raise not_good() from None
    return (
        yield from acquire(
            setting,
            invitation.key,
            lifecycle=invitation.lifecycle,
            platform=invitation.platform,
            payload=payload,
            attributes=invitation.attributes,
            scope=frozenset(invitation.scope),
            event_id=event_id,
            tenant=invitation.tenant,
            handed_by=audience,
        )
    )


def _demand(found: Torn, invitation: Invitation, audience: str, session: str | None) -> None:
    """Raise Refused with the reason, which stays inside, unless it is shown by whom it was given to."""
    found.demand(audience)
    if not same(invitation.session, None if session is None else digest_of(session)):
        raise Refused("other_session", "the ticket was given to another session")
