"""Every meaning of Facebook's errors is met by a step of a shipped scenario."""

from collections.abc import Iterator
from typing import Any, Final

from tests.spec.test_facebook_errors import MEANINGS, refused
from tokenflow.core.policies import meaning_among
from tokenflow.runner.story import read_story
from tokenflow.spec import load, shipped

SAID_BY_THE_SANDBOX: Final = (
    ("devices", "prompt_pending", 1349174),
    ("devices", "consent_denied", 1349173),
)
"""Scenario, the error its step ends in, and the subcode of the answer: nobody has decided, and a no."""


def answers() -> Iterator[dict[str, Any]]:
    """Yield each refusal that a story tells: as a fault, or as an answer to a call made elsewhere."""
    for name in shipped("Scenario"):
        for step in read_story(load(name)).steps:
            fault = step.how.get("fault", {}) if step.act == "issuer" else {}
            if step.act == "report":
                yield step.how["answer"]
            elif fault.get("kind") == "rate_limit":
                yield {"error": {"type": "OAuthException", "code": fault["code"]}}
            elif fault.get("status", 0) >= 300 and "body" in fault:
                yield fault["body"]


def test_every_error_path_has_a_scenario() -> None:
    """No meaning of the issuer's document is without a step in which Facebook says it."""
    natural = [
        {"error": {"type": "OAuthException", "code": 31, "error_subcode": one[2]}}
        for one in SAID_BY_THE_SANDBOX
    ]
    for name, error, _ in SAID_BY_THE_SANDBOX:
        assert error in {step.expect_error for step in read_story(load(name)).steps}

    met = {id(meaning_among(MEANINGS, refused(body))) for body in (*answers(), *natural)}

    assert [one.match for one in MEANINGS if id(one) not in met] == []
