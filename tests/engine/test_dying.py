"""A process that dies at any write of a refresh: the next has the token, or knows why not (rules F1-F3)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import attrs
import pytest

from tests.engine.ground import HOUR, Ground
from tokenflow import SECOND, Busy, Engine, IssuerUnreachable, MemoryStore, PersonNeeded, Store
from tokenflow.core import refresh
from tokenflow.core.doubts import MARGIN, SLACK, Verdict
from tokenflow.core.events import OutcomeUnknown
from tokenflow.core.flows import concluding
from tokenflow.engine.journals import Journals
from tokenflow_sqlite import SqliteStore

WRITES: Final = ("save", "put", "take", "keep", "note", "delivered")
STALE, QUIET, LEASE = 0.95 * HOUR, 23, 61


class Died(BaseException):
    """The process is gone."""


@attrs.define
class MortalStore:
    """A store whose process dies at one of its writes; from then on it answers nothing."""

    store: Store
    writes_left: int
    after: bool
    """Whether the last write is still done."""
    died: bool = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        if not callable(method) or name == "close":
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            if self.died:
                raise Died
            if name in WRITES:
                self.writes_left -= 1
                if self.writes_left < 0:
                    self.died = True
                    if self.after:
                        method(*arguments, **named)
                    raise Died
            return method(*arguments, **named)

        return call


def refreshes(ground: Ground) -> int:
    """How many refresh tokens the issuer was shown."""
    return ground.calls(grant="refresh_token")


@contextmanager
def dying(ground: Ground, store: Store, **changes: Any) -> Iterator[Engine]:
    """Open an engine in a process that is to die: it closes nothing."""
    engine = ground.open(store, **changes)
    try:
        yield engine
    finally:
        with suppress(Died):
            engine.close()


def dies(ground: Ground, store: Store, writes: int, *, after: bool) -> bool:
    """Let a process refresh `k` and die at its *writes*th write; False when it lived."""
    mortal = MortalStore(store, writes, after)
    with dying(ground, mortal) as engine:
        try:
            engine.extend("k")
        except Died:
            return True
    return False


def held(ground: Ground, store: Store) -> Any:
    """A store with one token that is due for its refresh, at a strict issuer."""
    with ground.open(store) as engine:
        ground.rotating(engine)
        ground.pass_time(STALE)
    return store


@pytest.mark.proves("R1")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_that_dies_at_any_write_spends_no_refresh_token_twice(ground: Ground, after: bool) -> None:
    """Rule F2: at every write of a refresh, what had arrived is kept and what may be lost is not repeated."""
    die_at_every_write(ground, after=after)


@pytest.mark.parametrize(
    ("room", "name", "flaw"),
    [
        (concluding, "precious", lambda *_: False),
        (refresh, "resolve", lambda *_: Verdict.REPEAT),
        (Journals, "find", lambda *_: None),
    ],
    ids=["no journal", "blind repeat", "journal not looked at"],
)
def test_a_planted_bug_is_caught(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, room: Any, name: str, flaw: Any
) -> None:
    """A refresh that journals nothing, repeats blindly, or does not look into its journal fails there."""
    monkeypatch.setattr(room, name, flaw)
    with pytest.raises(AssertionError):
        _die_on_both_sides(ground)


def _die_on_both_sides(ground: Ground) -> None:
    for after in (True, False):
        die_at_every_write(ground, after=after)


def die_at_every_write(ground: Ground, *, after: bool) -> None:
    """Die at each write of a refresh in turn, and hold the next process to what may be expected of it."""
    lost = 0
    for writes in range(20):
        store = held(ground, MemoryStore())
        before = refreshes(ground)
        if not dies(ground, store, writes, after=after):
            break
        sent = refreshes(ground) - before
        ground.pass_time(LEASE)
        with ground.open(store) as engine:
            engine.sweep()
            found = engine.explain("k")
            if [one for one in found.history if isinstance(one, OutcomeUnknown)]:
                assert sent == 1, "a doubt without cause"
                lost += 1
                assert found.usable, "what is held serves to its end"
                with pytest.raises(PersonNeeded):
                    engine.extend("k")
            else:
                assert (found.token.state, found.token.generation) == ("extended", 2)
            assert refreshes(ground) - before == 1, "sent once, by whoever lived"
    else:
        raise AssertionError("a refresh makes more writes than were tried")
    assert writes >= 5, "the pin, attempt, receipt, value, receipt: each of them was died at"
    assert lost == (0 if after else 1), "only a death between the answer and its receipt loses it"


@pytest.mark.parametrize("where", ["begun", "journaled", "kept"])
def test_a_file_store_goes_on_where_its_process_died(ground: Ground, where: str) -> None:
    """Rule F2: the same on disk, where the next process opens the file anew."""
    writes, after = {"begun": (1, True), "journaled": (2, False), "kept": (2, True)}[where]
    url, key = ground.sqlite()
    with ground.open(url, key=key) as engine:
        ground.rotating(engine)
        ground.pass_time(STALE)
    path = url.partition(":")[2]
    store = SqliteStore(path)
    mortal = MortalStore(store, writes, after)
    with dying(ground, mortal, key=key) as engine, pytest.raises(Died):
        engine.extend("k")
    store.close()
    ground.pass_time(LEASE)
    with ground.open(url, key=key) as engine:
        engine.sweep()
        assert engine.explain("k").token.generation == 2
        assert refreshes(ground) == 1
        assert engine.extend("k").generation == 3


def test_a_journaled_answer_is_sealed_and_goes_with_its_token(ground: Ground) -> None:
    """Rule F2: nobody reads it in the store, and forgetting the token forgets what was left of it."""
    store = held(ground, MemoryStore())
    with dying(ground, MortalStore(store, 3, False)) as engine, pytest.raises(Died):
        engine.extend("k")
    blob = store.get("journal", "default/k")
    assert blob is not None
    with ground.open(store) as engine:
        token = engine.explain("k").token
        for secret in (token.access_token, token.refresh_token):
            assert secret is not None
            assert secret.reveal().encode() not in blob
        store.put("journal", "default/k", blob)
        engine.invalidate("k")
        assert engine.forget("k")
    assert store.names("journal") == []


def test_a_worker_that_is_named_takes_up_its_own_at_once(ground: Ground) -> None:
    """Rule T11: an engine that comes back under its name waits until it is quiet, not for the lease."""
    store = held(ground, MemoryStore())
    with dying(ground, MortalStore(store, 1, True), worker="w") as engine, pytest.raises(Died):
        engine.extend("k")
    with ground.open(store) as engine, pytest.raises(Busy, match="under way elsewhere"):
        engine.extend("k")
    with ground.open(store, worker="w") as engine:
        with pytest.raises(IssuerUnreachable, match="may still arrive"):
            engine.extend("k")
        ground.pass_time(QUIET)
        assert engine.extend("k").generation == 2
    assert refreshes(ground) == 1


def test_a_named_worker_s_first_sweep_takes_up_what_was_left_open(ground: Ground) -> None:
    """Rule T11: nothing touches the token, its lease is not over; once it is quiet its own name finds it."""
    store = held(ground, MemoryStore())
    with dying(ground, MortalStore(store, 1, True), worker="w") as engine, pytest.raises(Died):
        engine.extend("k")
    with ground.open(store) as engine:
        engine.sweep()
        assert refreshes(ground) == 0
    ground.pass_time(QUIET)
    with ground.open(store, worker="w") as engine:
        engine.sweep()
        assert engine.explain("k").token.generation == 2
    assert refreshes(ground) == 1


def test_a_command_is_given_the_time_its_spec_gives_it(ground: Ground) -> None:
    """Rule T11: `timeout` bounds the exchange, and what it cuts off is in doubt until it is quiet."""
    with ground.open(specs=[hasty(ground)]) as engine:
        ground.rotating(engine)
        ground.admin.fault("oauth2/token", "slow", seconds=1, times=1)
        with pytest.raises(IssuerUnreachable, match=r"within 0.2 s") as cut:
            engine.extend("k")
        assert cut.value.sent
        attempt = engine.explain("k").token.attempt
        assert attempt is not None
        assert attempt.retry_at is not None
        assert attempt.retry_at >= ground.clock() + SLACK + 0.2 * SECOND + MARGIN


def hasty(ground: Ground) -> str:
    """A spec whose refresh has a fifth of a second."""
    spec = ground.folder / "oauth2-rotating.yaml"
    spec.write_text(
        """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: oauth2-rotating, version: 1.0.1}
extends: builtin:oauth2-rotating
commands:
  extend: {timeout: 200ms}
"""
    )
    return str(spec)
