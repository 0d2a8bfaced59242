"""A run that is killed with SIGKILL at any step, and started again, ends as an unbroken one does."""

import random
import re
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.ground import (
    PATIENCE,
    SPECS,
    Elsewhere,
    command,
    environment,
    printed,
    sandbox,
    tokenflow,
)
from tests.runner.endings import Ending, held_to
from tokenflow.runner.story import Story, read_story
from tokenflow.spec import load

WHOLE_LIFE: Final = SPECS / "scenarios" / "whole-life.yaml"
STORY: Final = read_story(load(WHOLE_LIFE))


def run(
    story: Story, elsewhere: Elsewhere, store: Path, *more: str, in_flight: Collection[int] = ()
) -> Ending:
    """Play a scenario to its end at a sandbox in another process.

    A ticket that was being redeemed *in_flight* is spent: its step finds nothing more to redeem, and says so.
    """
    done = tokenflow(
        *("run", story.path, "--issuer", elsewhere.url, "--store", f"sqlite:{store}", "--format", "json"),
        *more,
        known=elsewhere.known,
    )
    (report,) = printed(done)["scenarios"]
    wrong = [step["number"] for step in report["steps"] if step["wrong"]]
    spent = {step for step in in_flight if story.steps[step - 1].act == "redeem"}
    assert spent.issuperset(wrong), done.stdout + done.stderr
    assert done.returncode == (1 if wrong else 0), done.stdout + done.stderr
    return Ending.told(report, elsewhere.admin)


def killed(story: Story, elsewhere: Elsewhere, store: Path, step: int, delay: float, *more: str) -> int:
    """Play a scenario, kill the process *delay* seconds after it says that it begins *step*.

    Return the step that was then in flight: the same one, or one that followed in that time.
    """
    with subprocess.Popen(
        command(
            *("run", story.path, "--issuer", elsewhere.url, "--store", f"sqlite:{store}", "--format", "json"),
            *more,
        ),
        env=environment(**elsewhere.known),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = next((line for line in process.stderr if line.startswith(f"step {step}/")), None)
        assert told is not None, f"step {step} never began"
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait(PATIENCE)
        said = re.findall(r"^step (\d+)/", process.stderr.read(), re.MULTILINE)
    return int(said[-1]) if said else step


_unbroken: dict[str, Ending] = {}


def unbroken(story: Story, folder: Path) -> Ending:
    """Return how a scenario ends when nobody kills it; played once in a process."""
    if story.name not in _unbroken:
        with sandbox() as elsewhere:
            _unbroken[story.name] = run(story, elsewhere, folder / "unbroken" / "tokens.db")
    return _unbroken[story.name]


def kill_and_resume(story: Story, folder: Path, step: int, delay: float) -> None:
    whole = unbroken(story, folder)
    with sandbox() as elsewhere:
        store = folder / "broken" / "tokens.db"
        in_flight = killed(story, elsewhere, store, step, delay)
        held_to(whole, run(story, elsewhere, store, "--resume", in_flight=[in_flight]), story, in_flight)


def drawn(step: int, nth: int = 0) -> float:
    """A few milliseconds to 150, the same for a step each time."""
    return random.Random(f"{step}/{nth}").uniform(0.002, 0.150)


@pytest.mark.parametrize("step", [1, 6, 13, 19, 24])
def test_a_run_killed_at_a_step_and_resumed_ends_the_same(step: int, tmp_path: Path) -> None:
    """The step in flight is repeated under its id; states, outcomes and the issuer's ledger are the same."""
    kill_and_resume(STORY, tmp_path, step, drawn(step))


@pytest.mark.campaign
@pytest.mark.parametrize("nth", range(1, 9))
@pytest.mark.parametrize("step", range(1, len(STORY.steps) + 1))
def test_a_run_killed_at_any_step_at_any_moment_ends_the_same(step: int, nth: int, tmp_path: Path) -> None:
    """Eight moments in each step of the long story."""
    kill_and_resume(STORY, tmp_path, step, drawn(step, nth))


@pytest.mark.campaign
@pytest.mark.parametrize("nth", range(20))
def test_a_run_killed_again_and_again_ends_the_same(nth: int, tmp_path: Path) -> None:
    """Every resumed run is killed once more, later or in the same step, up to eight times."""
    chance = random.Random(nth)
    steps = sorted(chance.choices(range(1, len(STORY.steps) + 1), k=8))
    whole = unbroken(STORY, tmp_path)
    with sandbox() as elsewhere:
        store = tmp_path / "broken" / "tokens.db"
        begun: list[int] = []
        for step in steps:
            after = max(step, begun[-1] if begun else 0)  # what was in flight is begun anew
            resume = ["--resume"] if begun else []
            begun.append(killed(STORY, elsewhere, store, after, chance.uniform(0.002, 0.15), *resume))
        held_to(whole, run(STORY, elsewhere, store, "--resume", in_flight=begun), STORY, *begun)
