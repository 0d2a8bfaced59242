"""What editors read: the same verdict as `validate`'s first look, for whole documents and for children."""

from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings

from tests.spec.test_schema import mutants
from tokenflow.spec import published, schema
from tokenflow.spec.schema import KINDS, violations

JSONSCHEMA: Any = import_module("jsonschema")
DRAFTS = (JSONSCHEMA.Draft202012Validator, JSONSCHEMA.Draft7Validator)


def fits(kind: str, data: Any) -> bool:
    """What the reader lets pass: what a child lacks inside a block, its parent may have."""
    found = violations(schema(kind), data)
    if isinstance(data, dict) and "extends" in data:
        found = (one for one in found if one.keyword != "required" or one.path[:1] in ((), ("metadata",)))
    return next(found, None) is None


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_published_is_valid_for_both_drafts(kind: str, draft: Any) -> None:
    """An editor that knows either draft can read it."""
    draft.check_schema(published(kind))


@settings(max_examples=150, deadline=None)
@given(mutants())
def test_what_is_published_judges_as_the_reader_does(mutant: tuple[str, Any]) -> None:
    """Of any document, whole or a child, both drafts find it right exactly where the reader does."""
    kind, data = mutant
    rules = published(kind)
    assert [draft(rules).is_valid(data) for draft in DRAFTS] == [fits(kind, data)] * 2


@pytest.mark.parametrize(
    ("more", "right"),
    [
        ({"extends": "builtin:bearer"}, True),
        ({}, False),
    ],
)
def test_only_a_child_may_leave_a_block_to_another(more: dict[str, str], right: bool) -> None:
    """An acquisition without `use` is right in a document that extends one, and wrong in any other."""
    whole = {"token": {"kind": "user"}, "initial": "a", "events": {}, "states": {"a": {}}}
    head = {"apiVersion": "tokenflow/v1", "kind": "Lifecycle", "metadata": {"name": "x", "version": "1.0.0"}}
    data = {**head, **whole, "acquire": {"web": {"lifetime": "short"}}, **more}

    assert DRAFTS[0](published("Lifecycle")).is_valid(data) is right
    assert fits("Lifecycle", data) is right


def test_an_unknown_kind_has_none() -> None:
    """As `schema` has none."""
    with pytest.raises(KeyError):
        published("Lifecycles")
