"""The sweep: bounded, in due order, and no token in trouble keeps another waiting."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import pytest

from tests.engine.ground import DAY, HOUR, Ground, state
from tests.engine.keeping import watch
from tokenflow import SECOND, Engine, Flow, MemoryStore, Place, Row, Swept
from tokenflow.engine.desk import Desk
from tokenflow.engine.keeper import Keeper


class Counting(MemoryStore):
    """A store that counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = 0
        self.claimed: list[str] = []

    def due(self, tenant: str, before: int, limit: int, after: Place | None = None) -> list[Row]:
        self.pages += 1
        return super().due(tenant, before, limit, after)

    def claim(self, tenant: str, key: str, owner: str, *, now: int, until: int) -> bool:
        self.claimed.append(key)
        return super().claim(tenant, key, owner, now=now, until=until)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def engine(ground: Ground, store: Counting) -> Iterator[Engine]:
    """An engine on that store."""
    with ground.open(store) as opened:
        yield opened


def rotating(ground: Ground, engine: Engine, keys: Sequence[str]) -> None:
    for key in keys:
        ground.rotating(engine, key)


def spoil(store: Counting, *keys: str) -> None:
    """Make the rows of some tokens such that nobody can open them."""
    for key in keys:
        row = store._rows["default", key]
        store._rows["default", key] = attrs.evolve(row, access_token=b"not sealed by us")


def test_tokens_in_trouble_do_not_starve_the_others(ground: Ground, engine: Engine, store: Counting) -> None:
    """More of them than a sweep attends to stand before a good one: it is attended to all the same."""
    rotating(ground, engine, [f"a/{number}" for number in range(12)])
    ground.pass_time(1)
    rotating(ground, engine, ["z"])
    spoil(store, *(f"a/{number}" for number in range(12)))
    ground.pass_time(HOUR - 30)
    for _ in range(4):
        engine.sweep(5)

    assert state(store, "z") == "extended"


def test_a_token_that_stays_due_is_left_alone_ever_longer(
    ground: Ground, engine: Engine, store: Counting
) -> None:
    """A second, two, four, at last a minute; an hour of it costs some seventy attempts, not thousands."""
    rotating(ground, engine, ["bad"])
    spoil(store, "bad")
    ground.pass_time(HOUR - 30)
    store.claimed.clear()
    _, naps = watch(ground, engine, [], 70)

    assert store.claimed.count("bad") <= 70
    assert naps.taken[:3] == pytest.approx([1, 2, 4], abs=1.1)
    assert sum(naps.taken) > 40 * 60
    assert store.pages < 400


def test_what_is_due_is_taken_in_due_order(ground: Ground, engine: Engine, store: Counting) -> None:
    """The token that waits longest comes first."""
    for key in ("c", "a", "b"):
        rotating(ground, engine, [key])
        ground.pass_time(200)
    ground.pass_time(HOUR - 30)
    store.claimed.clear()
    engine.sweep()

    assert store.claimed == ["c", "a", "b"]


@pytest.mark.parametrize("in_flight", [1, 3])
def test_no_more_than_so_many_are_in_flight(
    ground: Ground, engine: Engine, monkeypatch: pytest.MonkeyPatch, in_flight: int
) -> None:
    """Nine due tokens are attended to at most *in_flight* at once, and all of them."""
    rotating(ground, engine, [f"k/{number}" for number in range(9)])
    ground.pass_time(HOUR - 30)
    seen, running = [], [0]
    real = Desk.at_leisure

    async def counted(desk: Desk, key: str, make: Callable[[], Flow[Any]]) -> Any:
        running[0] += 1
        seen.append(running[0])
        try:
            await asyncio.sleep(0.001)
            return await real(desk, key, make)
        finally:
            running[0] -= 1

    monkeypatch.setattr(Desk, "at_leisure", counted)
    keeper = Keeper(engine.desk, in_flight=in_flight)
    engine.desk.keep_going(keeper.once(), keeper.stop).result()

    assert max(seen) == in_flight
    assert ground.calls(grant="refresh_token") == 9


def test_a_sweep_attends_to_no_more_than_it_is_asked_to(ground: Ground, engine: Engine) -> None:
    """And says that there is more to do now; the next goes on with the rest."""
    rotating(ground, engine, [f"k/{number}" for number in range(5)])
    ground.pass_time(HOUR - 30)
    first: Swept = engine.sweep(2)
    rest: Swept = engine.sweep(9)

    assert (first.attended, rest.attended) == (2, 3)
    assert first.next_due is not None
    assert first.next_due <= ground.clock()
    assert rest.next_due is not None
    assert rest.next_due > ground.clock()


@pytest.mark.proves("E1")
def test_another_tenant_s_tokens_are_left_to_their_keeper(ground: Ground, store: Counting) -> None:
    """They stand in the same store, due before ours, and are neither attended to nor in the way."""
    with ground.open(store, tenant="acme") as acme, ground.open(store) as engine:
        rotating(ground, acme, [f"k/{number}" for number in range(8)])
        ground.pass_time(1)
        rotating(ground, engine, ["mine"])
        ground.pass_time(HOUR - 30)
        store.claimed.clear()
        for _ in range(3):
            engine.sweep(4)
        swept = engine.sweep(4)

    assert store.claimed == ["mine"]
    assert state(store, "mine") == "extended"
    assert swept.next_due is not None
    assert swept.next_due > ground.clock()


def test_nothing_is_swept_while_the_clock_is_held(ground: Ground, engine: Engine, store: Counting) -> None:
    """It says when to look again, and claims no key."""
    for number in range(5):
        engine.acquire(f"app/{number}", lifecycle="oauth2-app", platform="server")
    store.claimed.clear()
    ground.clock.set_wall(ground.clock() + DAY * SECOND)
    swept = engine.sweep()

    assert (swept.attended, store.claimed) == (0, [])
    assert swept.next_due is not None


@pytest.mark.proves("R2")
def test_two_sweepers_on_one_store_make_one_call_each_token(ground: Ground, store: Counting) -> None:
    """Whoever has the lease attends to a key; the other passes it by, and finds it done."""
    with ground.open(store) as one, ground.open(store) as other:
        rotating(ground, one, [f"k/{number}" for number in range(8)])
        ground.pass_time(HOUR - 30)
        for both in [(one, other), (other, one)]:
            for future in [engine.desk.sweep() for engine in both]:
                future.result()

    assert ground.calls(grant="refresh_token") == 8
