"""A token at one moment of its life: a frozen value that a new revision replaces.

Instants are UTC, integer microseconds since 1970 (rule T1); a day is 86 400 seconds.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from tokenflow.core.secret import Secret

Instant: TypeAlias = int
"""UTC microseconds since 1970-01-01."""

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND


@attrs.frozen
class TokenKind:
    """Whom a token speaks for (seed, "There are different types of access tokens").

    The set is open: `TokenKind("system_user")` is as good as the four the seed names.
    """

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z][a-z0-9_]*"))

    def __str__(self) -> str:
        return self.name


USER: Final = TokenKind("user")
APP: Final = TokenKind("app")
PAGE: Final = TokenKind("page")
CLIENT: Final = TokenKind("client")


@attrs.frozen
class At:
    """It ends at `instant`."""

    instant: Instant


@attrs.frozen
class Never:
    """It does not end by time alone; it can still be invalidated."""


@attrs.frozen
class Silent:
    """The issuer named no end. Never written as 0 or None: issuers mean opposite things by 0 (rule T3)."""


Expiry: TypeAlias = At | Never | Silent

NEVER: Final = Never()
SILENT: Final = Silent()


def frozen_mapping(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a read-only copy of *values*."""
    return MappingProxyType(dict(values))


@attrs.frozen(kw_only=True)
class Attempt:
    """A command that was begun and is not yet settled (rules F1, R1)."""

    event: str
    """The event whose transition runs the command."""
    number: int
    """1 for the first try."""
    started_at: Instant
    command: str = ""
    """The command's name in the spec."""
    lease_until: Instant | None = None
    """Until then the worker that began it owns it: the token's clock waits for the outcome (rule T11)."""
    worker: str = ""
    """Who began it."""
    quiet_from: Instant | None = None
    """From then on its request can arrive no more, if it was sent at all; None: it was answered."""
    retry_at: Instant | None = None
    """When it is tried again; None while its answer is awaited, and when it is not to be."""
    error: str | None = None
    """The class of the last failure: transient, rate_limited ...; None while the answer is awaited."""
    unknown_since: Instant | None = None
    """When the first try was sent whose outcome is not known; None when all are (rule F3)."""
    uncertain: bool = False
    """The issuer may have carried it out, and nobody can say: it was told, and is not blindly repeated."""

    @property
    def open(self) -> bool:
        """Whether its answer is awaited, or was when its worker died."""
        return self.error is None and self.lease_until is not None

    @property
    def doubted_since(self) -> Instant | None:
        """When the first try was sent whose outcome is not known now; None when there is none."""
        if self.unknown_since is not None:
            return self.unknown_since
        return self.started_at if self.open else None


@attrs.frozen(kw_only=True)
class Revoking:
    """An end on purpose that its issuer has not confirmed: the token is used for nothing any more."""

    since: Instant
    again_at: Instant
    """When the issuer is told, or told again."""
    tries: int = 0
    """How often it was told in vain."""
    why: str | None = None
    """The class of its last no: transient, permanent ...; None while there was none."""
    irrevocable_since: Instant | None = None
    """When the last of the tries was in vain; it is told once a day since."""


@attrs.frozen(kw_only=True)
class Token:
    """One access token at one moment. Nothing changes it; `attrs.evolve` makes the next revision."""

    key: str
    """The application's name for it, unique within its tenant."""
    tenant: str = "default"
    id: str
    """Random, never derived from the token; a new acquisition has a new id."""
    kind: TokenKind
    lifecycle: str
    """name@version of the spec it is pinned to (rule M1)."""
    digest: str
    """Digest of that spec as resolved; the store keeps the spec under it."""
    issuer: str
    state: str
    attributes: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping, hash=False)
    identity: tuple[str, ...] = ()
    """Values of the spec's identity attributes; at most one live token has them (empty: not yet known)."""
    scope: frozenset[str] = frozenset()
    access_token: Secret | None = attrs.field(default=None, hash=False)
    refresh_token: Secret | None = attrs.field(default=None, hash=False)
    entered_at: Instant
    issued_at: Instant | None = None
    """When its first value arrived."""
    refreshed_at: Instant | None = None
    """When its current value arrived."""
    expires: Expiry = SILENT
    estimated: bool = False
    """The issuer named no expiry; `expires` follows the spec's typical lifetime."""
    refresh_expires: Expiry = SILENT
    last_used_at: Instant | None = None
    platform: str | None = None
    """The acquisition that brought it: web, android, server ..."""
    runs_on: str = "server"
    parent: str | None = None
    """Key of the token it was derived from."""
    supersedes: str | None = None
    """Id of the token this key held before."""
    reason: str | None = None
    """Why it ended, once it has."""
    fired: Mapping[str, Instant] = attrs.field(factory=dict, converter=frozen_mapping, hash=False)
    """Timers that fired since the state was entered, and when (rule T7)."""
    attempt: Attempt | None = None
    revoking: Revoking | None = None
    """Set while its issuer is still to be told that it ended; None otherwise."""
    revision: int = 0
    """Grows by one with every save."""
    generation: int = 0
    """Grows with every new secret; part of what a sealed value is bound to."""
    learned_life: int | None = None
    """Microseconds that values of its lifetime class lately lived when they died early; None: as promised."""
    handed_by: str | None = None
    """The https origin that handed it over; None: it came from its issuer, or from a platform here."""

    @property
    def expires_at(self) -> Instant | None:
        """When it ends by time, or None."""
        return self.expires.instant if isinstance(self.expires, At) else None


@attrs.frozen(kw_only=True)
class Grant:
    """What an acquisition, an extension or a derivation brought: the issuer's answer, understood."""

    access_token: Secret | None = attrs.field(hash=False)
    """None when nothing is to be kept (`kept_by: platform`, `keep_value: false`)."""
    refresh_token: Secret | None = attrs.field(default=None, hash=False)
    """None leaves the held one in place (RFC 6749 §6)."""
    expires: Expiry = SILENT
    refresh_expires: Expiry = SILENT
    scope: frozenset[str] | None = None
    """None when the answer named none: the scope asked for, or held before, stands (RFC 6749 §5.1)."""
    attributes: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping, hash=False)
    """Facts that came with it: user_id, app_id, name, perms ..."""
    handed_by: str | None = None
    """The https origin that handed it over, if it came from no issuer; then it is kept only if verified."""


@attrs.frozen(kw_only=True)
class Inspection:
    """What the issuer says of a token when asked (RFC 7662; Graph `debug_token`)."""

    active: bool
    app_id: str | None = None
    """The client the token was issued to."""
    subject: str | None = None
    """The user it speaks for."""
    kind: str | None = None
    scope: frozenset[str] | None = None
    expires: Expiry = SILENT
    data_access_expires: Expiry = SILENT
    issued_at: Instant | None = None
    attributes: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping, hash=False)
    facts: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping, hash=False)
    """Why it is not active, in the issuer's own words: code, subcode, error."""
