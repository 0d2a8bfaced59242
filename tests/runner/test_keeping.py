"""The keeper: what is missing is acquired, what is held is kept, what needs a person is said once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest
from attrs import field, frozen

from tokenflow import SECOND, Engine, IssuerError, PromptPending, Secret, StoreError, VirtualClock
from tokenflow.runner.keeping import LONGEST_SLEEP, Kept, Wanted, keep_once, keep_watching, look_after, wanted
from tokenflow.sandbox import AdminClient, Sandbox, serve
from tokenflow.spec import load

NOW: Final = 1_800_000_000 * SECOND
LIFECYCLES: Final = ("oauth2-app", "oauth2-rotating")
REPORTS: Final = Wanted(
    key="reports", lifecycle="oauth2-app", platform="server", attributes={}, scope=("reports.read",)
)
PERSON: Final = Wanted(key="bo", lifecycle="oauth2-rotating", platform="web", attributes={}, scope=())


@frozen
class Ground:
    """An engine at a sandbox, and one clock for both."""

    engine: Engine
    admin: AdminClient
    clock: VirtualClock
    told: list[Kept] = field(factory=list)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(round(seconds * SECOND))
        self.admin.advance(seconds)

    def issued(self) -> int:
        return len(self.admin.ledger()["tokens"])


@pytest.fixture
def ground() -> Iterator[Ground]:
    """A client that may have tokens for an hour each."""
    with serve(Sandbox(now=NOW)) as running:
        admin = AdminClient(running.url, running.admin_token)
        admin.client("c", client_secret="s", redirect_uris=["http://127.0.0.1/callback"], expires_in=3600)
        clock = VirtualClock(NOW)
        with Engine.open(
            LIFECYCLES,
            issuer=running.url,
            client_ids={"sandbox-oauth2": "c"},
            secrets={"env:OAUTH2_CLIENT_SECRET": Secret("s")},
            redirect_uri="http://127.0.0.1/callback",
            clock=clock,
            trust_cache=0.0,
        ) as engine:
            yield Ground(engine, admin, clock)


class Naps(threading.Event):
    """A stop signal whose waits pass in no time: the clock is moved instead. It is set after the last."""

    def __init__(self, ground: Ground, count: int) -> None:
        super().__init__()
        self.ground, self.left, self.taken, self.unusable = ground, count, list[float](), 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.taken.append(timeout)
        self.ground.pass_time(timeout)
        self.unusable += sum(
            not self.ground.engine.explain(key).usable
            for key in self.ground.engine.keys()  # noqa: SIM118
        )
        self.left -= 1
        if self.left <= 0:
            self.set()
        return self.is_set()


def test_a_tokens_file_says_what_is_wanted() -> None:
    """Key, lifecycle, platform and scope of each entry, of all files."""
    document = load("sandbox-reports")

    assert wanted([document]) == (REPORTS,)
    assert wanted([document, document]) == (REPORTS, REPORTS)


def test_a_missing_token_is_acquired_and_a_held_one_is_not(ground: Ground) -> None:
    """The second look asks the issuer for nothing."""
    first, second = look_after(ground.engine, REPORTS), look_after(ground.engine, REPORTS)

    assert first == second == Kept(key="reports", state="issued")
    assert ground.issued() == 1


def test_a_token_that_needs_a_person_comes_with_its_link(ground: Ground) -> None:
    """It is a problem with a URL, and the URL is kept out of the repr."""
    kept = look_after(ground.engine, PERSON)

    assert isinstance(kept.error, PromptPending)
    assert kept.problem == "a person has to log in"
    assert kept.url is not None
    assert kept.url not in repr(kept)


def test_one_token_in_trouble_keeps_no_other_waiting(ground: Ground) -> None:
    """An issuer that is out, a wrong platform: each is told at its own key."""
    wrong = Wanted(key="x", lifecycle="oauth2-app", platform="carrier-pigeon", attributes={}, scope=())
    kept = keep_once(ground.engine, [wrong, PERSON, REPORTS])
    ground.admin.outage(on=True)
    out = look_after(ground.engine, attrs.evolve(REPORTS, key="other"))

    assert [one.state for one in kept] == [None, None, "issued"]
    assert kept[0].problem
    assert kept[0].url is None
    assert out.problem
    assert isinstance(out.error, IssuerError)


def test_a_store_that_fails_is_not_a_token_s_trouble(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised: nothing can be kept."""

    def broken(tenant: str, key: str) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(ground.engine.desk.store, "load", broken)
    with pytest.raises(StoreError):
        look_after(ground.engine, REPORTS)


def test_looking_once_acquires_anew_what_is_about_to_end(ground: Ground) -> None:
    """`reacquire: auto` is taken at its word: the token never ends, and is replaced once in its life."""
    keep_once(ground.engine, [REPORTS])
    for renewed in range(1, 4):
        ground.pass_time(50 * 60)
        keep_once(ground.engine, [REPORTS])
        assert keep_once(ground.engine, [REPORTS])[0].state == "issued"
        assert ground.issued() == renewed + 1


def test_a_token_that_cannot_be_replaced_yet_still_serves(ground: Ground) -> None:
    """The issuer is out while it is about to end: no problem so far."""
    keep_once(ground.engine, [REPORTS])
    ground.pass_time(50 * 60)
    ground.admin.outage(on=True)

    assert keep_once(ground.engine, [REPORTS]) == (Kept(key="reports", state="issued"),)
    assert ground.issued() == 1


def test_watching_keeps_a_token_alive_and_sleeps_a_minute_at_most(ground: Ground) -> None:
    """Four hours pass: the token is usable at every waking, and renewed no more often than it must."""
    naps = Naps(ground, 260)
    keep_watching(ground.engine, [REPORTS], naps, ground.told.append)

    assert {one.state for one in ground.told} == {"issued"}
    assert naps.unusable == 0
    assert max(naps.taken) <= LONGEST_SLEEP
    assert 5 <= ground.issued() <= 7


def test_watching_leaves_a_link_as_long_as_it_lives(ground: Ground) -> None:
    """A new link would end the one that a person is about to open: one in ten minutes, not one a minute."""
    keep_watching(ground.engine, [PERSON], Naps(ground, 25), ground.told.append)

    assert len({one.url for one in ground.told}) == len(ground.told) == 3


def test_watching_asks_an_issuer_that_is_out_once_a_minute(ground: Ground) -> None:
    """And acquires when it is back."""
    ground.admin.outage(on=True)
    keep_watching(ground.engine, [REPORTS], Naps(ground, 10), ground.told.append)
    assert [one.state for one in ground.told] == [None] * 10

    ground.admin.outage(on=False)
    keep_watching(ground.engine, [REPORTS], Naps(ground, 1), ground.told.append)
    assert ground.told[-1].state == "issued"


def test_watching_that_was_stopped_before_does_nothing(ground: Ground, tmp_path: Path) -> None:
    """A signal that came early is obeyed."""
    stop = threading.Event()
    stop.set()
    keep_watching(ground.engine, [REPORTS], stop, ground.told.append)

    assert (ground.told, ground.issued()) == ([], 0)
