"""Ninety days in which an app may read a person's data: a deadline beside the token's own."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from tests.engine.ground import ADA, APP, APP_SECRET, Ground
from tests.engine.logins import at, begin, came_back, days, log_in
from tokenflow import SECOND, AnswerNotUnderstood, Call, Engine, IssuerRefused, Refused, Secret, Token
from tokenflow.core.events import RuleWarned
from tokenflow_javascript import encode_cookie

DAY = 86_400 * SECOND
READ = Call(path="/me", params={"fields": "id,name,email"}, reads="user_data")
PLAIN = Call(path="/me", params={"fields": "id"})


@pytest.fixture
def heard() -> list[Any]:
    """What the engine told of."""
    return []


@pytest.fixture
def engine(ground: Ground, heard: list[Any]) -> Iterator[Engine]:
    with ground.open(specs=["facebook-user", "facebook"], on_event=heard.extend) as opened:
        yield opened


def long_lived(ground: Ground, engine: Engine) -> Token:
    """Log Ada in by the dialog, and extend."""
    log_in(ground, engine, "email")
    return engine.extend("ada")


def notices(heard: list[Any], name: str) -> int:
    return sum(getattr(one, "name", None) == name for one in heard)


def kept_alive(ground: Ground, engine: Engine, until: int) -> None:
    """Let a keeper's sweeps extend it through the days until an instant."""
    while ground.clock() < until:
        at(ground, min(ground.clock() + 20 * DAY, until))
        engine.sweep()


def test_access_to_data_ends_though_the_token_is_extended(
    ground: Ground, engine: Engine, heard: list[Any]
) -> None:
    """Warned seven days before, told when it is over; data reads are refused then, and other calls go on."""
    ends = int(long_lived(ground, engine).attributes["data_access_expires_at"])
    assert ends == ground.clock() + 90 * DAY
    kept_alive(ground, engine, ends - 8 * DAY)
    assert (notices(heard, "data_access.ending"), heard_warnings(heard)) == (0, 0)
    at(ground, ends - 7 * DAY)
    engine.sweep()  # an extension that falls due before is a keeper's to make
    assert engine.use("ada", READ).status == 200
    assert (notices(heard, "data_access.ending"), heard_warnings(heard)) == (1, 1)
    kept_alive(ground, engine, ends - SECOND)
    assert engine.use("ada", READ).json()["email"]
    assert notices(heard, "data_access.over") == 0
    at(ground, ends)
    asked = ground.requests()
    with pytest.raises(Refused, match="reauthorize") as no:
        engine.use("ada", READ)
    assert (no.value.code, ground.requests()) == ("data-access", asked)
    assert notices(heard, "data_access.over") == 1
    assert engine.use("ada", PLAIN).json() == {"id": ADA}
    token = engine.explain("ada").token
    assert (token.state, token.attributes["data_access"]) == ("extended", "over")
    assert (token.expires_at or 0) > ends
    kept_alive(ground, engine, ends + 10 * DAY)
    assert (notices(heard, "data_access.ending"), notices(heard, "data_access.over")) == (1, 1)


def heard_warnings(heard: list[Any]) -> int:
    return sum(isinstance(one, RuleWarned) and one.rule == "data-access" for one in heard)


def test_the_issuer_shows_no_data_either(ground: Ground, engine: Engine) -> None:
    """The rule says early what the issuer does: after the 90 days it answers without the person's data."""
    ends = int(long_lived(ground, engine).attributes["data_access_expires_at"])
    kept_alive(ground, engine, ends - SECOND)
    unsaid = Call(path="/me", params={"fields": "id,name,email"})
    assert set(engine.use("ada", unsaid).json()) == {"id", "name", "email"}
    at(ground, ends)
    assert engine.use("ada", unsaid).json() == {"id": ADA}


@pytest.mark.parametrize("platform", ["reauthorize", "javascript", "android", "javascript_cookie"])
def test_a_login_renews_both_deadlines(
    ground: Ground, engine: Engine, heard: list[Any], platform: str
) -> None:
    """The link that asks for it, or a login on any other platform: 90 days more, and data may be read."""
    ends = int(long_lived(ground, engine).attributes["data_access_expires_at"])
    kept_alive(ground, engine, ends + DAY)
    if platform == "reauthorize":
        url = begin(engine, platform, "email")
        assert "auth_type=reauthorize" in url
        engine.answer("ada", came_back(ground, url))
    else:
        payload = by_cookie(ground) if platform == "javascript_cookie" else ground.payload(platform)
        engine.acquire("ada", lifecycle="facebook-user", platform=platform, payload=payload)
    token = engine.explain("ada").token
    assert token.attributes["data_access_expires_at"] == ground.clock() + 90 * DAY
    assert token.attributes["data_access"] == "open"
    assert (token.expires_at or 0) > ground.clock()
    assert engine.use("ada", READ).json()["email"]
    assert notices(heard, "data_access.over") == 1


def by_cookie(ground: Ground) -> str:
    issued = ground.admin.issue(ADA, APP, "javascript", ["email"])
    return "; ".join(
        f"{name}={value}" for name, value in encode_cookie(issued, ground.clock() // SECOND).items()
    )


def test_what_the_issuer_says_when_asked_is_kept(ground: Ground, engine: Engine, heard: list[Any]) -> None:
    """Another login of the person's, at another client, moved the instant: `introspect` brings it here."""
    before = int(long_lived(ground, engine).attributes["data_access_expires_at"])
    kept_alive(ground, engine, before)
    with pytest.raises(Refused):
        engine.use("ada", READ)
    assert engine.introspect("ada").active
    with pytest.raises(Refused):  # nothing new was said
        engine.use("ada", READ)
    renewed = before + 30 * DAY
    told_by_issuer(ground, renewed)
    revision = engine.explain("ada").token.revision
    assert engine.introspect("ada").active
    token = engine.explain("ada").token
    assert (token.attributes["data_access_expires_at"], token.attributes["data_access"]) == (
        renewed,
        "open",
    )
    assert token.revision > revision
    assert engine.use("ada", READ).json()["email"]
    kept_alive(ground, engine, renewed)
    with pytest.raises(Refused):
        engine.use("ada", READ)
    assert notices(heard, "data_access.over") == 2


def told_by_issuer(ground: Ground, instant: int | None) -> None:
    """Have the issuer's books say when access to data ends, for all that Ada's logins brought."""
    world = ground.running.state.world
    for token in list(world.tokens.values()):
        if token.user_id == ADA and token.kind == "user":
            world.tokens[token.id] = attrs.evolve(token, data_access_expires_at=instant)


def test_0_at_the_issuer_is_never(ground: Ground, engine: Engine, heard: list[Any]) -> None:
    """Not 1970: nothing is told, nothing refused, and the timers sleep."""
    token = long_lived(ground, engine)
    told_by_issuer(ground, None)
    assert engine.introspect("ada").active
    assert engine.explain("ada").token.attributes["data_access_expires_at"] is None
    kept_alive(ground, engine, ground.clock() + 120 * DAY)
    assert notices(heard, "data_access.ending") + notices(heard, "data_access.over") == 0
    assert (engine.explain("ada").token.id, engine.use("ada", READ).status) == (token.id, 200)


def test_to_ask_and_hear_nothing_new_saves_nothing(ground: Ground, engine: Engine) -> None:
    """The issuer is asked often by some; a row is written only for news."""
    long_lived(ground, engine)
    revision = engine.explain("ada").token.revision
    engine.introspect("ada")
    assert engine.explain("ada").token.revision == revision


def test_a_dead_token_s_introspection_is_still_its_death(ground: Ground, engine: Engine) -> None:
    """Facts of a token that the issuer calls dead are not kept beside its end."""
    long_lived(ground, engine)
    ground.admin.password(ADA)
    assert not engine.introspect("ada").active
    assert engine.explain("ada").token.state == "invalidated"


@pytest.mark.parametrize("kind", ["facebook-app", "facebook-system-user"])
def test_apps_and_system_users_have_no_second_deadline(ground: Ground, kind: str) -> None:
    """They stand for nobody who could be asked again: after a year they read as on the first day."""
    secrets = {"env:FB_APP_SECRET": Secret(APP_SECRET), "env:FB_ADMIN_TOKEN": Secret("")}
    ground.admin.change_app(APP, marketing_access="standard")
    ground.admin.system_user("900", "Machine", "5000", APP)
    with ground.open(specs=["facebook-user", "facebook"]) as people:
        admin = ground.facebook(people).access_token
    assert admin is not None
    secrets["env:FB_ADMIN_TOKEN"] = admin
    with ground.open(specs=[kind, "facebook"], secrets=secrets) as engine:
        who = {"facebook-app": {}, "facebook-system-user": {"system_user_id": "900"}}[kind]
        platform = {"facebook-app": "generated", "facebook-system-user": "server"}[kind]
        engine.acquire("bot", lifecycle=kind, platform=platform, attributes={"app_id": APP, **who})
        days(ground, 400)
        engine.sweep()
        engine.introspect("bot") if kind == "facebook-system-user" else None
        assert "data_access" not in engine.explain("bot").token.attributes
        assert engine.explain("bot").deadlines == ()
        path = {"facebook-app": f"/{APP}", "facebook-system-user": "/me"}[kind]
        assert engine.use("bot", Call(path=path, reads="user_data")).status == 200


def test_an_extension_that_names_the_instant_moves_it(ground: Ground, engine: Engine) -> None:
    """A server's exchange usually says nothing of it, and then it stays; where it is named, that counts."""
    ends = int(long_lived(ground, engine).attributes["data_access_expires_at"])
    kept_alive(ground, engine, ends)
    with pytest.raises(Refused):
        engine.use("ada", READ)
    assert engine.extend("ada").attributes["data_access_expires_at"] == ends
    assert engine.explain("ada").token.attributes["data_access"] == "over"
    named = ends // SECOND + 90 * 86_400
    body = {"access_token": "EAAnew", "expires_in": 5_184_000, "data_access_expiration_time": named}
    ground.admin.fault(path="oauth/access_token", kind="status", status=200, body=body, times=1)
    attributes = engine.extend("ada").attributes
    assert (attributes["data_access_expires_at"], attributes["data_access"]) == (named * SECOND, "open")


def test_what_is_said_of_somebody_else_is_not_kept(ground: Ground, engine: Engine) -> None:
    """An inspection that answers with another person's facts changes nothing here (security.md D9)."""
    held = long_lived(ground, engine)
    told_by_issuer(ground, ground.clock() + DAY)
    ground.admin.fault(path="debug_token", kind="wrong_user", times=1)
    with pytest.raises(AnswerNotUnderstood, match="another user"):
        engine.introspect("ada")
    assert engine.explain("ada").token.attributes == held.attributes


def test_a_token_that_rested_is_not_told_of_again(ground: Ground, engine: Engine, heard: list[Any]) -> None:
    """Facebook wants to see the person, and the token comes back: what is over was told before it rested."""
    ends = int(long_lived(ground, engine).attributes["data_access_expires_at"])
    kept_alive(ground, engine, ends)
    engine.sweep()
    assert notices(heard, "data_access.over") == 1
    ground.admin.checkpoint(ADA, on=True)
    with pytest.raises(IssuerRefused):
        engine.use("ada", PLAIN)
    assert engine.explain("ada").token.state == "suspended"
    ground.admin.checkpoint(ADA, on=False)
    days(ground, 1 / 12)
    engine.sweep()
    token = engine.explain("ada").token
    assert (token.state, token.attributes["data_access"]) == ("extended", "over")
    assert (notices(heard, "data_access.ending"), notices(heard, "data_access.over")) == (1, 1)
