import time
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


def _laughs() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
    ]
    return "\n".join(lines)


HOSTILE: dict[str, str | bytes] = {
    "alias bomb": _laughs(),
    "recursive alias": "&a [*a]",
    "anchor alone": "a: &x 1",
    "alias as key": "a: &x 1\n*x : 2",
    "merge key": "a: {<<: {x: 1}}",
    "merge key in block": "a:\n  <<: {x: 1}\n  b: 2",
    "quoted merge key": 'a: {"<<": {x: 1}}',
    "merge key sequence": "\n".join(["a:"] + ["  <<: [{x: 1}]"] * 500),
    "python object": "!!python/object/apply:os.system [id]",
    "python name": "a: !!python/name:os.system",
    "python module": "a: !!python/module:os",
    "local tag": "a: !x 1",
    "verbatim tag": "a: !<tag:yaml.org,2002:str> 1",
    "binary": "a: !!binary aGVsbG8=",
    "set": "a: !!set {x, y}",
    "omap": "a: !!omap [x: 1]",
    "timestamp": "a: !!timestamp 2026-01-01",
    "tag on a key": "!!str a: 1",
    "non-specific tag": "a: ! 1",
    "tag directive": "%TAG ! tag:evil.example,2026:\n---\na: !x 1",
    "yaml directive": "%YAML 1.1\n---\na: 1",
    "two documents": "a: 1\n---\nb: 2",
    "three documents": "--- 1\n--- 2\n--- 3",
    "duplicate key": "a: 1\na: 2",
    "duplicate key in flow": "{a: 1, a: 2}",
    "duplicate key, quoted": "a: 1\n'a': 2",
    "complex key, list": "? [a, b]\n: 1",
    "complex key, mapping": "{{a: 1}: 2}",
    "complex key, nested": "? ? a\n  : b\n: 1",
    "deep flow lists": "[" * 100_000 + "]" * 100_000,
    "deep flow lists, unclosed": "[" * 200_000,
    "deep flow mappings": "{a: " * 5_000 + "1" + "}" * 5_000,
    "deep block lists": "\n".join(" " * depth + "-" for depth in range(600)),
    "deep block lists on a line": "- " * 100_000,
    "deep block mappings": "\n".join(" " * depth + "a:" for depth in range(600)),
    "deep question marks": "? " * 50_000,
    "many values": "\n".join(f"k{index}: 1" for index in range(25_000)),
    "many values in a list": "[" + "1," * 100_000 + "1]",
    "long text": "a: " + "x" * 20_000,
    "long key": "x" * 20_000 + ": 1",
    "long key after a question mark": "? " + "x" * 20_000 + "\n: 1",
    "long block text": "a: |\n" + "  y\n" * 20_000,
    "long hexadecimal number": "a: 0x" + "f" * 200_000,
    "long sexagesimal number": "a: 1" + ":59" * 20_000,
    "large file": "# " + "x" * 300_000,
    "zero character": "a: \0",
    "bell": "a: \x07",
    "escape sequence": "a: \x1b[31m",
    "tab for indentation": "a:\n\tb: 1",
    "unclosed quote": 'a: "x',
    "unclosed list": "a: [1, 2",
    "unclosed mapping": "a: {b: 1",
    "wrong closing": "a: [1}",
    "colon in text": "a: b: c",
    "bad escape": 'a: "\\q"',
    "bad indentation": "a:\n  b: 1\n c: 2",
    "at sign": "a: @b",
    "backtick": "a: `b`",
    "percent": "a: %b",
    "end before start": "]",
    "closing brace": "}",
    "alias to nothing": "a: *x",
    "not utf-8": b"a: \xff\xfe",
    "utf-16": "a: 1".encode("utf-16"),
    "utf-16 big endian": "a: 1".encode("utf-16-be"),
    "utf-32": "a: 1".encode("utf-32"),
    "latin-1": "a: \u00e9".encode("latin-1"),
    "overlong utf-8": b"a: \xc0\xaf",
    "surrogate": b"a: \xed\xa0\x80",
    "cut character": "a: é".encode()[:-1],
    "gzip": b"\x1f\x8b\x08\x00" + bytes(range(256)),
    "random bytes": bytes(range(256)) * 10,
}


@pytest.fixture(scope="module", params=HOSTILE)
def refused(request: pytest.FixtureRequest) -> tuple[float, tuple[Diagnostic, ...]]:
    """How long it took to refuse a hostile document, in CPU seconds, and what was said of it."""
    begun = time.process_time()
    said = problems(HOSTILE[request.param])
    return time.process_time() - begun, said


def test_a_hostile_document_is_refused_in_little_time(refused: tuple[float, tuple[Diagnostic, ...]]) -> None:
    seconds, said = refused
    assert said
    assert seconds < 4


def test_what_is_said_of_a_hostile_document_is_short(refused: tuple[float, tuple[Diagnostic, ...]]) -> None:
    assert all(len(one.message) < 300 and len(one.span.text) <= 400 for one in refused[1])


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
