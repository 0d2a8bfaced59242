"""The keeper: what is missing is acquired, what is held is kept, what needs a person is said once."""

from collections.abc import Iterator

import attrs
import pytest

from tests.engine.ground import HOUR, SPECS, Ground
from tests.engine.keeping import LONGEST_SLEEP, PERSON, REPORTS, Naps, watch
from tokenflow import (
    SECOND,
    AlreadyLive,
    Engine,
    Entry,
    IssuerError,
    Kept,
    PromptPending,
    StoreError,
    StoreTooNew,
    Wanted,
    Write,
    WrongKey,
)
from tokenflow.engine.keeper import Keeper

MINUTE = 60


def once(engine: Engine, *wishes: Wanted) -> tuple[Kept, ...]:
    """Look after what is wanted, once."""
    keeper = Keeper(engine.desk, wishes)
    return engine.desk.keep_going(keeper.once(), keeper.stop).result()


def issued(ground: Ground) -> int:
    return len(ground.admin.ledger()["tokens"])


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    """An engine on a store in memory."""
    with ground.open(specs=SPECS) as opened:
        yield opened


def test_a_missing_token_is_acquired_and_a_held_one_is_not(ground: Ground, engine: Engine) -> None:
    """The second look asks the issuer for nothing."""
    first, second = once(engine, REPORTS), once(engine, REPORTS)

    assert first == second == (Kept(key="reports", state="issued"),)
    assert issued(ground) == 1


def test_a_token_that_needs_a_person_comes_with_its_link(engine: Engine) -> None:
    """It is a problem with a URL, and the URL is kept out of the repr."""
    (kept,) = once(engine, PERSON)

    assert isinstance(kept.error, PromptPending)
    assert kept.problem == "a person has to log in"
    assert kept.url is not None
    assert kept.url not in repr(kept)


def test_one_token_in_trouble_keeps_no_other_waiting(ground: Ground, engine: Engine) -> None:
    """An issuer that is out, a wrong platform: each is told at its own key."""
    wrong = Wanted(key="x", lifecycle="oauth2-app", platform="carrier-pigeon", attributes={}, scope=())
    kept = once(engine, wrong, PERSON, REPORTS)
    ground.admin.outage(on=True)
    (out,) = once(engine, attrs.evolve(REPORTS, key="other"))

    assert [one.state for one in kept] == [None, None, "issued"]
    assert kept[0].problem
    assert kept[0].url is None
    assert out.problem
    assert isinstance(out.error, IssuerError)


def test_a_row_in_trouble_keeps_no_other_waiting(engine: Engine) -> None:
    """A second key of one identity, a value that does not open, a newer history: told at their own keys."""
    first = Wanted(key="app", lifecycle="facebook-app", platform="inline", attributes={}, scope=())
    once(engine, REPORTS)
    store = engine.desk.store
    row = store.load("default", "reports")
    assert row is not None
    changed = attrs.evolve(row, revision=row.revision + 1, access_token=b"changed by hand")
    store.save([Write(row=changed, expected=row.revision)], mark=0)
    once(engine, attrs.evolve(REPORTS, key="newer"))
    new = store.load("default", "newer")
    assert new is not None
    told = {"happened": '{"happened": "Foretold"}', "token_id": new.id, "tenant": "default", "key": "newer"}
    store.note(Entry(**told, revision=new.revision, at=0), 9)
    every = [first, attrs.evolve(first, key="twin"), REPORTS, attrs.evolve(REPORTS, key="newer")]
    kept = once(engine, *every, attrs.evolve(REPORTS, key="other"))

    assert sorted(kept[:2], key=lambda one: one.state or "")[1].state == "issued"
    assert {type(one.error) for one in kept} == {type(None), AlreadyLive, StoreTooNew, WrongKey}
    assert [one.state for one in kept[2:]] == [None, "issued", "issued"]


def test_a_store_that_fails_is_not_a_token_s_trouble(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised: nothing can be kept."""

    def broken(tenant: str, key: str) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(engine.desk.store, "load", broken)
    with pytest.raises(StoreError):
        once(engine, REPORTS)


def test_looking_once_acquires_anew_what_is_about_to_end(ground: Ground, engine: Engine) -> None:
    """`reacquire: auto` is taken at its word: the token never ends, and is replaced once in its life."""
    once(engine, REPORTS)
    for renewed in range(1, 4):
        ground.pass_time(50 * MINUTE)
        once(engine, REPORTS)
        assert once(engine, REPORTS)[0].state == "issued"
        assert issued(ground) == renewed + 1


def test_a_token_that_cannot_be_replaced_yet_still_serves(ground: Ground, engine: Engine) -> None:
    """The issuer is out while it is about to end: no problem so far."""
    once(engine, REPORTS)
    ground.pass_time(50 * MINUTE)
    ground.admin.outage(on=True)

    assert once(engine, REPORTS) == (Kept(key="reports", state="issued"),)
    assert issued(ground) == 1


def test_watching_keeps_a_token_alive_and_sleeps_a_minute_at_most(ground: Ground, engine: Engine) -> None:
    """Rule T13: for four hours it is usable at every waking, renewed no more often than it must be."""
    unusable = []

    def look() -> None:
        row = engine.desk.store.load("default", "reports")
        if row is not None and (not row.live or (row.expires_at or 0) <= ground.clock()):
            unusable.append(ground.clock())

    told, naps = watch(ground, engine, [REPORTS], 260, look)

    assert told == [Kept(key="reports", state="issued")]
    assert unusable == []
    assert max(naps.taken) <= LONGEST_SLEEP
    assert 5 <= issued(ground) <= 7


def test_a_token_nobody_wished_for_is_acquired_anew_too(ground: Ground, engine: Engine) -> None:
    """What the application itself acquired without a person is replaced before it ends."""
    engine.acquire("mine", lifecycle="oauth2-app", platform="server", scope=["reports.read"])
    told, _ = watch(ground, engine, [], 80)

    assert [(one.key, one.state) for one in told] == [("mine", "issued")]
    assert engine.explain("mine").usable
    assert issued(ground) == 2
    assert engine.token("mine").scope == {"reports.read"}


def test_watching_leaves_a_link_as_long_as_it_lives(ground: Ground, engine: Engine) -> None:
    """A new link would end the one that a person is about to open: one in ten minutes, not one a minute."""
    told, naps = watch(ground, engine, [PERSON], 30)

    assert len({one.url for one in told}) == len(told)
    assert len(told) == 1 + int(sum(naps.taken)) // (10 * MINUTE)


def test_an_answer_another_engine_took_is_noticed(ground: Ground, engine: Engine) -> None:
    """The person comes back to another process: the keeper tells that the token is there, within a minute."""
    with ground.open(engine.desk.store) as other:
        first = once(engine, PERSON)[0]
        assert first.url is not None
        slept = []

        def come_back() -> None:
            slept.append(ground.clock())
            if len(slept) == 3:
                link = told_urls[0]
                other.answer("bo", ground.approve(link))

        told_urls: list[str] = []
        told: list[Kept] = []

        def hear(kept: Kept) -> None:
            told.append(kept)
            if kept.url is not None:
                told_urls.append(kept.url)

        alarm = Naps(ground.pass_time, ground.clock, 6, come_back)
        keeper = Keeper(engine.desk, [PERSON], tell=hear, alarm=alarm)
        alarm.stop = keeper.stop
        keeper.start().result()

    assert [one.state for one in told] == [None, "issued"]
    assert ground.calls(grant="authorization_code") == 1


def test_a_login_that_another_engine_began_is_left_to_it(ground: Ground, engine: Engine) -> None:
    """The application begins a login of its own: the keeper makes no new link, which would end that one."""
    links: list[str] = []
    with ground.open(engine.desk.store) as other:

        def log_in() -> None:
            slept.append(ground.clock())
            if len(slept) == 1:
                with pytest.raises(PromptPending) as parked:
                    other.acquire("bo", lifecycle="oauth2-rotating", platform="web")
                links.append(parked.value.url)
            elif len(slept) == 4:
                other.answer("bo", ground.approve(links[0]))

        slept: list[int] = []
        told, _ = watch(ground, engine, [PERSON], 6, log_in)

    assert [(one.state, one.url is None) for one in told] == [(None, False), ("issued", True)]


def test_a_key_another_worker_is_at_is_looked_at_soon_again(ground: Ground, engine: Engine) -> None:
    """Its lease is over in seconds: the wanted token is not a minute late."""
    now = ground.clock()
    assert engine.desk.store.claim("default", "reports", "another", now=now, until=now + 5 * SECOND)
    told, naps = watch(ground, engine, [REPORTS], 4)

    assert [one.state for one in told] == ["issued"]
    assert naps.taken[:3] == pytest.approx([2, 2, 2], abs=0.1)


def test_watching_an_issuer_that_is_out_asks_ever_less_and_acquires_when_it_is_back(
    ground: Ground, engine: Engine
) -> None:
    """An hour without it is told once, and costs a handful of calls; then the token is there."""
    ground.admin.outage(on=True)
    told, naps = watch(ground, engine, [REPORTS], 61)
    asked = ground.calls()
    ground.admin.outage(on=False)
    ground.pass_time(10 * MINUTE)
    back, _ = watch(ground, engine, [REPORTS], 1)

    assert [one.state for one in told] == [None]
    assert sum(naps.taken) >= HOUR - MINUTE
    assert asked <= 50, "about every 90 s, by chance; without a breaker every minute"
    assert back[-1].state == "issued"


def test_a_keeper_that_was_stopped_before_does_nothing(ground: Ground, engine: Engine) -> None:
    """A signal that came early is obeyed."""
    keeper = Keeper(engine.desk, [REPORTS])
    keeper.stop()
    keeper.start().result()

    assert issued(ground) == 0
