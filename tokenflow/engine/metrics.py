"""Health as text that Prometheus scrapes (exposition format 0.0.4): numbers, and two labels.

A label is an issuer's name or a lifecycle's, as specs have them: never a key, a person or a tenant. So a
scrape shows nothing of anybody, and a million tokens make no more lines than ten.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from tokenflow.core.tokens import SECOND
from tokenflow.engine.health import Counted, Health

LABELS: Final = ("issuer", "lifecycle")
"""All there are."""
_Values: TypeAlias = Sequence[tuple[str, float]]


def exposition(health: Health) -> str:
    """Return one look at an engine as text, which ends with a line break."""
    gauges = (*_of_the_engine(health), *_of_tokens(health), *_of_issuers(health))
    return "".join(f"{line}\n" for name, told, values in gauges for line in _gauge(name, told, values))


def _of_the_engine(health: Health) -> Iterator[tuple[str, str, _Values]]:
    held, troubled = int(health.clock is not None), int(health.trouble is not None)
    yield "alive", "Whether a keeper runs and came round.", _one(int(health.alive))
    yield "kept", "Live tokens.", _one(health.kept)
    yield "in_flight", "Tokens that are attended to now.", _one(health.in_flight)
    yield "due_late_seconds", "How long the token that waits longest has been due.", _one(health.due_late)
    yield "clock_held", "Whether the clock is not believed, and timers are held.", _one(held)
    yield "needing_person", "Wanted tokens that wait for a person.", _one(len(health.needing_person))
    yield "uncertain", "Tokens whose last command may have been done.", _one(len(health.uncertain))
    yield "troubled", "Whether the keeper could not do its round.", _one(troubled)
    if health.last_sweep is not None:
        yield "last_sweep_timestamp_seconds", "When it was last swept.", _one(health.last_sweep / SECOND)


def _of_tokens(health: Health) -> Iterator[tuple[str, str, _Values]]:
    told = "Live tokens that will expire before their next attempt."
    yield "expiring_unattended", told, _by_lifecycle(health.expiring_unattended)
    told = "Tokens that ended here, whose issuers are still to confirm."
    yield "revoking", told, _by_lifecycle(health.revoking)
    told = "Tokens whose issuers were told in vain that they ended."
    yield "irrevocable", told, _by_lifecycle(health.irrevocable)


def _of_issuers(health: Health) -> Iterator[tuple[str, str, _Values]]:
    named = [(_labels(issuer=one.issuer), one) for one in health.issuers]
    left = [(labels, one.budget_left) for labels, one in named]
    yield "issuer_budget_left", "Calls that may go out at once.", left
    rests = [(labels, int(one.breaker != "closed")) for labels, one in named]
    yield "issuer_rests", "Whether it is left alone, or tried with one call.", rests
    waits = [(labels, one.asked_again_in) for labels, one in named]
    yield "issuer_asked_again_seconds", "Until it may be asked by a sweep.", waits
    stopped = [(_labels(issuer=one.issuer or "*"), 1) for one in health.stopped]
    yield "refreshing_stopped", "Where an operator stopped refreshing; * is everywhere.", stopped


def _one(value: float) -> _Values:
    return (("", value),)


def _by_lifecycle(found: Sequence[Counted]) -> _Values:
    """Return a value for each, or one 0: what is alarmed about has to be there when all is well."""
    each = [(_labels(issuer=one.issuer, lifecycle=one.lifecycle), one.tokens) for one in found]
    return each or _one(0)


def _gauge(name: str, told: str, values: _Values) -> Iterator[str]:
    yield f"# HELP tokenflow_{name} {told}"
    yield f"# TYPE tokenflow_{name} gauge"
    for labels, value in values:
        yield f"tokenflow_{name}{labels} {value!r}"


def _labels(**named: str) -> str:
    assert set(named) <= set(LABELS), "only what is on the list"
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in named.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
