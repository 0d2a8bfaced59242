"""A run that dies at any write to its store goes on from there, and ends as if it had never died.

Death is an exception that nobody may catch, raised before or after a write; from then on the store
answers nothing, as it does to a process that is gone. Between two lives only store and sandbox stay.
"""

import functools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from attrs import define

from tests.runner.endings import Ending, held_to
from tokenflow import Registry
from tokenflow.engine.places import open_store
from tokenflow.runner import playing
from tokenflow.runner.playing import HowToPlay, play
from tokenflow.runner.story import Step, Story, read_story
from tokenflow.sandbox import AdminClient, Sandbox, serve
from tokenflow.spec import load

APP, SECRET, ADMIN = "1234567890", "play-secret", "play-admin-token"
WRITES: Final = ("save", "put", "take", "keep")
LIVES: Final = 400


class Died(BaseException):
    """The process is gone."""


@define
class MortalStore:
    """A store whose process dies at one of its writes."""

    store: Any
    writes_left: int
    after: bool
    """Whether the last write is still done."""

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        if name == "close" or not callable(method):
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            if self.writes_left < 0:
                raise Died
            if name in WRITES:
                self.writes_left -= 1
                if self.writes_left < 0:
                    if self.after:
                        method(*arguments, **named)
                    raise Died
            return method(*arguments, **named)

        return call


@functools.cache
def story(name: str) -> Story:
    """Return a shipped scenario, without the steps that end a token at its issuer."""
    told = read_story(load(name))
    return attrs.evolve(told, steps=tuple(step for step in told.steps if step.act != "revoke"))


@contextmanager
def stage(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[tuple[HowToPlay, AdminClient]]:
    """A sandbox that outlives every life of a run, and how the run finds it."""
    settings = Sandbox(
        app_id=APP, app_secret=SECRET, client_token="t", admin_token=ADMIN, any_loopback_redirect=True, now=0
    )
    with serve(settings) as running:
        for name, value in (
            ("TOKENFLOW_SANDBOX_ADMIN_TOKEN", ADMIN),
            ("FB_APP_SECRET", SECRET),
            ("FB_CLIENT_TOKEN", "t"),
        ):
            monkeypatch.setenv(name, value)
        store = f"sqlite:{folder / 'store' / 'tokens.db'}"
        yield (
            HowToPlay(store=store, issuer=running.url, app_id=APP, resume=True),
            AdminClient(running.url, ADMIN),
        )


def lives(
    monkeypatch: pytest.MonkeyPatch, told: Story, how: HowToPlay, draw: Callable[[], tuple[int, bool] | None]
) -> tuple[playing.Played, list[int]]:
    """Play a story in as many lives as it takes; return how it went, and each death's step (0: none yet)."""
    in_flight: list[int] = []
    for _ in range(LIVES):
        death = draw()

        def mortal(url: str, registry: Registry, death: tuple[int, bool] | None = death) -> Any:
            opened = open_store(url, registry)
            return opened if death is None else MortalStore(opened, *death)

        monkeypatch.setattr(playing, "open_store", mortal)
        begun: list[Step] = []
        try:
            return play(told, Registry.installed(), how, lambda _: None, begun.append), in_flight
        except Died:
            in_flight.append(begun[-1].number if begun else 0)
    raise AssertionError(f"{told.name} was not over after {LIVES} lives")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Ending]]:
    """How a scenario ends when nobody dies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))

        @functools.cache
        def played(name: str) -> Ending:
            with stage(patch, tmp_path_factory.mktemp("unbroken")) as (how, admin):
                return Ending.of(lives(patch, story(name), how, lambda: None)[0], admin)

        yield played


def dies(
    monkeypatch: pytest.MonkeyPatch, folder: Path, whole: Ending, told: Story, draw: Callable[[], Any]
) -> int:
    with stage(monkeypatch, folder) as (how, admin):
        played, in_flight = lives(monkeypatch, told, how, draw)
        held_to(whole, Ending.of(played, admin), told, *in_flight)
    return len(in_flight)


@pytest.mark.parametrize("seed", range(1))
def test_a_run_that_dies_again_and_again_ends_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unbroken: Callable[[str], Ending], seed: int
) -> None:
    """Lives of a few writes each, down to the long story's end: same states, outcomes and ledger."""
    chance = random.Random(seed)
    deaths = dies(
        monkeypatch,
        tmp_path,
        unbroken("whole-life"),
        story("whole-life"),
        lambda: (chance.randint(3, 14), chance.random() < 0.5),
    )

    assert deaths > 3


@pytest.mark.campaign
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "name", ["app-and-client", "arrivals", "native-app", "platforms", "roles", "whole-life"]
)
def test_a_run_that_dies_once_at_any_write_ends_the_same(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    unbroken: Callable[[str], Ending],
    name: str,
    after: bool,
) -> None:
    """Every write of a scenario in turn, and only what was in flight is asked again.

    Two things no client can do twice are left out: strict rotation, whose answer is the only copy of
    the next refresh token, and ending a token at Facebook, which calls a token that it ended dead.
    """
    whole = unbroken(name)
    for nth in range(LIVES):
        draw = functools.partial(next, iter([(nth, after)]), None)
        (folder := tmp_path / str(nth)).mkdir()
        if not dies(monkeypatch, folder, whole, story(name), draw):
            return
    raise AssertionError(f"{name} makes more than {LIVES} writes")
