"""libyaml and the pure parser: where the first has nothing to say against a text, both read the same."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tokenflow.spec import events, load, reading, shipped
from tokenflow.spec.events import judge, may_be_quick, quick
from tokenflow.spec.reading import read
from tokenflow.spec.schema import KINDS

BROKEN = Path(__file__).parent / "broken"
TEXTS = [
    *(Path(load(name).path).read_text("utf-8") for kind in KINDS for name in shipped(kind)),
    *(path.read_text("utf-8") for path in sorted(BROKEN.glob("*.yaml")) if path.stem != "latin"),
]
WORDS = st.sampled_from(
    [
        *("a", "1", "true", ": ", ":", "- ", "-", "{", "}", "[", "]", ", ", ",", "&x ", "*x", "!t ", "<<"),
        *("? ", "?", "'", '"', "#", " #", "%YAML 1.1", "~", "@", "é", "x:y", "\n", "\n  ", "|\n", ">\n"),
        *("|-\n  x\n", "---\n", "...\n", "\t", "\r", "\r\n", "\x85", "\u2028", "\ufeff", "\\n", "k: v\n"),
        "l:\n  - 1\n",
    ]
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw a heap of YAML's own words, or a spec with some of them thrown in."""
    if draw(st.booleans()):
        return "".join(draw(st.lists(WORDS, max_size=30)))
    text = draw(st.sampled_from(TEXTS))[:1500]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(WORDS) + text[at + draw(st.integers(0, 3)) :]
    return text


def tree(text: str, parse: events.Parse) -> Any:
    """Return the tree by one parser, None where it is refused or a rule is broken."""
    reader = reading._Reader(text, "x.yaml", parse)
    try:
        root = reader.document()
    except (reading._Stop, yaml.YAMLError):
        return None
    return None if reader.found else reader.finish(root).root


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="this PyYAML was built without libyaml")
@settings(max_examples=250, deadline=None)
@given(texts())
def test_what_libyaml_accepts_is_for_the_judge_the_same_tree_at_the_same_places(text: str) -> None:
    assume(may_be_quick(text))
    found = tree(text, quick)
    assume(found is not None)
    assert found == tree(text, judge)


@pytest.mark.parametrize("text", TEXTS)
def test_the_house_s_own_files_read_the_same_without_libyaml(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = read(text.encode(), "x.yaml")
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert not may_be_quick(text)
    assert read(text.encode(), "x.yaml") == with_it


@pytest.mark.parametrize("text", ["1\t", "a: [i? 1]", "\ufeff\ufeffé", "---\n\n "])
def test_where_the_parsers_part_ways_only_the_judge_is_asked(text: str) -> None:
    assert not may_be_quick(text)
    assert tree(text, quick) != tree(text, judge)


def test_every_shipped_spec_is_read_the_quick_way() -> None:
    for kind in KINDS:
        for name in shipped(kind):
            text = Path(load(name).path).read_text("utf-8")
            assert may_be_quick(text) is bool(yaml.__with_libyaml__), name
