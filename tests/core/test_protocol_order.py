"""The flows go by the protocol, whatever fails where, and whatever a plugin makes of it."""

# ruff: noqa: SIM300  # expected == actual, constants too

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.dying import probed, strict
from tests.core.lifecycles import DAY, MINUTE, START
from tests.core.performing import COMMAND, GRAPH, World, answer
from tokenflow.core import flows
from tokenflow.core.effects import Effect, Flow, Journal, Order, Request, Save, Send, now, send
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    IssuerRefused,
    IssuerUnreachable,
    RevisionConflict,
    StoreError,
    TokenflowError,
)
from tokenflow.core.flows import commanding, concluding
from tokenflow.core.locks import Guard, Hold, Lock
from tokenflow.core.refresh import Do, End, News, OutOfTurn, Protocol, Saved
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import Grant, Inspection

pytestmark = pytest.mark.proves("R1", "R2", "R3")

STORE: Final = StoreError("the disk is full")
CUT: Final = IssuerUnreachable("cut", sent=True)
FAILURES: Final[Mapping[str, Exception]] = {
    "store": STORE,
    "conflict": RevisionConflict("somebody saved first"),
    "cut": CUT,
    "unsent": IssuerUnreachable("refused", sent=False),
    "garbled": AnswerNotUnderstood("html"),
    "bug": RuntimeError("nobody thought of this"),
}
ANSWERS: Final = (200, 400, 429, 500, 502, 503)
_OF_THE_STORE: Final = frozenset({"store", "conflict", "bug"})

_UNDER_WAY: Final = frozenset({Do.GUARD, Do.SEND, Do.KEEP, Do.JUDGE, Do.SAVE})


# Plugins, good and bad.


def _refresh(order: Order) -> Request:
    assert order.token is not None
    assert order.token.refresh_token is not None
    return Request(method="POST", url=f"{GRAPH}/refresh", form={"refresh_token": order.token.refresh_token})


def _made(order: Order) -> Grant:
    return Grant(access_token=Secret("made"), refresh_token=Secret("up"))


def _sends_twice(order: Order) -> Flow[Grant]:
    yield from send(_refresh(order))
    yield from send(Request(method="POST", url=f"{GRAPH}/confirm", form={}))
    yield from now()
    return _made(order)


def _goes_on(order: Order) -> Flow[Grant]:
    for _ in range(2):
        with suppress(TokenflowError):
            yield from send(_refresh(order))
    return _made(order)


def _goes_on_to_no_end(order: Order) -> Flow[Grant]:
    with suppress(TokenflowError):
        yield from send(_refresh(order))
    raise IssuerRefused("no", status=400, facts={})


def _sends_nothing(order: Order) -> Flow[Grant]:
    yield from now()
    return _made(order)


def _breaks(order: Order) -> Flow[Grant]:
    response = yield from send(_refresh(order))
    raise KeyError(response.status)


PLUGINS: Final[Mapping[str, Callable[[Order], Flow[Grant | Inspection | None]]]] = {
    "good": COMMAND["oauth2.refresh"],
    "sends twice": _sends_twice,
    "goes on": _goes_on,
    "goes on to no end": _goes_on_to_no_end,
    "sends nothing": _sends_nothing,
    "breaks": _breaks,
}


# The protocol, watched.


class Watched(Protocol):
    """A protocol that notes each that was begun, and what it was told out of turn."""

    begun: "list[Watched]"
    wrong: list[OutOfTurn]

    def __init__(self, doubt: Any) -> None:
        super().__init__(doubt)
        Watched.begun.append(self)

    def hears(self, news: News) -> Do:
        """Take *news*, and note it when it is out of turn."""
        try:
            return super().hears(news)
        except OutOfTurn as error:
            Watched.wrong.append(error)
            raise


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commanding, "Protocol", Watched)
    monkeypatch.setattr(concluding, "Protocol", Watched)


@st.composite
def plans(draw: st.DrawFn) -> dict[int, str]:
    """Which effects fail from the first on, and how."""
    at = st.integers(0, 60) | st.integers(8, 30)
    kinds = st.sampled_from([*FAILURES, "unguarded", "busy"])
    return draw(st.dictionaries(at, kinds, max_size=4))


def fails(plan: Mapping[int, str], counted: Iterator[int], effect: Effect) -> str | None:
    """Return how *effect* is to fail, where that can befall it."""
    kind = plan.get(next(counted))
    if kind is None or (kind == "conflict" and not isinstance(effect, Save)):
        return None
    only = {"unguarded": Guard, "busy": Lock, "cut": Send, "unsent": Send, "garbled": Send}.get(kind)
    return kind if only is None or isinstance(effect, only) else None


def performed(world: World, plan: Mapping[int, str], met: list[str]) -> Callable[[Effect], Any]:
    """Return how effects are performed where those of *plan* fail; *met* gathers how they did."""
    perform, counted = world._perform, iter(range(10**6))

    def faulty(effect: Effect) -> Any:
        kind = fails(plan, counted, effect)
        if kind is None:
            return perform(effect)
        met.append(kind)
        if isinstance(effect, Guard) and kind == "unguarded":
            return False
        if isinstance(effect, Lock) and kind == "busy":
            return Hold.BUSY
        if isinstance(effect, Send):
            world.requests.append(effect.request)
        raise FAILURES[kind]

    return faulty


def ground(contract: str, plugin: str, statuses: list[int], hold: Hold) -> World:
    """Return a world with a token that is due, at an issuer of a *contract* that answers *statuses*."""
    world = World()
    if contract == "strict":
        probed(world, lambda value: True)
    else:
        strict(world, rotation=contract, lost_answer="repeat", grace=100 * MINUTE)
    world.rotating()
    world.now, world.hold = START + 55 * MINUTE, hold
    world.plugins.commands["oauth2.refresh"] = PLUGINS[plugin]
    world.script.extend(world._issuer if one == 200 else answer({"error": "x"}, one) for one in statuses)
    return world


def in_order(world: World, plan: Mapping[int, str]) -> list[str]:
    """Refresh once, as *plan* has it, and check how each turn went; return what was met."""
    Watched.begun, Watched.wrong = [], []
    met: list[str] = []
    perform = world._perform
    world._perform = performed(world, plan, met)  # type: ignore[method-assign,assignment]
    try:
        world.run(flows.extend(world.setting, "rot"))
    except TokenflowError:
        pass
    except RuntimeError:
        assert "bug" in met
    finally:
        world._perform = perform  # type: ignore[method-assign]
    assert [] == Watched.wrong
    for one in world.stranded:
        world.run(one.again)
    for turn in [one.turn for one in Watched.begun]:
        assert turn.do is Do.STOP or _OF_THE_STORE & set(met), f"{turn} was left, and {met} is no reason"
    if any(one.turn.do in _UNDER_WAY for one in Watched.begun):
        attempt = world.rows["rot"].attempt
        assert world.rows["rot"].generation > 1 or (attempt is not None and attempt.doubted_since)
    return met


@given(
    contract=st.sampled_from(["strict", "grace", "idempotent", "none"]),
    plugin=st.sampled_from([*PLUGINS]),
    statuses=st.lists(st.sampled_from(ANSWERS), max_size=2),
    hold=st.sampled_from([Hold.FIRM, Hold.LEASED]),
    plan=plans(),
)
@settings(max_examples=200, deadline=None)
def test_every_turn_is_in_order(
    contract: str, plugin: str, statuses: list[int], hold: Hold, plan: dict[int, str]
) -> None:
    """§3.1: no flow hears news out of turn; each turn stops, or leaves its intent on record."""
    world = ground(contract, plugin, statuses, hold)
    met = in_order(world, plan)
    presented = len(world.sent("refresh"))
    if contract == "strict" and "conflict" not in met and 200 not in statuses and plugin == "good":
        assert presented <= 1 + bool(statuses)
    world.script.clear()
    world.now += DAY // 24
    in_order(world, {})


@pytest.mark.parametrize("kind", ["cut", "unsent"])
@pytest.mark.parametrize("plugin", ["goes on", "goes on to no end"])
def test_a_plugin_that_goes_on_sends_no_more(plugin: str, kind: str) -> None:
    """§3.1 step 6: after a request that was not answered nothing is sent, and nothing made up is kept."""
    world = ground("strict", plugin, [], Hold.FIRM)
    world.script.append(FAILURES[kind])
    in_order(world, {})
    assert 1 == len(world.sent("refresh"))
    row = world.rows["rot"]
    assert 1 == row.generation
    assert (kind == "cut") is (row.attempt is not None and row.attempt.unknown_since is not None)


def test_what_a_plugin_cannot_read_is_no_no() -> None:
    """§3.1 step 6: a plugin that breaks on an answer leaves a doubt: what it was sent with may be spent."""
    world = ground("strict", "breaks", [], Hold.FIRM)
    in_order(world, {})
    attempt = world.rows["rot"].attempt
    assert attempt is not None
    assert world.now == attempt.unknown_since
    assert End.DOUBTFUL is Watched.begun[-1].turn.end


def test_a_turn_that_stays_is_noticed() -> None:
    """A flow that does not tell the protocol of its save leaves a turn that has no reason to stay."""
    world = ground("strict", "good", [], Hold.FIRM)
    hears = Protocol.hears
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Protocol, "hears", lambda self, news: self.turn.do if news is Saved.DONE else hears(self, news)
        )
        with pytest.raises(AssertionError, match="is no reason"):
            in_order(world, {})


def test_what_is_journaled_under_the_lock_is_read_there() -> None:
    """§3.1 step 2: an answer that came while the lock was waited for concludes its attempt."""
    world = ground("strict", "good", [], Hold.FIRM)
    slow = flows.extend(world.setting, "rot")
    effect: Effect = next(slow)
    while not isinstance(effect, Journal):
        effect = slow.send(world._perform(effect))
    receipt, kept = effect, False
    slow.close()
    world.now += 3 * MINUTE
    perform = world._perform

    def waits(effect: Effect) -> Any:
        nonlocal kept
        if isinstance(effect, Lock) and not effect.patient and not kept:
            return Hold.BUSY
        if isinstance(effect, Lock) and not kept:
            perform(receipt)
            kept = True
        return perform(effect)

    world._perform = waits  # type: ignore[method-assign]
    world.run(flows.attend(world.setting, "rot"))
    assert 1 == len(world.sent("refresh"))
