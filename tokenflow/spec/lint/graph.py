"""Whether a token can begin, and can end (TF100, TF104-108, TF120)."""

from collections.abc import Iterator, Mapping
from typing import Final

from tokenflow.spec.diagnostics import Diagnostic
from tokenflow.spec.lint.subject import Subject


def incomplete(s: Subject) -> Iterator[Diagnostic]:
    """With its parent's help the lifecycle says everything that it must."""
    for key in ("token", "initial", "events", "states"):
        if key not in s.data:
            message = f"after `extends` the lifecycle still has no `{key}`"
            yield s.found("TF100", message, "metadata", key=True, lacking=(key,))
    if "token" in s.data and "kind" not in s.table("token"):
        yield s.found("TF100", "after `extends` the token still has no `kind`", "token", key=True)


def obtainable(s: Subject) -> Iterator[Diagnostic]:
    """There is a way to get such a token."""
    if not s.table("acquire") and not s.table("derive"):
        message = "no way to obtain this token: neither `acquire:` nor `derive:`"
        help = "or `abstract: true`, for a parent only"
        yield s.found("TF120", message, "metadata", key=True, help=help, lacking=("acquire",))


def ways_out(s: Subject) -> Iterator[Diagnostic]:
    """Every state that is not final leads on, and in the end to a final one."""
    after = successors(s)
    ending = _reaching(after, s.finals)
    for state in s.states:
        if state in s.finals:
            continue
        if not after[state] - {state}:
            help = "add `final: true`, or a transition"
            yield s.found(
                "TF105",
                f"`{state}` is not final, but nothing leads out of it",
                "states",
                state,
                key=True,
                help=help,
            )
        elif s.finals and state not in ending:
            yield s.found(
                "TF106", f"from `{state}` no final state can ever be reached", "states", state, key=True
            )
    if not s.finals:
        yield s.found(
            "TF106", "there is no final state", "states", key=True, help="invalidated: {final: true}"
        )


def expiry(s: Subject) -> Iterator[Diagnostic]:
    """A usable token expires by a hard timer on `expires`, unless its lifetime is never."""
    for state, body in s.states.items():
        typical = s.table("lifetimes").get(body.get("lifetime", ""), {}).get("typical")
        hard = (
            t for t in body.get("timers", {}).values() if t.get("hard") and t["at"].split()[0] == "expires"
        )
        if body.get("usable") and typical != "never" and not any(hard) and not _pinned(body):
            help = "timers: {expire: {at: expires, raise: expire, hard: true}}, or a lifetime that is never"
            yield s.found(
                "TF107",
                f"`{state}` is usable and has no expiry",
                "states",
                state,
                key=True,
                help=help,
                lacking=("states", state, "timers"),
            )


def invalidation(s: Subject) -> Iterator[Diagnostic]:
    """A usable token hears `invalidate`: any issuer may end any token early."""
    for state, body in s.states.items():
        if body.get("usable") and "invalidate" not in s.accepts(state):
            message = f"`{state}` is usable but deaf to `invalidate`; an issuer may end any token early"
            yield s.found(
                "TF108",
                message,
                "states",
                state,
                key=True,
                help="accept it here, or under `everywhere:`",
                lacking=("everywhere", "invalidate"),
            )


def unreachable(s: Subject) -> Iterator[Diagnostic]:
    """Every state can be reached; but an inherited final one is there for who wants it."""
    reached = reachable(s)
    for state in s.states:
        inherited_end = state in s.finals and not s.is_own("states", state)
        if s.data["initial"] in s.states and state not in reached and not inherited_end:
            message = f"`{state}` cannot be reached from `{s.data['initial']}`"
            yield s.found("TF104", message, "states", state, key=True)


def reachable(s: Subject) -> frozenset[str]:
    """Return the states a token can come to be in, from the initial one or from an older version."""
    after = successors(s)
    older = (to for entry in s.data.get("migrate", ()) for to in entry.get("states", {}).values())
    found: set[str] = set()
    waiting = [s.data["initial"], *older]
    while waiting:
        state = waiting.pop()
        if state in after and state not in found:
            found.add(state)
            waiting += after[state]
    return frozenset(found)


def successors(s: Subject) -> dict[str, frozenset[str]]:
    """Return state -> the known states one step further."""
    found: dict[str, set[str]] = {state: set() for state in s.states}
    for edge in s.edges:
        if edge.target in s.states:
            found[edge.source].add(edge.target)
    return {state: frozenset(targets) for state, targets in found.items()}


def _reaching(after: Mapping[str, frozenset[str]], goals: frozenset[str]) -> frozenset[str]:
    found = goals
    while True:
        more = frozenset(state for state, next_states in after.items() if next_states & found) | found
        if more == found:
            return found
        found = more


def _pinned(body: Mapping[str, Mapping[str, Mapping[str, object]]]) -> bool:
    """An expiry pinned to a length has a message of its own (TF403)."""
    return any(timer.get("hard") and timer["raise"] == "expire" for timer in body.get("timers", {}).values())


CHECKS: Final = (obtainable, ways_out, expiry, invalidation, unreachable)
