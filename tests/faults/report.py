"""What a campaign says when it is over: its figures, what it found, and why it may not count."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen
class Report:
    """One campaign. It proves something only when it found no failure and nothing makes it void."""

    name: str
    figures: Mapping[str, Any]
    """What was done and measured: counts, seconds, rates. Plain JSON."""
    void: Sequence[str] = ()
    """Why the run counts for nothing: thin traffic, a fault that was never injected, a bug that slipped."""
    failures: Sequence[str] = ()
    """What was lost, spent twice, corrupted or left behind, each in a sentence that says where."""

    @property
    def verdict(self) -> str:
        """failed, void or ok; a failure counts, however little was done."""
        if self.failures:
            return "failed"
        return "void" if self.void else "ok"

    def demand(self) -> None:
        """Raise AssertionError, with all there is to say, unless the run is ok."""
        assert self.verdict == "ok", str(self)

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict}"]
        lines += [f"  {name}: {_shown(value)}" for name, value in self.figures.items()]
        lines += [f"  void: {one}" for one in self.void]
        lines += [f"  FAILED: {one}" for one in self.failures]
        return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return value if isinstance(value, str) else json.dumps(value, default=str)


def merged(name: str, reports: Sequence[Report]) -> Report:
    """Return several runs as one, each run's figures under its own name."""
    return Report(
        name,
        {one.name: dict(one.figures) for one in reports},
        [f"{one.name}: {why}" for one in reports for why in one.void],
        [f"{one.name}: {what}" for one in reports for what in one.failures],
    )
