"""What happened, in words for a person: one line an event, times relative, never a secret."""

from tokenflow.core.events import (
    Absorbed,
    Acquired,
    AnswerUnsaved,
    AttemptFailed,
    Derived,
    HandedOver,
    HandOverReplayed,
    Happened,
    LifetimeChanged,
    LoginParked,
    Migrated,
    Notified,
    OutcomeUnknown,
    Redeemed,
    RevocationBegun,
    RevocationFailed,
    RuleWarned,
    ScopeChanged,
    TimerMissed,
    TimerStopped,
    Transitioned,
    Used,
    WasRefused,
    WasRejected,
)
from tokenflow.runner.spans import span


def in_words(event: Happened) -> str | None:
    """Return one line for an event, or None for what a reader does not miss."""
    words = _of_life(event) or _of_acts(event) or _of_its_end(event)
    return None if words is None else f"{event.about.key}: {words}"


def _of_life(event: Happened) -> str | None:
    """What moved the token, or was meant to."""
    at = event.about.at
    match event:
        case Acquired(platform=platform, state=state, estimated=estimated, handed_by=origin):
            by = platform if origin is None else f"{platform}, handed over by {origin},"
            return f"acquired by {by} -> {state}{_ends(event.expires_at, at, estimated)}"
        case Derived(parent=parent, state=state):
            return f"derived from {parent} -> {state}{_ends(event.expires_at, at, False)}"
        case Transitioned(source=source, state=state):
            via = f" / {event.command}" if event.command else ""
            moved = f"{source} -> {state}" if source != state else state
            return f"{event.event}{via} ({event.cause}) {moved}" + (
                f", {event.reason}" if event.reason else ""
            )
        case AttemptFailed(command=command, number=number, error=error, retry_at=retry_at):
            again = f", again in {span(retry_at - at)}" if retry_at is not None else ""
            return f"{command} failed (try {number}, {error}){again}"
        case OutcomeUnknown(command=command, number=number, asks_again_at=asks):
            again = f", the issuer is asked about it in {span(asks - at)}" if asks is not None else ""
            return f"{command} may have been carried out (try {number}), and is not repeated{again}"
        case AnswerUnsaved(error=error):
            return f"the answer came, and the store does not take it ({error}): it is tried until it does"
        case TimerStopped(timer=timer, state=state):
            return f"timer {timer} stopped in {state}: its states chase each other"
        case Absorbed(event=name):
            return f"{name} absorbed"
        case WasRejected(event=name, code=code):
            return f"{name} rejected, {code}"
        case TimerMissed(timer=timer):
            return f"timer {timer} missed"
        case Migrated(source=source, state=state):
            moved = f", {source} -> {state}" if source != state else ""
            return f"migrated from {event.from_lifecycle} to {event.to_lifecycle}{moved}"
        case _:
            return None


def _of_acts(event: Happened) -> str | None:
    """What was done with it, or said about it."""
    match event:
        case LoginParked():
            return "a person has to log in"
        case WasRefused(act=act, code=code):
            return f"{act} refused, {code}"
        case RuleWarned(rule=rule):
            return f"warned, {rule}"
        case Used(method=method, path=path, status=status):
            return f"used, {method} {path} -> {status}"
        case HandedOver(to=to, audience=audience):
            return f"handed over to the {to} at {audience}, by a ticket"
        case Redeemed(to=to, audience=audience, as_code=as_code):
            given = "a code for it went" if as_code else "it went"
            return f"the ticket was redeemed, and {given} to the {to} at {audience}"
        case HandOverReplayed(audience=audience):
            return f"ALARM: a used ticket for {audience} was shown again; it gave nothing"
        case Notified(name=name):
            return f"notice {name}"
        case ScopeChanged(gained=gained, lost=lost):
            changed = (*(f"+{one}" for one in gained), *(f"-{one}" for one in lost))
            return f"permissions changed: {' '.join(changed)}"
        case LifetimeChanged(lifetime=name):
            return f"lifetime {name}: {_of_lifetime(event)}"
        case _:
            return None


def _of_its_end(event: Happened) -> str | None:
    """How far its end on purpose has come."""
    match event:
        case RevocationBegun():
            return "it is to end on purpose, and is used for nothing any more"
        case RevocationFailed(about=about, tries=tries, error=error, again_at=again_at):
            again = span(again_at - about.at)
            return f"ALARM: not revoked after {tries} tries ({error}); its issuer is told again in {again}"
        case _:
            return None


def _of_lifetime(event: LifetimeChanged) -> str:
    learned = "as promised" if event.learned is None else f"for about {span(event.learned)}"
    promised = "nothing" if event.promised is None else span(event.promised)
    match event.why:
        case "died_early":
            return f"values die before their end; renewed as if they lived {learned}"
        case "recovered":
            return f"values live longer again, {learned}"
        case "out_of_bounds":
            return f"the issuer promises {promised}, which is outside the bounds of the spec"
        case _:
            return f"the issuer promises {promised} now"


def _ends(expires_at: int | None, now: int, estimated: bool) -> str:
    if expires_at is None:
        return ", no expiry"
    return f", ends in {span(expires_at - now)}" + (" (estimated)" if estimated else "")
