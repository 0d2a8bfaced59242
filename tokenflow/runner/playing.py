"""Play a scenario, step by step; a run that was killed goes on where it stopped.

The step in flight is repeated under its own id. Whatever the engine or the sandbox already did under
that id is not done again; what was on its way is done once more.
"""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from tokenflow.core.errors import TokenflowError
from tokenflow.core.tokens import Instant
from tokenflow.engine.clocks import VirtualClock
from tokenflow.engine.places import open_store
from tokenflow.engine.stores import Store
from tokenflow.hooks.registry import Registry
from tokenflow.runner.acting import act
from tokenflow.runner.backstage import Backstage, SandboxLost, other_sandbox, own_sandbox
from tokenflow.runner.counter import Counter, counting
from tokenflow.runner.judging import facts_of, judge_error, judge_heard, judge_seen, judge_token
from tokenflow.runner.mailbox import open_mailbox
from tokenflow.runner.progress import Outcome, Progress, find, note
from tokenflow.runner.stage import Stage
from tokenflow.runner.story import Step, Story
from tokenflow.runner.tally import Tally, tally
from tokenflow.runner.telling import in_words

_BY_THE_DIRECTOR: Final = ("person", "issuer")
"""Acts that go to the sandbox alone, where each is done once under its id."""


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
    """Play *story* to its end. *begin* hears of each step before it, *tell* of each outcome.

    Raises StoreError for a store that cannot be used, IssuerError when the sandbox cannot be acted on.
    """
    try:
        return _on(story, registry, how, tell, begin)
    except SandboxLost as lost:
        raise lost.error from None


def _on(
    story: Story,
    registry: Registry,
    how: HowToPlay,
    tell: Callable[[Outcome], None],
    begin: Callable[[Step], None],
) -> Played:
    with tempfile.TemporaryDirectory(prefix="tokenflow-") as temporary, _backstage(story, how) as backstage:
        folder = Path(temporary)
        store = open_store(how.store or f"sqlite:{folder / 'store' / 'tokens.db'}", registry)
        key = how.key or (None if how.store else f"file:{_key_file(folder)}")
        try:
            with counting(folder) as counter:
                return _play(story, registry, how, store, key, backstage, counter, tell, begin)
        finally:
            store.close()


def _key_file(folder: Path) -> Path:
    from tokenflow.engine.keyfiles import write_key_file

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
    counter: Counter,
    tell: Callable[[Outcome], None],
    begin: Callable[[Step], None],
) -> Played:
    progress = find(store, story, resume=how.resume, elsewhere=how.issuer is not None)
    resumed = progress is not None and progress.step > 0
    if progress is None:
        progress = Progress(run=secrets.token_hex(8), elsewhere=how.issuer is not None)
        note(store, story, progress)
    if progress.step == 0:
        progress = _first_step(story, backstage, progress)
    stage = Stage(
        story=story,
        backstage=backstage,
        registry=registry,
        store=store,
        key=key,
        clock=VirtualClock(backstage.admin.now() + progress.offset),
        counter=counter,
        run=progress.run,
    )
    try:
        if resumed:
            _put_faults_back(stage, progress)
        for step in story.steps[progress.step - 1 :]:
            stage.remember = _memory(store, stage, progress)
            stage.remember()
            begin(step)
            outcome = perform(stage, step, progress.started)
            tell(outcome)
            progress = attrs.evolve(
                progress,
                step=step.number + 1,
                started=stage.clock(),
                offset=stage.clock() - backstage.admin.now(),
                outcomes=(*progress.outcomes, outcome),
            )
        held = stage.engine.keys()
        tokens = {name: facts for name in held if (facts := _facts(stage, name)) is not None}
        result = Played(story=story, outcomes=progress.outcomes, tokens=tokens, tally=tally(stage))
        note(store, story, progress)
        return result
    finally:
        stage.engine.close()


def _first_step(story: Story, backstage: Backstage, progress: Progress) -> Progress:
    backstage.set_up(story, f"{progress.run}/{story.name}:0")
    if any(step.act == "receive" for step in story.steps):
        open_mailbox(backstage)
    now = backstage.admin.now()
    if now < story.start:
        now = backstage.admin.set_clock(story.start)
    return attrs.evolve(progress, step=1, started=now)


def _memory(store: Store, stage: Stage, progress: Progress) -> Callable[[], None]:
    """Return what notes *progress* with the faults that stand: called when nothing is in flight."""

    def remember() -> None:
        faults = tuple(stage.backstage.admin.faults())
        note(store, stage.story, attrs.evolve(progress, faults=faults))

    return remember


def _put_faults_back(stage: Stage, progress: Progress) -> None:
    """Let the step in flight meet the faults again that met it, unless its outcome is on record.

    What is repeated is one and the same request; a fault ordered for once is not used up by half of it.
    """
    if progress.step > len(stage.story.steps):
        return
    step = stage.story.steps[progress.step - 1]
    if step.act in _BY_THE_DIRECTOR or not stage.is_open(step, _id_of(stage.story, step)):
        return
    admin = stage.backstage.admin
    if admin.faults() != list(progress.faults):
        admin.clear_faults()
        for order in progress.faults:
            admin.fault(**order)


def _id_of(story: Story, step: Step) -> str:
    return f"{story.name}:{step.number}"


def _facts(stage: Stage, key: str) -> dict[str, Any] | None:
    found = stage.explain(key)
    return None if found is None else facts_of(found, stage.clock())


def perform(stage: Stage, step: Step, started: Instant) -> Outcome:
    """Do one step and hold it against what is expected of it."""
    stage.heard.clear()
    error, message, answer = None, None, {}
    try:
        answer = dict(act(stage, step, _id_of(stage.story, step), started))
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
    events = tuple(words for event in stage.heard if (words := in_words(event)) is not None)
    return Outcome(
        step=step, at=stage.clock(), error=error, message=message, wrong=tuple(wrong), events=events
    )
