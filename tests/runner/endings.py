"""How a run ended, and in what a broken one may differ from an unbroken one."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from tokenflow.runner.playing import Played
from tokenflow.runner.story import Story
from tokenflow.sandbox import AdminClient

TELLING: Final = ("state", "usable", "access_token", "reason", "platform", "can")
"""What of a token is the same in every run; its dates follow from random spreads."""
BY_TIME: Final = ("advance", "sleep", "clock_back")

Line = tuple[str | None, str, str, str | None, int | None]


def ledger(admin: AdminClient) -> Counter[Line]:
    """Return what the issuer was asked, how often, and under which step."""
    return Counter(
        (row["step"], row["method"], row["path"], row["grant_type"], row["status"])
        for row in admin.ledger()["requests"]
    )


@frozen
class Ending:
    """Where each token stands, how each step went, and what the issuer was asked."""

    tokens: Mapping[str, Mapping[str, Any]]
    steps: list[tuple[int, str | None, list[str]]]
    asked: Counter[Line]

    @classmethod
    def of(cls, played: Played, admin: AdminClient) -> "Ending":
        """Return how a run in this process ended."""
        steps = [(one.step.number, one.error, list(one.wrong)) for one in played.outcomes]
        return cls(telling(played.tokens), steps, ledger(admin))

    @classmethod
    def told(cls, report: Mapping[str, Any], admin: AdminClient) -> "Ending":
        """Return how a run ended that reported itself as JSON."""
        steps = [(step["number"], step["error"], step["wrong"]) for step in report["steps"]]
        return cls(telling(report["tokens"]), steps, ledger(admin))


def telling(tokens: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: {name: facts[name] for name in TELLING} for key, facts in tokens.items()}


def held_to(whole: Ending, broken: Ending, story: Story, *in_flight: int) -> None:
    """Say where a broken run differs. What was in flight may have been asked again, nothing else."""
    assert broken.tokens == whole.tokens
    # A ticket is good once: who died while it was redeemed has spent it, and is told so.
    spent = {step for step in in_flight if step and story.steps[step - 1].act in ("redeem", "hand_over")}
    assert [one for one in broken.steps if one[0] not in spent] == [
        one for one in whole.steps if one[0] not in spent
    ]
    told = {one[1] for one in whole.steps if one[0] in spent}
    assert {one[1] for one in broken.steps if one[0] in spent} <= {*told, None, "ticket_refused"}
    unasked = {f"{story.name}:{step}" for step in spent}
    assert {line for line in broken.asked if line[0] not in unasked} == {
        line for line in whole.asked if line[0] not in unasked
    }
    allowed = {
        # A timer's command is asked by the sweep, under no step's id.
        None if story.steps[step - 1].act in BY_TIME else f"{story.name}:{step}"
        for step in in_flight
        if step > 0
    }
    again = {line: count for line, count in broken.asked.items() if count != whole.asked[line]}
    assert {line: count for line, count in again.items() if line[0] not in allowed} == {}
