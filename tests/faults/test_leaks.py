"""The gate of the campaign that looks for secrets."""

import pytest

from tests.faults import leaks


@pytest.mark.proves("A1", "B1", "B3", "B6", "B8")
def test_no_secret_comes_out_of_the_api() -> None:
    """Planted through every verb and command, found in no channel and no file; each control is caught."""
    leaks.campaign(leaks.GATE, seed=5).demand()


@pytest.mark.campaign
@pytest.mark.proves("A1")
def test_ten_thousand_secrets_stay_inside() -> None:
    """The same with more of them."""
    leaks.campaign(10_000, seed=5).demand()
