"""Many tokens: an issuer is away, a keeper goes on and on, a process starts over a million rows."""

import attrs
import pytest

from tests.faults import cold, outage, soak
from tests.faults.soak import Look, grown
from tokenflow.engine.guards import Gate

SEED = 20


@pytest.mark.proves("R5")
@pytest.mark.parametrize("size", [outage.GATE, pytest.param(1_000_000, marks=pytest.mark.campaign)])
def test_twenty_minutes_without_the_issuer_cost_few_calls_and_no_token(size: int) -> None:
    """At most 80 calls; afterwards no ten seconds exceed the budget, nothing waits on, nothing expired."""
    outage.campaign(size, SEED).demand()


def test_a_fleet_without_a_gate_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails where every token asks for itself."""
    monkeypatch.setattr(Gate, "waits", lambda gate, name, *, leisurely: 0)
    monkeypatch.setattr(Gate, "take", lambda gate, name, *, leisurely: 0)
    assert any("calls while it was away" in one for one in outage.campaign(2_000, SEED).failures)


@pytest.mark.proves("R21")
@pytest.mark.parametrize("size", [soak.GATE, pytest.param(1_000_000, marks=pytest.mark.campaign)])
def test_a_keeper_that_goes_on_holds_no_more_than_it_held(size: int) -> None:
    """Memory, objects, files and threads stay as they are once it is warm, and no token is past its end."""
    soak.campaign(size, SEED).demand()


@pytest.mark.parametrize("what", ["memory", "objects", "files", "threads", "late"])
def test_what_grows_is_noticed(what: str) -> None:
    """The check above fails for each of them."""
    calm = Look(refreshes=1, memory=2**25, objects=9_000, files=10, threads=4, late=0)
    looks = [calm] * 6 + [attrs.evolve(calm, **{what: 3 * getattr(calm, what) + 1})] * 6
    assert list(grown([calm] * 12)) == []
    assert any(what in one or "past their end" in one for one in grown(looks))


@pytest.mark.proves("R22")
@pytest.mark.parametrize("size", [cold.GATE, pytest.param(1_000_000, marks=pytest.mark.campaign)])
def test_a_cold_start_costs_what_is_due(size: int) -> None:
    """Opening and the first sweep do the same work over many rows as over few."""
    cold.campaign(size, SEED).demand()
