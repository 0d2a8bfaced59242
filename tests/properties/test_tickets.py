"""However tickets are shown and tokens change: one use, one minute, one audience, one living token.

Each planted bug is found, so the machine is not blind.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.tickets import Tickets
from tokenflow.core.events import HandOverReplayed
from tokenflow.core.flows import handing, holding, tearing
from tokenflow.core.flows.saving import look
from tokenflow.core.shelves import LookUp
from tokenflow.core.tickets import not_good, place_of

GATE: Final = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
HUNT: Final = settings(GATE, max_examples=300, phases=(Phase.generate,), derandomize=True, database=None)


def test_tickets_live_as_they_should() -> None:
    """The whole of it, at gate size."""
    run_state_machine_as_test(Tickets, settings=GATE)


@pytest.mark.campaign
def test_tickets_live_long_as_they_should() -> None:
    """The same, two thousand lives of a hundred steps."""
    run_state_machine_as_test(Tickets, settings=settings(GATE, max_examples=2000, stateful_step_count=100))


def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket that is looked at, and not torn."""

    def torn(shelf: str, ticket: Any) -> Any:
        place = place_of(ticket)
        content = None if place is None else (yield LookUp(shelf, place))
        if place is None or content is None:
            raise not_good()
        clock = yield from look()
        return tearing.Torn(content=content, place=place, now=clock.now)

    monkeypatch.setattr(handing, "torn", torn)


def _anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audience is not looked at."""
    monkeypatch.setattr(tearing, "same", lambda kept, shown: True)


def _prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """An audience that begins alike is taken for the same."""
    monkeypatch.setattr(tearing, "same", lambda kept, shown: shown.startswith(kept))


def _for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end is written and not held."""
    monkeypatch.setattr(tearing.Torn, "demand", _looked_at(lambda now: 0))


def _a_moment_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is still good at its very end."""
    monkeypatch.setattr(tearing.Torn, "demand", _looked_at(lambda now: now - 1))


def _looked_at(clock: Callable[[int], int]) -> Callable[[tearing.Torn, str], None]:
    whole = tearing.Torn.demand

    def demand(torn: tearing.Torn, audience: str) -> None:
        whole(attrs.evolve(torn, now=clock(torn.now)), audience)

    return demand


def _whatever_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key's present token is given, whichever it is."""
    monkeypatch.setattr(handing, "current", _as_first(token_id=True))


def _another_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewed value counts as the same token."""
    monkeypatch.setattr(handing, "current", _as_first(token_id=False))


def _as_first(*, token_id: bool) -> Callable[[Any, str], Any]:
    """Return `current`, but every token looks like the first value of its key, or of its login."""
    whole, first = holding.current, dict[str, str]()

    def current(setting: Any, key: str) -> Any:
        held = yield from whole(setting, key)
        name = first.setdefault(key, held.token.id) if token_id else held.token.id
        return attrs.evolve(held, token=attrs.evolve(held.token, generation=1, id=name))

    return current


def _told_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every further use raises the alarm anew."""

    def replayed(shelf: str, shown: tearing.Torn) -> Any:
        event = f"{shown.mark}/again"
        audience = shown.content["audience"]
        yield from tearing.on_record(
            shown.content["key"],
            shown.now,
            event,
            lambda about: (HandOverReplayed(about=about, audience=audience),),
        )

    monkeypatch.setattr(tearing, "_replayed", replayed)


PLANTED: Final = (
    _kept,
    _anywhere,
    _prefix,
    _for_ever,
    _a_moment_longer,
    _whatever_is_there,
    _another_generation,
    _told_each_time,
)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__.strip("_"))
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each of these mistakes in the flows the machine fails."""
    plant(monkeypatch)
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        run_state_machine_as_test(Tickets, settings=HUNT)
