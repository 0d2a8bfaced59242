"""What an issuer's HTTP answer says, read with suspicion.

A definite no becomes IssuerRefused with the issuer's own words; whatever cannot be an answer becomes
AnswerNotUnderstood. Bodies are never quoted: they may echo a token (security.md B7).
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from tokenflow.core.dates import http_date, rfc3339
from tokenflow.core.effects import Response
from tokenflow.core.errors import AnswerNotUnderstood, IssuerRefused
from tokenflow.core.issuers import (
    MILLISECOND,
    STANDARD,
    UNITS,
    Clue,
    Paths,
    Shape,
    at_path,
    first_at,
    says,
)
from tokenflow.core.secret import Secret
from tokenflow.core.skews import by_our_clock
from tokenflow.core.tokens import NEVER, SECOND, SILENT, At, Expiry, Grant, Instant

LONGEST: Final = 10 * 365 * 86_400
"""A lifetime beyond ten years, in seconds, is a mistake, not an answer."""

LATEST: Final = 253_402_300_800
"""The year 10000, in seconds since 1970: an instant beyond it is a mistake too."""

LONGEST_WAIT: Final = 86_400
"""Seconds; an issuer that asks for more is asked again after a day."""

_BOUND: Final = frozenset({"dpop", "mac", "pop"})
"""Token types bound to a key we do not hold. Any other is sent as Bearer: servers name it in any case,
and some leave it out (RFC 6749 §7.1)."""
_LONGEST_FACT: Final = 256
_DECIMAL: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_CODE: Final = re.compile(r"[A-Za-z_.-]{1,64}|-?[0-9]{1,9}")
"""What an issuer's own code looks like; free text may echo a token (security.md B7)."""
_OWN_WORDS: Final = ("error", "code", "error_code", "subcode", "error_subcode", "type", "fbtrace_id")


def body_of(response: Response, shape: Shape = STANDARD) -> Mapping[str, Any]:
    """Return the answer's fields; raises IssuerRefused or AnswerNotUnderstood.

    JSON, or the form-encoded text that older Graph versions answered (facebook.md §1.1). *shape* is the
    issuer's: how its yes is told from its no where the HTTP status does not say, and what its error
    meanings look at.
    """
    fields = _fields(response, shape)
    if response.status >= 400 or (fields is not None and _is_no(fields, shape)):
        raise refusal(response, fields or {}, shape)
    if fields is None or not 200 <= response.status < 300:
        raise AnswerNotUnderstood(f"the issuer answered {response.status} with a body that is not an answer")
    return fields


def _is_no(fields: Mapping[str, Any], shape: Shape) -> bool:
    told = ((at_path(fields, path), wanted) for path, wanted in shape.ok.items())
    return bool(fields.get("error")) or any(
        found is not None and not says(found, wanted) for found, wanted in told
    )


def _fields(response: Response, shape: Shape) -> Mapping[str, Any] | None:
    text = response.headers.get("content-type", "")
    if "html" in text or not response.body.strip():
        return None
    try:
        found = response.json()
    except AnswerNotUnderstood:
        pairs = dict(parse_qsl(response.body.decode("utf-8", "replace").strip()))
        known = {"access_token", "error", *shape.access_token}
        return pairs if known & pairs.keys() else None
    return found if isinstance(found, dict) else None


def refusal(response: Response, fields: Mapping[str, Any], shape: Shape = STANDARD) -> IssuerRefused:
    """Return the issuer's no as an error, keeping codes and leaving texts behind.

    Of what only the spec knows to look at (*shape*'s clues) the spec's own words are kept, and numbers
    that say when; nothing the issuer wrote.
    """
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
        facts={**facts, **_noticed(response, fields, shape.clues)},
        retry_after=_retry_after(response),
    )


def _noticed(
    response: Response, fields: Mapping[str, Any], clues: tuple[Clue, ...]
) -> dict[str, Mapping[str, Any]]:
    """Return what of *clues* the answer shows: `noticed` (key -> the spec's word), `wait` and `until`."""
    noticed: dict[str, Any] = {}
    wait: dict[str, int] = {}
    until: dict[str, Instant] = {}
    for clue in clues:
        found = response.headers.get(clue.name) if clue.place == "header" else at_path(fields, clue.name)
        word = next((value for value in clue.values if says(found, value)), None)
        if word is not None:
            noticed[clue.key] = word
        if clue.unit is not None and isinstance(found, str | int | float):
            _when(clue, found, wait, until)
    every = {"noticed": noticed, "wait": wait, "until": until}
    return {name: values for name, values in every.items() if values}


def _when(clue: Clue, found: Any, wait: dict[str, int], until: dict[str, Instant]) -> None:
    """Note when a number or a date says, as microseconds to wait or as an instant."""
    at = (http_date(found) or rfc3339(found)) if isinstance(found, str) else None
    whole = _tenths(found)
    if at is not None:
        until[clue.key] = at
    elif whole is not None and clue.unit in ("epoch", "epoch_milliseconds"):
        until[clue.key] = whole * (MILLISECOND if clue.unit == "epoch_milliseconds" else SECOND) // 10
    elif whole is not None:
        wait[clue.key] = whole * UNITS[clue.unit or "seconds"] // 10


def _tenths(value: Any) -> int | None:
    """Return a number that is none below 0, in tenths, rounded up: some say when to the fraction."""
    text = str(value)
    if isinstance(value, bool) or _DECIMAL.fullmatch(text) is None:
        return None
    whole, _, rest = text.partition(".")
    return int(whole) * 10 + int(rest[:1] or 0) + (1 if rest[1:].strip("0") else 0)


def _retry_after(response: Response) -> int | None:
    """Return Retry-After in seconds, at most a day; a date there counts from the answer's own Date."""
    text = response.headers.get("retry-after", "")
    if _NUMBER.fullmatch(text) and text.isdigit():
        return min(int(text), LONGEST_WAIT)
    at, dated = http_date(text), http_date(response.headers.get("date", ""))
    return None if at is None or dated is None else min(max(at - dated, 0) // SECOND, LONGEST_WAIT)


def grant_of(fields: Mapping[str, Any], now: Instant, shape: Shape = STANDARD, *, ahead: int = 0) -> Grant:
    """Return what a token endpoint granted (RFC 6749 §5.1); raises AnswerNotUnderstood.

    *now* is when the request was sent: a lifetime counted from there is never longer than the issuer
    meant it. *shape* says where its answers keep things; *ahead* is the response's. An end that cannot be
    one is silence where a refresh token came: the one it was asked with may be spent (security.md R6).
    """
    access_token = first_at(fields, shape.access_token)
    if not isinstance(access_token, str) or not access_token:
        raise AnswerNotUnderstood("the issuer's answer holds no access_token")
    if str(first_at(fields, shape.token_type) or "").lower() in _BOUND:
        raise AnswerNotUnderstood("the issuer's token is bound to a key, and cannot be sent as Bearer")
    found = first_at(fields, shape.refresh_token)
    refresh_token = Secret(found) if isinstance(found, str) and found else None

    def end(named: Paths, counted: Paths) -> Expiry:
        try:
            return _end(fields, named, counted, now, shape, ahead)
        except AnswerNotUnderstood:
            if refresh_token is None:
                raise
            return SILENT

    return Grant(
        access_token=Secret(access_token),
        refresh_token=refresh_token,
        expires=end(shape.expires_at, shape.expires_in),
        refresh_expires=end(shape.refresh_expires_at, shape.refresh_expires_in),
        scope=scope_of(first_at(fields, shape.scope), shape.scope_separator),
        attributes=_attributes(fields, shape),
    )


def _end(
    fields: Mapping[str, Any], named: Paths, counted: Paths, now: Instant, shape: Shape, ahead: int
) -> Expiry:
    """Return an end that is named, or else counted from now; absent is silence."""
    zero = NEVER if shape.zero == "never" else SILENT
    absolute = first_at(fields, named)
    if absolute is not None and absolute != "":
        since_1970 = MILLISECOND if shape.unit == "milliseconds" else SECOND
        return by_our_clock(epoch(absolute, zero=zero, unit=since_1970), now, ahead)
    return lifetime(first_at(fields, counted), now, zero=zero, unit=UNITS[shape.unit])


def scope_of(value: Any, separator: str | None = None) -> frozenset[str] | None:
    """Return a scope given as text or as a list; None when there is none.

    Text is parted at *separator*, or without one at spaces (RFC 6749 §3.3) and commas.
    """
    if isinstance(value, str):
        parts = value.replace(",", " ").split() if separator is None else value.split(separator)
        return frozenset(part.strip() for part in parts) - {""}
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return frozenset(value)
    return None


def _attributes(fields: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """Return the facts that came with it; only plain values, and no essays."""
    found = {name: first_at(fields, paths) for name, paths in shape.attributes.items()}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str | int) and len(str(value)) <= _LONGEST_FACT
    }


def lifetime(value: Any, now: Instant, *, zero: Expiry = SILENT, unit: int = SECOND) -> Expiry:
    """Return when something that lives *value* from *now* ends; raises AnswerNotUnderstood.

    *unit* is in microseconds. Absent is silence. A number may come as text (sandbox.md, "off the
    standard").
    """
    if value is None or value == "":
        return SILENT
    whole = _whole(value)
    if whole is None or not 0 <= whole * unit <= LONGEST * SECOND:
        raise AnswerNotUnderstood("the issuer's answer names a lifetime that cannot be one")
    return At(now + whole * unit) if whole else zero


def epoch(value: Any, *, zero: Expiry, unit: int = SECOND) -> Expiry:
    """Return the instant *value* names; raises AnswerNotUnderstood. Absent is silence.

    Counted in *unit* microseconds since 1970, or written as RFC 3339 has it.
    """
    if value is None:
        return SILENT
    if isinstance(value, str) and (at := rfc3339(value)) is not None:
        return At(at)
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
