"""Events as a store keeps them: written and read back, by older and newer versions alike."""

# ruff: noqa: SIM300  # expected == actual, constants too

import json
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lifecycles import START, token_of, user
from tokenflow.core import events
from tokenflow.core.errors import StoreTooNew
from tokenflow.core.events import About, Happened, Transitioned, from_json, to_json
from tokenflow.core.secret import Secret

CLASSES: tuple[type[Any], ...] = get_args(Happened)
abouts = st.builds(
    About,
    tenant=st.text(max_size=5),
    key=st.text(max_size=5),
    token_id=st.text(max_size=5),
    revision=st.integers(),
    at=st.integers(),
    event_id=st.none() | st.text(max_size=5),
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    tuple[str, ...]: st.lists(st.text(max_size=8), max_size=3).map(tuple),
    About: abouts,
    str: st.text(max_size=8),
    int: st.integers(),
    bool: st.booleans(),
    str | None: st.none() | st.text(max_size=8),
    int | None: st.none() | st.integers(),
}


def made(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Return any event of *cls*."""
    attrs.resolve_types(cls)
    return st.builds(cls, **{field.name: BY_TYPE[field.type] for field in attrs.fields(cls)})


happenings = st.sampled_from(CLASSES).flatmap(made)


@pytest.mark.parametrize("cls", CLASSES)
def test_each_class_comes_back_as_it_was(cls: type[Any]) -> None:
    """Every event there is survives a store, to the last field."""

    @given(made(cls))
    def prop(event: Happened) -> None:
        assert event == from_json(to_json(event))

    prop()


@pytest.mark.proves("E5")
@given(happenings, st.dictionaries(st.text(min_size=1, max_size=6).map(lambda n: "new_" + n), st.integers()))
def test_what_a_newer_version_added_is_left_out(event: Happened, extra: dict[str, int]) -> None:
    """Fields this version does not know, in the event or in what it is about, are left out."""
    fields = json.loads(to_json(event))
    newer = {**fields, **extra, "about": {**fields["about"], **extra}}
    assert event == from_json(json.dumps(newer))


@given(happenings)
def test_one_event_has_one_text(event: Happened) -> None:
    """The text is canonical, pure ASCII and one line, so that a history can be hashed and printed."""
    text = to_json(event)
    assert text == to_json(from_json(text))
    assert text.isascii()
    assert "\n" not in text


def test_the_union_holds_every_event_class() -> None:
    """No event class is forgotten in Happened, or it could not be read back."""
    defined = {
        one
        for one in vars(events).values()
        if isinstance(one, type) and one.__module__ == events.__name__ and one is not About
    }
    assert defined == set(CLASSES)


@pytest.mark.proves("B8")
def test_no_event_has_room_for_a_secret() -> None:
    """Fields are texts, numbers and flags: none could hold a Secret."""
    for cls in CLASSES:
        attrs.resolve_types(cls)
        assert {field.type for field in attrs.fields(cls)} <= set(BY_TYPE)


def test_about_names_the_token_and_not_its_value() -> None:
    """What an event begins with is taken from the token's outside."""
    token = token_of(user(), "issued", access_token=Secret("canary"))
    about = About.of(token, START, "e1")
    assert ("default", "me", "t1", 1, START, "e1", None) == attrs.astuple(about)
    assert "t1:1:2" == about.to_deliver(2).delivery
    moved = Transitioned(about=about, event="x", source="a", state="b", cause="caller")
    assert "canary" not in to_json(moved)


def test_an_event_of_a_newer_tokenflow_is_an_error_that_says_so() -> None:
    """What this version has no name for is told apart from damage, and mended by an upgrade."""
    with pytest.raises(StoreTooNew, match="upgrade tokenflow"):
        from_json('{"happened": "Foretold", "about": {}}')
