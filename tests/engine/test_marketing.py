"""Standard access to the Marketing API: whichever way a long-lived token comes, no end is made up for it."""

from typing import Any, Final

import pytest

from tests.engine.ground import APP, DAY, Ground
from tests.engine.keeping import watch
from tests.engine.logins import begin, came_back
from tokenflow import SECOND, Engine, Token, Wanted

SIXTY: Final = 5_183_944
NEVER_SAID: Final[tuple[dict[str, Any] | None, ...]] = (None, {"expires_in": 0}, {"expires_in": None})
"""Of an answer of the token endpoint: nothing, never in Facebook's words, and null."""
PATHS: Final = ("extend", "native", "fragment", "android", "ios", "client_code")
"""Ways that bring a long-lived token, or end with one."""


def opened(ground: Ground, access: str = "standard", **how: Any) -> Engine:
    """An engine of an app that has, at Facebook, standard access; and believes that it has *access*."""
    ground.admin.change_app(APP, marketing_access="standard")
    ground.running.state.world.any_loopback_redirect = True
    return ground.open(specs=["facebook-user"], app={"marketing_access": access}, **how)


def arrive(ground: Ground, engine: Engine, path: str, says: Any) -> Token:
    """Get a long-lived token by *path*, from an answer that *says* something of its end."""
    if path in ("android", "ios"):
        return ground.facebook(engine, platform=path)
    if path in ("native", "web"):
        back = came_back(ground, begin(engine, path))
        order(ground, says)
        return engine.answer("ada", back)
    if path == "client_code":
        return by_code(ground, engine, says)
    if path == "fragment":
        engine.answer("ada", came_back(ground, begin(engine, path)))
    else:
        ground.facebook(engine)
    order(ground, says)
    return engine.extend("ada")


def order(ground: Ground, says: Any) -> None:
    """Have the next answer of the token endpoint say that."""
    if isinstance(says, int):  # and mean it
        ground.admin.fault("oauth/access_token", "lifetime", seconds=says, times=1)
    elif says is not None:
        ground.admin.fault("oauth/access_token", "says", body=says, times=1)


def by_code(ground: Ground, engine: Engine, says: Any) -> Token:
    """Let a server with a long-lived token hand a code over, and redeem it here."""
    with ground.open(specs=["facebook-user"]) as server:
        ground.facebook(server, platform="ios")
        ticket = server.hand_over("ada", to="client", audience="https://phone.example")
        sent = server.redeem(ticket.value, "https://phone.example").form()
    order(ground, says)
    return engine.acquire("ada", lifecycle="facebook-user", platform="client_code", payload=sent)


@pytest.mark.parametrize(
    ("path", "access"), [*((path, "standard") for path in PATHS), ("extend", "none"), ("native", "none")]
)
def test_no_end_is_made_up(ground: Ground, path: str, access: str) -> None:
    """Silence, 0 and null are no end, whatever the app is said to have; and nothing about that is a guess."""
    with opened(ground, access) as engine:
        for says in NEVER_SAID:
            arrive(ground, engine, path, says)
            token = engine.explain("ada").token
            assert (token.state, token.expires_at, token.estimated) == ("non_expiring", None, False)
            engine.invalidate("ada")
            assert engine.forget("ada")


@pytest.mark.parametrize(
    ("path", "access"),
    [
        ("extend", "standard"),
        ("extend", "none"),
        ("native", "none"),
        ("web", "standard"),
        ("client_code", "standard"),
    ],
)
def test_an_end_that_facebook_names_is_kept_and_renewed(ground: Ground, path: str, access: str) -> None:
    """Whatever the app is said to have: the token is extended, ends then, and is renewed the next day."""
    with opened(ground, access) as engine:
        arrive(ground, engine, path, SIXTY)
        token = engine.explain("ada").token
        assert (token.state, token.estimated) == ("extended", False)
        assert token.expires_at == ground.clock() + SIXTY * SECOND
        ground.pass_time(2 * DAY)
        engine.token("ada")  # its renewal has no end: Facebook has changed its mind
        later = engine.explain("ada").token
        assert (later.state, later.expires_at) == ("non_expiring", None)


def test_a_short_lived_token_of_such_an_app_ends_like_any(ground: Ground) -> None:
    """The seed's promise is about long-lived tokens: an hour and a half, and then it is extended for good."""
    with opened(ground) as engine:
        ground.facebook(engine)
        assert engine.explain("ada").token.state == "issued"
        ground.pass_time(4500)
        engine.token("ada")
        assert engine.explain("ada").token.state == "non_expiring"


def test_the_keeper_lets_it_be(ground: Ground) -> None:
    """Sixty looks and more than a year: nothing is asked, nothing is told."""
    with opened(ground) as engine:
        arrive(ground, engine, "extend", None)
        before = ground.requests()
        wish = Wanted(key="ada", lifecycle="facebook-user", platform="web", attributes={}, scope=())
        told, _ = watch(ground, engine, [wish], 5)
        ground.pass_time(400 * DAY)
        more, _ = watch(ground, engine, [wish], 5)
        calls = ground.admin.ledger()["requests"][before:]
        assert not [row for row in calls if "access_token" in row["path"]]
        assert {one.state for one in (*told, *more)} <= {"non_expiring"}
        assert engine.explain("ada").token.expires_at is None
