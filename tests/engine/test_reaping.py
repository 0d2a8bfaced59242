"""The reaper removes what nobody needs any more, says what and why, and touches nothing that lives."""

import pytest

from tests.engine.ground import DAY, HOUR, Ground
from tokenflow import SECOND, Engine, PromptPending, Refused
from tokenflow.core.effects import Flow, Journal
from tokenflow.engine.library import SPECS, Library
from tokenflow.engine.reaping import KEPT_FOR


def kinds(engine: Engine, **how: object) -> list[tuple[str, str]]:
    """Reap, and return kind and name of each thing."""
    return [(one.kind, one.name) for one in engine.reap(**how).reaped]  # type: ignore[arg-type]


def test_a_tombstone_goes_with_its_history_once_it_was_kept_long_enough(ground: Ground) -> None:
    """30 days after its end, not before; a dry run says the same and removes nothing; the live stay."""
    for engine in (ground.open(), ground.durable()):
        with engine:
            ground.rotating(engine, key="live")
            ground.facebook(engine, key="gone")
            engine.revoke("gone").demand()
            ground.pass_time(30 * DAY - HOUR)
            engine.desk.outbox.again()
            assert ("tombstone", "gone") not in kinds(engine)
            ground.pass_time(2 * HOUR)
            assert ("tombstone", "gone") in kinds(engine, dry_run=True)
            assert engine.keys() == ["gone", "live"]
            assert ("tombstone", "gone") in kinds(engine)
            assert engine.keys() == ["live"]
            assert engine.desk.store.history("default", "gone") == []
            assert ("tombstone", "gone") not in kinds(engine)


def test_what_another_worker_holds_is_left_for_the_next_time(ground: Ground) -> None:
    """A tombstone whose key is leased is not removed under whoever attends to it."""
    with ground.open() as engine:
        ground.facebook(engine, key="gone")
        engine.revoke("gone").demand()
        ground.pass_time(31 * DAY)
        now, store = ground.clock(), engine.desk.store
        assert store.claim("default", "gone", "another", now=now, until=now + 60 * SECOND)
        assert ("tombstone", "gone") not in kinds(engine)
        store.release("default", "gone", "another")
        assert ("tombstone", "gone") in kinds(engine)


def test_logins_tickets_and_answers_go_when_their_time_is_over(ground: Ground) -> None:
    """A login nobody came back to, a ticket past its minute, and an answer whose attempt is over."""
    with ground.open() as engine:
        ground.rotating(engine)
        with pytest.raises(PromptPending):
            engine.acquire("asked", lifecycle="facebook-user", platform="web")
        engine.hand_over("k", to="server", audience="https://a.example")
        receipt = {"of": ["another id", 1, "extend", 1, 0], "worker": "another", "entries": []}

        def received() -> Flow[None]:
            yield Journal("k", receipt)

        engine.desk.begin(engine.desk.alone("k", received, None)).result()
        assert kinds(engine) == [("journal", "k")]
        ground.pass_time(HOUR)
        found = engine.reap().reaped
        assert {(one.kind, one.name) for one in found if one.kind != "ticket"} == {("login", "asked")}
        assert [one.kind for one in found].count("ticket") == 2, "the ticket and its stub"
        assert kinds(engine) == []
        with pytest.raises(Refused) as raised:
            engine.reap(older_than=HOUR * SECOND)
        assert raised.value.code == "too_soon"


def test_a_spec_goes_when_no_token_has_named_it_for_long(ground: Ground) -> None:
    """It is marked first and removed a month later, unless an engine keeps it again meanwhile."""
    with ground.open(specs=("oauth2-rotating",)) as first:
        store = first.desk.store
        ground.rotating(first)
        first.revoke("k").demand()
        (digest,) = store.names(SPECS)
        other = ground.open(store, specs=("facebook-app",))
        ground.pass_time(31 * DAY)
        assert kinds(other) == [("tombstone", "k")]
        ground.pass_time(29 * DAY)
        assert kinds(other) == [], "it is unused for less than a month"
        lifecycle = first.desk.setting.lifecycles["oauth2-rotating"]
        library = first.desk.begin(_library(first)).result()
        library._kept.clear()  # an hour later it makes sure again
        library.keep(lifecycle)
        ground.pass_time(3 * DAY)
        assert kinds(other) == [], "it was wanted meanwhile"
        ground.pass_time(KEPT_FOR / SECOND + 1)
        assert kinds(other) == [("spec", digest)]
        assert store.names(SPECS) == []
        library._kept.clear()
        library.keep(lifecycle)
        assert store.names(SPECS) == [digest], "who needs it again puts it back"
        other.close()


async def _library(engine: Engine) -> Library:
    return engine.desk.performer.library
