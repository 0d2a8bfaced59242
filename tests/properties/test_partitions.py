"""Rules T8 to T11, R1, with commands: however its time is cut up, a token comes to the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.properties import partitions
from tests.properties.partitions import HOUR, MINUTE, MOODS, SPEC, TOUCHES, Ending, Partition, Span, Touch
from tokenflow.core import steps
from tokenflow.core.deadlines import Deadline, deadlines
from tokenflow.core.flows import holding
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.steps import Settled, Step
from tokenflow.core.tokens import Instant, Token
from tokenflow.engine import opening, performer, sealing
from tokenflow.spec import Document, load

SPANS = (10 * MINUTE, 50 * MINUTE, 58 * MINUTE, HOUR, 61 * MINUTE, 2 * HOUR, 8 * HOUR)
GATE = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
HUNT = settings(GATE, max_examples=150, phases=(Phase.explicit, Phase.generate), print_blob=False)

# Often enough the first answer after an outage is slow, and comes about when the token ends.
moods = st.lists(st.sampled_from(MOODS), max_size=8) | st.builds(
    lambda outs, last: ["out"] * outs + [last], st.integers(0, 14), st.sampled_from(MOODS[-3:])
)
spans = st.sampled_from(SPANS)
touches = st.lists(
    st.builds(Touch, after=st.integers(0, 8 * HOUR), act=st.sampled_from(TOUCHES)), max_size=6
).map(tuple)
sleeps = st.lists(
    st.tuples(st.integers(0, 8 * HOUR), st.integers(1, 3 * HOUR)).map(lambda nap: (nap[0], sum(nap))),
    max_size=2,
).map(tuple)


@pytest.fixture(autouse=True)
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spec of these lives, read once a test: reading is tested elsewhere, and takes its time."""
    path = tmp_path / "fading.yaml"
    path.write_text(SPEC)
    known: dict[str, Document] = {}

    def once(one: str, **names: Any) -> Document:
        if one not in known:
            known[one] = load(one, **names)
        return known[one]

    monkeypatch.setattr(opening, "load", once)
    return path


def awake(spec: Path) -> Callable[[], None]:
    """Return the first theorem.

    Let an engine be awake at every instant at which something is due. Then further looks at the token,
    restarts of the process and engines that look on while a command is under way change nothing: the
    same requests leave at the same instants, and the stored token and its history are the same, to the
    last field, whatever the issuer's moods.
    """

    # What is drawn depends on what else is imported; these are lived in any case.
    @example(["slow and cut", "slow and cut", "slow", "slow"], 3660, (Touch(after=402, act="sweep"),), True)
    @example(["out"] * 14 + ["slow and out"], 3480, (Touch(after=14, act="restart"),) * 4, False)
    @example(["out"], 3000, (Touch(after=2885, act="restart"),), False)  # between a try and the next
    @given(moods, spans, touches, st.booleans())
    def theorem(moods: list[str], span: int, touches: tuple[Touch, ...], meddles: bool) -> None:
        alone = Span(spec, moods, Partition()).lived(span)
        other = Span(spec, moods, Partition(touches=touches, meddles=meddles)).lived(span)
        assert other == alone

    return theorem


def asleep(spec: Path) -> Callable[[], None]:
    """Return the second theorem.

    Let the issuer be out of reach. Then it does not matter either who was asleep when: at the end the
    token is in the same state, with the same value and the same end, and what a hard deadline entered
    is dated to that deadline. (Commands go out at real instants, never in the past, so that with an
    issuer that answers a sleeper may hold an older value: that much is the world's, not the engine's.)
    """

    @given(spans, sleeps, sleeps, touches)
    def theorem(
        span: int,
        some: tuple[tuple[int, int], ...],
        others: tuple[tuple[int, int], ...],
        touches: tuple[Touch, ...],
    ) -> None:
        out = ["out"] * 999
        one = Span(spec, out, Partition(asleep=some)).lived(span)
        other = Span(spec, out, Partition(asleep=others, touches=touches)).lived(span)
        assert _hard_facts(other) == _hard_facts(one)

    return theorem


def _hard_facts(ending: Ending) -> dict[str, Any]:
    """Return what the clock alone decides; what a soft timer enters is entered when somebody wakes."""
    token = ending.token
    facts = {name: token[name] for name in ("state", "expires", "refresh_expires", "refreshed_at", "reason")}
    return facts if ending.state == "fading" else {**facts, "entered_at": token["entered_at"]}


def test_whoever_is_awake_at_every_deadline_comes_to_the_same(spec: Path) -> None:
    """Rule T9, T11, R1: looks, restarts and onlookers between the deadlines leave no trace."""
    GATE(awake(spec))()


def test_whoever_sleeps_while_the_issuer_is_out_comes_to_the_same(spec: Path) -> None:
    """Rule T8, T9: asleep or awake, a hard deadline is dated to itself, and what it missed did not happen."""
    GATE(asleep(spec))()


@pytest.mark.campaign
@pytest.mark.parametrize("theorem", [awake, asleep])
def test_very_many_partitions(spec: Path, theorem: Callable[[Path], Callable[[], None]]) -> None:
    """The same, thousands of times and different each time."""
    settings(GATE, max_examples=4000, derandomize=False)(theorem(spec))()


def lease_ignored(patch: pytest.MonkeyPatch) -> None:
    """The clock does not wait for a command that is under way."""

    def impatient(lifecycle: Lifecycle, token: Token) -> list[Deadline]:
        under_way = token.attempt is not None and token.attempt.open
        return deadlines(lifecycle, attrs.evolve(token, attempt=None) if under_way else token)

    patch.setattr(steps, "deadlines", impatient)


def missed_timers_fire(patch: pytest.MonkeyPatch) -> None:
    """A soft timer that was slept through fires before the hard deadline it was missed at."""
    settle = steps.settle

    def eager(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
        due = [line for line in deadlines(lifecycle, token) if line.at <= now]
        soft = [one for one in due if one.soft and not steps._needs_command(lifecycle, token, one.event)]
        if not soft or len(soft) == len(due):
            return settle(lifecycle, token, now)
        moved: Step = steps._fire_soft(lifecycle, token, soft[0], now)
        rest = settle(lifecycle, moved.after, now)
        return attrs.evolve(rest, steps=(moved, *rest.steps))

    patch.setattr(holding, "settle", eager)


def retry_lost_at_restart(patch: pytest.MonkeyPatch) -> None:
    """A retry lives in the memory of the process that made it."""
    from_row, fresh = sealing.from_row, list[bool]()

    def forgetful(row: Any, cipher: Any) -> Token:
        token = from_row(row, cipher)
        if fresh and fresh.pop():
            token = attrs.evolve(token, attempt=None)
        return token

    patch.setattr(performer, "from_row", forgetful)
    patch.setattr(partitions, "restarted", lambda: fresh.append(True))


def dated_to_the_wake_up(patch: pytest.MonkeyPatch) -> None:
    """A hard deadline is dated to whenever somebody notices."""
    patch.setattr(
        steps, "deadlines", lambda spec, token: [line._replace(soft=True) for line in deadlines(spec, token)]
    )


def every_look_is_a_save(patch: pytest.MonkeyPatch) -> None:
    """Looking at a token writes it, and so moves the jitter of its retries."""
    settle = steps.settle

    def busy(lifecycle: Lifecycle, token: Token, now: Instant) -> Settled:
        found = settle(lifecycle, token, now)
        if found.steps:
            return found
        after = attrs.evolve(token, revision=token.revision + 1)
        return attrs.evolve(
            found, token=after, steps=(Step(before=token, after=after, row=None, happened=()),)
        )

    patch.setattr(holding, "settle", busy)


MUTANTS: Final = (
    (awake, lease_ignored),
    (asleep, missed_timers_fire),
    (awake, retry_lost_at_restart),
    (asleep, dated_to_the_wake_up),
    (awake, every_look_is_a_save),
)


@pytest.mark.parametrize(("theorem", "plant"), MUTANTS, ids=lambda one: one.__name__)
def test_a_planted_bug_is_caught(
    spec: Path,
    theorem: Callable[[Path], Callable[[], None]],
    plant: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of the two theorems fails on each of these bugs, every time."""
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        HUNT(theorem(spec))()
