"""A token kept where it came to, with no secret in reach: vouched for, and extended as the SDKs do."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from tests.engine.ground import ADA, APP, APP_SECRET, BOB, ENCODERS, Ground, altered
from tests.engine.logins import at
from tokenflow import (
    NEVER,
    SECOND,
    AnswerNotUnderstood,
    Call,
    Engine,
    HttpTransport,
    IssuerError,
    PayloadError,
    Refused,
    Rejected,
    Request,
    Response,
    Token,
    TokenNotFound,
)
from tokenflow.core.events import ScopeChanged
from tokenflow.core.flows.using import AGAIN
from tokenflow_android.access_token import encode
from tokenflow_android.issued import token_of

MILLI, HOUR, DAY = 1_000, 3_600 * SECOND, 86_400 * SECOND
PHONES = ("android", "ios")
SPECS = ["facebook-mobile", "facebook"]
EXTEND = "fb_extend_sso_token"
NO = {"error": {"type": "OAuthException", "code": 2, "message": "no"}}


@attrs.define
class Wire:
    """A transport that lets a test act while an extension's answer is on its way."""

    inner: HttpTransport
    meanwhile: list[Callable[[], Any]]

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Send, and let the next act happen before the answer is read."""
        response = await self.inner.send(request, step=step)
        if self.meanwhile and EXTEND in str((request.form or {}).get("batch", "")):
            await asyncio.to_thread(self.meanwhile.pop(0))
        return response

    async def close(self) -> None:
        """Close connections."""
        await self.inner.close()


@pytest.fixture(autouse=True)
def no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none on a device."""
    for name in ("FB_APP_SECRET", "FB_CLIENT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def meanwhile() -> list[Callable[[], Any]]:
    """What happens while an extension is under way, one act each."""
    return []


@pytest.fixture
def engine(
    ground: Ground, meanwhile: list[Callable[[], Any]], request: pytest.FixtureRequest
) -> Iterator[Engine]:
    opening = ground.durable if "other" in request.fixturenames else ground.open
    with opening(specs=SPECS, secrets={}, transport=lambda: Wire(HttpTransport(), meanwhile)) as opened:
        yield opened


@pytest.fixture
def other(ground: Ground) -> Iterator[Engine]:
    """Another process on the same device."""
    with ground.durable(specs=SPECS, secrets={}) as opened:
        yield opened


def payload(ground: Ground, platform: str, person: str = ADA, born: str | None = None, **how: Any) -> Any:
    """What the SDK on a phone keeps after a login; *born* elsewhere, it is no token of a phone's."""
    issued = ground.admin.issue(person, APP, born or platform, ["email", "user_likes"], **how)
    return ENCODERS[platform](issued, ground.clock() // SECOND)


def arrive(engine: Engine, brought: Any, platform: str = "android", key: str = "me") -> Token:
    return engine.acquire(key, lifecycle="facebook-mobile", platform=platform, payload=brought)


def extensions(ground: Ground) -> int:
    """How many times Facebook was asked for a longer life."""
    return ground.calls("/oauth/access_token", grant=EXTEND)


def batches(ground: Ground) -> int:
    return ground.calls("/")


def held(engine: Engine, key: str = "me") -> Token:
    return engine.explain(key).token


def answered(ground: Ground, *parts: Any) -> None:
    """The next batch is answered by these parts, each a 200 unless it is an error."""
    body = [{"code": 400 if "error" in one else 200, "body": json.dumps(one)} for one in parts]
    ground.admin.fault(path="/", kind="status", status=200, body=body, times=1)


def granted(*scope: str, **others: str) -> dict[str, Any]:
    """An answer of me/permissions."""
    every = dict.fromkeys(scope, "granted") | others
    return {"data": [{"permission": name, "status": status} for name, status in every.items()]}


# It arrives.


@pytest.mark.parametrize("platform", PHONES)
def test_a_phone_s_token_is_vouched_for_in_its_own_name(
    ground: Ground, engine: Engine, platform: str
) -> None:
    """One batch: whose it is, which app's, what it may do. No secret is sent, for there is none."""
    token = arrive(engine, payload(ground, platform, decline=["user_likes"]), platform)
    assert (token.state, token.attributes["user_id"], token.attributes["app_id"]) == ("extended", ADA, APP)
    assert token.scope == {"email", "public_profile"}
    assert token.attributes["declined_scopes"] == ["user_likes"]
    assert token.attributes["last_refresh"] == ground.clock()
    assert token.attributes["data_access_expires_at"] == ground.clock() + 90 * DAY
    rows = ground.admin.ledger()["requests"]
    assert [row["path"] for row in rows] == ["/", "/me", "/app", "/me/permissions"]
    assert APP_SECRET not in json.dumps(rows)


@pytest.mark.parametrize("platform", PHONES)
def test_what_the_sdk_says_of_permissions_is_the_issuer_s_to_confirm(
    ground: Ground, engine: Engine, platform: str
) -> None:
    """What was declined or lapsed since the SDK wrote it down is known as it is now."""
    old = payload(ground, platform)
    ground.admin.revoke_permissions(ADA, APP, ["user_likes"])
    with pytest.raises(Refused, match="user_likes"):
        arrive(engine, old, platform)
    fresh = payload(ground, platform, decline=["user_likes"])
    ground.admin.forget_permissions(ADA, APP, ["user_likes"])
    token = arrive(engine, fresh, platform)
    assert (token.attributes["declined_scopes"], token.attributes["expired_scopes"]) == ([], ["user_likes"])


@pytest.mark.parametrize("platform", PHONES)
def test_nobody_else_s_token_is_kept(ground: Ground, engine: Engine, platform: str) -> None:
    """Another app's in our app's clothes, another person's, a dead one, and one that was made up."""
    ground.admin.app(app_id="222", app_secret="other", client_token="c")  # made up
    foreign = ground.admin.issue(BOB, "222", platform, ["email"])
    stranger = ground.admin.issue(BOB, APP, platform, ["email"])
    dead = ground.admin.issue(ADA, APP, platform, ["email"])
    ground.admin.password(ADA)
    found = []
    for issued in (
        {**foreign, "app_id": APP},
        {**stranger, "user_id": ADA},
        dead,
        {**dead, "access_token": "EAAmadeup"},
    ):
        with pytest.raises(PayloadError) as caught:
            arrive(engine, ENCODERS[platform](issued, ground.clock() // SECOND), platform)
        found.append(caught.value.code)
    assert found == ["other_app", "other_user", "forged", "forged"]
    assert engine.keys() == []


# When it is extended.


@pytest.mark.parametrize("platform", PHONES)
def test_it_is_extended_more_than_a_day_after_the_last_refresh(
    ground: Ground, engine: Engine, platform: str
) -> None:
    """At 24 hours not yet, a millisecond later it is; then the day counts from there."""
    token = arrive(engine, payload(ground, platform), platform)
    refreshed = ground.clock()
    for _ in range(2):
        before = extensions(ground)
        for instant, made in ((DAY - 1, 0), (DAY, 0), (DAY + MILLI - 1, 0), (DAY + MILLI, 1)):
            at(ground, refreshed + instant)
            engine.sweep()
            assert extensions(ground) - before == made
        engine.sweep()
        ground.renewed(engine, "me")
        assert extensions(ground) - before == 1
        refreshed = ground.clock()
    after = held(engine)
    assert (after.id, after.generation) == (token.id, token.generation + 2)
    assert after.attributes["last_refresh"] == refreshed
    whole = refreshed // SECOND * SECOND
    assert after.expires_at == whole + 60 * DAY
    assert after.attributes["data_access_expires_at"] == whole + 90 * DAY


def test_it_is_tried_again_more_than_an_hour_after_the_last_try(ground: Ground, engine: Engine) -> None:
    """Both calls failed: at an hour not yet, a millisecond later it is tried, and what is held serves on."""
    token = arrive(engine, payload(ground, "android"))
    tried = ground.clock() + DAY + MILLI
    at(ground, tried)
    for round in range(3):
        answered(ground, NO, NO)
        before = batches(ground)
        engine.sweep()
        assert batches(ground) - before == 1
        assert held(engine).access_token == token.access_token
        last = round == 2
        for instant in (HOUR - 1, HOUR, HOUR + MILLI - 1):
            at(ground, tried + instant)
            engine.sweep()
            assert batches(ground) - before == 1
        at(ground, tried + HOUR + MILLI)
        tried = ground.clock()
        if last:
            engine.sweep()
            assert extensions(ground) == 4  # three that failed, one that did not
    assert held(engine).attributes["last_refresh"] == tried


def test_nothing_in_the_rule_looks_at_the_end(ground: Ground, engine: Engine) -> None:
    """A token that never ends is brought up to date as often; one that was refreshed long ago, at once."""
    issued = ground.admin.issue(ADA, APP, "android", ["email"])
    sdk = token_of(issued, ground.clock() // SECOND)
    old = attrs.evolve(sdk, last_refresh=ground.clock() - 30 * DAY)
    for brought in (encode(attrs.evolve(old, expires=NEVER)), encode(old)):
        arrive(engine, brought)
        before = extensions(ground)
        ground.renewed(engine, "me")
        assert extensions(ground) - before == 1


def test_a_new_login_counts_anew(ground: Ground, engine: Engine) -> None:
    """Tries of an older login keep nobody from extending the new one: its last try was never."""
    arrive(engine, payload(ground, "android"))
    at(ground, ground.clock() + DAY + MILLI)
    answered(ground, NO, NO)
    engine.sweep()
    stale = altered(payload(ground, "android"), last_refresh=(ground.clock() - 2 * DAY) // 1000)
    arrive(engine, stale)
    before = extensions(ground)
    engine.sweep()
    assert extensions(ground) - before == 1


def test_what_the_sdk_does_not_know_the_origin_of_is_never_extended(ground: Ground, engine: Engine) -> None:
    """Source NONE: it is used, nothing is asked for it, and it ends when it ends."""
    token = arrive(engine, altered(payload(ground, "android"), source="NONE"))
    assert token.state == "issued"
    for day in range(1, 60, 9):
        at(ground, (token.issued_at or 0) + day * DAY)
        engine.sweep()
        assert engine.use("me", Call(path="/me", params={"fields": "id"}), place="client").status == 200
    with pytest.raises(Rejected):
        engine.extend("me", place="client")
    at(ground, token.expires_at or 0)
    engine.sweep()
    assert (held(engine).state, held(engine).access_token) == ("expired", None)
    assert extensions(ground) == 0


def test_it_is_the_device_s_to_extend(ground: Ground, engine: Engine) -> None:
    """Nobody on a server does, and nothing is sent."""
    arrive(engine, payload(ground, "android"))
    before = ground.requests()
    with pytest.raises(Refused):
        engine.extend("me", place="server")
    with pytest.raises(Refused):
        engine.use("me", Call(path="/me"), place="server")
    assert ground.requests() == before


# What comes of it.


def due(ground: Ground, engine: Engine, brought: Any = None) -> Token:
    """A token that has to be extended now."""
    token = arrive(engine, payload(ground, "android") if brought is None else brought)
    at(ground, ground.clock() + DAY + MILLI)
    return token


def test_a_longer_life_and_what_it_may_do_come_in_one_batch(ground: Ground, engine: Engine) -> None:
    """Both calls in one request, the new token, its scope as the person left it, and the news of that."""
    token = due(ground, engine)
    ground.admin.revoke_permissions(ADA, APP, ["user_likes"])
    before = len(ground.admin.ledger()["requests"])
    engine.sweep()
    rows = ground.admin.ledger()["requests"][before:]
    assert [row["path"] for row in rows[:3]] == ["/", "/me/permissions", "/oauth/access_token"]
    after = held(engine)
    assert after.access_token != token.access_token
    assert (after.scope, after.attributes["declined_scopes"]) == (
        frozenset({"email", "public_profile"}),
        ["user_likes"],
    )
    (news,) = [one for one in engine.explain("me").history if isinstance(one, ScopeChanged)]
    assert (news.gained, news.lost) == ((), ("user_likes",))


def test_permissions_came_and_no_longer_life(ground: Ground, engine: Engine) -> None:
    """The token stays, its permissions are replaced, and that was a refresh: again in a day, not an hour."""
    token = due(ground, engine, ENCODERS["android"](javascript_born(ground), ground.clock() // SECOND))
    ground.admin.revoke_permissions(ADA, APP, ["email"])
    refreshed = ground.clock()
    engine.sweep()
    after = held(engine)
    assert (after.state, after.access_token, after.expires) == ("extended", token.access_token, token.expires)
    assert after.scope == {"public_profile"}
    assert (after.attributes["declined_scopes"], after.attributes["last_refresh"]) == (["email"], refreshed)
    at(ground, refreshed + DAY)
    engine.sweep()
    assert extensions(ground) == 1
    at(ground, refreshed + DAY + MILLI)
    engine.sweep()
    assert extensions(ground) == 2


def javascript_born(ground: Ground) -> dict[str, Any]:
    """A token that no phone got: Facebook answers for it, and does not extend it without a secret."""
    return {**ground.admin.issue(ADA, APP, "javascript", ["email"], long=True), "app_id": APP}


def test_a_longer_life_came_and_no_permissions(ground: Ground, engine: Engine) -> None:
    """What it may do stays as it was."""
    token = due(ground, engine)
    longer = {"access_token": "EAAlonger", "expires_in": 5_184_000}
    answered(ground, NO, longer)
    answered(ground, {"id": ADA}, {"id": APP}, granted("email"))  # whose the new one is
    engine.sweep()
    after = held(engine)
    assert after.access_token is not None
    assert (after.access_token.reveal(), after.scope) == ("EAAlonger", token.scope)
    assert after.expires_at == ground.clock() + 60 * DAY
    assert (after.attributes["data_access_expires_at"], after.attributes["data_access"]) == (None, "open")


@pytest.mark.parametrize(
    ("ends", "left"),
    [
        ({"expires_at": 9 * 86_400, "expires_in": 60}, 9 * DAY),
        ({"expires_at": 0, "expires_in": 8 * 86_400}, 8 * DAY),
        ({"expires_at": 0, "expires_in": 0}, None),
        ({}, None),
    ],
    ids=["an instant", "from now", "zeros", "silence"],
)
def test_its_end_is_named_or_counted_or_stays(
    ground: Ground, engine: Engine, ends: dict[str, int], left: int | None
) -> None:
    """`expires_at` before `expires_in` before the old end; a 0 is none of them."""
    token = due(ground, engine)
    if ends.get("expires_at"):
        ends = {**ends, "expires_at": ground.clock() // SECOND + ends["expires_at"]}
    answered(ground, granted("email"), {"access_token": "EAAlonger", **ends})
    answered(ground, {"id": ADA}, {"id": APP}, granted("email"))
    now = ground.clock() // SECOND * SECOND if ends.get("expires_at") else ground.clock()
    engine.sweep()
    assert held(engine).expires_at == (token.expires_at if left is None else now + left)


def test_a_yes_without_a_token_changes_nothing(ground: Ground, engine: Engine) -> None:
    """What is held serves on, and is tried again as after any failure."""
    token = due(ground, engine)
    answered(ground, granted("email"), {"expires_in": 60})
    with pytest.raises(AnswerNotUnderstood):
        engine.extend("me", place="client")
    assert (held(engine).access_token, held(engine).scope) == (token.access_token, token.scope)


def test_another_person_s_token_is_not_taken(ground: Ground, engine: Engine) -> None:
    """Whose the new token is is asked in its own name before it is kept (security.md D9)."""
    token = due(ground, engine)
    theirs = ground.admin.issue(BOB, APP, "android", ["email"])["access_token"]
    answered(ground, granted("email"), {"access_token": theirs, "expires_in": 5_184_000})
    with pytest.raises(AnswerNotUnderstood, match="another user"):
        engine.extend("me", place="client")
    assert (held(engine).access_token, held(engine).attributes["user_id"]) == (token.access_token, ADA)


@pytest.mark.parametrize(
    ("deed", "reason"), [("password", "password_changed"), ("remove_app", "app_removed")]
)
def test_a_token_that_ended_is_not_extended(ground: Ground, engine: Engine, deed: str, reason: str) -> None:
    """Both calls say 190, and why is on record."""
    due(ground, engine)
    getattr(ground.admin, deed)(ADA, *([APP] if deed == "remove_app" else []))
    engine.sweep()
    after = held(engine)
    assert (after.state, after.reason, after.access_token) == ("invalidated", reason, None)


def test_a_call_s_190_is_asked_about_in_the_token_s_own_name(ground: Ground, engine: Engine) -> None:
    """A false alarm costs the token nothing; a true one ends it, with its reason.

    What the issuer has called alive just now it is not asked about again: a herd of refusals asks once.
    """
    arrive(engine, payload(ground, "android"))
    me = Call(path="/me", params={"fields": "id"})
    no = {"error": {"type": "OAuthException", "code": 190, "message": "Invalid OAuth access token."}}
    ground.admin.fault(path="me", kind="status", status=400, body=no, times=1)
    assert engine.use("me", me, place="client").json() == {"id": ADA}
    at(ground, ground.clock() + AGAIN)
    ground.admin.logout(ADA, everywhere=True)
    with pytest.raises(IssuerError):
        engine.use("me", me, place="client")
    assert (held(engine).state, held(engine).reason) == ("invalidated", "logged_out")


# What happens meanwhile.


def test_one_that_is_under_way_is_not_begun_again(
    ground: Ground, engine: Engine, other: Engine, meanwhile: list[Callable[[], Any]]
) -> None:
    """Another process that attends to it at the same time waits for nothing, and sends nothing."""
    due(ground, engine)
    swept = []
    meanwhile.append(lambda: swept.append((other.sweep(), extensions(ground))))
    assert engine.extend("me", place="client").state == "extended"
    assert [asked for _, asked in swept] == [1]
    other.sweep()
    assert extensions(ground) == 1


def test_what_was_asked_for_a_token_that_was_replaced_is_dropped(
    ground: Ground, engine: Engine, other: Engine, meanwhile: list[Callable[[], Any]]
) -> None:
    """The person logged in anew while it was under way: theirs is the token, as it came."""
    due(ground, engine)
    anew = []
    meanwhile.append(lambda: anew.append(arrive(other, payload(ground, "android"))))
    engine.sweep()
    assert extensions(ground) == 1
    assert (held(engine).id, held(engine).access_token) == (anew[0].id, anew[0].access_token)
    assert held(engine).attributes["last_refresh"] == ground.clock() // SECOND * SECOND


def test_what_was_asked_for_a_token_that_is_gone_is_dropped(
    ground: Ground, engine: Engine, other: Engine, meanwhile: list[Callable[[], Any]]
) -> None:
    """It was ended while it was under way, and stays ended."""
    due(ground, engine)
    meanwhile.append(lambda: other.invalidate("me"))
    engine.sweep()
    assert (held(engine).state, held(engine).access_token) == ("invalidated", None)


def test_another_person_does_not_take_a_token_s_place(ground: Ground, engine: Engine) -> None:
    """A key is one person's: somebody else who logs in on the device gets a key of their own."""
    arrive(engine, payload(ground, "android"))
    with pytest.raises(Refused, match="belongs to another"):
        arrive(engine, payload(ground, "android", BOB))
    assert arrive(engine, payload(ground, "android", BOB), key="bob").attributes["user_id"] == BOB


def test_there_has_to_be_a_token(ground: Ground, engine: Engine) -> None:
    """None to extend, or one that has ended."""
    with pytest.raises(TokenNotFound):
        engine.extend("me", place="client")
    arrive(engine, payload(ground, "android"))
    engine.invalidate("me")
    before = ground.requests()
    with pytest.raises(Rejected):
        engine.extend("me", place="client")
    assert ground.requests() == before


# The gaming domain.


def test_a_token_of_the_gaming_domain_is_asked_about_in_single_calls(ground: Ground, engine: Engine) -> None:
    """There are no batches there: one call for what it may do, one for a longer life."""
    token = due(ground, engine, altered(payload(ground, "android"), graph_domain="gaming"))
    assert token.attributes["graph_domain"] == "gaming"
    later = ground.admin.issue(ADA, APP, "android")["access_token"]
    longer = {"access_token": later, "expires_in": 5_184_000, "graph_domain": "gaming"}
    ground.admin.fault(path="oauth/access_token", kind="status", status=200, body=longer, times=1)
    before = len(ground.admin.ledger()["requests"])
    engine.sweep()
    rows = ground.admin.ledger()["requests"][before:]
    whose = ["/me", "/app", "/me/permissions"]
    assert [row["path"] for row in rows] == ["/me/permissions", "/oauth/access_token", *whose]
    assert batches(ground) == 0
    assert held(engine).access_token != token.access_token
    assert APP_SECRET not in json.dumps(ground.admin.ledger()["requests"])


def test_single_calls_fail_each_by_itself(ground: Ground, engine: Engine) -> None:
    """Permissions came, the longer life was lost on the way: that was a refresh."""
    token = due(ground, engine, altered(payload(ground, "android"), graph_domain="gaming"))
    ground.admin.revoke_permissions(ADA, APP, ["user_likes"])
    ground.admin.fault(path="oauth/access_token", kind="drop", times=1)
    engine.sweep()
    after = held(engine)
    assert (after.access_token, after.attributes["last_refresh"]) == (token.access_token, ground.clock())
    assert after.scope == {"email", "public_profile"}
    at(ground, ground.clock() + DAY + MILLI)
    ground.admin.fault(path="me/permissions", kind="drop", times=1)
    engine.sweep()
    assert held(engine).access_token != token.access_token
