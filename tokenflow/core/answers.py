"""What an issuer's HTTP answer says, read with suspicion.

A definite no becomes IssuerRefused with the issuer's own words; whatever cannot be an answer becomes
AnswerNotUnderstood. Bodies are never quoted: they may echo a token (security.md B7).
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from tokenflow.core.effects import Response
from tokenflow.core.errors import AnswerNotUnderstood, IssuerRefused
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import SECOND, SILENT, At, Expiry, Grant, Instant

LONGEST: Final = 10 * 365 * 86_400
"""A lifetime beyond ten years, in seconds, is a mistake, not an answer."""

LATEST: Final = 253_402_300_800
"""The year 10000, in seconds since 1970: an instant beyond it is a mistake too."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_CODE: Final = re.compile(r"[A-Za-z_.-]{1,64}|-?[0-9]{1,9}")
"""What an issuer's own code looks like; free text may echo a token (security.md B7)."""
_OWN_WORDS: Final = ("error", "code", "error_code", "subcode", "error_subcode", "type", "fbtrace_id")


def body_of(response: Response) -> Mapping[str, Any]:
    """Return the answer's fields; raises IssuerRefused or AnswerNotUnderstood.

    JSON, or the form-encoded text that older Graph versions answered (facebook.md §1.1).
    """
    fields = _fields(response)
    if response.status >= 400 or (fields is not None and fields.get("error")):
        raise refusal(response, fields or {})
    if fields is None or not 200 <= response.status < 300:
        raise AnswerNotUnderstood(f"the issuer answered {response.status} with a body that is not an answer")
    return fields


def _fields(response: Response) -> Mapping[str, Any] | None:
    text = response.headers.get("content-type", "")
    if "html" in text or not response.body.strip():
        return None
    try:
        found = response.json()
    except AnswerNotUnderstood:
        pairs = dict(parse_qsl(response.body.decode("utf-8", "replace").strip()))
        return pairs if "access_token" in pairs else None
    return found if isinstance(found, dict) else None


def refusal(response: Response, fields: Mapping[str, Any]) -> IssuerRefused:
    """Return the issuer's no as an error, keeping codes and leaving texts behind."""
    error = fields.get("error")
    source: Mapping[str, Any] = error if isinstance(error, Mapping) else fields
    facts: dict[str, object] = {"http": response.status}
    for name in _OWN_WORDS:
        value = source.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            continue
        if name == "fbtrace_id" or _CODE.fullmatch(str(value)):
            facts[name.removeprefix("error_")] = value
    shown = ", ".join(
        f"{name} {value}" for name, value in facts.items() if name not in ("http", "fbtrace_id")
    )
    return IssuerRefused(
        f"the issuer answered {response.status}" + (f" ({shown})" if shown else ""),
        status=response.status,
        facts=facts,
        retry_after=_retry_after(response),
    )


def _retry_after(response: Response) -> int | None:
    text = response.headers.get("retry-after", "")
    return min(int(text), 86_400) if _NUMBER.fullmatch(text) and text.isdigit() else None


def grant_of(
    fields: Mapping[str, Any], now: Instant, *, zero: Expiry = SILENT, scope_separator: str = " "
) -> Grant:
    """Return what a token endpoint granted (RFC 6749 §5.1); raises AnswerNotUnderstood.

    *zero* is what `expires_in: 0` means at this issuer: silence, or never.
    """
    access_token = fields.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        raise AnswerNotUnderstood("the issuer's answer holds no access_token")
    refresh_token = fields.get("refresh_token")
    scope = fields.get("scope")
    return Grant(
        access_token=Secret(access_token),
        refresh_token=Secret(refresh_token) if isinstance(refresh_token, str) and refresh_token else None,
        expires=lifetime(fields.get("expires_in"), now, zero=zero),
        refresh_expires=lifetime(fields.get("refresh_expires_in"), now),
        scope=frozenset(scope.split(scope_separator)) - {""} if isinstance(scope, str) else None,
    )


def lifetime(value: Any, now: Instant, *, zero: Expiry = SILENT) -> Expiry:
    """Return when something that lives *value* seconds from *now* ends; raises AnswerNotUnderstood.

    Absent is silence. A number may come as text (sandbox.md, "off the standard").
    """
    if value is None or value == "":
        return SILENT
    seconds = _whole(value)
    if seconds is None or not 0 <= seconds <= LONGEST:
        raise AnswerNotUnderstood("the issuer's answer names a lifetime that cannot be one")
    return At(now + seconds * SECOND) if seconds else zero


def epoch(value: Any, *, zero: Expiry, unit: int = SECOND) -> Expiry:
    """Return the instant *value* names, counted in *unit* microseconds since 1970; absent is silence."""
    if value is None:
        return SILENT
    whole = _whole(value)
    if whole is None or not 0 <= whole * unit < LATEST * SECOND:
        raise AnswerNotUnderstood("the issuer's answer names an instant that cannot be one")
    return At(whole * unit) if whole else zero


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    return None
