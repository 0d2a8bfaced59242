"""Tickets' lives as they may go: given out, shown anywhere and again, while tokens change under them.

A model beside the flows says what each ticket may still bring. `Tickets` is a state machine over it; whoever
plants a bug puts another function in the flows' place.
"""

from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.core.lifecycles import DAY, SECOND
from tests.core.performing import World
from tokenflow.core import flows
from tokenflow.core.effects import Flow, Order, now
from tokenflow.core.errors import Refused, TokenflowError
from tokenflow.core.events import HandOverReplayed
from tokenflow.core.secret import Secret
from tokenflow.core.tickets import Handed, Ticket
from tokenflow.core.tokens import Inspection

KEYS = ("ana", "ben")
AUDIENCES = ("https://a.example", "https://a.example:8443")
SPANS = (1, 29 * SECOND, DAY, 61 * DAY)


@attrs.define
class Known:
    """What the model knows of one ticket."""

    ticket: Ticket
    key: str
    given_at: int
    value: str
    """The token it was made for."""
    shown: int = 0


def _vouch(order: Order) -> Flow[Inspection]:
    yield from now()
    claimed = order.attributes.get("user_id")
    return Inspection(active=True, app_id="app", subject=None if claimed is None else str(claimed))


class Tickets(RuleBasedStateMachine):
    """Rules are what holders, thieves, time and the issuer do."""

    tickets: Bundle[Known] = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.plugins.commands["facebook.debug"] = _vouch
        self.brought: list[tuple[Known, str, Handed, int, str | None]] = []
        """Ticket, audience, what came, when, and the key's live token at that moment."""
        for number, key in enumerate(KEYS):
            self._log_in(key, number)

    def _log_in(self, key: str, number: int) -> None:
        payload = {"access_token": f"phone-{key}-{self.world.now}-{number}", "user_id": "7"}
        self.world.run(
            flows.acquire(
                self.world.setting,
                key,
                lifecycle="facebook-user",
                platform="android",
                payload={**payload, "user_id": key, "expires_in": 60 * 86_400},
            )
        )

    def _live(self, key: str) -> str | None:
        held = self.world.rows[key]
        over = held.expires_at is not None and held.expires_at <= self.world.now
        if over or held.access_token is None or not self.world.usable(held):
            return None
        return held.access_token.reveal()

    @rule(target=tickets, key=st.sampled_from(KEYS), audience=st.sampled_from(AUDIENCES))
    def hand_over(self, key: str, audience: str) -> Any:
        try:
            flow = flows.hand_over(self.world.setting, key, to="client", audience=audience)
            ticket = self.world.run(flow)
        except TokenflowError:
            return Known(
                Ticket(value=Secret("nothing.0"), until=0, audience=audience, to="client"), key, 0, "", 9
            )
        value = self._live(key)
        assert value is not None, "only what is usable is handed over"
        return Known(ticket, key, self.world.now, value)

    @rule(
        known=tickets,
        where=st.sampled_from([None, None, None, *AUDIENCES]),
        before=st.sampled_from([None, None, 0, 1]),
    )
    def show(self, known: Known, where: str | None, before: int | None) -> None:
        """Most show it where it is meant to be shown (None); some at the very end, or a moment before."""
        audience = known.ticket.audience if where is None else where
        if before is not None:
            self.world.now = max(self.world.now, known.ticket.until - before)
        live = self._live(known.key)
        good = (
            known.shown == 0
            and audience == known.ticket.audience
            and self.world.now < known.given_at + 60 * SECOND
            and live == known.value
        )
        known.shown += 1
        try:
            handed = self.world.run(flows.redeem(self.world.setting, known.ticket.value, audience))
        except Refused:
            assert not good, "a good ticket was refused"
            return
        self.brought.append((known, audience, handed, self.world.now, live))

    @rule(span=st.sampled_from(SPANS))
    def pass_time(self, span: int) -> None:
        self.world.now += span

    @rule(key=st.sampled_from(KEYS), act=st.sampled_from(["extend", "log in", "invalidate"]))
    def change(self, key: str, act: str) -> None:
        try:
            match act:
                case "extend":
                    self.world.run(flows.extend(self.world.setting, key))
                case "invalidate":
                    self.world.run(flows.invalidate(self.world.setting, key))
                case "log in":
                    self._log_in(key, len(self.world.history))
        except TokenflowError:
            return

    @invariant()
    def nothing_is_given_but_what_was_meant(self) -> None:
        """At most once, in time, where it was meant, and only the token it was made for, alive."""
        assert len({id(known) for known, *_ in self.brought}) == len(self.brought), "redeemed twice"
        for known, audience, handed, at, live in self.brought:
            assert audience == known.ticket.audience, "another audience got it"
            assert at < known.given_at + 60 * SECOND, "it was over"
            assert handed.access_token is not None
            assert handed.access_token.reveal() == known.value == live, "another token, or a dead one"

    @invariant()
    def what_is_shown_again_is_told(self) -> None:
        """There is no alarm without a second use."""
        alarms = [one for one in self.world.history if isinstance(one, HandOverReplayed)]
        assert len({one.about.event_id for one in alarms}) == len(alarms), "told twice"
