"""A person whom Facebook wants to see first: their token rests, its value kept, and comes back with them."""

from typing import Any

import pytest

from tests.engine.ground import ADA, APP, HOUR, Ground, state
from tokenflow import Call, Engine, IssuerRefused, IssuerUnreachable, Refused, Response, Token

ME = Call(path="/me", params={"fields": "id"})
MINUTE = 60


def engines(ground: Ground, **changes: Any) -> Engine:
    """Another worker on the same file, as after a restart."""
    return ground.durable(specs=["facebook-user", "facebook-page"], **changes)


def suspended(ground: Ground, engine: Engine, *, extend: bool = True) -> Token:
    """Log Ada in, derive her Page, and let Facebook hold her up at the next call."""
    ground.admin.page("42", "Choir")
    ground.admin.role("42", ADA, ["CREATE_CONTENT"])
    ground.facebook(engine)
    if extend:
        engine.extend("ada")
    token = engine.explain("ada").token
    engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    ground.admin.checkpoint(ADA, on=True)
    with pytest.raises(IssuerRefused, match=r"www\.facebook\.com"):
        engine.use("ada", ME)
    return token


def notices(heard: list[Any], name: str) -> int:
    """How often something was told."""
    return sum(getattr(one, "name", None) == name for one in heard)


def test_who_passes_the_checkpoint_finds_the_token_again(ground: Ground) -> None:
    """459 keeps the value; after a restart it is asked about once an hour, and it comes back by itself."""
    heard: list[Any] = []
    with engines(ground, on_event=heard.extend) as engine:
        before = suspended(ground, engine)
        held = engine.explain("ada")
        assert (held.token.state, held.usable, held.token.reason) == ("suspended", False, "user_checkpointed")
        row = engine.desk.store.load("default", "ada")
        assert row is not None
        assert row.access_token is not None
        assert engine.explain("page/42").token.state == "invalidated"
        assert (notices(heard, "token.suspended"), notices(heard, "token.invalidated")) == (1, 1)
    with engines(ground, on_event=heard.extend) as engine:
        engine.sweep()
        asked = ground.requests()
        ground.pass_time(59 * MINUTE)
        engine.sweep()
        with pytest.raises(IssuerUnreachable, match="asked again"):
            engine.token("ada")
        assert (state(engine.desk.store, "ada"), ground.requests()) == ("suspended", asked)
        ground.pass_time(2 * MINUTE)
        engine.sweep()
        assert (state(engine.desk.store, "ada"), ground.requests()) == ("suspended", asked + 1)
        ground.admin.checkpoint(ADA, on=False)
        ground.pass_time(61 * MINUTE)
    with engines(ground, on_event=heard.extend) as engine:
        engine.sweep()
        after = engine.explain("ada").token
        assert (after.state, after.id, after.reason) == ("extended", before.id, "user_checkpointed")
        assert engine.use("ada", ME).json() == {"id": ADA}
        assert notices(heard, "token.suspended") == 1
        assert engine.explain("page/42").token.state == "invalidated"
        (page,) = engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
        assert page.state == "issued"
        assert engine.use("page/42", ME).status == 200


def test_a_short_lived_one_comes_back_long_lived(ground: Ground) -> None:
    """What asks whether it is good again is its extension."""
    with engines(ground) as engine:
        suspended(ground, engine, extend=False)
        ground.admin.checkpoint(ADA, on=False)
        assert engine.extend("ada").state == "extended"


def test_one_without_an_end_comes_back_without_one(ground: Ground) -> None:
    """It is asked what it may do, and not extended: that would give it an end."""
    ground.admin.change_app(APP, marketing_access="standard")
    with engines(ground, app={"marketing_access": "standard"}) as engine:
        before = suspended(ground, engine)
        assert before.state == "non_expiring"
        ground.admin.checkpoint(ADA, on=False)
        assert engine.token("ada").state == "non_expiring"
        after = engine.explain("ada").token
        assert (after.state, after.expires_at, after.generation) == ("non_expiring", None, before.generation)


@pytest.mark.parametrize(
    ("deed", "reason"),
    [("password", "password_changed"), ("remove_app", "app_removed")],
)
def test_worse_news_ends_it(ground: Ground, deed: str, reason: str) -> None:
    """Who changes the password at the checkpoint ends the token for good, and its value is forgotten."""
    with engines(ground) as engine:
        suspended(ground, engine)
        getattr(ground.admin, deed)(ADA, *([APP] if deed == "remove_app" else []))
        ground.admin.checkpoint(ADA, on=False)
        engine.sweep()
        token = engine.explain("ada").token
        row = engine.desk.store.load("default", "ada")
        assert (token.state, token.reason) == ("invalidated", reason)
        assert row is not None
        assert row.access_token is None


def test_its_time_goes_on(ground: Ground) -> None:
    """Sixty days at the checkpoint are its last: it has expired, not been invalidated."""
    with engines(ground) as engine:
        suspended(ground, engine)
        engine.sweep()
        ground.pass_time(61 * 24 * HOUR)
        assert engine.explain("ada").token.state == "expired"


def test_nothing_is_derived_from_it_meanwhile(ground: Ground) -> None:
    """A Page's token would be one of a person who is held up."""
    with engines(ground) as engine:
        suspended(ground, engine)
        with pytest.raises(Refused, match="suspended"):
            engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")


def test_a_login_takes_its_place(ground: Ground) -> None:
    """Whoever logs in again does not wait for an hour to be over."""
    with engines(ground) as engine:
        suspended(ground, engine)
        ground.admin.checkpoint(ADA, on=False)
        assert ground.facebook(engine).state == "issued"
        assert engine.use("ada", ME).status == 200


@pytest.mark.parametrize("subcode", [459, 490])
def test_both_numbers_of_a_checkpoint_suspend(ground: Ground, subcode: int) -> None:
    """490 is a second factor that is lacking; an application that met it says so, and nothing is sent."""
    with engines(ground) as engine:
        ground.facebook(engine)
        asked = ground.requests()
        body = f'{{"error": {{"type": "OAuthException", "code": 190, "error_subcode": {subcode}}}}}'
        told = engine.report("ada", Response(status=400, body=body.encode()))
        assert (told.state, told.reason) == ("suspended", "user_checkpointed")
        assert ground.requests() == asked


def test_an_app_that_was_idle_expires_and_its_row_stays(ground: Ground) -> None:
    """493: not invalidated, and not cleared as if the person had gone: whose it was and may, is known on."""
    with engines(ground) as engine:
        before = ground.facebook(engine)
        body = b'{"error": {"type": "OAuthException", "code": 190, "error_subcode": 493}}'
        told = engine.report("ada", Response(status=400, body=body))
        assert (told.state, told.attributes["user_id"], told.scope) == ("expired", ADA, before.scope)
        row = engine.desk.store.load("default", "ada")
        assert row is not None
        assert row.access_token is None
        assert ground.facebook(engine).supersedes == before.id
