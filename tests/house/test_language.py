"""The page of the language says all that the schemas say, and each of its links leads to a section."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.house import ROOT
from tests.house.language import KINDS, language

PAGE: Final = language(ROOT / "tokenflow")
PLAIN: Final = PAGE.replace("\\", "").replace("&lt;", "<")


def entries(found: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that a document may hold, with its schema, however deep."""
    if isinstance(found, dict):
        if isinstance(found.get("properties"), dict):
            yield from ((key, one) for key, one in found["properties"].items() if "description" in one)
        for inner in found.values():
            yield from entries(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from entries(inner)


def schema_of(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / f"tokenflow/spec/{kind.lower()}.schema.json").read_text())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_stands_on_a_line_with_its_meaning_values_default_and_advice(kind: str) -> None:
    """What the schema says of a key is said on one line of the page."""
    lines = PLAIN.splitlines()
    for key, one in entries(schema_of(kind)):
        said = [one["description"], *(str(value) for value in one.get("enum", ()))]
        said += [one[word] for word in ("default", "patternErrorMessage") if isinstance(one.get(word), str)]
        said += [f"(#{ref.rpartition('/')[2].lower()}" for word, ref in one.items() if word == "$ref"]
        said = [text.strip() for text in said]
        assert any(
            line.lstrip().startswith(f"- `{key}`") and all(text in line for text in said) for line in lines
        ), (key, said)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_s_required_keys_are_marked_and_no_others(kind: str) -> None:
    section = PLAIN.partition(f"\n## {kind}\n")[2].partition("\n##")[0]
    marked = re.findall(r"^- `(\w+)`, required:", section, re.M)
    assert sorted(marked) == sorted(schema_of(kind)["required"])


def test_what_several_keys_have_to_meet_together_is_said_where_it_is_asked() -> None:
    """A choice of keys, and what hangs on a parent or on an end; and nowhere else."""
    said = re.findall(r"^(?:- )?((?:Exactly|At least) one of|With(?:out)?) (`[^`]+`)", PAGE, re.M)
    assert said == [
        ("Without", "`extends`"),
        ("With", "`final: true`"),
        ("At least one of", "`deny_when`"),
        ("Without", "`extends`"),
        ("Exactly one of", "`acquire`"),
        ("Exactly one of", "`header`"),
    ]


def test_every_definition_has_one_section_and_every_link_leads_to_one() -> None:
    """Headings are unique as a browser sees them."""
    anchors = [one.lower().replace(" ", "-") for one in re.findall(r"^#+ (.+)$", PAGE, re.M)]
    defined = {name.lower() for kind in KINDS for name in schema_of(kind)["$defs"]}

    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= set(anchors)
    assert defined <= {anchor.partition("-of-")[0] for anchor in anchors}


def test_a_key_that_is_added_to_a_schema_changes_the_page(tmp_path: Path) -> None:
    """The page is what the schemas of a house are, with what a new key takes."""
    (tmp_path / "spec").mkdir()
    for kind in KINDS:
        shutil.copy(ROOT / f"tokenflow/spec/{kind.lower()}.schema.json", tmp_path / "spec")
    assert language(tmp_path) == PAGE
    schema = schema_of("Tokens")
    schema["$defs"]["kept"]["properties"]["colour"] = {
        "enum": ["red", "blue"],
        "default": "red",
        "description": "As <seen>.",
    }
    (tmp_path / "spec/tokens.schema.json").write_text(json.dumps(schema))

    assert "- `colour`: `red` or `blue`. As &lt;seen>. Default: `red`.\n" in language(tmp_path)
