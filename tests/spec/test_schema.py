import json
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.names import OFFERED
from tokenflow.spec import check, load, render, schema, shipped
from tokenflow.spec.schema import _KEYWORDS, KINDS, matches, violations

JSONSCHEMA: Any = import_module("jsonschema")
DRAFTS = (JSONSCHEMA.Draft202012Validator, JSONSCHEMA.Draft7Validator)
SCHEMAS = {kind: schema(kind) for kind in KINDS}
VALIDATORS = {kind: [draft(SCHEMAS[kind]) for draft in DRAFTS] for kind in KINDS}


def subschemas(found: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema in a schema, with whether it stands for a key or an item of a document."""
    for keyword in ("properties", "patternProperties", "$defs"):
        for one in found.get(keyword, {}).values():
            yield one
            yield from subschemas(one)
    for keyword in ("additionalProperties", "items"):
        one = found.get(keyword)
        if isinstance(one, dict):
            yield one
            yield from subschemas(one)
    for keyword in ("anyOf",):
        for one in found.get(keyword, ()):
            yield from subschemas(one)


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_schema_is_valid_for_both_drafts(kind: str, draft: Any) -> None:
    draft.check_schema(schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_is_described(kind: str) -> None:
    bare = [one for one in subschemas(schema(kind)) if not {"description", "$ref"} & one.keys()]
    assert bare == []


def everything(found: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a schema that is a schema, conditions and names of properties included."""
    if isinstance(found, dict):
        yield found
        for keyword, below in found.items():
            if keyword in ("properties", "patternProperties", "$defs"):
                for one in below.values():
                    yield from everything(one)
            elif keyword not in ("enum", "const", "examples", "required", "default"):
                yield from everything(below)
    elif isinstance(found, list):
        for one in found:
            yield from everything(one)


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_a_person_may_write_says_at_its_own_place_what_it_is(kind: str) -> None:
    """An editor shows it as hover text; that of a shared definition would not say what it is for here."""
    bare = [
        (key, one)
        for found in everything(schema(kind))
        for key, one in found.get("properties", {}).items()
        if "description" not in one and one.keys() - {"const", "maxProperties"}
    ]
    assert bare == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_pattern_has_words_for_an_editor(kind: str) -> None:
    mute = [one for one in everything(schema(kind)) if "pattern" in one and "patternErrorMessage" not in one]
    assert mute == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_uses_nothing_that_is_not_interpreted_here(kind: str) -> None:
    said = {"$schema", "$id", "$defs", "$ref", "title", "description", "examples", "default", "then", "else"}
    used = {keyword for one in everything(schema(kind)) for keyword in one}
    assert used - said - {"patternErrorMessage"} <= _KEYWORDS.keys()


@pytest.mark.parametrize(
    ("rules", "value", "fits"),
    [
        ({"additionalProperties": True}, {"a": 1}, True),
        ({"properties": {"a": False}}, {"a": 1}, False),
        ({"items": True, "format": "uuid", "x-of-theirs": [1]}, ["a"], True),
    ],
)
def test_what_a_plugin_s_schema_may_say_beside_is_passed_over(rules: Any, value: Any, fits: bool) -> None:
    assert (next(violations(rules, value), None) is None) is fits


@pytest.mark.parametrize("kind", KINDS)
def test_beside_a_reference_there_is_only_a_description_so_that_both_drafts_read_the_same(kind: str) -> None:
    assert all(one.keys() <= {"$ref", "description"} for one in subschemas(schema(kind)) if "$ref" in one)


def test_what_two_schemas_define_under_one_name_is_the_same() -> None:
    seen: dict[str, Any] = {}
    for kind in KINDS:
        for name, one in schema(kind)["$defs"].items():
            if name not in ("metadata", "key"):
                assert seen.setdefault(name, one) == one, name


def test_an_unknown_kind_has_no_schema() -> None:
    with pytest.raises(KeyError):
        schema("Lifecycles")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a$", "a", True),
        ("^a$", "a\n", False),
        ("^[0-9]$", "٣", False),
        ("b", "abc", True),
    ],
)
def test_patterns_mean_what_ecmascript_means(pattern: str, text: str, found: Any) -> None:
    assert matches(pattern, text) is found


SHIPPED = [(kind, name) for kind in KINDS for name in shipped(kind)]
TEXTS = {name: json.dumps(load(name).data) for _, name in SHIPPED}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 400),
    st.sampled_from(
        [1.0, 2.5, "never", "30d", "expires - 10%", "a.b", "issued", "x y", "Ä", "", "client", "5xx"]
    ),
    st.sampled_from(
        [[], {}, ["a", "a"], [1, 1.0], [True, 1], [{}, {}], {"when": []}, {"to": 1}, {"is": 1, "in": []}]
    ),
    st.sampled_from(
        [{"extends": "builtin:bearer"}, {"final": True, "usable": True}, {"not": "x"}, {"any": [1]}]
    ),
).map(deepcopy)


def nodes(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from nodes(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from nodes(value, (*path, index))


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, Any]:
    """Draw a shipped document with a few places replaced, removed, renamed or added to."""
    kind, name = draw(st.sampled_from(SHIPPED))
    data = json.loads(TEXTS[name])
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(nodes(data), key=str)))
        if not path:
            continue
        owner = data
        for step in path[:-1]:
            owner = owner[step]
        match draw(st.sampled_from(["replace", "remove", "rename", "add", "copy"])):
            case "replace":
                owner[path[-1]] = draw(JUNK)
            case "remove":
                del owner[path[-1]]
            case "rename" if isinstance(owner, dict):
                owner[draw(st.sampled_from(["x", "X", "with", "final", "extends", "a-b"]))] = owner.pop(
                    path[-1]
                )
            case "add" if isinstance(owner, dict):
                owner[draw(st.sampled_from(["x", "Y z", "usable", "final", "deny_when"]))] = draw(JUNK)
            case "copy" if isinstance(owner, list):
                owner.append(deepcopy(draw(st.sampled_from(owner))))
    return kind, data


@settings(max_examples=200, deadline=None)
@given(mutants())
def test_our_interpreter_and_jsonschema_agree_on_mutated_documents(mutant: tuple[str, Any]) -> None:
    kind, data = mutant
    ours = next(violations(SCHEMAS[kind], data), None) is None
    assert [validator.is_valid(data) for validator in VALIDATORS[kind]] == [ours, ours]


@pytest.mark.parametrize(("kind", "name"), SHIPPED)
def test_shipped_documents_satisfy_their_schema_by_jsonschema_too(kind: str, name: str) -> None:
    for validator in VALIDATORS[kind]:
        validator.validate(json.loads(TEXTS[name]))


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


@pytest.mark.proves("F")
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutants())
def test_a_mutated_document_is_explained_or_loaded_and_nothing_else(tmp_path: Path, mutant: Any) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.dump(mutant[1], Dumper=_Plain, sort_keys=False, allow_unicode=True), "utf-8")
    found = check(path, names=OFFERED)
    assert all(render(one).startswith((f"{path}:", "builtin:")) for one in found)
    if not any(one.severity == "error" for one in found):
        assert load(path, names=OFFERED).kind == mutant[0]
