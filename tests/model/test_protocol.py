"""The refresh protocol, explored: in no order of steps and faults is a token lost or spent twice.

The gate; the same code with bigger worlds is `python -m tests.model --campaign`.
"""

# ruff: noqa: SIM300  # expected == actual, constants too

import pytest

from tests.model.explore import endless, explore
from tests.model.gates import CAMPAIGN, ENDING, GATE
from tests.model.graph import Graph
from tests.model.plants import CONTROLS, PLANTS, Plant
from tests.model.setups import Setup, described
from tests.model.world import World
from tokenflow.core.doubts import MARGIN, SLACK, quiet_from
from tokenflow.core.refresh import Do, End, Guarded, Locked, OutOfTurn, Turn, advance

pytestmark = pytest.mark.proves("R1", "R2", "R3")

SETUPS = tuple({plant.setup: None for plant in PLANTS if plant.setup not in (*GATE, *ENDING)})


@pytest.mark.parametrize("setup", GATE, ids=described)
def test_nothing_is_lost_nor_spent_twice(setup: Setup) -> None:
    """§3.1: whatever order steps and faults come in, every property holds in every state."""
    found = explore(World(setup))
    assert {} == found.breaches
    assert found.states > 1_000, "a world in which little happens proves little"
    assert found.ends


@pytest.mark.parametrize("setup", ENDING, ids=described)
def test_every_run_can_come_to_its_end(setup: Setup) -> None:
    """§3.1: from every state there is a way to where every token is renewed, or waits for a person."""
    assert {} == explore(World(setup)).breaches
    found = endless(World(setup))
    assert {} == found.breaches
    assert found.ends


@pytest.mark.parametrize("plant", [*PLANTS, *CONTROLS], ids=lambda plant: plant.gone)
def test_a_rule_that_is_gone_is_missed(plant: Plant) -> None:
    """Each rule, and each thing that is taken for granted, is needed: without it a property fails."""
    found = explore(plant.world(), first=True)
    assert plant.breaks in found.breaches
    assert found.breaches[plant.breaks], "the way there is told"


@pytest.mark.parametrize("setup", SETUPS, ids=described)
def test_with_all_rules_nothing_is_missed(setup: Setup) -> None:
    """What a planted bug breaks holds in the same world without the bug."""
    assert {} == explore(World(setup)).breaches


def test_processes_are_interchangeable() -> None:
    """To keep processes in order leaves out no state but those that differ in which process is which."""
    setup = Setup(crash=1, loss=1)
    graph = Graph(World(setup))
    queue = [graph.start()]
    seen = set(queue)
    for state in queue:
        new = {after for _, _, after, _ in graph.successors(state, named=True)} - seen
        seen |= new
        queue.extend(new)
    assert explore(World(setup)).states == len({graph.in_order(state) for state in seen}) < len(seen)


def test_who_is_not_let_in_goes_away() -> None:
    """Ruling 7: another holds the lock, and the turn ends as busy with nothing done."""
    turn = advance(Turn(doubt=Setup().doubt), Locked(mine=False))
    assert (Do.STOP, End.BUSY) == (turn.do, turn.end)


def test_news_of_another_step_is_refused() -> None:
    """A step that was not next stops everything: going on could spend a token twice."""
    turn = Turn(doubt=Setup().doubt)
    with pytest.raises(OutOfTurn):
        advance(turn, Guarded(safe=True))
    assert Do.READ is advance(turn, Locked(mine=True)).do


def test_a_request_is_over_after_its_deadline_and_the_margin() -> None:
    """Ruling 14: quiet is a clock, and its bound is stated."""
    assert 100 + SLACK + MARGIN == quiet_from(40, 60)


@pytest.mark.campaign
@pytest.mark.parametrize("setup", CAMPAIGN, ids=described)
def test_nothing_is_lost_in_bigger_worlds(setup: Setup) -> None:
    """§3.1: the same with more faults at once, a third process, a third generation."""
    assert {} == explore(World(setup)).breaches
