"""Page tokens over the sandbox: whose they are, what they may do, and how each of them ends."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.ground import ADA, APP, BOB, DAY, ENCODERS, HOUR, Ground
from tokenflow import AlreadyLive, Call, Engine, IssuerError, IssuerRefused, Refused, Secret, Token
from tokenflow.core.events import Transitioned, WasRefused

SPECS = ["facebook-user", "facebook-page", "facebook-system-user", "facebook"]
SHOP, CLUB = "1234567890", "2345678901"
ALL = ["ADMINISTER", "EDIT_PROFILE", "CREATE_CONTENT", "MODERATE_CONTENT", "CREATE_ADS", "BASIC_ADMIN"]
KEY = "page/{admin_id}/{page_id}"


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    """An engine at two pages that Ada manages; Bob may look at one of them."""
    ground.admin.page(SHOP, "Shop")
    ground.admin.page(CLUB, "Club")
    for page in (SHOP, CLUB):
        ground.admin.role(page, ADA, ALL)
    ground.admin.role(SHOP, BOB, ["BASIC_ADMIN"])
    with ground.open(
        specs=SPECS, secrets={**ground.options()["secrets"], "env:FB_ADMIN_TOKEN": Secret("A")}
    ) as engine:
        yield engine


def log_in(
    ground: Ground, engine: Engine, who: str, key: str, *scope: str, platform: str = "android"
) -> Token:
    """Log somebody in: with a long-lived token, unless the platform says otherwise."""
    issued = ground.admin.issue(who, APP, platform, list(scope or ("manage_pages",)))
    payload = ENCODERS[platform](issued, ground.clock() // 1_000_000)
    return engine.acquire(key, lifecycle="facebook-user", platform=platform, payload=payload)


def pages(engine: Engine, parent: str = "ada", **only: str) -> dict[str, Token]:
    """Derive, and return the children by their page."""
    found = engine.derive(parent, lifecycle="facebook-page", key=KEY, only=only or None)
    return {str(one.attributes["page_id"]): one for one in found}


def now(engine: Engine, key: str) -> Token:
    """The token under a key, as it is now."""
    return engine.explain(key).token


def ending(engine: Engine, key: str) -> Transitioned:
    """The last move in a token's own history."""
    return [one for one in engine.explain(key).history if isinstance(one, Transitioned)][-1]


def test_a_page_that_the_list_does_not_name_any_more_takes_its_one_token_with_it(
    ground: Ground, engine: Engine
) -> None:
    """The role is lost: that admin's token of that page ends, and no other."""
    log_in(ground, engine, ADA, "ada")
    log_in(ground, engine, BOB, "bob")
    held = {**pages(engine), "bob": pages(engine, "bob")[SHOP]}
    ground.admin.role(SHOP, ADA, [])
    assert set(pages(engine)) == {CLUB}
    gone = ending(engine, held[SHOP].key)
    assert (gone.state, gone.cause, gone.reason) == ("invalidated", "issuer", "role_lost")
    assert [now(engine, held[name].key).state for name in (CLUB, "bob")] == ["issued", "issued"]
    ground.admin.role(SHOP, ADA, ALL)
    assert now(engine, pages(engine)[SHOP].key).access_token not in (None, held[SHOP].access_token)


@pytest.mark.parametrize("kind", ["cut", "half_json", "status", "html"])
def test_an_answer_that_failed_or_was_cut_ends_nothing(ground: Ground, engine: Engine, kind: str) -> None:
    """Of a list that is not whole nobody is missing."""
    log_in(ground, engine, ADA, "ada")
    held = pages(engine)
    ground.admin.role(SHOP, ADA, [])
    order: dict[str, Any] = {"status": 500} if kind == "status" else {}
    ground.admin.fault("me/accounts", kind, times=9, **order)
    with pytest.raises(IssuerError):
        pages(engine)
    assert {now(engine, one.key).state for one in held.values()} == {"issued"}


@pytest.mark.proves("D8")
def test_a_role_that_was_lowered_takes_perms_and_tasks_from_the_token_that_is_held(
    ground: Ground, engine: Engine
) -> None:
    """What it may no longer do is refused before anything is sent, in the old words and in the new."""
    log_in(ground, engine, ADA, "ada")
    held = pages(engine)[SHOP]
    ground.admin.role(SHOP, ADA, ["CREATE_ADS", "BASIC_ADMIN"])
    lowered = pages(engine)[SHOP]
    assert (lowered.id, lowered.access_token) == (held.id, held.access_token)
    assert lowered.attributes["perms"] == ["CREATE_ADS", "BASIC_ADMIN"]
    assert set(lowered.attributes["tasks"]) == {"ADVERTISE", "ANALYZE"}
    seen = ground.requests()
    for need in ("CREATE_CONTENT", "MODERATE", "Moderator", "MANAGE"):
        with pytest.raises(Refused) as refused:
            engine.use(held.key, Call(method="POST", path=f"/{SHOP}/feed", needs=need))
        assert refused.value.code == "page-role-allows-call"
    assert ground.requests() == seen
    for need in ("ANALYZE", "BASIC_ADMIN", "Advertiser"):
        assert engine.use(held.key, Call(path=f"/{SHOP}/insights", needs=need)).status == 200


def test_a_page_whose_token_is_withheld_keeps_the_one_it_has(ground: Ground, engine: Engine) -> None:
    """A permission is gone, and calls that need it are told so; the role is there, and its perms are read."""
    log_in(ground, engine, ADA, "ada")
    held = pages(engine)
    ground.admin.revoke_permissions(ADA, APP, ["manage_pages"])
    ground.admin.role(SHOP, ADA, ["BASIC_ADMIN"])
    found = pages(engine)
    assert {name: one.access_token for name, one in found.items()} == {
        name: one.access_token for name, one in held.items()
    }
    assert found[SHOP].attributes["perms"] == ["BASIC_ADMIN"]
    engine.send("ada", "check_permissions")
    with pytest.raises(Refused) as refused:
        pages(engine)
    assert refused.value.code == "derive_not_allowed"
    assert "pages_show_list" in str(refused.value.mend)
    assert "pages_manage_posts" in str(refused.value.mend)
    assert {now(engine, one.key).state for one in held.values()} == {"issued"}


def test_a_page_without_a_token_is_not_kept(ground: Ground, engine: Engine) -> None:
    """Where the permission went before the first time, there is nothing to keep."""
    log_in(ground, engine, ADA, "ada")
    ground.admin.revoke_permissions(ADA, APP, ["manage_pages"])
    assert pages(engine) == {}
    assert engine.keys() == ["ada"]


def test_a_role_lost_is_learnt_on_use_and_ends_one(ground: Ground, engine: Engine) -> None:
    """Facebook says 492 to a call; the token of the other page works on."""
    log_in(ground, engine, ADA, "ada")
    held = pages(engine)
    ground.admin.role(SHOP, ADA, [])
    with pytest.raises(IssuerRefused) as refused:
        engine.use(held[SHOP].key, Call(path=f"/{SHOP}/insights", needs="ANALYZE"))
    assert refused.value.facts["subcode"] == 492
    gone = ending(engine, held[SHOP].key)
    assert (gone.state, gone.reason) == ("invalidated", "role_lost")
    assert engine.use(held[CLUB].key, Call(path=f"/{CLUB}/insights", needs="ANALYZE")).status == 200
    assert now(engine, "ada").state == "extended"


def test_a_single_page_is_asked_for_by_its_id_and_says_nothing_of_the_others(
    ground: Ground, engine: Engine
) -> None:
    """One call to the page itself; rights that were known stay known, and nobody is missing."""
    log_in(ground, engine, ADA, "ada")
    (alone,) = pages(engine, page_id=SHOP).values()
    assert alone.key == f"page/{ADA}/{SHOP}"
    assert (alone.attributes["name"], alone.attributes["perms"]) == ("Shop", [])
    paths = [row["path"].rpartition("/")[2] for row in ground.admin.ledger()["requests"]]
    assert (paths.count(SHOP), paths.count("accounts")) == (1, 0)
    both = pages(engine)
    assert both[SHOP].access_token == alone.access_token
    assert pages(engine, page_id=SHOP)[SHOP].attributes["perms"] == ALL
    assert now(engine, both[CLUB].key).state == "issued"
    for wrong in ("../me", "", "1x"):
        with pytest.raises(Refused):
            pages(engine, page_id=wrong)


def test_a_system_user_s_pages_come_from_its_token(ground: Ground, engine: Engine) -> None:
    """The admin is the system user; its page tokens have no end, and go with it."""
    ground.admin.system_user("900", "Machine", "5000", APP)
    ground.admin.role(SHOP, "900", ["CREATE_CONTENT", "BASIC_ADMIN"])
    admin = ground.admin.issue(ADA, APP, "android", ["business_management"])["access_token"]
    with ground.open(
        specs=SPECS, secrets={**ground.options()["secrets"], "env:FB_ADMIN_TOKEN": Secret(admin)}
    ) as own:
        own.acquire(
            "bot",
            lifecycle="facebook-system-user",
            platform="server",
            attributes={"app_id": APP, "system_user_id": "900"},
            scope=["pages_show_list", "pages_manage_posts"],
        )
        (page,) = pages(own, "bot").values()
        assert pages(own, "bot", page_id=SHOP)[SHOP].access_token == page.access_token
        assert (page.attributes["admin_id"], page.attributes["page_id"]) == ("900", SHOP)
        assert page.expires_at is None
        post = Call(method="POST", path=f"/{SHOP}/feed", params={"message": "hi"}, needs="CREATE_CONTENT")
        assert own.use(page.key, post).status == 200
        own.invalidate("bot")
        assert now(own, page.key).state == "invalidated"


@pytest.mark.proves("D8")
@pytest.mark.parametrize(
    ("event", "reason"),
    [("password", "password_changed"), ("remove_app", "app_removed"), ("checkpoint", "user_checkpointed")],
)
def test_what_ends_the_person_s_token_ends_every_page_and_each_history_says_so(
    ground: Ground, engine: Engine, event: str, reason: str
) -> None:
    """Each child is told by name whose end it was, and why; another admin's token of the page lives on."""
    log_in(ground, engine, ADA, "ada")
    log_in(ground, engine, BOB, "bob")
    held, bobs = pages(engine), pages(engine, "bob")[SHOP]
    happen = {
        "password": lambda: ground.admin.password(ADA),
        "remove_app": lambda: ground.admin.remove_app(ADA, APP),
        "checkpoint": lambda: ground.admin.checkpoint(ADA, on=True),
    }
    happen[event]()
    with pytest.raises(IssuerRefused):
        engine.use("ada", Call(path="/me"))
    assert ending(engine, "ada").reason == reason
    assert set(held) == {SHOP, CLUB}
    for child in held.values():
        gone = ending(engine, child.key)
        assert (gone.event, gone.state, gone.cause) == ("invalidate", "invalidated", "parent")
        assert (gone.parent, gone.parent_reason) == ("ada", reason)
        assert now(engine, child.key).access_token is None
    assert engine.use(bobs.key, Call(path=f"/{SHOP}/insights", needs="ANALYZE")).status == 200


def test_a_page_token_inherits_its_life_from_the_token_it_came_from(ground: Ground, engine: Engine) -> None:
    """Of a short-lived one it ends with it; of a long-lived one never, and it outlives its parent's end."""
    log_in(ground, engine, ADA, "ada", platform="javascript")
    short = pages(engine)
    assert {one.expires_at for one in short.values()} == {now(engine, "ada").expires_at}
    engine.extend("ada")
    long = pages(engine)
    assert {one.expires_at for one in long.values()} == {None}
    assert [one.access_token for one in long.values()] == [one.access_token for one in short.values()]
    ground.pass_time(61 * DAY)
    assert now(engine, "ada").state == "expired"
    assert {now(engine, one.key).state for one in long.values()} == {"issued"}
    assert engine.use(long[SHOP].key, Call(path=f"/{SHOP}/insights", needs="ANALYZE")).status == 200


def test_a_page_token_of_a_short_lived_one_ends_with_it(ground: Ground, engine: Engine) -> None:
    """By its own timer: the parent's end by time is told to nobody."""
    log_in(ground, engine, ADA, "ada", platform="javascript")
    held = pages(engine)[SHOP]
    ground.pass_time(3 * HOUR)
    gone = ending(engine, held.key)
    assert (gone.state, gone.cause) == ("expired", "timer")


def test_a_page_token_is_unique_to_page_admin_and_app(ground: Ground, engine: Engine) -> None:
    """Two admins have two tokens of one page; one key for both is refused, and tells them apart."""
    log_in(ground, engine, ADA, "ada")
    log_in(ground, engine, BOB, "bob")
    ada, bob = pages(engine)[SHOP], pages(engine, "bob")[SHOP]
    assert ada.access_token != bob.access_token
    assert ada.identity == ("facebook-page", SHOP, ADA, APP)
    assert bob.identity == ("facebook-page", SHOP, BOB, APP)
    assert pages(engine)[SHOP] == ada
    with pytest.raises(AlreadyLive):
        engine.derive("ada", lifecycle="facebook-page", key="again/{page_id}", only={"page_id": SHOP})


@pytest.mark.parametrize("trust_cache", [0.0, 3600.0])
def test_each_admin_may_use_only_their_own_token_of_a_page(
    ground: Ground, engine: Engine, trust_cache: float
) -> None:
    """Who asks for another's is refused, nothing is sent, and who listens hears of it (D8)."""
    heard: list[Any] = []
    with ground.open(specs=SPECS, trust_cache=trust_cache, on_event=heard.extend) as own:
        log_in(ground, own, ADA, "ada")
        log_in(ground, own, BOB, "bob")
        ada, bob = pages(own)[SHOP].key, pages(own, "bob")[SHOP].key
        look = Call(path=f"/{SHOP}/insights", needs="ANALYZE")
        for key, by in ((ada, "ada"), (bob, "bob"), ("bob", "bob"), (ada, ada)):
            assert own.use(key, look if "/" in key else Call(path="/me"), by=by).status == 200
            assert own.token(key, by=by).key == key
        seen = ground.requests()
        for key, by in (
            (ada, "bob"),
            (bob, "ada"),
            ("ada", "bob"),
            ("ada", ada),
            (ada, bob),
            (ada, "nobody"),
        ):
            with pytest.raises(Refused) as refused:
                own.use(key, look, by=by)
            assert refused.value.code == "not_theirs"
            with pytest.raises(Refused):
                own.token(key, by=by)
            audit = [one for one in heard if isinstance(one, WasRefused)][-2:]
            assert [(one.about.key, one.act, one.code) for one in audit] == [
                (key, "use", "not_theirs"),
                (key, "token", "not_theirs"),
            ]
        assert ground.requests() == seen


def test_an_event_id_that_was_refused_for_another_stays_refused(ground: Ground, engine: Engine) -> None:
    """A repeated no is the same no, and is written down once."""
    log_in(ground, engine, ADA, "ada")
    log_in(ground, engine, BOB, "bob")
    key = pages(engine)[SHOP].key
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            engine.use(key, Call(path="/me"), by="bob", event_id="once")
        assert refused.value.code == "not_theirs"
    assert len([one for one in engine.explain(key).history if isinstance(one, WasRefused)]) == 1
