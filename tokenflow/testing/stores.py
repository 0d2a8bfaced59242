"""The store contract, run: `TestMyStore = store_conformance(MyStore)` is a whole test module."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tokenflow.engine.stores import Store
from tokenflow.testing.store_abilities import DURABLE_CHECKS, LEASE_CHECKS, OUTBOX_CHECKS
from tokenflow.testing.store_checks import CHECKS
from tokenflow.testing.store_model import store_machine
from tokenflow.testing.store_trails import AUDIT_CHECKS, DURABLE_AUDIT_CHECKS

StoreFactory: TypeAlias = Callable[[Path], Store]
"""Opens a store in a folder: a new one in a new folder, the same one in the same folder."""


def store_conformance(make: StoreFactory, *, examples: int = 40, steps: int = 30) -> type:
    """Return a test class for pytest that holds the stores *make* opens to the whole contract.

    The store's own `capabilities` choose the tests, and are what the engine trusts. Named tests
    fail with a plain sentence every time; *examples* random histories of *steps* calls each are
    compared with a model, and a failing one is shrunk to its shortest.
    """
    capabilities = _capabilities(make)
    tests: dict[str, Any] = {f"test_{check.__name__}": _on_a_new_store(check, make) for check in CHECKS}
    if "leases" in capabilities:
        tests |= {f"test_{check.__name__}": _on_a_new_store(check, make) for check in LEASE_CHECKS}
    if "outbox" in capabilities:
        tests |= {f"test_{check.__name__}": _on_a_new_store(check, make) for check in OUTBOX_CHECKS}
    if "durable" in capabilities:
        tests |= {f"test_{check.__name__}": _on_reopened_stores(check, make) for check in DURABLE_CHECKS}
    if "audit" in capabilities:
        tests |= {f"test_{check.__name__}": _on_a_new_store(check, make) for check in AUDIT_CHECKS}
    if {"audit", "durable"} <= capabilities:
        tests |= {
            f"test_{check.__name__}": _on_reopened_stores(check, make) for check in DURABLE_AUDIT_CHECKS
        }
    tests["test_any_history_agrees_with_the_model"] = _against_the_model(make, capabilities, examples, steps)
    return type("StoreConformance", (), tests)


def _capabilities(make: StoreFactory) -> frozenset[str]:
    declared = getattr(make, "capabilities", None)
    if isinstance(declared, frozenset):
        return declared
    with TemporaryDirectory(prefix="tokenflow-") as folder:
        store = make(Path(folder))
        store.close()
        return store.capabilities


def _on_a_new_store(check: Callable[[Store], None], make: StoreFactory) -> Callable[[object, Path], None]:
    def test(self: object, tmp_path: Path) -> None:
        store = make(tmp_path)
        try:
            check(store)
        finally:
            store.close()

    test.__doc__ = check.__doc__
    return test


def _on_reopened_stores(
    check: Callable[[Callable[[], Store]], None], make: StoreFactory
) -> Callable[[object, Path], None]:
    def test(self: object, tmp_path: Path) -> None:
        check(lambda: make(tmp_path))

    test.__doc__ = check.__doc__
    return test


def _against_the_model(
    make: StoreFactory, capabilities: frozenset[str], examples: int, steps: int
) -> Callable[[object], None]:
    def test(self: object) -> None:
        """Any history of calls leaves the store where the model is."""
        run_state_machine_as_test(
            store_machine(make, capabilities),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,  # a store may sit behind a disk or a network
                suppress_health_check=list(HealthCheck),
            ),
        )

    return test
