"""The gate's share of each campaign, and the long ones: the same code with a bigger number."""

import pytest

from tests.faults import cancellations, contention, kills, leaving, messages, pauses

SEED = 1


def sizes(gate: int, campaign: int) -> pytest.MarkDecorator:
    """Run with both sizes, the second when campaigns are asked for."""
    return pytest.mark.parametrize("size", [gate, pytest.param(campaign, marks=pytest.mark.campaign)])


@pytest.mark.proves("R1", "R17")
@sizes(kills.GATE, 20_000)
def test_a_killed_process_loses_nothing_and_spends_nothing_twice(size: int) -> None:
    """kill -9 at random and at every named point, four contracts, four processes, one file."""
    kills.campaign(size, SEED).demand()


@pytest.mark.proves("R3")
@sizes(pauses.GATE, 2_000)
def test_a_stopped_process_spends_nothing_twice(size: int) -> None:
    """SIGSTOP for a tenth of the lease to five times as long, at random and at every named point."""
    pauses.campaign(size, SEED).demand()


@pytest.mark.proves("R5")
@sizes(messages.GATE, 5_000)
def test_a_bad_network_makes_nobody_spend_a_token_twice(size: int) -> None:
    """Requests and answers are lost, late, repeated, cut and flipped."""
    messages.campaign(size, SEED).demand()


@pytest.mark.proves("R2")
@sizes(contention.GATE, 50)
def test_one_call_is_made_for_one_token_whoever_asks(size: int) -> None:
    """8 processes of 32 threads of 32 tasks ask at once for one that is over: one call, and nobody fails."""
    contention.campaign(size, SEED).demand()


@pytest.mark.proves("R19")
@sizes(cancellations.GATE, 100_000)
def test_a_cancelled_caller_loses_nothing(size: int) -> None:
    """At each of the engine's steps, at each of the caller's awaits, and after random times."""
    cancellations.campaign(size, SEED).demand()


@pytest.mark.proves("R18", "R19")
@sizes(leaving.GATE, 200)
def test_who_leaves_amid_a_refresh_loses_nothing(size: int) -> None:
    """By a fork, a closed loop, the interpreter's end, or Ctrl-C."""
    leaving.campaign(size, SEED).demand()
