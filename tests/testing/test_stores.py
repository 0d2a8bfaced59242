"""The conformance kit passes a right store and finds every planted bug, by name and by chance."""

from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.testing.flawed import FLAWED
from tokenflow import Store
from tokenflow.engine.memory import MemoryStore
from tokenflow.testing import store_conformance
from tokenflow.testing.store_abilities import LEASE_CHECKS, OUTBOX_CHECKS
from tokenflow.testing.store_checks import CHECKS
from tokenflow.testing.store_model import store_machine
from tokenflow.testing.store_trails import AUDIT_CHECKS
from tokenflow.testing.stores import StoreFactory


@pytest.mark.proves("R15", "R16")
@pytest.mark.parametrize("flawed", FLAWED, ids=lambda flawed: flawed.__name__)
def test_a_named_test_finds_each_planted_bug(flawed: type[MemoryStore]) -> None:
    """Each planted bug fails at least one named test, every time."""
    checks = (*CHECKS, *LEASE_CHECKS, *OUTBOX_CHECKS, *AUDIT_CHECKS)
    assert [check.__name__ for check in checks if _fails(check, flawed)]


def _fails(check: object, flawed: type[MemoryStore]) -> bool:
    try:
        check(flawed())  # type: ignore[operator]
    except (AssertionError, pytest.fail.Exception):
        return True
    return False


@pytest.mark.proves("R15", "R16")
@pytest.mark.parametrize("flawed", FLAWED, ids=lambda flawed: flawed.__name__)
def test_the_model_finds_each_planted_bug(flawed: type[MemoryStore]) -> None:
    """Random histories alone find each planted bug, too."""
    machine = store_machine(lambda folder: flawed(), flawed.capabilities)
    once = settings(
        max_examples=4000,  # the first that fails ends it
        stateful_step_count=30,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=once)


def test_the_kit_asks_only_for_what_a_store_declares() -> None:
    """Without a capability there are no tests of it; with durable there are those that reopen."""
    plain = store_conformance(_declaring(frozenset()))
    rich = store_conformance(_declaring(frozenset({"durable", "leases", "outbox", "audit"})))
    asked = set(dir(rich)) - set(dir(plain))
    assert asked == {
        "test_a_lease_holds_until_its_instant",
        "test_only_its_owner_releases_a_lease",
        "test_of_many_threads_one_claims",
        "test_what_is_to_be_told_is_pending_until_it_was",
        "test_nothing_of_a_refused_batch_is_to_be_told",
        "test_what_is_forgotten_is_not_told",
        "test_what_was_saved_survives_a_reopen",
        "test_lines_follow_one_another_in_their_chain",
        "test_no_change_no_line",
        "test_no_line_no_change",
        "test_the_trail_outlives_what_it_tells_of",
        "test_a_chain_is_pruned_from_its_beginning",
        "test_of_many_threads_each_line_has_its_place",
        "test_the_trail_survives_a_reopen",
    }


def test_every_test_of_the_kit_says_its_fact() -> None:
    """Each test of the class has a sentence, and its name says the same."""
    kit = store_conformance(_declaring(frozenset({"durable", "leases", "outbox", "audit"})))
    tests = [getattr(kit, name) for name in dir(kit) if name.startswith("test_")]
    assert len(tests) == 44
    assert all(test.__doc__.strip().endswith(".") for test in tests)


def _declaring(capabilities: frozenset[str]) -> StoreFactory:
    """Return a factory that says what its stores can do."""

    def make(folder: Path) -> Store:
        return MemoryStore()

    make.capabilities = capabilities  # type: ignore[attr-defined]
    return make
