"""A login that a person finishes on another screen: shown once, then asked about until it is decided.

The shape is that of RFC 8628, and of Facebook's device login before it. How an issuer is asked, and what
its answers mean, is a plugin's; the pace is kept here.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs

from tokenflow.core.answers import lifetime
from tokenflow.core.effects import PROMPT_LIVES, Flow, Prompt, ask, nonce
from tokenflow.core.errors import AnswerNotUnderstood, IssuerUnreachable
from tokenflow.core.tokens import SECOND, At, Instant

T = TypeVar("T")

LEAST: Final = 5 * SECOND
"""Between two questions, in microseconds; also where an issuer names no interval (RFC 8628 §3.2)."""
LONGEST: Final = 3600 * SECOND
"""Nobody is waited for longer, whatever the issuer says."""
_SILENT: Final = 60 * SECOND
"""An issuer that does not answer is asked at least this often."""
_URL: Final = re.compile(r"https?://[\x21-\x7e]{1,2000}")
_USER_CODE: Final = re.compile(r"[\x20-\x7e]{1,64}")
"""What a terminal may be shown: no issuer moves its cursor."""


@attrs.frozen(kw_only=True)
class Shown:
    """What a person is shown, and how long the issuer waits for them."""

    url: str = attrs.field(repr=False)
    user_code: str = attrs.field(repr=False)
    interval: int = LEAST
    """Microseconds between two questions, as the issuer wants it."""
    until: Instant
    """When the issuer stops waiting."""


@attrs.frozen
class Later:
    """Not decided yet: ask again after so many microseconds."""

    interval: int


def shown_of(fields: Mapping[str, Any], began: Instant) -> Shown:
    """Return what a device authorization answer shows (RFC 8628 §3.2); raises AnswerNotUnderstood.

    Numbers may come as text. *began* is when it was asked for.
    """
    url = fields.get("verification_uri", fields.get("verification_url"))
    user_code = fields.get("user_code")
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise AnswerNotUnderstood("the issuer's device login names no address that a person can open")
    if not isinstance(user_code, str) or not _USER_CODE.fullmatch(user_code):
        raise AnswerNotUnderstood("the issuer's device login names no code that a person can enter")
    lives, interval = (_span(fields.get(name), began) for name in ("expires_in", "interval"))
    return Shown(
        url=url,
        user_code=user_code,
        interval=interval or LEAST,
        until=began + min(lives or PROMPT_LIVES, LONGEST),
    )


def _span(value: Any, began: Instant) -> int:
    ends = lifetime(value, began)
    return ends.instant - began if isinstance(ends, At) else 0


def polled(shown: Shown, look: Callable[[int], Flow[T | Later]]) -> Flow[T]:
    """Show it, and ask by *look* until the person has decided; return what they granted.

    *look* is given the interval that was kept. It raises ConsentDenied or PromptExpired when the login is
    over. That the issuer is out of reach, or answers what is no answer, ends nothing: it is asked again,
    after twice the time if it may have been asked (RFC 8628 §3.5). The interval never shrinks.
    """
    state = yield from nonce()
    interval = min(max(shown.interval, LEAST), LONGEST)
    while True:
        told = yield from ask(
            Prompt(url=shown.url, state=state, user_code=shown.user_code, poll=interval, until=shown.until)
        )
        interval = max(interval, int(told.get("poll", interval)))
        found: T | Later
        try:
            found = yield from look(interval)
        except IssuerUnreachable as silence:
            found = Later(_slower(interval)) if silence.sent else Later(interval)
        except AnswerNotUnderstood:
            found = Later(_slower(interval))
        if not isinstance(found, Later):
            return found
        interval = min(max(interval, found.interval), LONGEST)


def _slower(interval: int) -> int:
    return max(interval, min(2 * interval, _SILENT))
