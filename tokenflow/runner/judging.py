"""What must be true after a step, held against what is."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenflow.core.events import Happened, Notified, RuleWarned
from tokenflow.core.moments import duration
from tokenflow.core.tokens import SECOND, Instant
from tokenflow.engine.explanations import Explanation
from tokenflow.runner.spans import span
from tokenflow.runner.story import Step

_ABOUT = 0.02
"""`~60d` allows two parts in a hundred."""


def judge_error(step: Step, code: str | None) -> list[str]:
    """Return what is wrong with how the step ended."""
    if step.expect_error == code:
        return []
    return [f"expected {_error(step.expect_error)}, found {_error(code)}"]


def _error(code: str | None) -> str:
    return "no error" if code is None else f"error {code}"


def judge_heard(step: Step, heard: Sequence[Happened]) -> list[str]:
    """Return notices and warnings that were expected and did not come."""
    names = {event.name for event in heard if isinstance(event, Notified)}
    warned = {event.rule for event in heard if isinstance(event, RuleWarned)}
    silent = [name for name in step.expect_notified if name not in names]
    wrong = [f"expected notice {name}, found {_list(names)}" for name in silent]
    if step.expect_warning is not None and step.expect_warning not in warned:
        wrong.append(f"expected warning {step.expect_warning}, found {_list(warned)}")
    return wrong


def judge_seen(step: Step, answer: Mapping[str, Any]) -> list[str]:
    """Return fields of the answer that are missing, or should be."""
    fields = set(answer)
    missing = [name for name in step.expect_seen.get("has", ()) if name not in fields]
    unwanted = [name for name in step.expect_seen.get("lacks", ()) if name in fields]
    return [f"expected {name} in the answer, found {_list(fields)}" for name in missing] + [
        f"expected no {name} in the answer, found it" for name in unwanted
    ]


def judge_token(key: str, wanted: Mapping[str, Any], found: Explanation | None, now: Instant) -> list[str]:
    """Return every expectation of *key* that does not hold: expected and found."""
    if found is None:
        return [f"{key}: expected a token, found none"]
    facts = facts_of(found, now)
    wrong = []
    for name, want in wanted.items():
        have = _have(name, want, found, facts)
        if not _holds(name, want, have, found, now):
            wrong.append(f"{key}.{name}: expected {want}, found {have}")
    return wrong


def facts_of(found: Explanation, now: Instant) -> dict[str, Any]:
    """Return what may be expected of a token, as it is. Never its value."""
    token = found.token
    return {
        "state": token.state,
        "usable": found.usable,
        "expires_in": "never" if token.expires_at is None else span(token.expires_at - now),
        "estimated": token.estimated,
        "can": sorted(event for event, verdict in found.legal.items() if verdict != "no"),
        "attributes": dict(token.attributes),
        "supersedes": token.supersedes,
        "access_token": "forgotten" if token.access_token is None else "kept",
        "reason": token.reason,
        "platform": token.platform,
    }


def _have(name: str, want: Any, found: Explanation, facts: Mapping[str, Any]) -> Any:
    if name == "cannot":
        return facts["can"]
    if name == "attributes":
        return {field: facts["attributes"].get(field) for field in want}
    if name == "supersedes":
        ids = {event.about.token_id for event in found.history}
        return found.token.key if facts["supersedes"] in ids else facts["supersedes"]
    return facts[name]


def _holds(name: str, want: Any, have: Any, found: Explanation, now: Instant) -> bool:
    if name == "can":
        return set(want) <= set(have) and (bool(want) or not have)
    if name == "cannot":
        return not set(want) & set(have)
    if name == "expires_in" and found.token.expires_at is not None and want != "never":
        left, exact = found.token.expires_at - now, duration(want.removeprefix("~"))
        slack = int(exact * _ABOUT) if want.startswith("~") else SECOND
        return abs(left - exact) <= slack
    return bool(want == have)


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
