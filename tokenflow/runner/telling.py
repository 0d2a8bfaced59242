"""What happened, in words for a person: one line an event, times relative, never a secret."""

from tokenflow.core.events import (
    Absorbed,
    Acquired,
    AttemptFailed,
    Derived,
    HandedOver,
    Happened,
    LoginParked,
    Notified,
    RuleWarned,
    TimerMissed,
    Transitioned,
    Used,
    WasRefused,
    WasRejected,
)
from tokenflow.runner.spans import span


def in_words(event: Happened) -> str | None:
    """Return one line for an event, or None for what a reader does not miss."""
    key = event.about.key
    match event:
        case Acquired(platform=platform, state=state, estimated=estimated):
            return f"{key}: acquired by {platform} -> {state}{_ends(event.expires_at, event.about.at, estimated)}"
        case Derived(parent=parent, state=state):
            return f"{key}: derived from {parent} -> {state}{_ends(event.expires_at, event.about.at, False)}"
        case Transitioned(event=name, source=source, state=state, cause=cause, command=command, reason=reason):
            via = f" / {command}" if command else ""
            why = f", {reason}" if reason else ""
            moved = f"{source} -> {state}" if source != state else state
            return f"{key}: {name}{via} ({cause}) {moved}{why}"
        case Absorbed(event=name):
            return f"{key}: {name} absorbed"
        case WasRejected(event=name, code=code):
            return f"{key}: {name} rejected, {code}"
        case WasRefused(act=act, code=code):
            return f"{key}: {act} refused, {code}"
        case RuleWarned(rule=rule):
            return f"{key}: warned, {rule}"
        case AttemptFailed(command=command, number=number, error=error, retry_at=retry_at):
            again = f", again in {span(retry_at - event.about.at)}" if retry_at is not None else ""
            return f"{key}: {command} failed (try {number}, {error}){again}"
        case TimerMissed(timer=timer):
            return f"{key}: timer {timer} missed"
        case LoginParked():
            return f"{key}: a person has to log in"
        case Used(method=method, path=path, status=status):
            return f"{key}: used, {method} {path} -> {status}"
        case HandedOver(to=to):
            return f"{key}: handed over to the {to}"
        case Notified(name=name):
            return f"{key}: notice {name}"
        case _:
            return None


def _ends(expires_at: int | None, now: int, estimated: bool) -> str:
    if expires_at is None:
        return ", no expiry"
    return f", ends in {span(expires_at - now)}" + (" (estimated)" if estimated else "")
