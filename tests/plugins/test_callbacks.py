"""What Facebook sends by itself, read flow by flow: signed over each byte, or refused before it is read."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.ground import ISSUER, NOW, SECRETS, code_of, order
from tokenflow import SECOND, Heard, Message, Refused, Secret, sign_request
from tokenflow.testing.play import answering, play
from tokenflow_facebook.callbacks import data_deletion, deauthorize
from tokenflow_facebook.webhook import webhook

LENT = {"app_secret": "env:S", "verify_token": "env:C"}
APP_SECRET, VERIFY = SECRETS["env:S"], SECRETS["env:C"]
DAY = 86_400
AT = NOW // SECOND
ADA, BOB = "100", "200"


def heard(flow: Any, message: Message, **more: Any) -> Heard:
    """Return what *flow* makes of *message*, with the app's secrets."""
    found = play(
        flow(order(secrets=LENT, payload=message, **more)), answering(now=NOW, secrets=SECRETS)
    ).result
    assert isinstance(found, Heard)
    return found


def signed(body: bytes, secret: str = APP_SECRET, name: str = "X-Hub-Signature-256") -> Message:
    """Return *body* as Facebook posts it."""
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Message(body=body, headers={"Content-Type": "application/json", name: f"sha256={mac}"})


def entry(user: str, *fields: str, verb: str = "revoked", **more: Any) -> dict[str, Any]:
    """Return what changed for one person."""
    value = {"verb": verb, "target_ids": [user]}
    changes = [{"field": name, "value": value} for name in fields]
    return {"id": user, "uid": user, "time": AT, "changes": changes, **more}


def hook(*entries: Any, about: str = "permissions") -> Message:
    """Return a webhook's message."""
    return signed(json.dumps({"object": about, "entry": list(entries)}).encode())


def form(**payload: Any) -> Message:
    """Return a signed form about Ada, issued now."""
    told = {"user_id": ADA, "issued_at": AT, **payload}
    sent = sign_request({name: one for name, one in told.items() if one is not None}, Secret(APP_SECRET))
    return Message(body=urlencode({"signed_request": sent}).encode(), url="https://app.example/gone")


def news(found: Heard) -> list[tuple[str, str]]:
    return [(one.event, one.about["user_id"]) for one in found.news]


def test_several_people_and_changes_come_in_one_body() -> None:
    """Each person has one piece of news; that the app is gone says all there is to say of them."""
    message = hook(
        entry(ADA, "email", "connected", "user_friends"), entry(BOB, "email", "user_friends"), entry(BOB)
    )
    assert news(heard(webhook, message)) == [("invalidate", ADA), ("check_permissions", BOB)]


def test_news_is_of_this_app_and_has_a_name_of_its_own() -> None:
    """The app is the one whose secret signed; the same message has the same names, another has others."""
    first, again = heard(webhook, hook(entry(ADA, "email"))), heard(webhook, hook(entry(ADA, "email")))
    other = heard(webhook, hook(entry(ADA, "email", time=AT - 1)))
    assert first == again
    assert first.news[0].about["app_id"] == ISSUER.client_id
    assert first.news[0].event_id != other.news[0].event_id
    assert first.news[0].until == NOW + 2 * DAY * SECOND


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (entry(ADA, "connected"), [("invalidate", ADA)]),
        (entry(ADA, "connected", verb="granted"), [("check_permissions", ADA)]),
        (entry(ADA, "connected", time=None), [("check_permissions", ADA)]),
        (entry(ADA, "connected", id=None, uid=int(BOB)), [("invalidate", BOB)]),
        (entry(ADA, "connected", uid=None, id=None), [("invalidate", ADA)]),
        (entry("0", "connected"), [("invalidate", "0")]),
    ],
)
def test_whom_it_is_about_and_what_it_is_to_them(said: dict[str, Any], expected: list[Any]) -> None:
    """The entry names the person, or else the change's targets; undated, it is only a reason to ask."""
    assert news(heard(webhook, hook(said))) == expected


@pytest.mark.parametrize(
    ("message", "count"),
    [
        (hook({"id": ADA, "time": 1, "changed_fields": ["friends"]}, about="user"), 0),
        (hook(entry(ADA, "friends"), about="user"), 1),
        (hook(entry(ADA, "email", verb="mentioned")), 1),
        (hook({**entry(ADA), "changes": ["odd", {"field": "email", "value": 7}]}), 2),
        (hook("odd", {"id": ADA}, {"id": ADA, "changes": {}}), 0),
        (hook(entry(ADA, "email", id=None, uid=None, changes=[{"value": {"verb": "granted"}}])), 1),
    ],
)
def test_what_concerns_no_token_is_counted(message: Message, count: int) -> None:
    """Other objects, and what is new at Facebook, are received and are no news."""
    assert heard(webhook, message) == Heard(ignored=count)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (signed(b'{"object":"permissions","entry":[]}', "guessed"), "forged"),
        (signed(b"{}", name="X-Hub-Signature"), "forged"),
        (Message(body=b'{"object":"permissions","entry":[]}'), "forged"),
        (Message(body=b"{}", headers={"X-Hub-Signature-256": "sha256=é"}), "forged"),
        (Message(body=b"{}", headers={"X-Hub-Signature-256": "sha256="}), "forged"),
        (signed(b"{"), "malformed"),
        (signed(b"[]"), "malformed"),
        (signed(b"\xff{}"), "malformed"),
        (signed(b"[" * 100_000), "malformed"),
        (signed(b'{"entry":{}}'), "malformed"),
        (hook(entry(ADA, "connected", time=AT + 301)), "malformed"),
        (hook(entry(ADA, "connected", time="now")), "malformed"),
        (hook(entry(ADA, "connected", time=True)), "malformed"),
        (hook(entry(ADA, "connected", time=AT - 2 * DAY - 1)), "expired"),
    ],
)
def test_a_webhook_s_message_that_is_none_is_refused(message: Message, code: str) -> None:
    """Unsigned, signed by another or by the old way, no JSON, of the future, too old."""
    assert code_of(lambda: heard(webhook, message), APP_SECRET, ADA) == code


@given(st.data())
def test_one_bit_in_a_body_and_it_is_forged(data: st.DataObject) -> None:
    """The signature covers each byte as it was received: blanks, order and case are no matter of taste."""
    sent = hook(entry(ADA, "connected"))
    bit = data.draw(st.integers(0, len(sent.body) * 8 - 1))
    changed = bytearray(sent.body)
    changed[bit // 8] ^= 1 << bit % 8
    message = attrs.evolve(sent, body=bytes(changed))
    assert code_of(lambda: heard(webhook, message)) == "forged"


def question(**changes: str) -> Message:
    """Return how Facebook asks whether a webhook is the app's."""
    asked = {"mode": "subscribe", "verify_token": VERIFY, "challenge": "1158201444", **changes}
    return Message(method="GET", query={f"hub.{name}": value for name, value in asked.items()})


def test_who_knows_the_verify_token_is_given_the_challenge() -> None:
    """As text, and nothing happens."""
    assert heard(webhook, question()) == Heard(answer="1158201444")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (question(verify_token="guessed"), "forged"),
        (question(verify_token=""), "forged"),
        (question(verify_token="é\udc80"), "forged"),
        (question(mode="unsubscribe"), "malformed"),
        (question(challenge="<script>alert(1)</script>"), "malformed"),
        (question(challenge=""), "malformed"),
        (Message(method="GET"), "forged"),
    ],
)
def test_who_does_not_know_the_verify_token_is_told_nothing(message: Message, code: str) -> None:
    """And nothing that a page could run is ever given back; the token is in no message's repr."""
    assert code_of(lambda: heard(webhook, message), VERIFY) == code
    assert VERIFY not in repr(question())


@pytest.mark.parametrize("flow", [deauthorize, data_deletion])
@pytest.mark.parametrize(
    ("message", "code"),
    [
        (form(user_id=None), "malformed"),
        (form(user_id={}), "malformed"),
        (form(issued_at=None), "malformed"),
        (form(issued_at=True), "malformed"),
        (form(issued_at=AT + 301), "malformed"),
        (form(issued_at=AT - DAY - 1), "expired"),
        (form(algorithm="none"), "forged"),
        (attrs.evolve(form(), body=form().body * 2), "malformed"),
        (attrs.evolve(form(), method="GET"), "malformed"),
        (attrs.evolve(form(), body=form().body + b"&x=" + b"y" * 32_768), "malformed"),
    ],
)
def test_a_form_that_is_none_is_refused(flow: Any, message: Message, code: str) -> None:
    """Without its person or its date, of another day, unsigned by its own word, twice, too long."""
    assert code_of(lambda: heard(flow, message), APP_SECRET) == code


def test_a_deletion_is_confirmed_by_a_page_and_a_code() -> None:
    """The code is added to the page's address; the page is the spec's, or the callback itself."""
    found = heard(data_deletion, form(expires=AT + 3600))
    assert news(found) == [("invalidate", ADA)]
    assert found.answer == {
        "url": f"https://app.example/gone?code={found.deletion}",
        "confirmation_code": found.deletion,
    }
    page = "https://app.example/status?lang=en"
    own = heard(data_deletion, form(expires=AT + 3600), options={"status_url": page})
    assert own.answer == {"url": f"{page}&code={found.deletion}", "confirmation_code": found.deletion}


def test_a_deletion_without_a_page_to_show_is_refused() -> None:
    """Facebook shows the person its address: there has to be one, before anything is done."""
    with pytest.raises(Refused, match="status") as caught:
        heard(data_deletion, attrs.evolve(form(), url=None))
    assert caught.value.code == "no_status_url"


@pytest.mark.parametrize("expires", [AT - 1, "soon", True])
def test_a_deletion_stands_until_it_says(expires: object) -> None:
    """A request that is over, or whose end cannot be read, is not taken; without an end it is a day."""
    assert code_of(lambda: heard(data_deletion, form(expires=expires))) == "expired"
    assert heard(data_deletion, form()).deletion == heard(data_deletion, form()).deletion
