"""Runs in this process: what is noted, what is tallied, and what a run in another's place is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenflow import MemoryStore, Registry, StoreError
from tokenflow.engine.stores import Store
from tokenflow.runner.playing import HowToPlay, Played, play
from tokenflow.runner.progress import SHELF, Outcome, Progress, find, note
from tokenflow.runner.stage import Alone
from tokenflow.runner.story import Story, read_story
from tokenflow.spec import load

STORY = read_story(load("roles"))
LOGIN = {
    "key": "ana",
    "lifecycle": "facebook-user",
    "platform": "android",
    "person": "ana",
    "scope": ["email"],
}

texts = st.text("ab ", max_size=5)
instants = st.integers(0, 2**50)
outcomes = st.lists(
    st.builds(
        Outcome,
        step=st.sampled_from(STORY.steps),
        at=instants,
        error=st.none() | texts,
        message=st.none() | texts,
        wrong=st.lists(texts, max_size=2).map(tuple),
        events=st.lists(texts, max_size=2).map(tuple),
    ),
    max_size=4,
).map(tuple)
progresses = st.builds(
    Progress,
    run=texts,
    elsewhere=st.just(True),
    step=st.integers(0, 9),
    started=instants,
    offset=st.integers(-(2**50), 2**50),
    faults=st.lists(st.fixed_dictionaries({"path": texts, "kind": st.just("status")}), max_size=2).map(tuple),
    outcomes=outcomes,
)


def story(folder: Path, steps: list[dict[str, Any]], name: str = "made-up") -> Story:
    path = folder / f"{name}.yaml"
    told = {
        "apiVersion": "tokenflow/v1",
        "kind": "Scenario",
        "metadata": {"name": name},
        "lifecycles": ["facebook-user", "facebook-client"],
        "world": {"people": {"ana": {"id": "222"}}},
        "steps": steps,
    }
    path.write_text(json.dumps(told), encoding="utf-8")
    return read_story(load(path))


def played(told: Story, **how: Any) -> Played:
    return play(told, Registry.installed(), HowToPlay(**how), lambda _: None, lambda _: None)


@given(progresses)
def test_what_is_noted_is_what_is_found(progress: Progress) -> None:
    """Every field, through a store and back."""
    store: Store = MemoryStore()
    note(store, STORY, progress)

    assert find(store, STORY, resume=True, elsewhere=True) == progress


def test_an_empty_store_holds_no_run() -> None:
    """With --resume or without, a run begins there."""
    assert find(MemoryStore(), STORY, resume=True, elsewhere=True) is None
    assert find(MemoryStore(), STORY, resume=False, elsewhere=False) is None


@pytest.mark.parametrize(
    ("step", "elsewhere", "message", "mend"),
    [
        (2, True, "which stopped in step 2", "go on with --resume, or use another store"),
        (2, False, "which stopped in step 2", "use another store"),
        (99, True, "which came to its end", "use another store"),
    ],
)
def test_a_store_that_holds_a_run_is_refused(step: int, elsewhere: bool, message: str, mend: str) -> None:
    """How far it came, and what can be done."""
    store: Store = MemoryStore()
    note(store, STORY, Progress(run="r", elsewhere=elsewhere, step=step))

    with pytest.raises(StoreError, match=message) as refused:
        find(store, STORY, resume=False, elsewhere=True)
    assert refused.value.mend == mend


def test_a_run_of_another_telling_is_not_gone_on_with(tmp_path: Path) -> None:
    """The file was changed meanwhile and has fewer steps than the run has outcomes."""
    store: Store = MemoryStore()
    outcome = Outcome(step=STORY.steps[-1], at=0, error=None, message=None, wrong=(), events=())
    note(store, STORY, Progress(run="r", elsewhere=True, step=9, outcomes=(outcome,)))

    with pytest.raises(StoreError, match="of another roles than the file tells"):
        find(store, story(tmp_path, [{"advance": "1m"}], "roles"), resume=True, elsewhere=True)


@pytest.mark.parametrize("kept", [b"{}", b"[]", b'{"outcomes": []}'])
def test_a_note_that_is_none_is_refused(kept: bytes) -> None:
    """Something else on the shelf is no run."""
    store: Store = MemoryStore()
    store.put(SHELF, STORY.name, kept)

    with pytest.raises(StoreError):
        find(store, STORY, resume=True, elsewhere=True)


def test_a_run_takes_no_leases() -> None:
    """Everything else of the store goes through."""
    store = MemoryStore()
    alone = Alone(store)

    assert alone.capabilities == store.capabilities - {"leases"}
    alone.put("a", "b", b"c")
    assert store.get("a", "b") == b"c"


def test_a_token_that_both_sides_call_good_is_agreed_on(tmp_path: Path) -> None:
    """A client token too, which is copied from a dashboard and was never issued."""
    end = played(
        story(
            tmp_path,
            [
                {"acquire": LOGIN},
                {"acquire": {"key": "app", "lifecycle": "facebook-client", "platform": "dashboard"}},
            ],
        )
    )

    assert (end.passed, end.tally.agreed, end.tally.issued) == (True, 2, 1)
    assert end.tally.requests > 0


def test_a_token_that_is_dead_at_its_issuer_is_a_disagreement(tmp_path: Path) -> None:
    """Nobody told us: every expectation holds, and the run has not passed."""
    end = played(
        story(
            tmp_path,
            [
                {"acquire": LOGIN, "expect": {"ana": {"usable": True}}},
                {"person": {"who": "ana", "does": "change_password"}},
            ],
        )
    )

    assert not any(outcome.wrong for outcome in end.outcomes)
    assert not end.passed
    (line,) = end.tally.disagreements
    assert line.startswith("ana: usable here, and dead at the issuer (")


def test_an_act_that_is_refused_is_an_outcome(tmp_path: Path) -> None:
    """With its code, and the run goes on."""
    end = played(story(tmp_path, [{"use": {"key": "nobody", "request": {"path": "/me"}}}, {"advance": "1m"}]))

    assert [outcome.error for outcome in end.outcomes] == ["token_not_found", None]
    assert not end.passed


def test_what_the_sandbox_refuses_is_the_step_s_outcome(tmp_path: Path) -> None:
    """It has a code of its own, which a scenario may expect."""
    steps = [{"issuer": {"fault": {"path": "/me", "kind": "gremlins"}}, "expect_error": "sandbox_refused"}]

    assert played(story(tmp_path, steps)).passed
