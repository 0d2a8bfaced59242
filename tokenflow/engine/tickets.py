"""The verbs of tokens that change hands: out by `hand_over` and `redeem`, in by `invite` and `accept`.

A ticket does not name its key; its stub does. So the key is looked up first, and then its flow runs alone.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from tokenflow.core import flows
from tokenflow.core.effects import Flow
from tokenflow.core.flows import handing, inviting
from tokenflow.core.flows.tearing import key_of
from tokenflow.core.secret import Secret
from tokenflow.core.tickets import Handed, Ticket
from tokenflow.core.tokens import Token
from tokenflow.engine.desk import Desk

T = TypeVar("T")


def hand_over(
    desk: Desk, key: str, *, to: str, audience: str, event_id: str | None = None, step: str | None = None
) -> "Future[Ticket]":
    """Return a ticket: good once, for 60 seconds, for a *to* (client, server) at the https origin *audience*.

    Nothing is sent. Raises Refused (custody, transport_not_allowed, bad_audience, a rule) before anything
    is made.
    """
    return desk.begin(
        desk.alone(
            key,
            lambda: flows.hand_over(desk.setting, key, to=to, audience=audience, event_id=event_id),
            step or event_id,
        )
    )


def redeem(
    desk: Desk,
    ticket: Secret | str,
    audience: str,
    *,
    event_id: str | None = None,
    step: str | None = None,
) -> "Future[Handed]":
    """Return what a ticket brings, once; raises Refused (ticket_refused) ever after, and tells of it."""
    shown = _secret(ticket)
    return desk.begin(
        _with_ticket(
            desk,
            handing.SHELF,
            shown,
            lambda: flows.redeem(desk.setting, shown, audience, event_id=event_id),
            step or event_id,
        )
    )


def invite(
    desk: Desk,
    key: str,
    *,
    lifecycle: str,
    platform: str,
    audience: str,
    session: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    scope: Iterable[str] = (),
) -> "Future[Ticket]":
    """Return a ticket with which a client at *audience* may send up, once, what `acquire` takes as payload.

    *session* names the caller's session, which has to be shown again; *attributes* are what the token has to
    be of. Raises SpecError, Refused (bad_audience, transport_not_allowed, custody, not_verified).
    """
    return desk.begin(
        desk.alone(
            key,
            lambda: flows.invite(
                desk.setting,
                key,
                lifecycle=lifecycle,
                platform=platform,
                audience=audience,
                session=session,
                attributes=attributes,
                scope=frozenset(scope),
                tenant=desk.tenant,
            ),
            None,
        )
    )


def accept(
    desk: Desk,
    ticket: Secret | str,
    audience: str,
    payload: Any,
    *,
    session: str | None = None,
    event_id: str | None = None,
    step: str | None = None,
) -> "Future[Token]":
    """Acquire *payload*, which came with an invitation's ticket; raises Refused (ticket_refused) without one.

    The token is kept once its issuer has vouched for it, and tells by whom it was handed over.
    """
    shown = _secret(ticket)
    return desk.begin(
        _with_ticket(
            desk,
            inviting.SHELF,
            shown,
            lambda: flows.accept(desk.setting, shown, audience, payload, session=session, event_id=event_id),
            step or event_id,
        )
    )


def _secret(ticket: Secret | str) -> Secret:
    return ticket if isinstance(ticket, Secret) else Secret(ticket)


async def _with_ticket(
    desk: Desk, shelf: str, ticket: Secret, make: Callable[[], Flow[T]], step: str | None
) -> T:
    key = await desk.alone("", lambda: key_of(shelf, ticket), None)
    return await desk.alone("" if key is None else key, make, step)
