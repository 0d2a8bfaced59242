"""Rule E3: what was refused is on record, cheaply, and a repeated event id gets the same no."""

import pytest

from tests.engine.ground import Ground
from tokenflow import MemoryStore, Refused, Rejected
from tokenflow.core.events import WasRefused, WasRejected
from tokenflow.engine.performer import NOTES


@pytest.mark.parametrize("durable", [False, True])
def test_a_repeated_event_id_is_rejected_again_by_another_engine(ground: Ground, durable: bool) -> None:
    """Rule E3: the no is in the history, under the revision it met, and stands after a reopen."""
    store = MemoryStore()
    for number in range(2):
        with ground.durable() if durable else ground.open(store) as engine:
            if not number:
                ground.rotating(engine)
            with pytest.raises(Rejected) as no:
                engine.send("k", "acquired", event_id="e1")
            assert (no.value.code, no.value.event, no.value.state) == ("not_accepted", "acquired", "issued")
            found = engine.explain("k")
            (note,) = [one for one in found.history if isinstance(one, WasRejected)]
            assert (note.about.event_id, note.about.revision) == ("e1", found.token.revision)
            if number:
                assert engine.extend("k").state == "extended", "a note stands in no save's way"


def test_a_refused_act_is_on_record(ground: Ground) -> None:
    """Rule E3: an act that custody forbids is refused again by the same code, without asking anew."""
    with ground.open() as engine:
        ground.facebook(engine)
        for _ in range(2):
            with pytest.raises(Refused) as no:
                engine.extend("ada", place="client", event_id="e1")
            assert no.value.code == "secret_not_allowed_here"
        noted = [one for one in engine.explain("ada").history if isinstance(one, WasRefused)]
        assert [one.code for one in noted] == ["secret_not_allowed_here"]


@pytest.mark.proves("H6")
def test_a_flood_of_refusals_does_not_grow_the_store(ground: Ground) -> None:
    """Rule E3: without an event id nothing is written; with ever new ones the last few are kept."""
    store = MemoryStore()
    with ground.open(store) as engine:
        ground.rotating(engine)
        before = len(engine.explain("k").history)
        for number in range(2 * NOTES):
            for event_id in (None, f"e{number}"):
                with pytest.raises(Rejected):
                    engine.send("k", "acquired", event_id=event_id)
        history = engine.explain("k").history
        assert len(history) == before + NOTES
        assert history[-1].about.event_id == f"e{2 * NOTES - 1}"
