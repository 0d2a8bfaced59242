"""What an issuer says by itself, over a callback: of a person and an app, for it knows no key."""

from collections.abc import Mapping
from typing import Any

import attrs

from tokenflow.core.tokens import Instant, frozen_mapping


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
    until: Instant
    """When the callback refuses the same message for its age; until then it is remembered."""


@attrs.frozen(kw_only=True)
class CallbackSpec:
    """One of an issuer document's `callbacks`."""

    use: str
    secrets: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    """Names it is lent, and their references."""


@attrs.frozen(kw_only=True)
class Received:
    """What became of a callback."""

    keys: tuple[str, ...] = ()
    """The tokens that were told, sorted; not their children, which follow as their specs say."""
    unknown: int = 0
    """News of somebody of whom no token is held here."""
    replayed: int = 0
    """News that came before."""
