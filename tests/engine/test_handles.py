"""Keeping in an application: in the background, awaited, cancelled, stopped; nothing in flight is lost."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.ground import HOUR, Ground, state
from tests.engine.keeping import PERSON, REPORTS
from tokenflow import (
    SECOND,
    AsyncEngine,
    Engine,
    Health,
    IssuerError,
    Kept,
    MemoryStore,
    PersonNeeded,
    Place,
    Row,
    StoreError,
    VirtualClock,
)
from tokenflow.engine.keeper import Keeper

MINUTE = 60
TOKENS = """
apiVersion: tokenflow/v1
kind: Tokens
metadata: {name: mine}
tokens:
  reports: {lifecycle: oauth2-app, acquire: server, scope: [reports.read]}
"""


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    """An engine on a store in memory."""
    with ground.open() as opened:
        yield opened


class Told:
    """Hears how tokens stand, and lets a test wait for it."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.some = threading.Event()

    def __call__(self, kept: Kept) -> None:
        self.kept.append(kept)
        self.some.set()


def test_a_block_keeps_in_the_background(ground: Ground, engine: Engine) -> None:
    """What is wanted is there, the health says so, and the end of the block is the keeper's."""
    told = Told()
    with engine.keep([REPORTS], tell=told) as keeping:
        assert told.some.wait(10)
        health = engine.health()
    after = engine.health()

    assert [one.state for one in told.kept] == ["issued"]
    assert (health.alive, health.kept, health.trouble, after.alive) == (True, 1, None, False)
    assert keeping.wait(0)


def test_a_tokens_document_is_opened_with_what_it_names(ground: Ground, tmp_path: Path) -> None:
    """Its lifecycles are open, and its tokens are what `keep` wants."""
    file = tmp_path / "mine.yaml"
    file.write_text(TOKENS, encoding="utf-8")
    told = Told()
    with ground.open(specs=[file]) as engine, engine.keep(tell=told):
        assert told.some.wait(10)
    assert [(one.key, one.state) for one in told.kept] == [("reports", "issued")]


def test_what_this_process_saves_wakes_the_keeper(ground: Ground, engine: Engine) -> None:
    """A token acquired while it sleeps until nothing is attended to when its own time comes."""
    with engine.keep():
        ground.rotating(engine)
        ground.pass_time(HOUR - 30)
        deadline = threading.Event()
        for _ in range(200):
            if engine.explain("k").token.state == "extended":
                break
            deadline.wait(0.05)
    assert engine.explain("k").token.state == "extended"
    assert ground.calls(grant="refresh_token") == 1


def test_run_keeps_here_until_another_thread_stops_it(engine: Engine) -> None:
    keeping = engine.keep([REPORTS], tell=lambda kept: keeping.stop())
    keeping.run()
    assert engine.token("reports").state == "issued"


def test_what_ends_a_keeper_unasked_is_raised(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An application is not left believing that its tokens are kept."""

    def broken(kept: Kept) -> None:
        raise RuntimeError("the application's own")

    with pytest.raises(RuntimeError, match="own"):
        engine.keep([REPORTS], tell=broken).run()


def test_closing_an_engine_ends_its_keeper(ground: Ground) -> None:
    """At once: nobody waits for a loop that never ends by itself."""
    engine = ground.open()
    keeping = engine.keep([REPORTS]).start()
    engine.close()
    assert keeping.wait(0)


def test_a_store_in_trouble_is_asked_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keeper lives on, says what is wrong, asks ever later, and does its work once the store is back."""
    real, times = engine.desk.store.due, iter(range(10**6))

    def unwell(tenant: str, before: int, limit: int, after: Place | None = None) -> list[Row]:
        if next(times) < 3:
            raise StoreError("the disk is full")
        return real(tenant, before, limit, after)

    monkeypatch.setattr(engine.desk.store, "due", unwell)
    seen: list[str | None] = []
    rests: list[float] = []

    class Naps:
        def ring(self) -> None:
            """Nothing to wake."""

        async def sleep(self, until: int) -> None:
            seen.append(keeper.trouble)
            rests.append((until - engine.desk.clock()) / SECOND)
            if len(seen) == 4:
                keeper.stop()

    keeper = Keeper(engine.desk, [REPORTS], alarm=Naps())
    keeper.start().result()
    assert seen == [*["the disk is full"] * 3, None]
    assert rests[:3] == [1, 2, 4]


def test_a_held_clock_is_in_the_health_and_crashes_nothing(ground: Ground, engine: Engine) -> None:
    """A leap that would end many is waited out; when the clock is right again the keeper goes on."""
    for number in range(5):
        engine.acquire(f"app/{number}", lifecycle="oauth2-app", platform="server")
    asked = ground.calls()
    with engine.keep() as keeping:
        ground.clock.set_wall(ground.clock() + 2 * HOUR * 1_000_000)
        keeping.keeper._alarm.ring()
        health = engine.health()
        ground.clock.set_wall(ground.clock() - 2 * HOUR * 1_000_000)
        well = engine.health()
    assert health.clock is not None
    assert "leapt" in health.clock
    assert (health.alive, well.clock) == (True, None)
    assert ground.calls() == asked
    assert all(engine.explain(f"app/{number}").usable for number in range(5))


def test_health_names_what_waits_for_a_person_and_what_is_in_doubt(ground: Ground, engine: Engine) -> None:
    """A wanted login, and a refresh whose answer was lost, until the token is over."""
    ground.rotating(engine)
    told = Told()
    with engine.keep([PERSON], tell=told):
        assert told.some.wait(10)
        ground.admin.fault("oauth2/token", "drop_after", times=1)
        with pytest.raises(IssuerError):
            engine.extend("k")
        ground.pass_time(2 * MINUTE)
        with pytest.raises(PersonNeeded):  # the issuer says that the refresh token is spent
            engine.extend("k")
        health = engine.health()
        engine.invalidate("k")
        after = engine.health()
    assert (health.needing_person, health.uncertain) == (("bo",), ("k",))
    assert after.uncertain == ()


def test_health_says_how_late_the_store_is(ground: Ground, engine: Engine) -> None:
    """Without a keeper a due token waits: a probe sees for how long."""
    ground.rotating(engine)
    due = engine.health().next_due
    assert due is not None
    ground.pass_time((due - ground.clock()) / 1_000_000 + 90)
    health: Health = engine.health()
    assert health.due_late == pytest.approx(90)
    assert (health.alive, health.last_sweep, health.in_flight) == (False, None, 0)


# ---- awaited


def cancel_after(ground: Ground, steps: int) -> tuple[int, str]:
    """Cancel `await engine.keep()` after so many steps of the loop; return calls made, and the state kept."""

    async def life() -> tuple[int, str]:
        async with await ground.aopen(MemoryStore()) as engine:
            await engine.acquire("k", lifecycle="oauth2-rotating", platform="server", payload=ground.code())
            ground.pass_time(HOUR - 30)
            before = ground.calls(grant="refresh_token")

            async def keep() -> None:
                await engine.keep()

            task = asyncio.create_task(keep())
            for _ in range(steps):
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            state = (await engine.explain("k")).token.state
            return ground.calls(grant="refresh_token") - before, state

    return asyncio.run(life())


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_a_cancelled_keeper_finishes_what_is_in_flight(ground: Ground, steps: int) -> None:
    """Wherever it is cut: a refresh that the issuer saw is saved, and one that was not begun was not sent."""
    calls, state = cancel_after(ground, steps)
    assert (calls, state) in [(0, "issued"), (1, "extended")]


def test_a_slow_exchange_is_waited_for_at_the_end_of_the_block(ground: Ground) -> None:
    """The end comes while the issuer takes its time: the answer is kept before the caller goes on."""

    async def life() -> str:
        async with await ground.aopen(MemoryStore()) as engine:
            await engine.acquire("k", lifecycle="oauth2-rotating", platform="server", payload=ground.code())
            ground.admin.fault("oauth2/token", "slow", seconds=0.6, times=1)
            ground.pass_time(HOUR - 30)
            before = ground.calls(grant="refresh_token")
            async with engine.keep():
                while ground.calls(grant="refresh_token") == before:
                    await asyncio.sleep(0.01)
            return (await engine.explain("k")).token.state

    assert asyncio.run(life()) == "extended"


def test_a_block_awaited_keeps_while_the_application_serves(ground: Ground) -> None:
    """The engine serves as ever meanwhile, on the caller's own loop."""

    async def life() -> tuple[str, bool, bool]:
        engine: AsyncEngine
        async with await ground.aopen() as engine:
            told = asyncio.Event()
            loop = asyncio.get_running_loop()

            def hear(kept: Kept) -> None:
                loop.call_soon_threadsafe(told.set)

            async with engine.keep([REPORTS], tell=hear):
                await asyncio.wait_for(told.wait(), 10)
                state = (await engine.token("reports")).state
                alive = (await engine.health()).alive
            return state, alive, (await engine.health()).alive

    assert asyncio.run(life()) == ("issued", True, False)


def test_the_clock_of_an_engine_is_its_keeper_s(ground: Ground) -> None:
    """A virtual clock that moves wakes a keeper that sleeps by it."""
    clock: VirtualClock = ground.clock
    with ground.open() as engine:
        ground.rotating(engine)
        with engine.keep():
            ground.pass_time(HOUR - 30)
            pause = threading.Event()
            for _ in range(200):
                if state(engine.desk.store, "k") == "extended":
                    break
                pause.wait(0.05)
        assert engine.explain("k").token.state == "extended"
    assert clock.watchers == []
