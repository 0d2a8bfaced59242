"""A scenario as values."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokenflow import SpecError
from tokenflow.core.tokens import SECOND
from tokenflow.runner.acting import _ACTS
from tokenflow.runner.story import ACTS, Story, read_story
from tokenflow.spec import load, schema, shipped

BARE: dict[str, Any] = {
    "apiVersion": "tokenflow/v1",
    "kind": "Scenario",
    "metadata": {"name": "made-up"},
    "lifecycles": ["facebook-user"],
    "steps": [{"advance": "1m"}],
}


def story(folder: Path, **changes: Any) -> Story:
    path = folder / "made-up.yaml"
    path.write_text(json.dumps({**BARE, **changes}), encoding="utf-8")
    return read_story(load(path))


def test_every_act_of_the_language_is_played() -> None:
    """The schema's acts, the story's and the stage's are the same."""
    text = json.dumps(schema("Scenario"))

    assert set(ACTS) == set(_ACTS)
    assert all(f'"{act}"' in text for act in ACTS)


@pytest.mark.parametrize("name", shipped("Scenario"))
def test_the_steps_of_a_shipped_scenario_are_numbered_as_they_stand(name: str) -> None:
    """From 1, each with a name to be called by."""
    document = load(name)
    told = read_story(document)

    assert [step.number for step in told.steps] == list(range(1, len(document.data["steps"]) + 1))
    assert all(step.name for step in told.steps)
    assert told.title == document.data["metadata"]["title"]


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    """The title is the name, the clock starts in 2026, nothing is expected."""
    told = story(tmp_path)
    (step,) = told.steps

    assert (told.title, told.start) == ("made-up", 1_767_225_600 * SECOND)
    assert (step.expect, step.expect_error, step.expect_notified, step.rules) == ({}, None, (), ())


@pytest.mark.parametrize(
    ("act", "name"),
    [
        ({"advance": "1m"}, "advance 1m"),
        ({"clock_back": "3m"}, "clock back 3m"),
        ({"use": {"key": "ana", "request": {"path": "/me"}}}, "use ana"),
        (
            {"derive": {"parent": "ana", "lifecycle": "facebook-page", "key": "p/{page_id}"}},
            "derive p/{page_id}",
        ),
        ({"issuer": {"outage": True}}, "issuer"),
        ({"name": "As it says", "advance": "1m"}, "As it says"),
    ],
)
def test_a_step_without_a_name_is_called_after_what_it_does(
    tmp_path: Path, act: dict[str, Any], name: str
) -> None:
    """The act, and whom it is done to."""
    assert [step.name for step in story(tmp_path, steps=[act]).steps] == [name]


def test_a_lifecycle_named_by_path_lies_beside_the_scenario(tmp_path: Path) -> None:
    """A shipped one goes by its name."""
    told = story(tmp_path, lifecycles=["mine.yaml", "facebook-user"])

    assert told.lifecycles == (str(tmp_path / "mine.yaml"), "builtin:facebook-user")


WORLD = {"people": {"ana": {"id": "1"}}, "pages": {"shop": {"id": "2", "roles": {"ana": ["BASIC_ADMIN"]}}}}
LOGIN = {"key": "k", "lifecycle": "facebook-user", "platform": "web"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": [{"acquire": {**LOGIN, "person": "bob"}}]}, "there is no person `bob`"),
        ({"steps": [{"person": {"who": "bob", "does": "log_out"}}]}, "there is no person `bob`"),
        (
            {"steps": [{"advance": "1m"}, {"person": {"who": "ana", "does": "lose_role", "page": "inn"}}]},
            "there is no page `inn`",
        ),
        (
            {"world": {"people": {}, "pages": {"shop": {"id": "2", "roles": {"ana": []}}}}},
            "there is no person `ana`",
        ),
    ],
)
def test_who_is_named_and_does_not_exist_is_a_finding(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """Where, who, and who there is; before anything is played."""
    with pytest.raises(SpecError, match=said):
        story(tmp_path, **{"world": WORLD, **changes})


def test_who_exists_may_be_named(tmp_path: Path) -> None:
    """People and pages of the world."""
    steps = [
        {"acquire": {**LOGIN, "person": "ana"}},
        {"person": {"who": "ana", "does": "lose_role", "page": "shop"}},
    ]

    assert len(story(tmp_path, world=WORLD, steps=steps).steps) == 2
