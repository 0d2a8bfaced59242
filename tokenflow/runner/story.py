"""A scenario as values: who exists, what happens, and what must be true afterwards."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import attrs

from tokenflow.core.tokens import SECOND, Instant
from tokenflow.spec import Document
from tokenflow.spec.neighbours import beside

ACTS: Final = (
    "acquire",
    "answer",
    "extend",
    "send",
    "derive",
    "use",
    "report",
    "introspect",
    "invalidate",
    "revoke",
    "hand_over",
    "redeem",
    "receive",
    "person",
    "issuer",
    "advance",
    "sleep",
    "clock_back",
)
_START: Final = "2026-01-01T00:00:00Z"


@attrs.frozen(kw_only=True)
class Step:
    """One thing that happens."""

    number: int
    """1 for the first."""
    name: str
    act: str
    how: Any
    """The act's own mapping, or a duration's text."""
    rules: tuple[str, ...] = ()
    """Rules of the seed it plays."""
    seed: tuple[str, ...] = ()
    """Sentences of the seed it plays."""
    expect: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    expect_error: str | None = None
    expect_warning: str | None = None
    expect_notified: tuple[str, ...] = ()
    expect_seen: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Story:
    """A whole scenario."""

    name: str
    title: str
    path: Path
    lifecycles: tuple[str, ...]
    """What is opened: the lifecycles, and Issuers given beside them."""
    start: Instant
    app: Mapping[str, Any]
    world: Mapping[str, Any]
    steps: tuple[Step, ...]


def read_story(document: Document, issuers: Sequence[str] = ()) -> Story:
    """Return the story a checked Scenario document tells, with the files of *issuers* given beside it."""
    data = document.data
    start = datetime.fromisoformat(data.get("clock", {}).get("start", _START))
    return Story(
        name=data["metadata"]["name"],
        title=data["metadata"].get("title", data["metadata"]["name"]),
        path=Path(document.path),
        lifecycles=(*(beside(ref, document.path) for ref in data["lifecycles"]), *issuers),
        start=int(start.timestamp()) * SECOND,
        app=data.get("app", {}),
        world=data.get("world", {}),
        steps=tuple(_step(number, step) for number, step in enumerate(data["steps"], 1)),
    )


def _step(number: int, data: Mapping[str, Any]) -> Step:
    act = next(name for name in ACTS if name in data)
    return Step(
        number=number,
        name=data.get("name") or _sentence(act, data[act]),
        act=act,
        how=data[act],
        rules=tuple(data.get("rules", ())),
        seed=tuple(data.get("seed", ())),
        expect=data.get("expect", {}),
        expect_error=data.get("expect_error"),
        expect_warning=data.get("expect_warning"),
        expect_notified=tuple(data.get("expect_notified", ())),
        expect_seen=data.get("expect_seen", {}),
    )


def _sentence(act: str, how: Any) -> str:
    if isinstance(how, str):
        return f"{act.replace('_', ' ')} {how}"
    subject = how.get("key") or how.get("parent") or how.get("callback") or how.get("who") or ""
    return f"{act.replace('_', ' ')} {subject}".strip()
