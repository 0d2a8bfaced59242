"""Sleeping by a clock that may jump: T12 and T13, without a second of waiting."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from tokenflow import SECOND, SystemClock, VirtualClock
from tokenflow.core.moments import Reading
from tokenflow.engine import alarms
from tokenflow.engine.alarms import Alarm

NOW = 1_800_000_000 * SECOND
MINUTE = 60 * SECOND


async def asleep(alarm: Alarm, until: int, *acts: Callable[[], object]) -> list[bool]:
    """Sleep, act one by one, and return whether the sleeper was still asleep after each."""
    sleeping = asyncio.create_task(alarm.sleep(until))
    found = []
    for act in acts:
        await asyncio.sleep(0)
        act()
        done, _ = await asyncio.wait({sleeping}, timeout=0.15)
        found.append(not done)
    sleeping.cancel()
    return found


@pytest.mark.parametrize("ahead", [30 * SECOND, MINUTE])
def test_it_sleeps_until_its_instant_and_not_a_moment_less(ahead: int) -> None:
    """Time that passes in pieces wakes it at the last."""
    clock = VirtualClock(NOW)
    acts = [lambda: clock.advance(ahead - 1), lambda: clock.advance(1)]
    assert asyncio.run(asleep(Alarm(clock), NOW + ahead, *acts)) == [True, False]


def test_nobody_sleeps_longer_than_a_minute() -> None:
    """However far the next deadline is: what other processes wrote is looked at (rule T13)."""
    clock = VirtualClock(NOW)
    acts = [lambda: clock.advance(MINUTE - 1), lambda: clock.advance(1)]
    assert asyncio.run(asleep(Alarm(clock), NOW + 999 * MINUTE, *acts)) == [True, False]


def test_what_is_past_is_not_waited_for() -> None:
    clock = VirtualClock(NOW)
    asyncio.run(asyncio.wait_for(Alarm(clock).sleep(NOW - MINUTE), 1))


def test_a_suspend_ends_the_sleep_at_once() -> None:
    """A week asleep: both clocks went on, so the instant is past."""
    clock = VirtualClock(NOW)
    assert asyncio.run(asleep(Alarm(clock), NOW + MINUTE, lambda: clock.advance(7 * 24 * 60 * MINUTE))) == [
        False
    ]


@pytest.mark.parametrize("jump", [-3600 * SECOND, 3600 * SECOND, 90 * 24 * 3600 * SECOND])
def test_a_clock_that_was_set_ends_the_sleep(jump: int) -> None:
    """Forward or back, beyond what the boot-time clock confirms: everything is planned anew."""
    clock = VirtualClock(NOW)
    assert asyncio.run(asleep(Alarm(clock), NOW + MINUTE, lambda: clock.set_wall(NOW + jump))) == [False]


def test_a_slewed_clock_does_not() -> None:
    """Less than a second beside the boot-time clock is no jump."""
    clock = VirtualClock(NOW)
    assert asyncio.run(asleep(Alarm(clock), NOW + MINUTE, lambda: clock.set_wall(NOW + SECOND // 2))) == [
        True
    ]


def test_a_ring_ends_the_sleep_and_one_before_it_the_next() -> None:
    """From another thread; it is heard once."""
    clock = VirtualClock(NOW)
    alarm = Alarm(clock)

    def ring() -> None:
        other = threading.Thread(target=alarm.ring)
        other.start()
        other.join()

    async def both() -> list[list[bool]]:
        first = await asleep(alarm, NOW + MINUTE, ring)
        alarm.ring()
        await asyncio.wait_for(alarm.sleep(NOW + MINUTE), 1)
        return [first, await asleep(alarm, NOW + MINUTE, lambda: None)]

    assert asyncio.run(both()) == [[False], [True]]


def test_the_machine_s_clock_is_looked_at_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's timer stands still in a suspend, the boot-time clock does not: a slice later it is seen."""
    monkeypatch.setattr(alarms, "_SLICE", 0.05)
    readings = [Reading(NOW, 0), Reading(NOW, 0), Reading(NOW + 9 * MINUTE, 9 * MINUTE)]

    class Suspended(SystemClock):
        def reading(self) -> Reading:
            return readings.pop(0) if len(readings) > 1 else readings[0]

    asyncio.run(asyncio.wait_for(Alarm(Suspended()).sleep(NOW + MINUTE), 1))
    assert len(readings) == 1


def test_an_alarm_whose_loop_is_gone_may_still_ring() -> None:
    """A signal that comes late, or a save after the end, hurts nobody."""
    alarm = Alarm(VirtualClock(NOW))
    asyncio.run(alarm.sleep(NOW))
    alarm.ring()
