"""Version ranges of `requires.tokenflow`, judged as packaging judges them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from tokenflow.spec.lint.requirements import satisfies

PARTS = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
CLAUSES = st.tuples(st.sampled_from([">=", "<=", "==", "!=", "<", ">"]), PARTS).map("".join)
COMPATIBLE = PARTS.filter(lambda text: "." in text).map("~={}".format)
WILD = st.tuples(st.sampled_from(["==", "!="]), PARTS).map(lambda pair: f"{pair[0]}{pair[1]}.*")


@given(PARTS, st.lists(CLAUSES | COMPATIBLE | WILD, min_size=1, max_size=3))
def test_a_range_of_versions_means_what_it_means_to_packaging(version: str, clauses: list[str]) -> None:
    wanted = ",".join(clauses)
    assert satisfies(version, wanted) is SpecifierSet(wanted).contains(version)


@pytest.mark.parametrize("version", ["0.1.0rc1", "0.1.0.dev3+local", "0.1.0"])
def test_a_version_before_its_release_is_taken_for_it(version: str) -> None:
    assert satisfies(version, ">=0.1.0")
    assert not satisfies(version, ">=0.2")
