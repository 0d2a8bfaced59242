"""Hostile servers, at the size of the gate."""

import asyncio

import pytest

from tests.faults.hostile import GATE, LATEST, Exchange, campaign, exchange, misbehaving, report
from tests.faults.misbehaving import BEHAVIOURS
from tokenflow import HttpTransport
from tokenflow.engine.transports import CAP


@pytest.mark.proves("C7", "H4", "R5")
def test_every_hostile_answer_ends_by_its_deadline() -> None:
    """p99 <= deadline + 50 ms, all <= deadline + 500 ms, no more than the cap, and only errors of ours."""
    campaign(GATE, seed=1).demand()


@pytest.mark.campaign
def test_ten_thousand_hostile_answers() -> None:
    """The same, for minutes."""
    campaign(10_000, seed=2).demand()


def test_the_corpus_is_large_enough() -> None:
    """Every way that is known to hurt a client, and more than sixty of them."""
    assert len(BEHAVIOURS) > 100


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (Exchange("silence", 0.6, "issuer_unreachable"), "silence: ended 0.600 s after its deadline"),
        (Exchange("gzip bomb", -0.1, "answer", CAP + 1), f"gzip bomb: {CAP + 1} bytes were taken"),
        (Exchange("tls", -0.1, "! ValueError"), "tls: ! ValueError"),
    ],
)
def test_what_is_too_late_too_long_or_no_error_of_ours_fails(spoiled: Exchange, said: str) -> None:
    """The judge judges: one exchange that is wrong is a failure by name."""
    went = [Exchange(name, -0.1, "answer", 3) for name in BEHAVIOURS]
    seen = dict.fromkeys(BEHAVIOURS, 1)
    assert report(went, 0.0, seen, 0).verdict == "ok"
    assert said in report([*went, spoiled], 0.0, seen, 0).failures
    assert report(went, 0.0, {**seen, "/thief": 1}, 0).failures == ["a redirect was followed"]
    assert report(went, 0.0, {}, 0).verdict == "void"


def test_a_transport_that_outstays_its_deadline_is_caught() -> None:
    """The measure measures: an exchange that is waited for too long is late by what it took."""

    async def wait(port: int) -> Exchange:
        number = [*BEHAVIOURS].index("silence")
        patient = HttpTransport(deadline=LATEST + 0.3)
        went = await exchange(patient, "silence", f"http://127.0.0.1:{port}/{number}", deadline=0.1)
        await patient.close()
        return went

    with misbehaving() as port:
        went = asyncio.run(wait(port))
    assert "silence: ended" in str(report([went], 0.0, {}, 0).failures)
