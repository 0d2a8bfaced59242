"""Whose login it has to be: what the caller expects is held against what comes, on every way in."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.engine.ground import ADA, APP, BOB, Ground
from tokenflow import SECOND, Engine, PayloadError, PromptPending, TokenNotFound
from tokenflow.spec import load
from tokenflow_javascript import encode_cookie

BY_PAYLOAD = ("javascript", "javascript_cookie", "android", "ios", "server")
BY_LINK = ("web", "native", "fragment", "rerequest", "reauthorize", "reauthenticate")
DIALOG = {"client_id": APP, "redirect_uri": "http://localhost/cb", "response_type": "code"}
ELSEWHERE = ("client_code", "device")
"""Played in rooms of their own: test_device_codes.py, test_devices.py."""


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    ground.running.state.world.any_loopback_redirect = True
    with ground.open(specs=["facebook-user", "facebook"]) as opened:
        yield opened


def brought(ground: Ground, platform: str, person: str) -> Any:
    match platform:
        case "server":
            url = f"{ground.running.url}/v23.0/dialog/oauth?{urlencode(DIALOG)}"
            return {"code": ground.approve(url, person)["code"], "redirect_uri": DIALOG["redirect_uri"]}
        case "javascript_cookie":
            issued = ground.admin.issue(person, APP, "javascript", ["email"])
            return encode_cookie(issued, ground.clock() // SECOND)
        case _:
            return ground.payload(platform, person)


def came_back(ground: Ground, url: str, person: str) -> dict[str, str]:
    """Return what the address of a login ends with, wherever it stands in it."""
    parts = urlsplit(ground.admin.approve(person, url))
    return dict(parse_qsl(parts.query or parts.fragment))


def test_every_way_in_is_here_or_elsewhere() -> None:
    """A new platform of a person's token cannot be left out."""
    assert {*BY_PAYLOAD, *BY_LINK, *ELSEWHERE} == set(load("facebook-user").data["acquire"])


@pytest.mark.parametrize("platform", BY_PAYLOAD)
def test_another_person_s_payload_is_refused(ground: Ground, engine: Engine, platform: str) -> None:
    """Bob's is not taken for Ada's, and Ada's own is."""
    how: dict[str, Any] = {"lifecycle": "facebook-user", "platform": platform, "attributes": {"user_id": ADA}}
    with pytest.raises(PayloadError) as other:
        engine.acquire("ada", payload=brought(ground, platform, BOB), **how)
    assert other.value.code == "other_user"
    with pytest.raises(TokenNotFound):
        engine.token("ada")
    token = engine.acquire("ada", payload=brought(ground, platform, ADA), **how)
    assert token.attributes["user_id"] == ADA


@pytest.mark.parametrize("platform", BY_LINK)
def test_another_person_s_login_is_refused(ground: Ground, engine: Engine, platform: str) -> None:
    """Whoever opens the link and logs in as somebody else brings nothing."""
    how: dict[str, Any] = {"lifecycle": "facebook-user", "platform": platform, "attributes": {"user_id": ADA}}
    with pytest.raises(PromptPending) as pending:
        engine.acquire("ada", **how)
    with pytest.raises(PayloadError) as other:
        engine.answer("ada", came_back(ground, pending.value.url, BOB))
    assert other.value.code == "other_user"
    assert engine.explain("ada").token.state == "requested"


def test_an_invitation_is_for_whom_it_names(ground: Ground, engine: Engine) -> None:
    """A code of Bob's, brought with Ada's ticket, is not hers."""
    ticket = engine.invite(
        "ada",
        lifecycle="facebook-user",
        platform="android",
        audience="https://app.example",
        attributes={"user_id": ADA},
    )
    with pytest.raises(PayloadError) as other:
        engine.accept(ticket.value, "https://app.example", brought(ground, "android", BOB))
    assert other.value.code == "other_user"
