"""Users that nobody is: the test users an app makes, and the system users of a business."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.engine.ground import ADA, APP, DAY, Ground
from tests.engine.logins import came_back
from tokenflow import SECOND, Call, Engine, IssuerRefused, PayloadError, PersonNeeded, PromptPending, Secret
from tokenflow.sandbox.tokens import death_of

ME: Final = Call(method="GET", path="/me")
ROBOT: Final = "610"
MINE: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: not-installed, version: 1.0.0}
extends: builtin:facebook-test-user
acquire:
  server: {with: {installed: false}}
"""


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    with ground.durable(
        specs=["facebook-test-user", "facebook-system-user", "facebook-user"], secrets=lent(ground)
    ) as opened:
        yield opened


def lent(ground: Ground) -> dict[str, Secret]:
    """The app's secret, and the token of an admin of the business."""
    admin = ground.admin.issue(ADA, APP, "javascript", ["business_management"], long=True)
    return {**ground.options()["secrets"], "env:FB_ADMIN_TOKEN": Secret(admin["access_token"])}


# Test users.


def make(engine: Engine, *scope: str, key: str = "tess") -> Any:
    return engine.acquire(key, lifecycle="facebook-test-user", platform="server", scope=list(scope))


def test_the_app_makes_a_person_who_has_let_it_in(ground: Ground, engine: Engine) -> None:
    """By the app's own token: a short-lived token with what was asked for, which is then extended."""
    token = make(engine, "email", "user_likes")
    assert (token.state, token.scope) == ("issued", {"email", "user_likes", "public_profile"})
    person = token.attributes["user_id"]
    assert ground.running.state.world.people[person].test_user_of == APP
    assert engine.use("tess", ME).json()["id"] == person
    assert token.expires_at == ground.clock() + 5400 * SECOND
    longer = engine.extend("tess")
    assert (longer.state, longer.expires_at) == ("extended", ground.clock() + 60 * DAY * SECOND)


def test_a_test_user_may_log_in_like_anybody(ground: Ground, engine: Engine) -> None:
    """Also while the app is in development, where strangers may not."""
    person = make(engine).attributes["user_id"]
    ground.admin.change_app(APP, mode="development")
    with pytest.raises(PromptPending) as asked:
        engine.acquire("web", lifecycle="facebook-user", platform="web", scope=["email"])
    with pytest.raises(IssuerRefused, match="development mode"):
        engine.answer("web", {**state_of(asked.value.url), **came_back(ground, asked.value.url, ADA)})
    with pytest.raises(PromptPending) as again:
        engine.acquire("web", lifecycle="facebook-user", platform="web", scope=["email"])
    token = engine.answer("web", came_back(ground, again.value.url, person))
    assert (token.state, token.attributes["user_id"]) == ("issued", person)


def state_of(url: str) -> dict[str, str]:
    """The state of a login, which an old refusal does not send back."""
    return {"state": parse_qs(urlsplit(url).query)["state"][0]}


def test_revoking_deletes_the_person_and_all_that_stands_on_them(ground: Ground, engine: Engine) -> None:
    """`DELETE /{test-user}`: the held token is forgotten, and another one of theirs is refused (465)."""
    person = make(engine).attributes["user_id"]
    with pytest.raises(PromptPending) as asked:
        engine.acquire("web", lifecycle="facebook-user", platform="web")
    engine.answer("web", came_back(ground, asked.value.url, person))
    engine.revoke("tess").demand()
    assert person not in ground.running.state.world.people
    assert engine.explain("tess").token.access_token is None
    with pytest.raises(IssuerRefused):
        engine.use("web", ME)
    assert engine.explain("web").token.state == "invalidated"


def test_when_it_is_over_it_is_the_same_person_s_again(ground: Ground, engine: Engine) -> None:
    """Nobody is asked and nobody else is made: the app has the token of whom it made before."""
    first = make(engine, "email")
    ground.pass_time(61 * DAY)
    again = engine.token("tess")
    assert again.attributes["user_id"] == first.attributes["user_id"]
    assert again.secret != first.access_token
    assert again.scope == {"email", "public_profile"}
    assert len([one for one in ground.running.state.world.people.values() if one.test_user_of]) == 1


def test_a_person_who_was_deleted_is_told_of_and_nobody_is_made_in_their_place(
    ground: Ground, engine: Engine
) -> None:
    """Another person would be another identity: the key has to be forgotten first."""
    make(engine)
    engine.revoke("tess").demand()
    with pytest.raises(PersonNeeded, match="was deleted") as gone:
        engine.token("tess")
    assert "engine.forget('tess')" in str(gone.value)
    assert not [one for one in ground.running.state.world.people.values() if one.test_user_of]
    assert engine.forget("tess")
    assert make(engine).state == "issued"


def test_one_who_is_not_to_have_the_app_has_no_token(ground: Ground, tmp_path: Path) -> None:
    """Said before anybody is made, with what mends it."""
    (mine := tmp_path / "mine.yaml").write_text(MINE)
    with ground.open(specs=[str(mine)]) as engine:
        with pytest.raises(PayloadError, match="has no token to keep") as refused:
            engine.acquire("tess", lifecycle="not-installed", platform="server")
        assert "installed" in str(refused.value.mend)
    assert not [one for one in ground.running.state.world.people.values() if one.test_user_of]


# System users.


def robot(engine: Engine, platform: str = "server", key: str = "robot") -> Any:
    return engine.acquire(
        key,
        lifecycle="facebook-system-user",
        platform=platform,
        scope=["ads_read"],
        attributes={"system_user_id": ROBOT},
    )


def test_the_app_is_installed_before_a_token_is_made(ground: Ground, engine: Engine) -> None:
    """Facebook makes none without; `installing` does both, once."""
    ground.admin.system_user(ROBOT, "Robot", "8", None)
    with pytest.raises(IssuerRefused, match="100"):
        robot(engine)
    token = robot(engine, "installing")
    assert (token.state, token.kind.name, token.expires_at) == ("non_expiring", "system_user", None)
    assert robot(engine).state == "non_expiring"


def test_it_ends_neither_by_time_nor_by_anybody_s_password(ground: Ground, engine: Engine) -> None:
    """Ten years on it is the same string, and nothing was asked for it meanwhile."""
    ground.admin.system_user(ROBOT, "Robot", "8", APP)
    robot(engine)
    held = engine.token("robot").secret
    ground.admin.password(ADA)
    before = ground.requests()
    ground.pass_time(3650 * DAY)
    assert engine.token("robot").secret == held
    assert ground.requests() == before
    assert engine.use("robot", ME).json()["id"] == ROBOT


def test_one_of_sixty_days_is_refreshed_by_its_timer_and_the_old_one_lives_on(
    ground: Ground, engine: Engine
) -> None:
    """Half its life is over: another of sixty days; the one before works to its own end, and no longer."""
    ground.admin.system_user(ROBOT, "Robot", "8", APP)
    first = robot(engine, "sixty_days")
    born = ground.clock()
    assert (first.state, first.expires_at) == ("extended", born + 60 * DAY * SECOND)
    old = first.access_token
    ground.pass_time(31 * DAY)
    second = ground.renewed(engine, "robot")
    assert second.secret != old
    assert second.expires_at == ground.clock() + 60 * DAY * SECOND
    assert works(ground, old)
    ground.pass_time(29 * DAY - 1)
    assert works(ground, old)
    ground.pass_time(1)
    assert not works(ground, old)
    assert engine.use("robot", ME).json()["id"] == ROBOT


def test_a_year_of_it_costs_a_refresh_a_month(ground: Ground, engine: Engine) -> None:
    """Looked at every day, it never ends and is never refreshed sooner than has to be."""
    ground.admin.system_user(ROBOT, "Robot", "8", APP)
    robot(engine, "sixty_days")
    before = ground.calls("/oauth/access_token")
    for _ in range(73):
        ground.pass_time(5 * DAY)
        assert ground.renewed(engine, "robot").state == "extended"
    assert ground.calls("/oauth/access_token") - before in range(9, 14)


@pytest.mark.parametrize("by", ["the business", "DELETE"])
def test_what_a_business_ends_is_invalidated(ground: Ground, engine: Engine, by: str) -> None:
    """Removed, or all its tokens ended by another holder: the next call finds out."""
    ground.admin.system_user(ROBOT, "Robot", "8", APP)
    robot(engine)
    if by == "DELETE":
        with ground.open(specs=["facebook-system-user"], secrets=lent(ground)) as other:
            robot(other)
            assert other.send("robot", "end_all").state == "signed_out"
    else:
        ground.admin.remove_system_user(ROBOT)
    with pytest.raises(IssuerRefused):
        engine.use("robot", ME)
    held = engine.explain("robot").token
    assert (held.state, held.access_token) == ("invalidated", None)


def works(ground: Ground, value: Secret | None) -> bool:
    """Whether the issuer still takes a value."""
    assert value is not None
    found = ground.running.state.world.tokens
    token = next(one for one in found.values() if one.value == value.reveal())
    return death_of(ground.running.state.world, token) is None
