"""What a signed_request says of a login: who, when, and a code or a token (facebook.md §2)."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tokenflow import DAY, SECOND, Instant, PayloadError, Secret, signed_payload
from tokenflow_javascript.fields import identity, token
from tokenflow_javascript.fields import seconds as whole_seconds

AHEAD: Final = 5 * 60 * SECOND
"""How far Facebook's clock may be before ours."""

_END_OF_TIME: Final = 1 << 40
_SECRETS: Final = ("code", "oauth_token")


@attrs.frozen(kw_only=True)
class SignedRequest:
    """A payload whose signature was verified."""

    issued_at: int
    """Seconds since 1970."""
    user_id: str | None = None
    """None when the person has not authorised the app."""
    code: Secret | None = attrs.field(default=None, hash=False)
    """Single use, and bound to an empty redirect_uri."""
    oauth_token: Secret | None = attrs.field(default=None, hash=False)
    fields: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    """The payload without its secrets."""


def parse(text: str, secret: Secret, now: Instant, max_age: int = DAY) -> SignedRequest:
    """Return the payload of *text*, signed with *secret* at most *max_age* microseconds before *now*.

    Raises PayloadError: malformed, forged (another signature or algorithm), expired.
    """
    fields = signed_payload(text, secret)
    issued_at = whole_seconds(fields, "issued_at", _END_OF_TIME)
    if issued_at is None:
        raise PayloadError("malformed", "the signed_request does not say when it was issued")
    if issued_at * SECOND > now + AHEAD:
        raise PayloadError("malformed", "the signed_request was issued in the future")
    if issued_at * SECOND < now - max_age:
        raise PayloadError("expired", "the signed_request is too old to be taken")
    return SignedRequest(
        issued_at=issued_at,
        user_id=identity(fields, "user_id"),
        code=token(fields, "code"),
        oauth_token=token(fields, "oauth_token"),
        fields={name: value for name, value in fields.items() if name not in _SECRETS},
    )
