"""The answer came and the store does not take it: it is served, told of, and saved when that is possible."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tests.engine.ground import HOUR, Ground
from tokenflow import Busy, MemoryStore, Store, StoreUnreadable
from tokenflow.core.events import AnswerUnsaved, Happened
from tokenflow_sqlite import SqliteStore


@attrs.define
class FullDisk:
    """A store whose writes fail while it is `full`."""

    store: Store
    full: Callable[[], bool]

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        if name not in ("save", "put", "note"):
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            if self.full():
                raise StoreUnreadable("the disk is full", mend="make room")
            return method(*arguments, **named)

        return call


@pytest.mark.proves("R10")
@pytest.mark.parametrize("durable", [False, True])
def test_an_answer_outlives_a_full_disk(ground: Ground, durable: bool) -> None:
    """While the disk is full the new token is served and nothing more is sent; then it is in the store."""
    room = [True]

    def full() -> bool:
        return not room[0] and ground.calls(grant="refresh_token") > 0

    url, key = ground.sqlite()
    store: Store = SqliteStore(url.partition(":")[2]) if durable else MemoryStore()
    heard: list[Happened] = []
    with ground.open(FullDisk(store, full), key=key if durable else None, on_event=heard.extend) as engine:
        first = ground.rotating(engine)
        ground.pass_time(1.5 * HOUR)
        room[0] = False
        held = engine.token("k")
        assert held.secret != first.access_token
        assert engine.token("k").secret == held.secret
        assert engine.health().unsaved == ("k",)
        with pytest.raises(Busy, match="in hand"):
            engine.extend("k")
        assert ground.calls(grant="refresh_token") == 1
        (told,) = [one for one in heard if isinstance(one, AnswerUnsaved)]
        assert told.error == "store_unreadable"
        room[0] = True
        for _ in range(200):
            if not engine.health().unsaved:
                break
        else:
            raise AssertionError("it was not saved when there was room")
        assert engine.explain("k").token.generation == 2
        assert engine.extend("k").generation == 3
    store.close()


@pytest.mark.proves("R10", "R1")
def test_an_answer_that_was_never_saved_is_found_by_the_next_process(ground: Ground) -> None:
    """The engine ends while the disk is full: the journal's file has the answer, and the next adopts it."""
    room = [True]
    url, key = ground.sqlite()
    store = SqliteStore(url.partition(":")[2])
    ended = ground.open(
        FullDisk(store, lambda: not room[0] and ground.calls(grant="refresh_token") > 0), key=key
    )
    ground.rotating(ended)
    ground.pass_time(1.5 * HOUR)
    room[0] = False
    held = ended.token("k").secret
    ended.desk.close(patience=0.2)
    store.close()
    with ground.open(url, key=key) as engine:
        assert engine.token("k").secret == held
        assert engine.explain("k").token.generation == 2
    assert ground.calls(grant="refresh_token") == 1
