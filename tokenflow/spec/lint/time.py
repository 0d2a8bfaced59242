"""Timers that lie about time (TF109, TF117, TF118, TF123-125, TF403)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject
from tokenflow.spec.tree import Path
from tokenflow.spec.units import duration

Timer: TypeAlias = tuple[str, str, Mapping[str, Any], Path]
_PAUSE: Final = 1_000_000
"""The shortest pause between two firings of a timer: one second."""
_OF_THE_VALUE: Final = ("expires", "refreshed")
"""Anchors that every new access token sets anew; others measure longer things than its life."""


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
        typical = _typical(s, state)
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


def without_pause(s: Subject) -> Iterator[Diagnostic]:
    """A timer that repeats lets the clock move on."""
    for _, name, timer, path in _timers(s):
        if "every" in timer and 0 <= length(timer["every"]) < _PAUSE:
            message = f"timer `{name}` is due again at once, for ever"
            yield s.found("TF123", message, *path, "every", help="every: 15m")


def too_wide(s: Subject) -> Iterator[Diagnostic]:
    """A jitter is small beside the life it is taken from."""
    for state, name, timer, path in _timers(s):
        typical = _typical(s, state)
        if timer.get("hard") or "jitter" not in timer or typical == "never":
            continue
        if timer["at"].split()[0] in _OF_THE_VALUE and 2 * length(timer["jitter"]) > length(typical):
            message = f"`{name}` may fire {timer['jitter']} early, which is over half of a typical {typical}"
            help = "a tenth of the typical life spreads a fleet well enough"
            yield s.found("TF124", message, *path, "jitter", help=help)


def after_the_end(s: Subject) -> Iterator[Diagnostic]:
    """A usable state is left when the token expires, and no later."""
    for state, body in s.states.items():
        hard = {
            name: timer["at"].split()[1:]
            for name, timer in body.get("timers", {}).items()
            if timer.get("hard") and timer["at"].split()[0] == "expires"
        }
        late = {name for name, offset in hard.items() if offset and offset[0] == "+" and _some(offset[1])}
        if body.get("usable") and late and late == hard.keys():
            for name in sorted(late):
                message = f"`{state}` is usable, and is left only at `{body['timers'][name]['at']}`"
                yield s.found(
                    "TF125", message, "states", state, "timers", name, "at", help="anchor it on `expires`"
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


def _typical(s: Subject, state: str) -> str:
    """Return how long a token in *state* typically lives; `never` where that is not said."""
    lifetime = s.table("lifetimes").get(s.states[state].get("lifetime", ""), {})
    return str(lifetime.get("typical", "never"))


def _some(offset: str) -> bool:
    return int(offset[:-1]) > 0 if offset.endswith("%") else length(offset) > 0


def length(text: str) -> int:
    """Return microseconds, or -1 for what is no duration (which has a message of its own)."""
    try:
        return duration(text)
    except ValueError:
        return -1


CHECKS: Final = (
    hard_facts,
    too_late,
    too_early,
    unreadable_offset,
    without_pause,
    too_wide,
    after_the_end,
    pinned_expiry,
)
