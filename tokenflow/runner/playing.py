"""Play a scenario, step by step; remember how far it came, so that a killed run can go on."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from tokenflow.core.errors import StoreError, TokenflowError
from tokenflow.core.tokens import Instant
from tokenflow.engine.clocks import VirtualClock
from tokenflow.engine.opening import open_store
from tokenflow.engine.stores import Store
from tokenflow.hooks.registry import Registry
from tokenflow.runner.acting import act
from tokenflow.runner.backstage import Backstage, other_sandbox, own_sandbox
from tokenflow.runner.judging import facts_of, judge_error, judge_heard, judge_seen, judge_token
from tokenflow.runner.receiver import Receiver, receiving
from tokenflow.runner.stage import Stage
from tokenflow.runner.story import Step, Story
from tokenflow.runner.tally import Tally, tally

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
class Played:
    """How a scenario went."""

    story: Story
    outcomes: tuple[Outcome, ...]
    tokens: dict[str, dict[str, Any]]
    """Where each token stands at the end, by key."""
    tally: Tally
    """What the issuer's ledger says beside what the store says."""

    @property
    def passed(self) -> bool:
        """Whether every expectation held and ledger and store agree."""
        return not self.tally.disagreements and not any(outcome.wrong for outcome in self.outcomes)


@attrs.frozen(kw_only=True)
class HowToPlay:
    """Where a scenario is played."""

    store: str | None = None
    """A store URL; None: a SQLite file that is gone afterwards."""
    key: str | None = None
    issuer: str | None = None
    """URL of a sandbox that runs elsewhere; None: one of our own."""
    app_id: str | None = None
    resume: bool = False


def play(
    story: Story,
    registry: Registry,
    how: HowToPlay,
    tell: Callable[[Outcome], None],
    begin: Callable[[Step], None],
) -> Played:
    """Play *story* to its end. *begin* hears of each step before it, *tell* of each outcome."""
    with tempfile.TemporaryDirectory(prefix="tokenflow-") as temporary, _backstage(story, how) as backstage:
        folder = Path(temporary)
        store = open_store(how.store or f"sqlite:{folder / 'store' / 'tokens.db'}", registry)
        key = how.key or (None if how.store else f"file:{_key_file(folder)}")
        try:
            with receiving(folder) as receiver:
                return _play(story, registry, how, store, key, backstage, receiver, tell, begin)
        finally:
            store.close()


def _key_file(folder: Path) -> Path:
    from tokenflow.engine.keys import write_key_file

    return write_key_file(folder / "key" / "tokens.key")


@contextmanager
def _backstage(story: Story, how: HowToPlay) -> Iterator[Backstage]:
    if how.issuer is None:
        with own_sandbox(story.start) as backstage:
            yield backstage
    else:
        with other_sandbox(how.issuer, how.app_id or "") as backstage:
            yield backstage


def _play(
    story: Story,
    registry: Registry,
    how: HowToPlay,
    store: Store,
    key: str | None,
    backstage: Backstage,
    receiver: Receiver,
    tell: Callable[[Outcome], None],
    begin: Callable[[Step], None],
) -> Played:
    progress = _progress(store, story, resume=how.resume)
    if progress is None:
        backstage.set_up(story, f"{story.name}:0")
        now = backstage.admin.now()
        if now < story.start:
            now = backstage.admin.set_clock(story.start)
        progress = {"step": 1, "started": now, "offset": 0}
    clock = VirtualClock(backstage.admin.now() + progress["offset"])
    stage = Stage(
        story=story,
        backstage=backstage,
        registry=registry,
        store=store,
        key=key,
        clock=clock,
        ca_file=receiver.ca_file,
        receiver_url=receiver.url,
    )
    try:
        outcomes = []
        for step in story.steps[progress["step"] - 1 :]:
            started = progress["started"] if step.number == progress["step"] else clock()
            _note(store, story, step.number, started, clock() - backstage.admin.now())
            begin(step)
            outcome = perform(stage, step, started)
            outcomes.append(outcome)
            tell(outcome)
        held = stage.engine.keys()
        tokens = {name: facts for name in held if (facts := _facts(stage, name)) is not None}
        result = Played(story=story, outcomes=tuple(outcomes), tokens=tokens, tally=tally(stage))
        _note(store, story, len(story.steps) + 1, clock(), clock() - backstage.admin.now())
        return result
    finally:
        stage.engine.close()


def _facts(stage: Stage, key: str) -> dict[str, Any] | None:
    found = stage.explain(key)
    return None if found is None else facts_of(found, stage.clock())


def _progress(store: Store, story: Story, *, resume: bool) -> dict[str, int] | None:
    kept = store.get(SHELF, story.name)
    if kept is None:
        return None
    progress: dict[str, int] = json.loads(kept)
    if not resume:
        done = progress["step"] > len(story.steps)
        raise StoreError(
            f"this store already holds a run of {story.name}"
            + (", which came to its end" if done else f", which stopped in step {progress['step']}"),
            mend="use another store" if done else "go on with --resume, or use another store",
        )
    return progress


def _note(store: Store, story: Story, number: int, started: Instant, offset: int) -> None:
    progress = {"step": number, "started": started, "offset": offset}
    store.put(SHELF, story.name, json.dumps(progress).encode())


def perform(stage: Stage, step: Step, started: Instant) -> Outcome:
    """Do one step and hold it against what is expected of it."""
    stage.heard.clear()
    error, message, answer = None, None, {}
    try:
        answer = dict(act(stage, step, f"{stage.story.name}:{step.number}", started))
    except TokenflowError as failure:
        error, message = failure.code, str(failure).splitlines()[0]
    wrong = judge_error(step, error)
    if wrong and message is not None:
        wrong[0] += f" ({message})"
    if step.expect_notified or step.expect_warning:
        wrong += judge_heard(step, stage.history(started))
    wrong += judge_seen(step, answer)
    for key, wanted in step.expect.items():
        wrong += judge_token(key, wanted, stage.explain(key), stage.clock())
    from tokenflow.runner.telling import in_words

    events = tuple(words for event in stage.heard if (words := in_words(event)) is not None)
    return Outcome(
        step=step, at=stage.clock(), error=error, message=message, wrong=tuple(wrong), events=events
    )
