"""A token for each device: the server hands a code over, and the device redeems it without the app secret."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from tests.engine.ground import ADA, APP_SECRET, DAY, Ground
from tokenflow import Call, Engine, IssuerRefused, PayloadError, Refused, Ticket
from tokenflow.core.tickets import Handed

PHONES: Final = ("https://one.example", "https://other.example")
ME: Final = Call(method="GET", path="/me")


@pytest.fixture
def server(ground: Ground) -> Iterator[Engine]:
    """An engine that holds Ada's long-lived token."""
    with ground.durable(specs=["facebook-user"]) as engine:
        ground.facebook(engine)
        assert engine.extend("ada").state == "extended"
        yield engine


@pytest.fixture
def devices(ground: Ground) -> Iterator[tuple[Engine, Engine]]:
    """Two phones, each with an engine and a store of its own; no secret is near them."""
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(ground.open(specs=["facebook-mobile"], secrets={})) for _ in range(2)
        )
        yield one, other


def code_for(server: Engine, phone: str = PHONES[0]) -> dict[str, str]:
    """What a phone is sent for its ticket."""
    ticket: Ticket = server.hand_over("ada", to="client", audience=phone)
    handed: Handed = server.redeem(ticket.value, phone)
    return handed.form()


def put_in(device: Engine, sent: Any) -> Any:
    return device.acquire("me", lifecycle="facebook-mobile", platform="client_code", payload=sent)


def test_two_devices_have_tokens_of_their_own_and_the_server_s_goes_on(
    ground: Ground, server: Engine, devices: tuple[Engine, Engine]
) -> None:
    """Three different tokens of one person; no phone saw the server's, and none sent the app's secret."""
    held = server.token("ada").secret
    sent = [code_for(server, phone) for phone in PHONES]
    assert not any("access_token" in one for one in sent)
    before = ground.requests()
    tokens = [put_in(device, one) for device, one in zip(devices, sent, strict=True)]
    made = ground.admin.ledger()["requests"][before:]
    assert [row["path"] for row in made if "access_token" in row["path"]] == ["/oauth/access_token"] * 2
    assert APP_SECRET not in json.dumps(made)
    assert {(one.state, one.attributes["user_id"], one.platform) for one in tokens} == {
        ("extended", ADA, "client_code")
    }
    assert len({one.reveal() for one in (held, *(one.access_token for one in tokens))}) == 3
    assert server.token("ada").secret == held
    for engine, key in ((server, "ada"), (devices[0], "me"), (devices[1], "me")):
        place = "server" if engine is server else "client"
        assert engine.use(key, ME, place=place).json()["id"] == ADA


def test_a_code_is_redeemed_once_and_whoever_comes_second_is_told(
    server: Engine, devices: tuple[Engine, Engine]
) -> None:
    """36009: the second phone hears that the code was used; the first one's token and the server's stay."""
    sent = code_for(server)
    first = put_in(devices[0], sent)
    with pytest.raises(IssuerRefused, match="used before") as refused:
        put_in(devices[1], sent)
    assert (refused.value.facts["code"], refused.value.facts["subcode"]) == (100, 36009)
    assert sent["code"] not in f"{refused.value} {refused.value!r}"
    assert devices[1].keys() == []
    assert devices[0].token("me").secret == first.access_token
    assert server.token("ada").state == "extended"
    assert put_in(devices[1], code_for(server, PHONES[1])).state == "extended"


def test_a_password_change_ends_all_three(
    ground: Ground, server: Engine, devices: tuple[Engine, Engine]
) -> None:
    """Each finds out when it next calls, and says so."""
    for device, phone in zip(devices, PHONES, strict=True):
        put_in(device, code_for(server, phone))
    ground.admin.password(ADA)
    for engine, key, place in (
        (server, "ada", "server"),
        (devices[0], "me", "client"),
        (devices[1], "me", "client"),
    ):
        with pytest.raises(IssuerRefused, match="password was changed"):
            engine.use(key, ME, place=place)
        held = engine.explain(key).token
        assert (held.state, held.reason, held.access_token) == ("invalidated", "password_changed", None)


def test_a_code_lives_for_minutes_and_a_ticket_for_one(
    ground: Ground, server: Engine, devices: tuple[Engine, Engine]
) -> None:
    """What lay about is refused by the issuer (36007), and by us."""
    sent = code_for(server)
    ticket = server.hand_over("ada", to="client", audience=PHONES[0])
    ground.pass_time(DAY)
    with pytest.raises(IssuerRefused, match="too old"):
        put_in(devices[0], sent)
    with pytest.raises(Refused):
        server.redeem(ticket.value, PHONES[0])


def test_a_short_lived_token_has_no_code_to_give(ground: Ground) -> None:
    """It goes to the phone as it is; a code is for the long-lived one."""
    with ground.open(specs=["facebook-user"]) as engine:
        ground.facebook(engine)
        assert "code" not in code_for(engine)
        assert ground.calls("/oauth/client_code") == 0


def test_another_app_s_code_is_no_code(ground: Ground, devices: tuple[Engine, Engine]) -> None:
    """A code that was made up, or none, leaves nothing behind."""
    with pytest.raises(IssuerRefused):
        put_in(devices[0], {"code": "made-up", "redirect_uri": ""})
    with pytest.raises(PayloadError):
        put_in(devices[0], {"redirect_uri": ""})
    assert devices[0].keys() == []


def test_an_awaited_device_redeems_as_well(ground: Ground, server: Engine) -> None:
    """The same code, awaited."""

    async def redeemed() -> str:
        async with await ground.aopen(specs=["facebook-mobile"], secrets={}) as device:
            token = await device.acquire(
                "me", lifecycle="facebook-mobile", platform="client_code", payload=code_for(server)
            )
            return token.state

    assert asyncio.run(redeemed()) == "extended"
