"""What forbids an act before anything is sent: custody, secrets, transport, rules; and when to try again."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tokenflow.core.answers import LONGEST_WAIT
from tokenflow.core.conditions import View
from tokenflow.core.errors import IssuerError, IssuerRefused, Refused, TokenflowError
from tokenflow.core.events import About, RuleWarned
from tokenflow.core.issuers import in_run, run_of, says
from tokenflow.core.lifecycles import Lifecycle, Meaning, Retry
from tokenflow.core.tokens import SECOND, Instant, Token


def check_custody(lifecycle: Lifecycle, place: str) -> None:
    """Raise Refused("custody") when a token of this kind may not live at *place* (client or server)."""
    if place not in lifecycle.may_live:
        allowed = " or ".join(sorted(lifecycle.may_live))
        raise Refused("custody", f"{lifecycle.ref} tokens live on the {allowed} only, never on the {place}")


def lend(lifecycle: Lifecycle, names: Iterable[str], place: str) -> dict[str, str]:
    """Return references of the secrets a step at *place* may use; raises Refused (custody is data flow).

    That an exchange runs server-side only is never written as a rule: it needs the app secret.
    """
    lent = {}
    for name in names:
        spec = lifecycle.secrets[name]
        if spec.custody == "server" and place == "client":
            raise Refused(
                "secret_not_allowed_here",
                f"{lifecycle.ref}: this needs the secret `{name}`, which may not leave the server",
                mend="call it from the server",
            )
        lent[name] = spec.reference
    return lent


def check_transport(lifecycle: Lifecycle, url: str) -> None:
    """Raise Refused("transport_not_allowed") unless tokens of this kind may move there, over HTTPS (seed)."""
    if lifecycle.transport == "none":
        raise Refused("transport_not_allowed", f"{lifecycle.ref} tokens may not be moved at all")
    if not url.startswith("https://"):
        raise Refused(
            "transport_not_allowed", f"{lifecycle.ref} tokens move over HTTPS only", mend="use an https URL"
        )


def check_rules(lifecycle: Lifecycle, act: str, view: View, about: About) -> tuple[RuleWarned, ...]:
    """Return the warnings of rules that apply to *act*; raises Refused(rule id) for one that denies it."""
    warned = []
    for rule in lifecycle.rules:
        if act not in rule.applies_to:
            continue
        if rule.deny_when and all(condition.check(view) is True for condition in rule.deny_when):
            raise Refused(rule.id, f"{lifecycle.ref}: {rule.because}")
        if rule.warn_when and all(condition.check(view) is True for condition in rule.warn_when):
            warned.append(RuleWarned(about=about, act=act, rule=rule.id, because=rule.because))
    return tuple(warned)


def meaning_of(lifecycle: Lifecycle, error: TokenflowError) -> Meaning:
    """Return what the issuer's no means; an answer that is none, or nothing, is transient.

    What never reached the issuer (a secret that is missing, a plugin's fault) is configuration.
    """
    return meaning_among(lifecycle.meanings, error)


def meaning_among(meanings: Iterable[Meaning], error: TokenflowError) -> Meaning:
    """Return the first of *meanings* that the issuer's no matches, or what its HTTP status means."""
    if not isinstance(error, IssuerRefused):
        return Meaning(match={}, kind="transient" if isinstance(error, IssuerError) else "configuration")
    for meaning in meanings:
        if all(_shows(error.facts, name, wanted) for name, wanted in meaning.match.items()):
            return meaning
    if error.status >= 500:
        return Meaning(match={}, kind="transient")
    if error.status == 429:
        return Meaning(match={}, kind="rate_limited")
    return Meaning(match={}, kind="permanent", advice=_UNKNOWN if "code" in error.facts else None)


_UNKNOWN: Final = "nothing here says what {code} means: look it up, and tell it in the issuer's `errors`"


def _shows(facts: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name in ("body", "headers"):
        place = "header" if name == "headers" else "body"
        noticed = facts.get("noticed", {})
        return all(
            _noted(noticed.get(f"{place}:{where.lower() if place == 'header' else where}"), what)
            for where, what in wanted.items()
        )
    return _matches(wanted, facts.get(name))


def _noted(have: Any, wanted: Any) -> bool:
    if isinstance(wanted, list | tuple):
        return any(_noted(have, one) for one in wanted)
    return says(have, wanted)


def _matches(wanted: Any, have: object) -> bool:
    if have is None or wanted is None:
        return have is wanted
    if isinstance(wanted, list | tuple):
        return any(_matches(one, have) for one in wanted)
    if isinstance(wanted, str) and re.fullmatch("[1-5]xx", wanted):
        return str(have)[:1] == wanted[:1]
    run = run_of(wanted)
    if run is not None:
        return _NUMBER.fullmatch(str(have)) is not None and in_run(int(str(have)), run)
    return str(have) == str(wanted)


_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")


def until_of(meaning: Meaning, error: TokenflowError, now: Instant) -> Instant | None:
    """Return until when the issuer wants no more calls, as it says itself; None when it does not say.

    Where the meaning names no place for it, or nothing stands there, Retry-After says. At most a day.
    """
    if not isinstance(error, IssuerRefused):
        return None
    said: Instant | None = None
    if meaning.until is not None:
        wait = error.facts.get("wait", {}).get(meaning.until.key)
        said = error.facts.get("until", {}).get(meaning.until.key, None if wait is None else now + wait)
    if said is None and error.retry_after is not None:
        said = now + error.retry_after * SECOND
    return None if said is None else min(said, now + LONGEST_WAIT * SECOND)


def retry_at(
    retry: Retry,
    token: Token,
    *,
    number: int,
    kind: str,
    now: Instant,
    until: Instant | None,
    before: Instant | None,
) -> Instant | None:
    """Return when attempt *number* + 1 is made, or None when there is to be none (rule R1).

    Exponential with full jitter; not before *until*, which the issuer named, and while it names one no
    attempt is the last; never at or past *before*, the next hard deadline. The jitter is fixed for each
    token and attempt, so a restart does not move it.
    """
    waits = kind == "rate_limited" and until is not None
    if kind not in retry.only or (number >= retry.attempts and not waits):
        return None
    delay = min(retry.first * retry.factor ** (number - 1), retry.longest)
    if retry.jitter:
        seed = hashlib.blake2b(f"{token.id}|{number}|{token.revision}".encode(), digest_size=8).digest()
        delay = max(int(delay * int.from_bytes(seed, "big") / 2**64), SECOND)
    at = max(now + delay, until or 0)
    return None if before is not None and at >= before else at
