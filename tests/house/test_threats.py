"""Every threat has a test that says so, and the page tells it."""

from pathlib import Path

import pytest

from tests.house.threats import LIST, PAGE, gaps, page, proofs

LISTED = """\
open = ["A3"]

[[groups]]
title = "At rest"
[groups.threats]
A1 = ["It is read", "It is sealed"]
A2 = ["It is swapped", "It opens nowhere else"]
A3 = ["It is old", "It is noticed"]
"""
MARKED = """\
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.proves("A1")]


@pytest.mark.proves("A1", "A2")
def test_one() -> None: ...


class TestMore:
    @pytest.mark.proves("A2")
    async def test_two(self) -> None: ...


TestLives = pytest.mark.proves("A2")(Lives.TestCase)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project with three threats, of which one is open."""
    for name, text in ((LIST, LISTED), ("tests/core/test_marked.py", MARKED)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_markers_are_read_where_pytest_reads_them(root: Path) -> None:
    """Of modules, functions, methods and the test case of a machine."""
    assert [(proof.says(), proof.threats) for proof in proofs(root)] == [
        ("tests/core/test_marked.py", ("A1",)),
        ("tests/core/test_marked.py::test_one", ("A1", "A2")),
        ("tests/core/test_marked.py::TestMore::test_two", ("A2",)),
        ("tests/core/test_marked.py::TestLives", ("A2",)),
    ]
    assert [*gaps(root)] == []


def test_the_page_names_the_tests_and_what_is_open(root: Path) -> None:
    """A row for each threat."""
    text = page(root)[PAGE]

    assert "| A1 | It is read | It is sealed | `tests/core/test_marked.py`<br>`tests/core/test" in text
    assert "| A3 | It is old | It is noticed | *not yet proven* |" in text


def test_a_threat_without_a_test_is_seen(root: Path) -> None:
    """One that is not open needs a test."""
    (root / LIST).write_text(LISTED.replace('["A3"]', "[]"))

    assert [*gaps(root)] == [
        f'{LIST}: A3 (It is old) is proven by no test; mark one with proves("A3")',
    ]


def test_an_open_threat_with_a_test_is_seen(root: Path) -> None:
    """The list of gaps is exactly right, or the check fails."""
    (root / LIST).write_text(LISTED.replace('["A3"]', '["A2", "A3", "A9"]'))

    assert [*gaps(root)] == [
        f"{LIST}: A2 is proven; take it from `open`",
        f"{LIST}: `open` names A9, which is no threat",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            '@pytest.mark.proves("A7")\ndef test_x() -> None: ...\n', "there is no threat A7", id="unknown"
        ),
        pytest.param(
            "@pytest.mark.proves(A)\ndef test_x() -> None: ...\n", "there is no threat ?", id="name"
        ),
        pytest.param(
            '@pytest.mark.proves("A1")\ndef x() -> None: ...\n', "a marker on what is no test", id="stray"
        ),
    ],
)
def test_a_marker_that_proves_nothing_is_seen(root: Path, text: str, said: str) -> None:
    """Of an unknown threat, of one that cannot be read, and on what pytest does not collect."""
    (root / "tests/core/test_other.py").write_text(text)

    assert [*gaps(root)] == [f"tests/core/test_other.py:1: {said}"]
