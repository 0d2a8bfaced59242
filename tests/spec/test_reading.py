from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tokenflow.spec import Diagnostic
from tokenflow.spec.reading import read, typed


def problems(content: bytes | str) -> tuple[Diagnostic, ...]:
    return read(content if isinstance(content, bytes) else content.encode(), "x.yaml").problems


def codes(content: bytes | str) -> list[str]:
    return [one.code for one in problems(content)]


YAML_WORDS = st.sampled_from(
    [
        *[
            "a",
            "b",
            "1",
            "true",
            ": ",
            "- ",
            "\n",
            "\n  ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            "&x ",
            "*x",
            "!t ",
            "<<",
            "? ",
            "'",
            '"',
        ],
        *[
            "|\n",
            ">\n",
            "#",
            "%YAML 1.1",
            "---\n",
            "...\n",
            "\t",
            "~",
            "@",
            "0x1F",
            "1:30",
            "\r",
            "\x85",
            "\u2028",
        ],
    ]
)


@pytest.mark.proves("F")
@given(
    st.one_of(
        st.binary(max_size=400), st.lists(YAML_WORDS, max_size=60).map(lambda parts: "".join(parts).encode())
    )
)
@example(b"")
@example(b"\xef\xbb\xbfa: 1")
@example(b"a:\r\n  b: 1\r\n")
def test_any_bytes_give_a_tree_or_problems_and_nothing_else(content: bytes) -> None:
    reading = read(content, "x.yaml")
    assert reading.root is not None or reading.problems


WORDS = st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"))


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.text(WORDS, max_size=8)),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(WORDS, max_size=5), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_plain_data_survives_being_written_and_read(data: Any) -> None:
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    reading = read(text.encode("utf-8", "surrogatepass"), "x.yaml")
    if (
        "&" not in text
        and "*" not in text
        and "<<" not in text
        and reading.root is not None
        and not reading.problems
    ):
        assert reading.root.data() == _text_keys(data)


def _text_keys(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _text_keys(value) for key, value in data.items()}
    return [_text_keys(one) for one in data] if isinstance(data, list) else data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("1.5", 1.5),
        *[
            (word, word)
            for word in (
                "no",
                "yes",
                "on",
                "off",
                "y",
                "n",
                "True",
                "NO",
                "0x1F",
                "012",
                "0o7",
                "1_000",
                "12:30:45",
            )
        ],
        *[
            (word, word)
            for word in ("1e3", ".5", "1.", "+1", ".nan", ".inf", "2026-01-01", "9" * 19, "=", "<")
        ],
    ],
)
def test_only_what_means_itself_is_typed(text: str, value: Any) -> None:
    found = typed(text)
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_line_and_column() -> None:
    root = read(b"a:\n  b: [1, two]\nc: 3\n", "x.yaml").root
    assert root is not None
    assert str(root.where(("a", "b", 1))) == "x.yaml:2:10"
    assert str(root.where(("a", "b"), key=True)) == "x.yaml:2:3"
    assert str(root.where(("c",))) == "x.yaml:3:4"
    assert str(root.where(("a", "nothing"))) == "x.yaml:2:3"


def test_a_byte_order_mark_moves_no_column() -> None:
    root = read(b"\xef\xbb\xbfa: 1", "x.yaml").root
    assert root is not None
    assert str(root.where(("a",))) == "x.yaml:1:4"


def test_several_problems_of_a_file_are_told_at_once() -> None:
    assert codes("a: &x 1\nb: !t 2\nc: 3\nc: 4\nd: {<<: {}}") == ["TF002", "TF003", "TF004", "TF002"]


def test_of_very_many_problems_only_some_are_told() -> None:
    assert len(codes("a: 1\n" * 5_000)) == len(codes("a: 1\n" * 9_000)) == 200
    assert codes("a: 1\n" * 202 + "]")[-1] == "TF004"
    assert codes("a: 1\n" * 200 + "]")[-1] == "TF001"
