"""What is told of an attempt, of a person who is needed, and of a condition nobody can ask."""

from typing import Final

import attrs
import pytest

from tests.properties.planning import MINUTE, World, world
from tokenflow.core.tokens import Attempt
from tokenflow.engine.keys import open_keyed
from tokenflow.engine.memory import MemoryStore
from tokenflow.engine.sealing import to_row, unopened
from tokenflow.engine.stores import Write
from tokenflow.runner.explaining import Explained, explain
from tokenflow.runner.verdicts import asked

KEY: Final = "fb/ada"


def explained(found: World, attempt: Attempt) -> Explained:
    """Explain the token under KEY as it is while *attempt* is."""
    row = found.store.load("default", KEY)
    assert row is not None
    token = attrs.evolve(
        unopened(row), attempt=attempt, revision=row.revision + 1, access_token=None, refresh_token=None
    )
    lifecycle = found.engine.desk.setting.lifecycle("facebook-user")
    bare = to_row(token, lifecycle, open_keyed(MemoryStore(), None))  # nothing to seal
    kept = attrs.evolve(bare, access_token=row.access_token)
    found.store.save([Write(row=kept, expected=row.revision)], mark=found.clock())
    return explain(found.glass(), KEY)


@pytest.mark.parametrize(
    ("passed", "says"),
    [
        (0, "extend is under way (try 1)"),
        (2 * MINUTE, "extend was begun and its outcome is not known"),
    ],
)
def test_a_command_is_under_way_for_as_long_as_its_lease(passed: int, says: str) -> None:
    """After it nobody waits for the worker any more, and nobody knows what became of it."""
    with world([("log_in", KEY)]) as found:
        now = found.clock()
        begun = Attempt(
            event="extend", number=1, started_at=now, command="extend", lease_until=now + MINUTE, worker="w"
        )
        found.clock.advance(passed)
        assert explained(found, begun).attempt == says


def test_who_consented_once_is_asked_again() -> None:
    """The token is good for a while, and only a person can renew it."""
    with world([("log_in", KEY)]) as found:
        no = Attempt(event="extend", number=1, started_at=found.clock(), command="extend", error="reconsent")
        person = explained(found, no).person
    assert person is not None
    assert person.startswith("a person has to consent again: engine.acquire('fb/ada'")


def test_a_condition_that_cannot_be_asked_is_no_no() -> None:
    """A plugin's guard may raise anything: it is told as an error, neither as yes nor as no (rule E2)."""

    class Broken:
        def check(self, view: object) -> bool:
            raise ZeroDivisionError

    assert asked(Broken(), None) == "error"  # type: ignore[arg-type]  # it looks at nothing
