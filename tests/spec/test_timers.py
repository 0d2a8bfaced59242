"""Timers and durations that a schema lets pass, and that cannot be meant."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.mutants import written
from tests.spec.names import OFFERED
from tokenflow.spec import check

MINUTES = st.integers(1, 10_000)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def found(folder: Path, parent: str = "oauth2-app", kind: str = "Lifecycle", **body: Any) -> set[str]:
    """Return the codes of what is said of a child of *parent*."""
    head = {"apiVersion": "tokenflow/v1", "kind": kind, "metadata": {"name": "mine", "version": "1.0.0"}}
    path = folder / "mine.yaml"
    path.write_text(written({**head, "extends": f"builtin:{parent}", **body}), "utf-8")
    return {one.code for one in check(path, names=OFFERED)}


def timers(**timers: Any) -> dict[str, Any]:
    return {"issued": {"timers": timers}}


@FEW
@given(jitter=MINUTES, typical=MINUTES)
def test_a_jitter_is_told_exactly_when_it_is_over_half_of_the_typical_life(
    tmp_path: Path, jitter: int, typical: int
) -> None:
    """Up to half a life is the author's choice; beyond it tokens are renewed as they arrive."""
    lifetimes = {"access": {"typical": f"{typical}m"}}
    codes = found(tmp_path, lifetimes=lifetimes, states=timers(renew={"jitter": f"{jitter}m"}))
    assert ("TF124" in codes) is (2 * jitter > typical)


@pytest.mark.parametrize(
    ("at", "told"),
    [("expires - 20%", True), ("refreshed + 10m", True), ("issued + 170d", False), ("entered + 10d", False)],
)
def test_a_jitter_is_measured_by_the_life_only_where_the_moment_is(
    tmp_path: Path, at: str, told: bool
) -> None:
    """A timer on the six months of a consent may be spread over a day, though the token lives an hour."""
    assert ("TF124" in found(tmp_path, states=timers(renew={"at": at, "jitter": "1d"}))) is told


@pytest.mark.parametrize(("every", "told"), [("0s", True), ("999ms", True), ("1s", False), ("2m", False)])
def test_a_timer_that_repeats_pauses_for_a_second_at_least(tmp_path: Path, every: str, told: bool) -> None:
    """One that is due again at once would keep the keeper from all else."""
    assert ("TF123" in found(tmp_path, states=timers(renew={"every": every}))) is told


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("expires + 1h", True),
        ("expires + 10%", True),
        ("expires + 0s", False),
        ("expires + 0%", False),
        ("expires", False),
        ("expires - 1m", False),
    ],
)
def test_a_usable_state_is_not_left_after_the_end(tmp_path: Path, at: str, told: bool) -> None:
    """What is handed out after its end fails at every call."""
    assert ("TF125" in found(tmp_path, states=timers(expire={"at": at}))) is told


def test_a_second_hard_timer_may_come_later(tmp_path: Path) -> None:
    """The state is left at expiry already, so the later one does no harm to a caller."""
    late = {"at": "expires + 1d", "raise": "expire", "hard": True}
    assert "TF125" not in found(tmp_path, states=timers(late=late))


@FEW
@given(shorter=MINUTES, longer=MINUTES)
def test_two_durations_are_told_exactly_when_they_are_the_wrong_way_round(
    tmp_path: Path, shorter: int, longer: int
) -> None:
    """A call ends within its lease, the first delay is not the longest, nor the first rest."""
    low, high = f"{shorter}m", f"{longer}m"
    wrong = shorter > longer
    leased = {"extend": {"timeout": low, "lease": high}}
    delayed = {"extend": {"retry": {"first": low, "max": high}}}
    rested = {"rest": low, "longest": high}
    assert ("TF126" in found(tmp_path, "oauth2-rotating", commands=leased)) is wrong
    assert ("TF126" in found(tmp_path, "oauth2-rotating", commands=delayed)) is wrong
    assert ("TF126" in found(tmp_path, "sandbox-oauth2", "Issuer", breaker=rested)) is wrong
