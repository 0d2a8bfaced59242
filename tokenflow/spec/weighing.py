"""How much a change asks of a version, and what of a spec counts as changed (rule M2)."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from tokenflow.spec.tree import Path

MAJOR, MINOR, PATCH = "major", "minor", "patch"
BUMPS: Final = (PATCH, MINOR, MAJOR)
"""The least first."""

Data: TypeAlias = Mapping[str, Any]
Weighed: TypeAlias = tuple[str, Path, str, str]
"""One change: bump, place, what, why."""

WORDS: Final = frozenset({"description", "because", "advice"})
"""Keys that only people read."""
_FREE: Final = frozenset({"set", "payload", "match", "with", "on_error", "default"})
"""Mappings whose keys are the author's own."""


def bare(value: Any, *, free: bool = False) -> Any:
    """Return *value* without what only people read."""
    if isinstance(value, Mapping):
        return {
            key: bare(inner, free=key in _FREE)
            for key, inner in value.items()
            if free or key not in WORDS or not isinstance(inner, str)
        }
    return [bare(one) for one in value] if isinstance(value, list) else value


def parts(old: Data, new: Data) -> str:
    """Return the keys under which two mappings differ."""
    return ", ".join(key for key in {**old, **new} if bare(old.get(key)) != bare(new.get(key)))
