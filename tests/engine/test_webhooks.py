"""Facebook's webhook: signed over its bytes, about several people at once, and repeated when unanswered."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.ground import ADA, APP, APP_SECRET, BOB, DAY, NOW, Ground
from tokenflow import SECOND, Engine, Message, PayloadError, Received, Secret
from tokenflow.sandbox import callbacks


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    with ground.open() as opened:  # without a verify token: only the question needs one
        yield opened


def signed(body: bytes, secret: str = APP_SECRET, name: str = "X-Hub-Signature-256") -> Message:
    """Return *body* as Facebook posts it."""
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Message(body=body, headers={"Content-Type": "application/json", name: f"sha256={mac}"})


def entry(user: str, *fields: str, verb: str = "revoked", **more: Any) -> dict[str, Any]:
    """Return what changed for one person."""
    value = {"verb": verb, "target_ids": [user]}
    changes = [{"field": name, "value": value} for name in fields]
    return {"id": user, "uid": user, "time": NOW // SECOND, "changes": changes, **more}


def hook(*entries: Any, about: str = "permissions") -> Message:
    """Return a webhook's message."""
    return signed(json.dumps({"object": about, "entry": list(entries)}).encode())


def scope(engine: Engine, key: str = "ada") -> set[str]:
    return set(engine.explain(key).token.scope)


def asked_for(ground: Ground) -> int:
    """Return how often the issuer was asked for permissions."""
    return sum(row["path"].endswith("/permissions") for row in ground.admin.ledger()["requests"])


def test_the_sandbox_s_own_webhook_is_taken(ground: Ground, engine: Engine) -> None:
    """What the authority signs when a permission is revoked makes the engine ask, and know the scope."""
    ground.facebook(engine, "ada")
    assert "email" in scope(engine)
    ground.admin.change_app(APP, webhook_url="http://127.0.0.1:9/hook")
    world = ground.running.state.world
    with world.lock:
        callbacks.changed(world, world.apps[APP], ADA, ("email",), "revoked")
    (notice,) = callbacks.taken(world)
    ground.admin.change_app(APP, webhook_url=None)
    ground.admin.revoke_permissions(ADA, APP, ["email"])
    received = engine.receive("facebook", "webhook", Message(body=notice.body, headers=dict(notice.headers)))
    assert received == Received(keys=("ada",))
    assert "email" not in scope(engine)
    assert engine.explain("ada").usable


def test_whose_app_is_gone_has_no_token_and_no_other_s_is_touched(ground: Ground, engine: Engine) -> None:
    """`connected` revoked ends the person's tokens; in the same body another's permissions are asked for."""
    ground.facebook(engine, "ada")
    payload = ground.payload("javascript", BOB)
    engine.acquire("bob", lifecycle="facebook-user", platform="javascript", payload=payload)
    message = hook(entry(ADA, "email", "connected"), entry(BOB, "email"))
    assert engine.receive("facebook", "webhook", message) == Received(keys=("ada", "bob"))
    assert engine.explain("ada").token.reason == "app_removed"
    assert engine.explain("bob").usable


def test_a_grant_is_asked_about_and_ends_nothing(ground: Ground, engine: Engine) -> None:
    """Whatever a message says was granted, what is kept is what the issuer answers."""
    ground.facebook(engine, "ada")
    before, asked = scope(engine), asked_for(ground)
    message = hook(entry(ADA, "ads_management", "connected", verb="granted"))
    assert engine.receive("facebook", "webhook", message) == Received(keys=("ada",))
    assert asked_for(ground) == asked + 1
    assert scope(engine) == before


def test_what_comes_again_changes_nothing(ground: Ground, engine: Engine) -> None:
    """A repeated message is known by its bytes, even where the person has come back meanwhile."""
    ground.facebook(engine, "ada")
    message = hook(entry(ADA, "connected"))
    engine.receive("facebook", "webhook", message)
    ground.pass_time(DAY)
    ground.facebook(engine, "ada")
    assert engine.receive("facebook", "webhook", message) == Received(replayed=1)
    assert engine.explain("ada").usable
    ground.pass_time(DAY + 1)
    with pytest.raises(PayloadError) as caught:
        engine.receive("facebook", "webhook", message)
    assert caught.value.code == "expired"


def test_an_undated_message_is_only_a_reason_to_ask(ground: Ground, engine: Engine) -> None:
    """It might be an old one that somebody sends again: the token of who is still there lives on."""
    ground.facebook(engine, "ada")
    undated = {name: told for name, told in entry(ADA, "connected").items() if name != "time"}
    assert engine.receive("facebook", "webhook", hook(undated)) == Received(keys=("ada",))
    assert engine.explain("ada").usable
    ground.admin.remove_app(ADA, APP)  # asked now, the issuer says so, and that is no error of the callback's
    undated["id"] = "an entry of another time"
    assert engine.receive("facebook", "webhook", hook(undated)) == Received(keys=("ada",))
    assert engine.explain("ada").token.reason == "app_removed"


def test_an_issuer_that_does_not_answer_makes_no_callback_fail(ground: Ground, engine: Engine) -> None:
    """The news was heard; what is granted is learned when the token is used next."""
    ground.facebook(engine, "ada")
    ground.admin.outage(on=True)
    assert engine.receive("facebook", "webhook", hook(entry(ADA, "email"))) == Received(keys=("ada",))
    ground.admin.outage(on=False)
    assert engine.explain("ada").usable


def test_what_facebook_did_not_send_changes_nothing(ground: Ground, engine: Engine) -> None:
    """Forged, malformed or too old: the token lives on, and nothing is remembered."""
    ground.facebook(engine, "ada")
    late = {**entry(ADA, "connected"), "time": NOW // SECOND - 2 * DAY - 1}
    refused = (hook(late), hook("odd").body, signed(b"{"), signed(b"{}", "guessed"))
    for message, code in zip(refused, ("expired", "forged", "malformed", "forged"), strict=True):
        with pytest.raises(PayloadError) as caught:
            engine.receive("facebook", "webhook", message)
        assert caught.value.code == code
    assert engine.explain("ada").usable
    assert engine.desk.store.names("callbacks") == []


def test_the_question_that_sets_a_webhook_up_is_answered(ground: Ground) -> None:
    """Who knows the verify token is given the challenge back, as text."""
    query = {"hub.mode": "subscribe", "hub.verify_token": "chosen", "hub.challenge": "1158201444"}
    secrets = {**ground.options()["secrets"], "env:FB_WEBHOOK_VERIFY_TOKEN": Secret("chosen")}
    with ground.open(secrets=secrets) as engine:
        found = engine.receive("facebook", "webhook", Message(method="GET", query=query))
    assert found == Received(answer="1158201444")
