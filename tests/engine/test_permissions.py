"""What a person grants, holds back and takes back: the token lives on, and what it may do is kept true."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest

from tests.engine.ground import ADA, APP, Ground
from tests.engine.logins import at, begin, came_back, days, log_in
from tokenflow import SECOND, Call, Engine, PayloadError, PersonNeeded, Refused, Token
from tokenflow.core.events import ScopeChanged
from tokenflow.engine.opening import read_all
from tokenflow.hooks.registry import Registry
from tokenflow.runner.explaining import explain
from tokenflow.runner.looking import glass

SPECS = ["facebook-user", "facebook-page", "facebook"]
PAGE = "1234567890"
LIKES = Call(path="/me", params={"fields": "id,likes"}, reads="user_data")


@pytest.fixture
def heard() -> list[Any]:
    """What the engine told of."""
    return []


@pytest.fixture
def engine(ground: Ground, heard: list[Any]) -> Iterator[Engine]:
    with ground.open(specs=SPECS, on_event=heard.extend) as opened:
        yield opened


def changes(heard: list[Any]) -> list[tuple[str, ...]]:
    """(gained ..., then lost with a minus ...) of each change of scope that was told."""
    return [
        (*one.gained, *(f"-{name}" for name in one.lost)) for one in heard if isinstance(one, ScopeChanged)
    ]


def held(engine: Engine) -> Token:
    return engine.explain("ada").token


def wanted(ground: Ground, engine: Engine) -> str | None:
    """What `tokenflow explain KEY` says a person has to do."""
    registry = Registry.installed()
    documents = read_all(SPECS, registry)
    seen = glass(engine.desk.store, documents, registry=registry, tenant="default", clock=ground.clock)
    return explain(seen, "ada").person


def refuse(ground: Ground, code: int) -> None:
    """The next call is answered as Facebook answers one whose permission is missing."""
    error = {"type": "OAuthException", "code": code, "message": f"(#{code}) Requires user_likes permission"}
    ground.admin.fault(path="me", kind="status", status=403, body={"error": error}, times=1)


def test_what_is_declined_in_the_dialog_is_on_record(ground: Ground, engine: Engine) -> None:
    """The rest is granted; `explain` names the login that asks for it again."""
    token = log_in(ground, engine, "email", "user_likes", decline=["user_likes"])
    assert token.scope == {"email", "public_profile"}
    assert token.attributes["declined_scopes"] == ["user_likes"]
    assert (wanted(ground, engine) or "").endswith(
        "(declined: user_likes): engine.acquire('ada', lifecycle='facebook-user', platform='rerequest')"
    )


@pytest.mark.parametrize("code", [10, 200])
def test_what_is_taken_back_in_the_settings_shrinks_the_scope_at_the_next_call(
    ground: Ground, engine: Engine, heard: list[Any], code: int
) -> None:
    """10 or 200-299: the no is told, what is granted now is asked and kept, and the token lives on."""
    before = log_in(ground, engine, "email", "user_likes")
    assert "user_likes" in before.scope
    ground.admin.revoke_permissions(ADA, APP, ["user_likes"])
    refuse(ground, code)
    with pytest.raises(PersonNeeded, match=f"code {code}.*\n.*rerequest"):
        engine.use("ada", LIKES)
    token = held(engine)
    assert (token.id, token.state, token.access_token) == (before.id, "issued", before.access_token)
    assert token.scope == {"email", "public_profile"}
    assert token.attributes["declined_scopes"] == ["user_likes"]
    assert changes(heard) == [("-user_likes",)]
    stored = [one for one in engine.explain("ada").history if isinstance(one, ScopeChanged)]
    assert [one.lost for one in stored] == [("user_likes",)]
    assert "rerequest" in (wanted(ground, engine) or "")
    assert engine.use("ada", Call(path="/me", params={"fields": "id,email"})).json()["email"]


def test_the_sandbox_s_own_no_is_heard_too(ground: Ground, engine: Engine, heard: list[Any]) -> None:
    """Acting as a page with a person's token is a 200: it is asked what they granted, and it is the same."""
    ground.admin.page(PAGE, "Sample Page")
    log_in(ground, engine, "email")
    with pytest.raises(PersonNeeded):
        engine.use("ada", Call(path=f"/{PAGE}/feed"))
    assert ground.calls("/me/permissions") == 1
    assert changes(heard) == []
    assert held(engine).scope == {"email", "public_profile"}


def test_an_issuer_that_cannot_say_what_is_granted_changes_nothing(
    ground: Ground, engine: Engine, heard: list[Any]
) -> None:
    """The no is told all the same, and the next one asks again."""
    before = log_in(ground, engine, "email", "user_likes")
    ground.admin.revoke_permissions(ADA, APP, ["user_likes"])
    refuse(ground, 200)
    ground.admin.fault(path="me/permissions", kind="status", status=500, times=1)
    with pytest.raises(PersonNeeded, match="code 200"):
        engine.use("ada", LIKES)
    assert (held(engine).scope, held(engine).state, changes(heard)) == (before.scope, "issued", [])
    days(ground, 1 / 48)
    refuse(ground, 200)
    with pytest.raises(PersonNeeded):
        engine.use("ada", LIKES)
    assert changes(heard) == [("-user_likes",)]


def test_a_permission_that_lapsed_unused_is_renewed_by_reauthorize(
    ground: Ground, engine: Engine, heard: list[Any]
) -> None:
    """`expired` is neither granted nor declined; the login that mends it is another."""
    log_in(ground, engine, "email", "user_posts")
    ground.admin.forget_permissions(ADA, APP, ["user_posts"])
    token = engine.send("ada", "check_permissions")
    assert token.scope == {"email", "public_profile"}
    assert token.attributes["expired_scopes"] == ["user_posts"]
    assert token.attributes["declined_scopes"] == []
    assert "(not used for too long: user_posts)" in (wanted(ground, engine) or "")
    assert "platform='reauthorize'" in (wanted(ground, engine) or "")
    renewed = log_in(ground, engine, "user_posts", platform="reauthorize")
    assert "user_posts" in renewed.scope
    assert not renewed.attributes.get("expired_scopes")
    assert wanted(ground, engine) is None
    assert changes(heard) == [("-user_posts",)]


def test_only_a_rerequest_asks_again_for_what_was_declined(ground: Ground, engine: Engine) -> None:
    """The plain login does not; the rerequest asks for that alone, and the scope grows by it."""
    log_in(ground, engine, "email", "user_likes", decline=["user_likes"])
    again = log_in(ground, engine, "email", "user_likes")
    assert "user_likes" not in again.scope
    assert again.attributes["declined_scopes"] == ["user_likes"]
    url = begin(engine, "rerequest", *again.attributes["declined_scopes"])
    query = parse_qs(urlsplit(url).query)
    assert (query["auth_type"], query["scope"]) == (["rerequest"], ["user_likes"])
    grown = engine.answer("ada", came_back(ground, url))
    assert grown.scope == {"email", "public_profile", "user_likes"}
    assert grown.attributes["declined_scopes"] == []
    assert wanted(ground, engine) is None


def test_the_end_of_access_to_data_comes_before_what_was_declined(ground: Ground, engine: Engine) -> None:
    """One login is named at a time: what mends most."""
    log_in(ground, engine, "email", "user_likes", decline=["user_likes"])
    token = engine.extend("ada")
    at(ground, token.attributes["data_access_expires_at"] - 40 * 86_400 * SECOND)
    engine.sweep()
    assert "rerequest" in (wanted(ground, engine) or "")
    at(ground, token.attributes["data_access_expires_at"] - 86_400 * SECOND)
    engine.sweep()
    assert "(access to data is ending)" in (wanted(ground, engine) or "")
    assert "platform='reauthorize'" in (wanted(ground, engine) or "")


# Pages.


def test_pages_follow_what_the_person_granted(ground: Ground, engine: Engine) -> None:
    """Without manage_pages no new one is derived; once that is known, the issuer is not even asked."""
    ground.admin.page(PAGE, "Sample Page")
    ground.admin.role(PAGE, ADA, ["ADMINISTER", "BASIC_ADMIN"])
    log_in(ground, engine, "email", "manage_pages")
    (page,) = engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    assert "manage_pages" in page.scope
    ground.admin.revoke_permissions(ADA, APP, ["manage_pages"])
    ground.admin.page("77", "Another Page")
    ground.admin.role("77", ADA, ["ADMINISTER"])
    (same,) = engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    assert (same.key, same.generation) == (page.key, page.generation)
    assert engine.introspect(page.key).scope == frozenset({"email", "public_profile"})
    assert engine.explain(page.key).token.scope == {"email", "public_profile"}
    assert engine.explain(page.key).token.state == "issued"
    engine.send("ada", "check_permissions")
    asked = ground.requests()
    with pytest.raises(Refused, match="manage_pages") as no:
        engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    assert (no.value.code, ground.requests()) == ("derive_not_allowed", asked)
    log_in(ground, engine, "pages_show_list")
    assert "pages_show_list" in held(engine).scope
    both = engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    assert {one.key for one in both} == {page.key, "page/77"}


# The password again.


def reauthenticating(engine: Engine) -> str:
    url = begin(engine, "reauthenticate", "email")
    query = parse_qs(urlsplit(url).query)
    assert query["auth_type"] == ["reauthenticate"]
    assert len(query["auth_nonce"][0]) >= 43
    return url


def changed(url: str, **parameters: str | None) -> str:
    """A link with some of its parameters replaced, or left out."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | parameters
    return urlunsplit(
        parts._replace(query=urlencode({key: value for key, value in query.items() if value is not None}))
    )


def test_a_password_entered_again_is_verified(ground: Ground, engine: Engine) -> None:
    """The issuer names the nonce of this very login; the token that comes of it is as good as any."""
    token = engine.answer("ada", came_back(ground, reauthenticating(engine)))
    assert token.state == "issued"
    assert "auth_nonce" not in token.attributes


@pytest.mark.parametrize(
    "parameters",
    [{"auth_type": None, "auth_nonce": None}, {"auth_nonce": None}, {"auth_nonce": "an-older-login-s"}],
    ids=["no password", "no nonce", "replayed"],
)
def test_a_password_that_was_not_entered_for_this_login_is_not_taken(
    ground: Ground, engine: Engine, parameters: dict[str, str | None]
) -> None:
    """Who opens the link without what asks for it, or with an older login's nonce, is not let through."""
    before = log_in(ground, engine, "email")
    url = reauthenticating(engine)
    with pytest.raises(PayloadError, match="password") as caught:
        engine.answer("ada", came_back(ground, changed(url, **parameters)))
    assert caught.value.code == "forged"
    assert held(engine).id == before.id
    assert before.access_token is not None
    told = f"{caught.value!r} {json.dumps(ground.admin.ledger()['requests'])}"
    assert before.access_token.reveal() not in told


def test_an_issuer_that_says_it_in_the_old_way_is_asked_there(ground: Ground, engine: Engine) -> None:
    """Where `debug_token` names no nonce, `oauth/access_token_info` is asked in the token's own name."""
    url = reauthenticating(engine)
    answer = came_back(ground, url)
    once = parse_qs(urlsplit(url).query)["auth_nonce"][0]
    plain = {"app_id": APP, "type": "USER", "is_valid": True, "user_id": ADA, "scopes": ["email"]}
    ground.admin.fault(path="debug_token", kind="status", status=200, body={"data": plain}, times=1)
    assert engine.answer("ada", answer).state == "issued"
    assert ground.calls("/oauth/access_token_info") == 1
    assert once not in json.dumps(ground.admin.ledger()["requests"])
