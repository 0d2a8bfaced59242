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


def test_a_store_that_takes_a_failed_write_for_done_is_caught() -> None:
    """With that mistake in the product, the check above soon finds what was lost or spent twice."""
    found = (what for one in disk.played(60, SEED, careless=True) for what in disk.complaints(*one))
    assert re.search("presented twice|is kept|not there any more", next(found))
