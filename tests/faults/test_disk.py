"""The disk fails at any operation: nothing is lost, and what is good is served on."""

import re

import pytest

from tests.faults import disk

SEED = 20


@pytest.mark.proves("R10", "H1")
@pytest.mark.parametrize("size", [disk.GATE, pytest.param(4_000, marks=pytest.mark.campaign)])
def test_a_disk_that_fails_at_any_operation_loses_nothing(size: int) -> None:
    """Nothing acknowledged is lost, no token spent twice, no store damaged; good tokens are served on."""
    disk.campaign(size, SEED).demand()


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("a failed write is taken for done", "was acknowledged, and .* is kept"),
        ("an unreadable store is made anew", "is not there any more"),
    ],
)
def test_a_store_that_is_careless_about_its_disk_is_caught(mistake: str, said: str) -> None:
    """With either mistake in the product, the check above fails, and says what was lost."""
    report = disk.campaign(10, SEED, mistake=mistake)
    assert any(re.search(said, one) for one in report.failures), str(report)
