"""Fleets: the same answer whoever works at it, samples with honest errors, budgets, plots, memory."""

import subprocess
import sys
import xml.dom.minidom
from random import Random
from unittest.mock import patch

import attrs
import pytest

from tests.runner.simulation.ground import HOUR, MINUTE, guards, scene
from tokenflow.core.tokens import DAY
from tokenflow.runner.simulation import fleet
from tokenflow.runner.simulation.fleet import live
from tokenflow.runner.simulation.forecast import every_minute, forecast
from tokenflow.runner.simulation.plot import svg
from tokenflow.runner.simulation.report import plain_data, table
from tokenflow.runner.simulation.rounds import round_of
from tokenflow.runner.simulation.scene import START, Act, Budget, Scene

OUT = (Act(at=DAY, what="outage", lasts=HOUR),)
FLEET = scene(
    "oauth2-rotating",
    "server",
    tokens=24,
    span=2 * DAY,
    arrivals=DAY,
    standing=True,
    acts=OUT,
    deaths=0.02,
)
CALLS_A_MOVE = {"facebook-user": 2, "oauth2-app": 1}
LIMIT = Budget(calls=10, per=10 * MINUTE)
MEASURE = """
import resource
from pathlib import Path
from tests.runner.simulation.ground import scene
from tokenflow.core.tokens import DAY
from tokenflow.runner.simulation.forecast import forecast
base = scene("facebook-user", "web", span={days} * DAY, arrivals=DAY, standing=True)
import attrs
forecast(attrs.evolve(base, tokens={tokens}))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
own = int(status["VmHWM"].split()[0])  # ru_maxrss would begin with what the parent had
theirs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(max(own, theirs) // 1024)
"""


def test_the_same_seed_has_the_same_answer_in_any_process() -> None:
    """Shares are added up, and it does not matter who had which."""
    alone, shared = (live(FLEET, processes=count) for count in (1, 2))

    assert (alone.processes, shared.processes) == (1, 2)
    assert attrs.evolve(alone.tally, jumps=0, steps=0, mine=shared.tally.mine) == attrs.evolve(
        shared.tally, jumps=0, steps=0, mine=shared.tally.mine
    )


def test_another_seed_has_another_answer() -> None:
    """The chance is the seed's."""
    one = scene("facebook-user", "web", tokens=5, arrivals=DAY)
    other = live(attrs.evolve(one, seed=1), processes=1)

    assert every_minute(live(one, processes=1).tally) != every_minute(other.tally)


def test_a_sample_s_error_holds_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls, ends and logins of the whole fleet lie where its sample says they do."""
    monkeypatch.setattr(fleet, "_FEWEST", 80)
    whole = scene("oauth2-rotating", "server", tokens=320, arrivals=DAY, standing=True, deaths=0.2)
    part = forecast(whole, patience=1, processes=1, compare=False)
    every = forecast(whole, patience=10**9, processes=1, compare=False)

    assert (part.lived, part.exact, every.exact) == (80, False, True)
    for name in ("calls", "ends", "logins"):
        said, true = getattr(part, name), getattr(every, name)
        assert said.error > true.error == 0
        assert abs(said.value - true.value) <= 2 * said.error
    assert part.hour.low <= every.hour.calls <= part.hour.high
    assert any("because to live all of them would take longer" in line for line in table(part))
    assert not any("because" in line for line in table(every))


def test_an_outage_shows() -> None:
    """Calls fail, tokens become unusable, and it is the busiest hour, spread or not."""
    found = forecast(FLEET, processes=1)

    assert found.outcomes["failed"] > 24
    assert found.in_outage is not None
    assert found.in_outage.value > 8
    assert found.unusable_most > 8
    assert DAY <= found.hour.at - 1_893_456_000_000_000 < DAY + 4 * HOUR
    assert found.plain_hour is not None


@pytest.mark.parametrize(
    ("name", "platform"), [("facebook-user", "web"), ("facebook-user", "ios"), ("oauth2-app", "server")]
)
def test_a_fleet_that_stands_is_steady(name: str, platform: str) -> None:
    """No hour differs from the mean by more than chance does it, with jitter as without."""
    stands = scene(name, platform, tokens=1500, span=2 * DAY, arrivals=DAY, standing=True)
    spread, plain = (attrs.evolve(stands, jitter=jitter) for jitter in (True, False))

    assert unsteadiness(spread) < 4.5
    assert unsteadiness(plain) < 4.5


def test_a_fleet_acquired_evenly_over_what_is_not_its_round_is_caught() -> None:
    """Planted: tokens are acquired evenly over a day, and come round in 50 minutes less."""
    stands = scene("facebook-user", "web", tokens=1500, span=2 * DAY, arrivals=DAY, standing=True)
    with patch.object(fleet, "round_of", lambda scene, guards: None):
        assert unsteadiness(stands) > 4.5


def unsteadiness(one: Scene) -> float:
    """Return by how many standard deviations of chance an hour differs from the mean, at the most."""
    minutes = every_minute(live(one, processes=1, patience=10**9).tally)
    moves = [
        sum(minutes[start : start + 60]) / CALLS_A_MOVE[one.data["metadata"]["name"]]
        for start in range(0, len(minutes), 60)
    ]
    mean = sum(moves) / len(moves)
    return float(max(abs(count - mean) for count in moves) / mean**0.5)


def test_tokens_of_a_fleet_that_stands_are_not_all_of_one_age() -> None:
    """They were acquired over the day before day 0, though they come round within the hour."""
    found = round_of(scene("oauth2-app", "server", arrivals=DAY, standing=True), guards())

    assert found is not None
    ages = [START - found.born(f"0.{number}", Random(number)) for number in range(200)]
    assert min(ages) < 3 * HOUR
    assert max(ages) > 20 * HOUR


def test_a_herd_is_spread_by_jitter() -> None:
    """All acquired in a minute: without jitter they come back in one, with it they do not."""
    herd = scene("facebook-user", "web", tokens=200, arrivals=MINUTE, span=6 * DAY)
    found = forecast(herd, processes=1)

    assert found.plain_minute is not None
    assert found.minute.calls < found.plain_minute.calls
    later = forecast(attrs.evolve(herd, arrivals=DAY), processes=1, compare=False)
    assert later.minute.calls < found.minute.calls


def test_beyond_its_budget_the_issuer_answers_429() -> None:
    """No window takes more than it allows, what is refused is tried again, and enough is no limit."""
    tight = scene("facebook-user", "web", tokens=60, arrivals=HOUR, span=2 * DAY, budget=LIMIT)
    found = live(tight)
    windows = every_minute(found.tally)
    answered = sum(windows) - found.tally.outcomes["limited"]

    assert found.tally.outcomes["limited"] > 0
    assert answered <= 10 * (2 * 24 * 6)
    plenty = Budget(calls=10**6, per=HOUR)
    free, ample = (live(attrs.evolve(tight, budget=one)).tally for one in (None, plenty))
    assert attrs.evolve(free, mine=ample.mine, jumps=0, steps=0) == attrs.evolve(ample, jumps=0, steps=0)


def test_a_forecast_is_told_in_words_numbers_and_a_picture() -> None:
    """The table, plain too, the data, and an SVG that is well-formed and asks for nothing from elsewhere."""
    found = forecast(FLEET, processes=1, compare=False)
    text, plain, data, drawn = table(found), table(found, plain=True), plain_data(found), svg(found)

    assert text[0] == "oauth2-rotating@1.0.0 by server: 24 tokens, 2 days"
    assert any("█" in line for line in text)
    assert all(line.isascii() for line in plain)
    assert data["calls"]["total"] == sum(data["calls"]["an_hour"])
    xml.dom.minidom.parseString(drawn)
    assert drawn.startswith("<svg ")
    assert "calls an hour" in drawn
    assert "hours from the start" in drawn
    assert "prefers-color-scheme: dark" in drawn
    assert drawn.count("http") == 1, "the namespace, and no other address"
    assert "<script" not in drawn


def test_what_a_spec_is_called_cannot_break_the_picture() -> None:
    """Text is escaped."""
    named = {**FLEET.data, "metadata": {**FLEET.data["metadata"], "version": '<&">'}}
    drawn = svg(forecast(attrs.evolve(FLEET, data=named, tokens=5), processes=1, compare=False))

    assert "&lt;&amp;&quot;&gt;" in drawn
    xml.dom.minidom.parseString(drawn)


def measured(tokens: int, days: int) -> int:
    """Return the most memory a forecast took, in MiB, in a process of its own."""
    code = MEASURE.format(tokens=tokens, days=days)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_more_tokens_take_no_more_memory() -> None:
    """They are lived one after another, and only counts remain."""
    few, many = measured(50, 30), measured(800, 30)

    assert many < few + 16
    assert many < 200


@pytest.mark.campaign
def test_a_hundred_thousand_tokens_over_ninety_days_fit_into_memory() -> None:
    """The size the command is made for: below 512 MiB (time and memory stand in docs/how-to/simulate.md)."""
    assert measured(100_000, 90) < 512
