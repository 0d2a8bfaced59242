"""Rule T12 and ruling 24: which clock is believed, by engines that share a store."""

import pytest

from tests.engine.ground import DAY, HOUR, NOW, Ground
from tokenflow import SECOND, ClockHeld, Engine, MemoryStore, PersonNeeded, VirtualClock

MINUTE = 60
MANY = 5


def back(clock: VirtualClock, seconds: float) -> None:
    """Set the wall clock back, as an operator would."""
    clock.set_wall(clock() - int(seconds * SECOND))


def ahead(clock: VirtualClock, seconds: float) -> None:
    """Set the wall clock ahead; the boot-time clock does not follow."""
    clock.set_wall(clock() + int(seconds * SECOND))


def states(engine: Engine) -> set[str]:
    """The states all tokens are in."""
    held = engine.keys()
    return {engine.explain(key).token.state for key in held}


def over(engine: Engine, ground: Ground) -> None:
    """Let a token of Facebook's end, on record."""
    ground.facebook(engine)
    ground.pass_time(3 * HOUR)
    assert engine.explain("ada").token.state == "expired"


def test_a_small_step_back_un_expires_nothing(ground: Ground) -> None:
    """Within the tolerance now stands still: what is over stays over, for both engines on a store."""
    store = MemoryStore()
    with ground.open(store) as one, ground.open(store) as other:
        ground.rotating(one)
        ground.pass_time(HOUR - 61)
        assert one.explain("k").usable
        assert other.explain("k").usable
        ground.pass_time(2)
        assert not one.explain("k").usable
        one.acquire("app", lifecycle="oauth2-app", platform="server")
        back(ground.clock, 4 * MINUTE)
        for engine in (one, other):
            assert not engine.explain("k").usable
        assert one.explain("app").token.entered_at == NOW + (HOUR - 59) * SECOND


def test_an_engine_that_looked_long_ago_knows_what_the_store_has_seen(ground: Ground) -> None:
    """After a step back an engine decides by the other's instants too, though it never saw them itself."""
    store = MemoryStore()
    with ground.open(store) as one, ground.open(store) as other:
        ground.rotating(one)
        other.explain("k")
        ground.pass_time(HOUR)
        one.acquire("app", lifecycle="oauth2-app", platform="server")
        back(ground.clock, 2 * MINUTE)
        assert other.explain("k").token.state == "awaiting_refresh"
        back(ground.clock, 20 * MINUTE)
        with pytest.raises(ClockHeld):
            other.extend("k")


@pytest.mark.proves("R4")
def test_a_long_step_back_is_held(ground: Ground) -> None:
    """Beyond the tolerance nothing is acquired or extended; a usable token is served meanwhile."""
    store = MemoryStore()
    with ground.open(store) as one, ground.open(store) as other:
        ground.rotating(one)
        ground.pass_time(30 * MINUTE)
        one.extend("k")
        back(ground.clock, 10 * MINUTE)
        for engine in (one, other):
            with pytest.raises(ClockHeld, match="behind"):
                engine.extend("k")
            with pytest.raises(ClockHeld):
                engine.acquire("app", lifecycle="oauth2-app", platform="server")
            assert engine.token("k").state == "extended"
        ahead(ground.clock, 10 * MINUTE)
        assert one.extend("k").state == "extended"


def test_an_opened_engine_knows_what_its_store_has_seen(ground: Ground) -> None:
    """A restart does not forget: the mark is in the file."""
    with ground.durable() as engine:
        ground.rotating(engine)
    back(ground.clock, DAY)
    with ground.durable() as engine, pytest.raises(ClockHeld):
        engine.extend("k")


def test_an_operator_may_accept_the_clock(ground: Ground) -> None:
    """`accept_clock` acquires by the wall clock that would be held, and dates by it."""
    with ground.durable() as engine:
        ground.rotating(engine)
    back(ground.clock, DAY)
    with ground.durable(accept_clock=True) as engine:
        token = engine.acquire("app", lifecycle="oauth2-app", platform="server")
        assert token.expires_at == ground.clock() + HOUR * SECOND
        assert engine.token("app").state == "issued"
        assert engine.extend("k").state == "extended"


def test_an_accepted_clock_still_smooths_a_small_step_back(ground: Ground) -> None:
    """Accepting overrides the hold only: within the tolerance nothing un-expires."""
    with ground.open(accept_clock=True) as engine:
        over(engine, ground)
        ended = engine.explain("ada").token.entered_at
        back(ground.clock, 2 * MINUTE)
        engine.acquire("app", lifecycle="oauth2-app", platform="server")
        assert engine.explain("app").token.entered_at >= ended
        with pytest.raises(PersonNeeded):
            engine.token("ada")


@pytest.mark.proves("R4")
def test_a_leap_that_would_end_many_is_held(ground: Ground) -> None:
    """A wall clock that leaps within one life ends nobody; time goes on by the boot-time clock meanwhile."""
    store = MemoryStore()
    with ground.open(store) as engine:
        for number in range(MANY):
            engine.acquire(f"app/{number}", lifecycle="oauth2-app", platform="server")
        ahead(ground.clock, 2 * HOUR)
        engine.sweep()
        assert states(engine) == {"issued"}
        assert engine.token("app/0").state == "issued"
        with pytest.raises(ClockHeld, match="leapt"):
            engine.acquire("app/new", lifecycle="oauth2-app", platform="server")
        ground.clock.advance((HOUR - 59) * SECOND)
        assert not engine.explain("app/0").usable
        with pytest.raises(ClockHeld):
            engine.token("app/0")


def test_a_leap_that_the_boot_clock_confirms_is_time(ground: Ground) -> None:
    """A machine that slept really slept: its tokens are over."""
    with ground.open() as engine:
        for number in range(MANY):
            engine.acquire(f"app/{number}", lifecycle="oauth2-app", platform="server")
        ground.clock.advance(61 * DAY * SECOND)
        engine.sweep()
        assert states(engine) == {"expired"}


def test_a_leap_that_ends_few_is_time(ground: Ground) -> None:
    """A leap that would end a tenth of the live tokens, or fewer, is simply believed."""
    with ground.open() as engine:
        engine.acquire("app", lifecycle="oauth2-app", platform="server")
        for number in range(9):
            ground.rotating(engine, f"k/{number}")
        ground.pass_time(1)
        ahead(ground.clock, 10 * MINUTE)
        assert engine.acquire("new", lifecycle="oauth2-app", platform="server").state == "issued"


def test_a_restart_accepts_the_wall_clock(ground: Ground) -> None:
    """A leap over a restart is 61 days asleep, and simply 61 days."""
    with ground.durable() as engine:
        for number in range(MANY):
            engine.acquire(f"app/{number}", lifecycle="oauth2-app", platform="server")
        ahead(ground.clock, 61 * DAY)
        with pytest.raises(ClockHeld):
            engine.acquire("new", lifecycle="oauth2-app", platform="server")
    with ground.durable() as engine:
        engine.sweep()
        assert states(engine) == {"expired"}
        assert engine.acquire("new", lifecycle="oauth2-app", platform="server").state == "issued"
