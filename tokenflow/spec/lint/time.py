"""Timers that lie about time (TF109, TF117, TF118, TF403)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Path
from tokenflow.spec.units import duration

Timer: TypeAlias = tuple[str, str, Mapping[str, Any], Path]


def hard_facts(s: Subject) -> Iterator[Diagnostic]:
    """A hard timer states a fact: it takes no jitter and does not repeat."""
    for _, _, timer, path in _timers(s):
        if timer.get("hard") and "jitter" in timer:
            yield s.found(
                "TF109", "a hard timer states a fact and takes no jitter", *path, "jitter", key=True
            )
        if timer.get("hard") and "every" in timer:
            yield s.found("TF109", "a hard timer states a fact and fires once", *path, "every", key=True)


def too_late(s: Subject) -> Iterator[Diagnostic]:
    """A soft timer at or after expiry never wins against it."""
    for state, name, timer, path in _timers(s):
        anchor, *offset = timer["at"].split()
        others = s.states[state]["timers"].values()
        ends = any(one.get("hard") and one["at"] == "expires" for one in others)
        if not timer.get("hard") and anchor == "expires" and offset[:1] != ["-"] and ends:
            message = f"timer `{name}` is due at or after expiry and never wins against it"
            yield s.found("TF117", message, *path, "at", help="`expires - 10%`")


def too_early(s: Subject) -> Iterator[Diagnostic]:
    """An offset from expiry is shorter than the typical life."""
    for state, _, timer, path in _timers(s):
        anchor, *offset = timer["at"].split()
        if anchor != "expires" or offset[:1] != ["-"] or offset[1].endswith("%"):
            continue
        typical = s.table("lifetimes").get(s.states[state].get("lifetime", ""), {}).get("typical", "never")
        if typical != "never" and length(offset[1]) >= length(typical):
            past = f"`{timer['at']}` is already past when a typical {typical} token starts"
            message = f"{past}; it would fire at once"
            help = "a percentage adapts to whatever life the issuer gives: `expires - 20%`"
            yield s.found("TF118", message, *path, "at", help=help)


def unreadable_offset(s: Subject) -> Iterator[Diagnostic]:
    """The offset of a moment is a duration."""
    for _, _, timer, path in _timers(s):
        offset = timer["at"].split()[2:]
        if offset and not offset[0].endswith("%") and length(offset[0]) < 0:
            yield s.found(
                "TF015", f"`{offset[0]}` is not a duration", *path, "at", help="e.g. `expires - 7d`"
            )


def pinned_expiry(s: Subject) -> Iterator[Diagnostic]:
    """Expiry follows the issuer's answer, not a length written here (seed: it may change without warning)."""
    for _, _, timer, path in _timers(s):
        anchor, *offset = timer["at"].split()
        if (
            timer.get("hard")
            and anchor in ("entered", "issued", "refreshed")
            and offset
            and timer["raise"] == "expire"
        ):
            message = f"expiry is pinned to `{timer['at']}`; the issuer may change lifetimes without notice"
            yield s.found("TF403", message, *path, "at", help="anchor it on `expires`")


def _timers(s: Subject) -> Iterator[Timer]:
    for state, body in s.states.items():
        for name, timer in body.get("timers", {}).items():
            yield state, name, timer, ("states", state, "timers", name)


def length(text: str) -> int:
    """Return microseconds, or -1 for what is no duration (which has a message of its own)."""
    try:
        return duration(text)
    except ValueError:
        return -1


CHECKS: Final = (hard_facts, too_late, too_early, unreadable_offset, pinned_expiry)
