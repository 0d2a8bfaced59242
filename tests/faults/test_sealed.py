"""What is sealed opens in its own place only, and stays readable while it is sealed anew under kills."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults import rekey, rows, tamper
from tests.faults.test_campaigns import SEED, sizes

NAMES = st.lists(st.text("a|:1/", max_size=4), min_size=2, max_size=3, unique=True)


@pytest.mark.proves("A2")
@sizes(tamper.GATE, 1_000_000)
def test_nothing_that_was_tampered_with_opens(size: int) -> None:
    """Values are swapped, turned, cut, relabelled and spliced over all places and terms; rings, too."""
    tamper.campaign(size, SEED).demand()


@pytest.mark.proves("A2", "R11")
@sizes(rows.GATE, 1_000_000)
def test_no_row_is_believed_that_nobody_saved(size: int) -> None:
    """Columns, letters, facts and places are changed for what stands elsewhere: no such row is read."""
    rows.campaign(size, SEED).demand()


@pytest.mark.proves("A2")
@settings(max_examples=20)
@given(NAMES, NAMES, st.integers(0, 2**32))
def test_no_names_make_two_places_one(tenants: list[str], names: list[str], seed: int) -> None:
    """Whatever separators tenants and keys hold, no value opens in another's place."""
    found = tamper.world(Random(seed), tenants, names)
    assert tamper.accepted(found, 200, Random(seed))[1] == []


@pytest.mark.proves("A5")
@sizes(rekey.GATE, 1_000_000)
def test_a_rotation_that_is_killed_leaves_all_readable(size: int) -> None:
    """kill -9 at random moments of the walk: all opens after each, and is under one term in the end."""
    rekey.campaign(size, SEED).demand()
