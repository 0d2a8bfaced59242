"""What an issuer says by itself, over a callback: of a person and an app, for it knows no key."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import attrs

from tokenflow.core.errors import PayloadError
from tokenflow.core.tokens import Instant, frozen_mapping

LARGEST: Final = 1 << 20
"""Bytes of a message above which nothing of it is looked at; Facebook sends at most 1000 changes in one."""


def _lower(headers: Mapping[str, str]) -> Mapping[str, str]:
    return frozen_mapping({name.lower(): value for name, value in headers.items()})


@attrs.frozen(kw_only=True)
class Message:
    """What was sent to a callback, as it came: nothing of it is believed yet."""

    method: str = "POST"
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
    """The bytes as they were received; a signature covers no others."""
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=_lower, repr=False)
    """Names in lower case."""
    query: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping, repr=False)
    url: str | None = None
    """The public address it was sent to, without its query; None where the caller does not know it."""


def message_of(payload: Any) -> Message:
    """Return *payload* as a message: one already, the body of a POST (bytes, text), or the fields of a form.

    Raises PayloadError (malformed).
    """
    match payload:
        case Message():
            found = payload
        case bytes():
            found = Message(body=payload)
        case str():
            found = Message(body=payload.encode("utf-8", "surrogatepass"))
        case Mapping() if all(isinstance(one, str) for field in payload.items() for one in field):
            found = Message(body=urlencode(payload, errors="surrogatepass").encode())
        case _:
            raise PayloadError("malformed", f"no callback's message is a {type(payload).__name__}")
    if len(found.body) > LARGEST:
        raise PayloadError("malformed", f"no callback's message has more than {LARGEST} bytes")
    return found


@attrs.frozen(kw_only=True)
class News:
    """Something that happened at the issuer, verified."""

    event: str
    """What it is to the tokens it concerns: invalidate ..."""
    about: Mapping[str, Any] = attrs.field(converter=frozen_mapping)
    """The identity attributes it names; a lifecycle is concerned when they fill its whole identity."""
    payload: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    """The event's payload: a reason, say."""
    event_id: str
    """A digest of what was sent: the same news again changes nothing."""
    at: Instant | None = None
    """When it happened, as the issuer dates it: a token that came later is asked about, not ended."""
    until: Instant
    """When the callback refuses the same message for its age; until then it is remembered."""


def _several(news: Sequence[News]) -> tuple[News, ...]:
    return tuple(news)


@attrs.frozen(kw_only=True)
class Heard:
    """What a callback's flow made of a message that the issuer did send."""

    news: tuple[News, ...] = attrs.field(default=(), converter=_several)
    answer: Mapping[str, Any] | str | None = None
    """What the issuer is to be told: a JSON object, or text; None: that it was received is enough."""
    deletion: str | None = attrs.field(default=None, repr=False)
    """A confirmation code (`confirmation_code`), under which a person may ask what became of the deletion."""
    ignored: int = 0
    """What was said of things that no token depends on."""


@attrs.frozen(kw_only=True)
class CallbackSpec:
    """One of an issuer document's `callbacks`."""

    use: str
    secrets: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Names it is lent, and their references."""
    options: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    """The spec's `with:`."""


@attrs.frozen(kw_only=True)
class Received:
    """What became of a callback."""

    answer: Mapping[str, Any] | str | None = None
    """What to answer the issuer with, status 200: a JSON object, or text as text/plain; None: nothing."""
    keys: tuple[str, ...] = ()
    """The tokens that were told, sorted; not their children, which follow as their specs say."""
    unknown: int = 0
    """News of somebody of whom no token is held here."""
    replayed: int = 0
    """News that came before."""
    ignored: int = 0
    """What it said of things that no token depends on."""
