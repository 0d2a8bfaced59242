"""Versions and ranges of them: precedence as semver.org 2.0.0 §11 has it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow.core.versions import Range, Version

numbers = st.integers(0, 999_999_999)
versions = st.builds(lambda *parts: ".".join(map(str, parts)), numbers, numbers, numbers)
PRECEDENCE = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.1.0",
    "1.10.0",
    "2.0.0-1",
    "2.0.0",
]


def test_precedence_is_semver_s_own() -> None:
    """The example of §11 is in order, numbers before words, a pre-release before its release."""
    found = [Version.parse(text) for text in PRECEDENCE]

    assert all(before < after for before, after in pairwise(found))


@given(versions, versions)
def test_released_versions_are_ordered_by_their_three_numbers(one: str, other: str) -> None:
    """Of two released versions the greater is the one whose numbers are."""
    by_number = [int(part) for part in one.split(".")] < [int(part) for part in other.split(".")]

    assert by_number == (Version.parse(one) < Version.parse(other))


@given(versions)
def test_a_version_is_in_the_ranges_that_its_comparators_say(text: str) -> None:
    """`<v`, `>v` leave v out, `<=v`, `>=v` and v itself take it."""
    version = Version.parse(text)

    assert [version in Range.parse(f"{sign}{text}") for sign in ("<", ">", "<=", ">=", "")] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("<2.0.0", ["1.9.9", "0.0.1", "2.0.0-rc.1"], ["2.0.0", "3.0.0"]),
        (">=1.1 <2", ["1.1.0", "1.9.0"], ["1.0.9", "2.0.0"]),
        ("<2", ["1.99.0"], ["2.0.0"]),
        ("1.2.3", ["1.2.3"], ["1.2.4", "1.2.3-rc.1"]),
        (">1.2.3-rc.1 <=1.3", ["1.2.3", "1.3.0"], ["1.2.3-rc.1", "1.3.1"]),
    ],
)
def test_a_range_takes_what_meets_every_comparator(text: str, inside: list[str], outside: list[str]) -> None:
    """Comparators stand with spaces between them, and a part that is left out is 0."""
    assert [True] * len(inside) == [Version.parse(one) in Range.parse(text) for one in inside]
    assert [False] * len(outside) == [Version.parse(one) in Range.parse(text) for one in outside]


@pytest.mark.parametrize("text", ["", " ", "1.2", "latest", "< 2", "^1.0.0", "1.x", "<2.0.0.0", "~1", "<٢"])
def test_what_is_no_range_is_refused_with_how_to_write_one(text: str) -> None:
    """Caret, tilde, stars and words have no meaning here, and none is guessed."""
    with pytest.raises(ValueError, match=r"<2\.0\.0"):
        Range.parse(text)


@pytest.mark.parametrize("text", ["", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.0-", "1.0.0+build", "-1.0.0"])
def test_what_is_no_version_is_refused(text: str) -> None:
    """A version has three parts, and perhaps a pre-release."""
    with pytest.raises(ValueError, match="three parts"):
        Version.parse(text)
