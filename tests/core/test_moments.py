"""Time as data: durations, moments, timers, and which clock is believed (T1, T2, T4, T5, T7, T12)."""

# ruff: noqa: SIM300  # expected == actual, constants too

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import DAY, HOUR, MINUTE, SECOND, START, token_of, user
from tokenflow.core.moments import Moment, Reading, Timer, duration, trust, unconfirmed
from tokenflow.core.tokens import At, Token

UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1000}
instants = st.integers(0, 4_000_000_000 * SECOND)
spans = st.integers(0, 4000 * DAY)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(sorted(UNITS))), min_size=1, max_size=5))
def test_short_durations_add_up(parts: list[tuple[int, str]]) -> None:
    """A duration written in parts is the sum of its parts."""
    expected = sum(number * UNITS[unit] for number, unit in parts)
    assert expected == duration("".join(f"{number}{unit}" for number, unit in parts))


@given(st.integers(0, 10**15))
def test_any_span_survives_being_written_in_iso(micros: int) -> None:
    """ISO 8601 carries every span there is, to the microsecond, and reads back as itself."""
    days, rest = divmod(micros, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, fraction = divmod(rest, SECOND)
    assert micros == duration(f"P{days}DT{hours}H{minutes}M{seconds}.{fraction:06d}S")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60d", 60 * DAY),
        ("1h30m", 90 * MINUTE),
        ("P60D", 60 * DAY),
        ("P2W", 14 * DAY),
        ("PT1H30M", 90 * MINUTE),
        ("PT0.5S", 500_000),
        ("PT0.000001S", 1),
        ("250ms", 250_000),
        ("0s", 0),
    ],
)
def test_durations_as_people_write_them(text: str, expected: int) -> None:
    """Both ways of writing a duration mean what they say."""
    assert expected == duration(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "60",
            "60 d",
            "d",
            "-5m",
            "+5m",
            "1.5h",
            "1y",
            "2mo",
            "P1Y",
            "P1M",
            "P",
            "PT",
            "P1DT1Y",
            "PT1.S",
        ),
        *("60D", "1H", "5m ", " 5m", "5m\n", "5m,3s", "PT0.0000001S", "٣d", "P٣D", "1e3s", "0x1Fs", "infs"),
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Bare numbers, months, years, signs, fractions of short units and foreign digits are refused."""
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


@given(st.text(max_size=12))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    """Whatever is written, reading it ends in a value or in ValueError."""
    for read in (duration, Moment.parse):
        try:
            read(text)
        except ValueError:
            continue


ANCHORS = ("entered", "issued", "refreshed", "expires", "last_used", "refresh_expires")


@given(st.sampled_from(ANCHORS), st.sampled_from("+-"), st.integers(0, 10**6), instants)
def test_a_moment_is_its_anchor_and_its_offset(anchor: str, sign: str, seconds: int, at: int) -> None:
    """`anchor ± duration` is that many microseconds from the anchor."""
    token = attrs.evolve(
        token_of(user(), "issued"),
        entered_at=at,
        issued_at=at,
        refreshed_at=at,
        last_used_at=at,
        expires=At(at),
        refresh_expires=At(at),
    )
    expected = at + (seconds if sign == "+" else -seconds) * SECOND
    assert expected == Moment.parse(f"{anchor} {sign} {seconds}s").at(token)
    assert at == Moment.parse(anchor).at(token)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "expires -20%",
            "expires- 20%",
            "expires  - 20%",
            "expires - ",
            "now",
            "expires - 20",
            "created",
        ),
        *(
            "expires * 2d",
            "expires - nan%",
            "expires - inf%",
            "expires - -5%",
            "expires - 1e400%",
            "expires %",
        ),
        *("expires - 1_0%", "expires - 20%%", "EXPIRES", "expires - %", "expires - 20% ", "expires - 30%\n"),
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    """A misspelt moment, and a percentage that is no plain number, is refused when it is read."""
    with pytest.raises(ValueError):
        Moment.parse(text)


@given(st.integers(0, 400), st.integers(1, 400 * DAY), instants)
def test_a_percentage_is_of_the_values_own_lifetime(percent: int, lives: int, since: int) -> None:
    """T4: `expires - p%` leaves p percent of the lifetime that this value has."""
    token = token_of(user(), "issued", refreshed_at=since, expires=At(since + lives))
    found = Moment.parse(f"expires - {percent}%").at(token)
    assert found is not None
    assert abs(since + lives - lives * percent / 100 - found) <= 1


def test_a_moment_sleeps_while_its_anchor_is_unknown() -> None:
    """T2: without its anchor, or the lifetime its percentage is of, a moment is no instant."""
    bare = token_of(user(), "requested", lives=None, issued_at=None, refreshed_at=None)
    known = [text for text in ANCHORS if Moment.parse(text).at(bare) is not None]
    assert ["entered"] == known
    half = token_of(user(), "issued", refreshed_at=None)
    assert Moment.parse("expires - 20%").at(half) is None
    assert START + 90 * MINUTE == Moment.parse("expires").at(half)
    unused = token_of(user(), "issued", last_used_at=None)
    assert START == Moment.parse("last_used").at(unused)


def _timer(moment: str, **more: object) -> Timer:
    return Timer.from_spec("renew", {"raise": "extend", "at": moment, **more}, 0)


tokens = st.builds(
    lambda ident, entered, lives: token_of(
        user(), "issued", id=ident, entered_at=entered, refreshed_at=entered, expires=At(entered + lives)
    ),
    st.text(min_size=1, max_size=12),
    instants,
    st.integers(1, 90 * DAY),
)


@given(tokens, st.integers(0, 10**6), st.integers(1, 2**40))
def test_jitter_is_stable_and_only_ever_earlier(token: Token, jitter: int, revision: int) -> None:
    """T5: jitter moves a timer earlier by less than itself, never before its state, and stays."""
    plain, moved = _timer("expires - 30%"), _timer("expires - 30%", jitter=f"{jitter}s")
    raw, due = plain.due(token), moved.due(token)
    assert raw is not None
    assert due is not None
    assert due == moved.due(attrs.evolve(token, revision=revision, generation=7, last_used_at=3))
    assert max(raw - jitter * SECOND, token.entered_at) <= due <= raw


@pytest.mark.proves("H1")
def test_jitter_spreads() -> None:
    """T5: two hundred tokens of one age do not fall due together."""
    timer = _timer("expires", jitter="5m")
    found = {timer.due(token_of(user(), "issued", id=f"t{n}")) for n in range(200)}
    assert len(found) > 190


def test_a_timer_fires_once_per_state_and_with_every_from_its_last_attempt() -> None:
    """T7: a fired timer sleeps; with `every` it is due that long after it fired, however old its moment."""
    token = token_of(user(), "issued", fired={"renew": START + 5 * HOUR})
    assert _timer("expires - 30%").due(token) is None
    assert START + 5 * HOUR + 5 * MINUTE == _timer("expires - 30%", every="5m", jitter="4m").due(token)


# Which clock is believed (T12, ruling 24).

readings = st.builds(Reading, instants, st.integers(0, 10**15))


@given(readings, instants, st.none() | readings, st.integers(0, DAY), st.booleans())
def test_time_never_runs_back(
    reading: Reading, mark: int, previous: Reading | None, tolerance: int, many: bool
) -> None:
    """T12: the instant to decide by is never behind what the store has seen, whatever the clocks say."""
    found = trust(reading, mark=mark, previous=previous, backward_tolerance=tolerance, leap_ends_many=many)
    assert found.now >= mark
    if found.held is None:
        assert max(mark, reading.wall) == found.now


@pytest.mark.proves("R4")
@given(instants, st.integers(0, 10 * DAY), st.integers(0, DAY))
def test_a_step_back_is_held_beyond_the_tolerance_and_not_within(
    mark: int, behind: int, tolerance: int
) -> None:
    """T12: timers are held exactly when the clock is further behind than the tolerance."""
    found = trust(Reading(mark - behind, 5), mark=mark, previous=None, backward_tolerance=tolerance)
    assert (behind > tolerance) == (found.held is not None)
    assert mark == found.now


@given(instants, st.integers(0, 100 * DAY), st.integers(0, 100 * DAY), st.booleans(), st.booleans())
def test_a_leap_ahead_is_held_only_with_many_and_in_one_life(
    wall: int, leap: int, awake: int, many: bool, alive: bool
) -> None:
    """Ruling 24: a leap is held if the boot-time clock denies it, it would end many, we saw both sides."""
    previous = Reading(wall, 1000)
    reading = Reading(wall + leap, 1000 + awake)
    found = trust(
        reading,
        mark=wall,
        previous=previous if alive else None,
        backward_tolerance=5 * MINUTE,
        leap_ends_many=many,
    )
    expected = alive and many and leap - awake > 5 * MINUTE
    assert expected == (found.held is not None)
    assert (wall if expected else wall + leap) == found.now


@pytest.mark.proves("R4")
def test_61_days_asleep_are_simply_61_days() -> None:
    """Ruling 24: sleep that the boot-time clock confirms, or a restart, is believed even if it ends all."""
    slept = Reading(START + 61 * DAY, 61 * DAY)
    for previous in (Reading(START, 0), None):
        found = trust(slept, mark=START, previous=previous, backward_tolerance=0, leap_ends_many=True)
        assert (START + 61 * DAY, None) == (found.now, found.held)
    assert 0 == unconfirmed(slept, Reading(START, 0))


# Moments on attributes (rule T2), and when what hangs on them fires (rule T7).


@given(instants, st.sampled_from("+-"), st.integers(0, 10**6))
def test_a_moment_hangs_on_an_attribute_and_sleeps_while_that_is_no_instant(
    at: int, sign: str, seconds: int
) -> None:
    """T2: `attributes.NAME ± duration` is counted from the attribute; unknown, or no instant, it sleeps."""
    moment = Moment.parse(f"attributes.consent_ends_at {sign} {seconds}s")
    assert "consent_ends_at" == moment.attribute
    known = token_of(user(), "issued", attributes={"consent_ends_at": at})
    assert at + (seconds if sign == "+" else -seconds) * SECOND == moment.at(known)
    for value in ({}, {"consent_ends_at": None}, {"consent_ends_at": "soon"}, {"consent_ends_at": True}):
        assert moment.at(attrs.evolve(known, attributes=value)) is None


@pytest.mark.parametrize("text", ["attributes", "attributes.", "attributes.A", "attributes.a.b", "token.a"])
def test_an_attribute_is_named_to_the_letter(text: str) -> None:
    """What names no attribute is no moment."""
    with pytest.raises(ValueError, match="is not a moment"):
        Moment.parse(text)


@given(st.integers(0, 90 * DAY), st.integers(0, 90 * DAY), st.text(min_size=1, max_size=8))
def test_jitter_never_takes_more_than_half_of_the_way(ahead: int, jitter: int, ident: str) -> None:
    """T5: a timer fires no earlier than halfway between the state's entry and its moment."""
    token = token_of(user(), "issued", id=ident, attributes={"over": START + ahead})
    timer = attrs.evolve(_timer("attributes.over"), jitter=jitter)
    due = timer.due(token)
    assert due is not None
    assert START + ahead - min(jitter, ahead // 2) <= due <= START + ahead
    assert 0 == timer.reach(-ahead)
