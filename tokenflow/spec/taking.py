"""What each state takes, and how that differs between two versions (rule M2)."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tokenflow.spec.tree import Path
from tokenflow.spec.weighing import MAJOR, MINOR, WORDS, Data, Weighed, bare

_Entry: TypeAlias = tuple[Path, list[Any]] | None
"""Where it is written, and its candidates; None for what is not taken."""


def edges(data: Data) -> Mapping[tuple[str, str], tuple[Path, list[Any]]]:
    """Return what each state takes: (state, event) -> where that is written, and its candidates.

    A state's own entry shadows `everywhere`, which no final state has (rule E1).
    """
    found = {}
    for state, spec in data["states"].items():
        if not _final(data, state):
            own = (spec or {}).get("transitions") or {}
            for event, entry in {**(data.get("everywhere") or {}), **own}.items():
                path = ("states", state, "transitions", event) if event in own else ("everywhere", event)
                found[state, event] = (path, entry if isinstance(entry, list) else [entry])
    return found


def taken(old: Data, new: Data) -> Iterator[Weighed]:
    """Yield how what states take differs. What `everywhere` says is said once for all of them."""
    before, after = edges(old), edges(new)
    found: dict[tuple[Path, str, str], list[str]] = {}
    for state in (name for name in old["states"] if name in new["states"]):
        absorbed, absorbs = _absorbed(old, state), _absorbed(new, state)
        turned = _final(old, state) or _final(new, state)  # then its transitions are no news
        named = [event for place, event in (*before, *after) if place == state]
        for event in dict.fromkeys((*named, *sorted(absorbed | absorbs))):
            had, has = before.get((state, event)), after.get((state, event))
            if turned:
                had = has = None
            path, how = _difference(state, had, has, event in absorbed, event in absorbs)
            if how is not None:
                found.setdefault((path, event, how), []).append(state)
    for (path, event, how), states in found.items():
        yield _said(path, event, how, ", ".join(f"`{state}`" for state in states))


def _final(data: Data, state: str) -> bool:
    return bool((data["states"][state] or {}).get("final"))


def _absorbed(data: Data, state: str) -> frozenset[str]:
    return frozenset((data["states"][state] or {}).get("absorbs", ()))


def _difference(
    state: str, had: _Entry, has: _Entry, absorbed: bool, absorbs: bool
) -> tuple[Path, str | None]:
    """Return where and how a state takes an event otherwise than before; None when it does not."""
    late: Path = ("states", state, "absorbs")
    took, takes = had is not None or absorbed, has is not None or absorbs
    if took and not takes:
        return had[0] if had is not None else late, "gone"
    if takes and not took:
        return (has[0], "new") if has is not None else (late, "absorbed")
    if had is None or has is None:
        return late, None if had is has else "otherwise"
    return has[0], None if bare(had[1]) == bare(has[1]) else _changed(had[1], has[1])


def _changed(old: list[Any], new: list[Any]) -> str:
    if len(old) != len(new):
        return "candidates"
    keys = {key for a, b in zip(old, new, strict=True) for key in {**a, **b} if a.get(key) != b.get(key)}
    return ", ".join(sorted(keys - WORDS))


def _said(path: Path, event: str, how: str, states: str) -> Weighed:
    match how:
        case "gone":
            what = f"`{event}` is no longer accepted in {states}"
            return MAJOR, path, what, "whoever raises it is now rejected"
        case "new":
            return MINOR, path, f"`{event}` is now accepted in {states}", "what was rejected is taken"
        case "absorbed":
            return MINOR, path, f"`{event}` is now absorbed in {states}", "late news is taken without effect"
        case "otherwise":
            return (
                MINOR,
                path,
                f"`{event}` is taken otherwise in {states}",
                "it was without effect, or is now",
            )
        case _:
            return MINOR, path, f"`{event}` in {states} changed ({how})", "live tokens go another way"
