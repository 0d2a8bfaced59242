"""Whatever happens to a token, its rules hold; and the machine that says so catches planted bugs."""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.lives import Lives
from tokenflow import At, Row, Write
from tokenflow.core import steps
from tokenflow.core.deadlines import deadlines
from tokenflow.core.flows import saving
from tokenflow.engine import memory, sealing

GATE = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
HUNT = settings(
    GATE, max_examples=2000, phases=(Phase.generate,), print_blob=False, report_multiple_bugs=False
)
"""The same lives, as many as it takes: the first that breaks a rule ends it."""


def test_the_rules_hold_in_every_life() -> None:
    """Two engines, a moody issuer, time, people and others in between: no rule is ever broken."""
    run_state_machine_as_test(Lives, settings=GATE)


@pytest.mark.campaign
def test_the_rules_hold_in_very_many_lives() -> None:
    """The same, much longer and different each time."""
    run_state_machine_as_test(
        Lives, settings=settings(GATE, max_examples=5000, stateful_step_count=80, derandomize=False)
    )


def no_hard_deadlines(patch: pytest.MonkeyPatch) -> None:
    """Settling never fires a hard deadline."""
    patch.setattr(steps, "deadlines", lambda spec, token: [one for one in deadlines(spec, token) if one[1]])


def no_compare_and_swap(patch: pytest.MonkeyPatch) -> None:
    """The store takes any revision."""
    stage = memory._stage

    def any_revision(write: Write, rows: MutableMapping[Any, Row], holders: Any) -> None:
        old = rows.get((write.row.tenant, write.row.key))
        stage(attrs.evolve(write, expected=0 if old is None else old.revision), rows, holders)

    patch.setattr(memory, "_stage", any_revision)


def no_cascade(patch: pytest.MonkeyPatch) -> None:
    """What is derived from a token is left alone when it ends."""

    def nobody(*_: Any) -> Any:
        yield from ()

    patch.setattr(saving, "_cascade", nobody)


def never_is_1970(patch: pytest.MonkeyPatch) -> None:
    """An end that is never is read back as the instant 0."""
    expiry = sealing._expiry
    patch.setattr(sealing, "_expiry", lambda value: At(0) if value == "never" else expiry(value))


def no_forgetting(patch: pytest.MonkeyPatch) -> None:
    """A final state keeps its value."""
    patch.setattr(steps, "_forget", lambda lifecycle, row, token: token)


MUTANTS: Mapping[str, Callable[[pytest.MonkeyPatch], None]] = {
    plant.__name__: plant
    for plant in (no_hard_deadlines, no_compare_and_swap, no_cascade, never_is_1970, no_forgetting)
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_planted_bug_is_caught(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same machine breaks on each of these bugs, every time."""
    MUTANTS[mutant](monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Lives, settings=HUNT)
