"""Handing a token over: what is asked before, what is made, and what becomes of a ticket."""

from typing import Any

import attrs
import pytest

from tests.core.lifecycles import SECOND, USER, lifecycle_of
from tests.core.performing import World
from tokenflow.core import flows
from tokenflow.core.effects import Code, Flow, Order
from tokenflow.core.effects import secret as lent
from tokenflow.core.errors import ClockHeld, IssuerUnreachable, PayloadError, Refused, TokenflowError
from tokenflow.core.events import (
    Acquired,
    HandedOver,
    HandOverReplayed,
    Redeemed,
    WasRefused,
)
from tokenflow.core.secret import Secret
from tokenflow.core.tickets import STUB_LIVES, TICKET_LIVES, Handed, Ticket
from tokenflow.core.tokens import Inspection

PHONE = "https://phone.example"


def hand(world: World, key: str = "me", to: str = "client", audience: str = PHONE) -> Ticket:
    """Ask for a ticket."""
    return world.run(flows.hand_over(world.setting, key, to=to, audience=audience))


def redeem(world: World, ticket: Ticket, audience: str = PHONE) -> Handed:
    """Show a ticket."""
    return world.run(flows.redeem(world.setting, ticket.value, audience))


def refused(world: World, ticket: Ticket, audience: str = PHONE) -> list[str]:
    """Show a ticket that gives nothing; return the reasons that were told inside."""
    before = len(world.told)
    with pytest.raises(Refused) as caught:
        redeem(world, ticket, audience)
    assert caught.value.code == "ticket_refused"
    return [one.code for one in world.told[before:] if isinstance(one, WasRefused)]


def test_a_ticket_brings_the_token_once() -> None:
    """Nothing is sent; who shows it gets the token with its facts, and both acts are on record."""
    world = World()
    token = world.android()
    sent = len(world.requests)
    ticket = hand(world)
    assert (ticket.until, ticket.audience, ticket.to) == (world.now + TICKET_LIVES, PHONE, "client")
    handed = redeem(world, ticket)
    assert sent == len(world.requests)
    assert handed.access_token == token.access_token
    assert (handed.kind, handed.issuer, handed.lifecycle) == ("user", "facebook", token.lifecycle)
    assert handed.expires_in == 60 * 86_400
    given, used = world.of("me")[-2:]
    assert isinstance(given, HandedOver)
    assert isinstance(used, Redeemed)
    assert (given.to, given.audience, given.until) == ("client", PHONE, ticket.until)
    assert (used.to, used.audience, used.as_code) == ("client", PHONE, False)


@pytest.mark.parametrize("audience", ["http://b.example", "http://127.0.0.1", "http://localhost"])
def test_a_token_moves_over_https_or_not_at_all(audience: str) -> None:
    """Plain HTTP, loopback too, is refused before anything is made, and told."""
    world = World()
    world.android()
    saves = world.log.count("Save")
    with pytest.raises(Refused) as caught:
        hand(world, audience=audience)
    assert caught.value.code == "transport_not_allowed"
    assert not world.shelves
    assert saves == world.log.count("Save")
    (told,) = [one for one in world.told if isinstance(one, WasRefused)]
    assert (told.act, told.code) == ("hand_over", "transport_not_allowed")


@pytest.mark.proves("D4")
def test_custody_and_transport_forbid_where_a_token_may_not_go() -> None:
    """What lives on servers goes to no client, and what may not be moved goes nowhere."""
    world = World()
    world.run(flows.acquire(world.setting, "app", lifecycle="facebook-app", platform="inline"))
    world.android()
    world.pages()
    for key, to, code in (
        ("app", "client", "custody"),
        ("page/p1", "client", "custody"),
        ("page/p1", "server", "transport_not_allowed"),
    ):
        with pytest.raises(Refused) as caught:
            hand(world, key, to)
        assert caught.value.code == code
    assert not world.shelves


def test_a_rule_of_the_spec_forbids_it_too() -> None:
    """A rule that applies to `hand_over` is asked with the place it goes to."""
    rule = {
        "id": "not-to-clients",
        "applies_to": ["hand_over"],
        "because": "it is ours",
        "deny_when": [{"platform.runs_on": "client"}],
    }
    world = World()
    spec = lifecycle_of({**USER, "rules": [rule]})
    world.lifecycles["facebook-user"] = world.pins[spec.digest] = spec
    world.android()
    with pytest.raises(Refused) as caught:
        hand(world)
    assert caught.value.code == "not-to-clients"
    assert redeem(world, hand(world, to="server")).kind == "user"


@pytest.mark.proves("D3")
def test_a_second_use_is_refused_and_told_once() -> None:
    """Who shows a used ticket gets nothing; the first such is an alarm in the token's history."""
    world = World()
    world.android()
    ticket = hand(world)
    redeem(world, ticket)
    for _ in range(3):
        assert refused(world, ticket) == []
    (alarm,) = [one for one in world.of("me") if isinstance(one, HandOverReplayed)]
    assert alarm.audience == PHONE
    assert alarm.about.delivery is not None, "it is told at least once"


def test_an_alarm_is_told_even_of_a_token_that_is_gone() -> None:
    """Its history went with it, so it is told only."""
    world = World()
    world.android()
    ticket = hand(world)
    redeem(world, ticket)
    del world.rows["me"]
    refused(world, ticket)
    assert [one.about.key for one in world.told if isinstance(one, HandOverReplayed)] == ["me"]


@pytest.mark.proves("I")
def test_no_ticket_and_an_old_one_are_refused_alike() -> None:
    """From outside unknown, used, over, foreign and dead are one and the same no."""
    world = World()
    world.android()
    said = set()
    used, foreign, over = hand(world), hand(world), hand(world)
    redeem(world, used)
    world.now += TICKET_LIVES - 1
    dead = hand(world)
    for ticket, audience in (
        (attrs.evolve(used, value=Secret("nonsense")), PHONE),
        (attrs.evolve(used, value=Secret("A.1")), PHONE),
        (used, PHONE),
        (foreign, "https://else.example"),
    ):
        with pytest.raises(Refused) as caught:
            redeem(world, ticket, audience)
        said.add(str(caught.value))
    world.now += 1
    world.run(flows.invalidate(world.setting, "me"))
    for ticket in (over, dead):
        with pytest.raises(Refused) as caught:
            redeem(world, ticket)
        said.add(str(caught.value))
    assert len(said) == 1


@pytest.mark.proves("D3")
@pytest.mark.parametrize(
    ("late", "good"), [(0, True), (TICKET_LIVES - 1, True), (TICKET_LIVES, False), (TICKET_LIVES + 1, False)]
)
def test_a_ticket_is_good_for_60_seconds(late: int, good: bool) -> None:
    """To the microsecond, by the trusted clock."""
    world = World()
    world.android()
    ticket = hand(world)
    world.now += late
    if good:
        assert redeem(world, ticket).access_token is not None
    else:
        assert refused(world, ticket) == ["ticket_expired"]


def test_another_audience_s_try_is_the_only_one() -> None:
    """Who is not meant to have a ticket and shows it has spent it."""
    world = World()
    world.android()
    ticket = hand(world)
    assert refused(world, ticket, "https://phone.example.evil.example") == ["other_audience"]
    assert refused(world, ticket) == []
    assert [one for one in world.of("me") if isinstance(one, HandOverReplayed)]


def test_a_ticket_is_for_the_token_it_was_made_for() -> None:
    """One that was renewed, replaced, ended or forgotten since is not given."""
    for change in ("extend", "log in", "invalidate", "revoke", "forget"):
        world = World()
        world.android()
        ticket = hand(world)
        match change:
            case "extend":
                world.run(flows.extend(world.setting, "me"))
            case "log in":
                world.android()
            case "invalidate":
                world.run(flows.invalidate(world.setting, "me"))
            case "revoke":
                world.revoke()
            case "forget":
                del world.rows["me"]
        assert refused(world, ticket) == ["token_changed"], change


def test_a_token_whose_time_is_over_meanwhile_is_not_given() -> None:
    """A minute before its end it was good; when the ticket is shown it is not."""
    world = World()
    world.android(lives=100 * SECOND)
    ticket = hand(world)
    world.now += 59 * SECOND
    assert refused(world, ticket) == ["token_changed"]


def test_while_the_clock_cannot_be_trusted_no_ticket_is_made_and_none_is_torn() -> None:
    """It is ClockHeld both times; once the clock is right the ticket is still good."""
    world = World()
    world.android()
    ticket = hand(world)
    world.held = "the clock leapt"
    for act in (lambda: hand(world), lambda: redeem(world, ticket)):
        with pytest.raises(ClockHeld):
            act()
    world.held = None
    assert redeem(world, ticket).access_token is not None


def test_a_hand_over_is_on_record_even_beside_other_saves() -> None:
    """What was given is noted on whatever revision there is, and the ticket stays good."""
    world = World()
    world.android()
    world.meddle("me", 2)
    ticket = hand(world, to="server", audience="https://b.example:8443")
    (note,) = [one for one in world.of("me") if isinstance(one, HandedOver)]
    assert (note.to, note.audience) == ("server", "https://b.example:8443")
    world.meddle("me", 2)
    assert redeem(world, ticket, "https://b.example:8443").kind == "user"


def test_old_stubs_go_when_new_ones_come() -> None:
    """What was never redeemed is thrown away ten minutes after its end, and no earlier."""
    world = World()
    world.android()
    hand(world)
    world.now += TICKET_LIVES + STUB_LIVES
    hand(world)
    assert len(world.shelves) == 4
    world.now += 1
    hand(world)
    assert len(world.shelves) == 4


@pytest.mark.proves("D3")
def test_no_shelf_holds_a_token_or_a_ticket() -> None:
    """What is kept names the token by its id; the ticket's own text is nowhere."""
    world = World()
    token = world.android()
    ticket = hand(world)
    assert token.access_token is not None
    kept = repr(world.shelves) + repr(world.history) + repr(world.told)
    assert token.access_token.reveal() not in kept
    assert ticket.value.reveal() not in kept
    assert ticket.value.reveal().partition(".")[0] not in kept


# A code in the token's place.


def code_world(command: Any, to: tuple[str, ...] = ("client",), **more: Any) -> World:
    """A world whose user tokens are given to clients as codes, by *command*."""
    world = World()
    instead = {"use": "facebook.client_code", "to": list(to), "secrets": ["app_secret"], **more}
    spec = lifecycle_of({**USER, "hand_over": instead})
    world.lifecycles["facebook-user"] = world.pins[spec.digest] = spec
    world.plugins.commands["facebook.client_code"] = command
    world.android()
    return world


def client_code(order: Order) -> Flow[Code]:
    """Stand in for the issuer's command: it needs the app secret and the server's token."""
    key = yield from lent(order, "app_secret")
    assert order.token is not None
    assert order.token.access_token is not None
    return Code(code=Secret(f"code for {key.reveal()}"), redirect_uri="https://app.example/cb")


def test_a_client_is_given_a_code_for_itself() -> None:
    """The server's own token stays there; the form holds the code and where it belongs."""
    world = code_world(client_code)
    handed = redeem(world, hand(world))
    assert handed.access_token is None
    assert handed.form() == {
        "code": "code for value of test:app_secret",
        "redirect_uri": "https://app.example/cb",
        "client_id": "app",
        "kind": "user",
        "issuer": "facebook",
        "lifecycle": "facebook-user@1.0.0",
    }
    assert isinstance(used := world.of("me")[-1], Redeemed)
    assert used.as_code


def test_whom_the_spec_does_not_name_is_given_the_token() -> None:
    """A server still gets the token itself."""
    world = code_world(client_code)
    assert redeem(world, hand(world, to="server")).access_token == world.rows["me"].access_token


def test_where_its_condition_does_not_hold_the_token_itself_is_given() -> None:
    """`when` is asked of the token: a long-lived one is a code, a short-lived one is itself."""
    world = code_world(client_code, when=[{"token.state": "extended"}])
    assert redeem(world, hand(world)).code is not None
    world.short()
    assert redeem(world, hand(world)).access_token == world.rows["me"].access_token


def test_a_command_that_brings_no_code_is_told() -> None:
    """Then nothing is given, and the token least of all; what was in the way stays inside."""

    def nothing(order: Order) -> Flow[None]:
        yield from lent(order, "app_secret")

    world = code_world(nothing)
    with pytest.raises(Refused) as no:
        redeem(world, hand(world))
    assert no.value.code == "ticket_refused"
    assert not [one for one in world.of("me") if isinstance(one, Redeemed)]
    assert [one.code for one in world.told if isinstance(one, WasRefused)] == ["answer_not_understood"]


def test_an_issuer_out_of_reach_spends_the_ticket_and_says_no_more_than_no() -> None:
    """It was torn: whoever is told to come again would be taken for a thief."""

    def unreachable(order: Order) -> Flow[None]:
        yield from lent(order, "app_secret")
        raise IssuerUnreachable("nobody answered", sent=False)

    world = code_world(unreachable)
    with pytest.raises(Refused) as no:
        redeem(world, hand(world))
    assert no.value.code == "ticket_refused"


# The way up: an invitation.


def invite(world: World, key: str = "me", **how: Any) -> Ticket:
    """Invite a phone to send its login."""
    asked = {"lifecycle": "facebook-user", "platform": "android", "audience": PHONE, **how}
    return world.run(flows.invite(world.setting, key, **asked))


def accept(world: World, ticket: Ticket, audience: str = PHONE, **how: Any) -> Any:
    """Bring a login with an invitation's ticket."""
    payload = {"access_token": "phone-1", "user_id": "7", "expires_in": 5_184_000}
    return world.run(flows.accept(world.setting, ticket.value, audience, payload, **how))


def test_what_was_invited_is_verified_and_kept() -> None:
    """The issuer is asked whose it is, and the token tells by whom it was handed over."""
    world = World()
    ticket = invite(world)
    token = accept(world, ticket)
    assert world.sent("debug")
    assert token.handed_by == PHONE
    (note,) = [one for one in world.of("me") if isinstance(one, Acquired)]
    assert note.handed_by == PHONE
    token = world.android()
    assert token.handed_by is None, "a login of its own comes from nobody else"


def test_a_renewal_keeps_where_a_token_came_from() -> None:
    """Extended here, it is still the one that was handed over."""
    world = World()
    accept(world, invite(world))
    world.run(flows.extend(world.setting, "me"))
    assert world.rows["me"].handed_by == PHONE


def test_an_invitation_is_good_once() -> None:
    """A payload that is brought again, or another's, finds nothing open; it is told."""
    world = World()
    ticket = invite(world)
    accept(world, ticket)
    with pytest.raises(Refused) as caught:
        accept(world, ticket)
    assert caught.value.code == "ticket_refused"
    assert [one for one in world.of("me") if isinstance(one, HandOverReplayed)]


def test_a_payload_that_was_refused_has_spent_its_invitation() -> None:
    """Nobody tries one payload after another with one ticket."""
    world = World()
    ticket = invite(world)
    world.plugins.commands["facebook.debug"] = _dead
    with pytest.raises(PayloadError):
        accept(world, ticket)
    with pytest.raises(Refused):
        accept(world, ticket)
    assert "me" not in world.rows


def _dead(order: Order) -> Flow[Inspection]:
    yield from lent(order, "app_secret")
    return Inspection(active=False)


@pytest.mark.proves("D3")
@pytest.mark.parametrize(
    ("kept", "shown", "good"),
    [("s1", "s1", True), ("s1", "s2", False), ("s1", None, False), (None, "s1", False), (None, None, True)],
)
def test_an_invitation_is_its_session_s(kept: str | None, shown: str | None, good: bool) -> None:
    """Another session's ticket, or one without any, is refused, and nothing is acquired."""
    world = World()
    ticket = invite(world, session=kept)
    assert "s1" not in repr(world.shelves)
    if good:
        assert accept(world, ticket, session=shown).key == "me"
        return
    with pytest.raises(Refused) as caught:
        accept(world, ticket, session=shown)
    assert caught.value.code == "ticket_refused"
    assert [one.code for one in world.told if isinstance(one, WasRefused)] == ["other_session"]
    assert not world.rows


def test_an_invitation_is_no_ticket_for_a_token_and_a_ticket_invites_nobody() -> None:
    """The two are kept apart: neither is of use in the other's place."""
    world = World()
    world.android()
    with pytest.raises(Refused):
        accept(world, hand(world))
    assert refused(world, invite(world, "other")) == []


def test_nobody_is_invited_where_nobody_would_vouch() -> None:
    """A client's secret token without `verify` is refused before a ticket is made."""
    world = World()
    spec = {name: value for name, value in USER["acquire"]["android"].items() if name != "verify"}
    changed = lifecycle_of({**USER, "acquire": {**USER["acquire"], "android": spec}})
    world.lifecycles["facebook-user"] = world.pins[changed.digest] = changed
    with pytest.raises(Refused) as caught:
        invite(world)
    assert caught.value.code == "not_verified"
    assert not world.shelves


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ({"active": False}, "forged"),
        ({"active": True, "app_id": "other"}, "other_app"),
        ({"active": True, "app_id": "app", "subject": "8"}, "other_user"),
        ({"active": True, "app_id": "app", "kind": "page"}, "other_kind"),
        ({"active": True, "app_id": "app", "kind": "app"}, "other_kind"),
    ],
)
def test_the_issuer_s_word_decides(found: dict[str, Any], code: str) -> None:
    """A dead token, another app's, another user's and another kind's are refused, and nothing is kept."""

    def debug(order: Order) -> Flow[Inspection]:
        yield from lent(order, "app_secret")
        return Inspection(**found)

    world = World()
    world.plugins.commands["facebook.debug"] = debug
    with pytest.raises(TokenflowError) as caught:
        accept(world, invite(world))
    assert caught.value.code == code
    assert "me" not in world.rows
