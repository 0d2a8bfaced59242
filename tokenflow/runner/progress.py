"""How far a run has come: kept in its own store, so that another process can go on with it."""

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow.core.errors import StoreError
from tokenflow.core.tokens import Instant
from tokenflow.engine.stores import Store
from tokenflow.runner.story import Step, Story

SHELF: Final = "run"


@attrs.frozen(kw_only=True)
class Outcome:
    """How one step went."""

    step: Step
    at: Instant
    error: str | None
    """Code of the error it ended in, expected or not."""
    message: str | None
    wrong: tuple[str, ...]
    """Expectations that do not hold; empty when all do."""
    events: tuple[str, ...]
    """What happened, in words."""


@attrs.frozen(kw_only=True)
class Progress:
    """Where a run stands. A step is in flight from the moment it is noted here."""

    run: str
    """A name of this run alone: two runs at one sandbox are not taken for each other."""
    elsewhere: bool
    """Whether the sandbox runs elsewhere, and so outlives a killed run."""
    step: int = 0
    """The step in flight; 0 while everyone is put in place, one beyond the last at the end."""
    started: Instant = 0
    """When that step first began, by the machine's clock."""
    offset: int = 0
    """How far the machine's clock is ahead of the issuer's."""
    faults: tuple[Mapping[str, Any], ...] = ()
    """The faults that stood at the issuer when nothing was in flight."""
    outcomes: tuple[Outcome, ...] = ()
    """How the steps before it went."""


def find(store: Store, story: Story, *, resume: bool, elsewhere: bool) -> Progress | None:
    """Return how far the run in *store* has come, None when it holds none; raises StoreError.

    A store holds one run: keys, clock and history are that run's.
    """
    held = store.names(SHELF)
    if not held:
        return None
    if held != [story.name]:
        raise StoreError(
            f"this store already holds a run of {', '.join(held)}", mend="use another store for each run"
        )
    found = _read(store, story)
    done = found.step > len(story.steps)
    if not resume:
        raise StoreError(
            f"this store already holds a run of {story.name}"
            + (", which came to its end" if done else f", which stopped in step {found.step}"),
            mend="go on with --resume, or use another store"
            if found.elsewhere and not done
            else "use another store",
        )
    if not (found.elsewhere and elsewhere):
        raise StoreError(
            f"the sandbox of this run of {story.name} ended with it, and its tokens with that",
            mend="begin again with another store; a run with --issuer can be gone on with",
        )
    return found


def _read(store: Store, story: Story) -> Progress:
    data = json.loads(store.get(SHELF, story.name) or b"{}")
    steps = {step.number: step for step in story.steps}
    try:
        outcomes = tuple(
            Outcome(
                step=steps[kept["number"]],
                at=kept["at"],
                error=kept["error"],
                message=kept["message"],
                wrong=tuple(kept["wrong"]),
                events=tuple(kept["events"]),
            )
            for kept in data.pop("outcomes")
        )
        return Progress(**{**data, "faults": tuple(data["faults"]), "outcomes": outcomes})
    except (KeyError, TypeError):
        raise StoreError(
            f"the run in this store is of another {story.name} than the file tells",
            mend="go on with the file it was begun with, or use another store",
        ) from None


def note(store: Store, story: Story, progress: Progress) -> None:
    """Keep *progress*."""
    data = attrs.asdict(progress, recurse=False) | {
        "outcomes": [_plain(outcome) for outcome in progress.outcomes],
    }
    store.put(SHELF, story.name, json.dumps(data).encode())


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "number": outcome.step.number,
        "at": outcome.at,
        "error": outcome.error,
        "message": outcome.message,
        "wrong": outcome.wrong,
        "events": outcome.events,
    }
