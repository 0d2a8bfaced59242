"""Each step of a spec that uses a capability of a plugin: which, where it is written, and how it is meant."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Path


@attrs.frozen
class Use:
    """One capability in use."""

    name: str
    path: Path
    """Where it is named."""
    step: Path
    """The step that uses it."""
    body: Mapping[str, Any]
    """The step."""

    @property
    def itself(self) -> bool:
        """Whether it is what the step is about: it takes the step's `with` and runs where the step does."""
        return self.path[-1] == "use"


def uses(s: Subject) -> Iterator[Use]:
    """Yield the capabilities a Lifecycle or an Issuer uses."""
    for name, body in s.table("acquire").items():
        step = ("acquire", name)
        yield Use(body["use"], (*step, "use"), step, body)
        if "verify" in body:
            yield Use(body["verify"], (*step, "verify"), step, body)
        exchange = body.get("with", {}).get("exchange")
        if isinstance(exchange, str):
            yield Use(exchange, (*step, "with", "exchange"), step, body)
    for name, body in s.table("commands").items():
        yield Use(body["use"], ("commands", name, "use"), ("commands", name), body)
    if s.table("hand_over"):
        body = {**s.table("hand_over"), "runs_on": "server"}
        yield Use(body["use"], ("hand_over", "use"), ("hand_over",), body)
    if s.table("derive"):
        yield Use(s.table("derive")["use"], ("derive", "use"), ("derive",), s.table("derive"))
    for name, body in s.table("callbacks").items():
        yield Use(body["use"], ("callbacks", name, "use"), ("callbacks", name), body)
    if "probe" in s.data:
        yield Use(s.data["probe"], ("probe",), (), s.data)
