"""What happened, past tense: one frozen class each, never a secret in it.

Events are a token's history (stored in the same transaction as the change) and what observers hear
after the commit. `to_json` and `from_json` are the form in which a store keeps them.
"""

import json
from typing import Any, Final, TypeAlias

import attrs

from tokenflow.core.errors import StoreTooNew
from tokenflow.core.tokens import Instant, Token


@attrs.frozen(kw_only=True)
class About:
    """Which token, which revision, when."""

    tenant: str
    key: str
    token_id: str
    revision: int
    at: Instant
    """The instant it is dated to; a deadline's own instant when the clock brought it (rule T8)."""
    event_id: str | None = None
    delivery: str | None = None
    """`<token id>:<revision>:<n>` of what is told at least once: who has heard it drops it (rule F1)."""

    @classmethod
    def of(cls, token: Token, at: Instant, event_id: str | None = None) -> "About":
        """Return what an event about *token* begins with."""
        return cls(
            tenant=token.tenant,
            key=token.key,
            token_id=token.id,
            revision=token.revision,
            at=at,
            event_id=event_id,
        )

    def to_deliver(self, number: int = 0) -> "About":
        """Return this for the event told as *number* of its token's revision, at least once."""
        return attrs.evolve(self, delivery=f"{self.token_id}:{self.revision}:{number}")


@attrs.frozen(kw_only=True)
class Acquired:
    """A first value arrived, from `platform`; `handed_by` is the origin that handed it over, if one did."""

    about: About
    state: str
    platform: str
    supersedes: str | None = None
    expires_at: Instant | None = None
    estimated: bool = False
    handed_by: str | None = None


@attrs.frozen(kw_only=True)
class Derived:
    """A child token came from `parent`."""

    about: About
    state: str
    parent: str
    expires_at: Instant | None = None


@attrs.frozen(kw_only=True)
class Transitioned:
    """An event was taken: `source` to `state` (the same one, when the spec stays)."""

    about: About
    event: str
    source: str
    state: str
    cause: str
    """caller, timer, issuer, operator, parent or command."""
    command: str | None = None
    reason: str | None = None
    expires_at: Instant | None = None
    parent: str | None = None
    """Whose news it was, where the cause is `parent`: a key."""
    parent_reason: str | None = None
    """Why that one ended."""


@attrs.frozen(kw_only=True)
class Absorbed:
    """Late or repeated news was taken and changed nothing."""

    about: About
    event: str
    state: str


@attrs.frozen(kw_only=True)
class WasRejected:
    """An event was not taken; nothing changed (rule E3)."""

    about: About
    event: str
    state: str
    code: str


@attrs.frozen(kw_only=True)
class WasRefused:
    """An act came to nothing: a rule, custody or transport forbade it, or what it needed was out of reach."""

    about: About
    act: str
    code: str


@attrs.frozen(kw_only=True)
class RuleWarned:
    """A rule advised against an act, which went on."""

    about: About
    act: str
    rule: str
    because: str


@attrs.frozen(kw_only=True)
class AttemptBegun:
    """A command is about to be sent (rule F1)."""

    about: About
    event: str
    command: str
    number: int


@attrs.frozen(kw_only=True)
class AttemptFailed:
    """A command was answered no, or not at all; the held token stays."""

    about: About
    event: str
    command: str
    number: int
    error: str
    """Its class: transient, rate_limited, permanent, configuration, revoked or expired."""
    detail: str
    retry_at: Instant | None = None
    answer: str | None = None
    """Status and codes of the issuer's no, e.g. `400 190 460`, never its words; None: no answer came."""


@attrs.frozen(kw_only=True)
class RevocationBegun:
    """The token is to end on purpose: it is used for nothing any more, and its issuer is told."""

    about: About


@attrs.frozen(kw_only=True)
class RevocationFailed:
    """The issuer was told in vain that the token ends, for the last of its tries: it may live on there."""

    about: About
    tries: int
    error: str
    """The class of the last no."""
    again_at: Instant
    """It is told once a day from now on."""


@attrs.frozen(kw_only=True)
class OutcomeUnknown:
    """A command was sent and nobody can say what became of it; it is not blindly repeated (rule F3)."""

    about: About
    event: str
    command: str
    number: int
    asks_again_at: Instant | None = None
    """When the issuer is asked about it again; None: what is held serves to its end, and no more is sent."""


@attrs.frozen(kw_only=True)
class AnswerUnsaved:
    """The issuer's answer is in hand and the store does not take it; it is tried until it does.

    While that lasts the answer is served from memory, and nothing more is sent for the token.
    """

    about: About
    error: str
    """The code of the store's error."""


@attrs.frozen(kw_only=True)
class TimerStopped:
    """The states of its timers chased each other at one instant; this one was stopped, so that it rests."""

    about: About
    timer: str
    state: str


@attrs.frozen(kw_only=True)
class TimerMissed:
    """A soft timer was due beside a hard deadline and did not fire (rule T8)."""

    about: About
    timer: str


@attrs.frozen(kw_only=True)
class LoginParked:
    """A login waits for a person."""

    about: About
    until: Instant


@attrs.frozen(kw_only=True)
class Used:
    """The token was used for a request of the application's."""

    about: About
    method: str
    path: str
    status: int


@attrs.frozen(kw_only=True)
class HandedOver:
    """A ticket for the token was made: good once, until an instant, for a client or server at an origin."""

    about: About
    to: str
    audience: str
    until: Instant


@attrs.frozen(kw_only=True)
class Redeemed:
    """A ticket was used: the token went `to` a client or a server; `as_code`: a code went in its place."""

    about: About
    to: str
    audience: str
    as_code: bool = False


@attrs.frozen(kw_only=True)
class HandOverReplayed:
    """A used ticket was shown again: one of the two who showed it was not meant to have it."""

    about: About
    audience: str
    """The origin it was made for."""


@attrs.frozen(kw_only=True)
class Inspected:
    """The issuer was asked about the token."""

    about: About
    active: bool


@attrs.frozen(kw_only=True)
class Notified:
    """The spec said who should hear: `then: [{notify: name}]`."""

    about: About
    name: str


@attrs.frozen(kw_only=True)
class LifetimeChanged:
    """Values of a lifetime class live otherwise than before, or are promised another life."""

    about: About
    lifetime: str
    """The class, as the spec names it."""
    why: str
    """died_early, recovered, promised_otherwise, or out_of_bounds: outside the class's own bounds."""
    promised: int | None = None
    """What the last value was promised, microseconds."""
    learned: int | None = None
    """How long values lately lived when they died early, microseconds; None: they live as promised."""


@attrs.frozen(kw_only=True)
class ScopeChanged:
    """The issuer says that the token may do more, or less, than was known; the token lives on."""

    about: About
    gained: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    lost: tuple[str, ...] = attrs.field(default=(), converter=tuple)


@attrs.frozen(kw_only=True)
class ReacquireWanted:
    """A new login is wanted; `how` is ask or auto."""

    about: About
    how: str


@attrs.frozen(kw_only=True)
class Migrated:
    """It came over to a newer version of its lifecycle; `source` was its state there (rule M3)."""

    about: About
    from_lifecycle: str
    """name@version."""
    to_lifecycle: str
    source: str
    state: str


Happened: TypeAlias = (
    Acquired
    | Derived
    | Transitioned
    | Absorbed
    | WasRejected
    | WasRefused
    | RuleWarned
    | AttemptBegun
    | AttemptFailed
    | RevocationBegun
    | RevocationFailed
    | OutcomeUnknown
    | AnswerUnsaved
    | TimerStopped
    | TimerMissed
    | LoginParked
    | Used
    | HandedOver
    | Redeemed
    | HandOverReplayed
    | Inspected
    | Notified
    | LifetimeChanged
    | ScopeChanged
    | ReacquireWanted
    | Migrated
)

_CLASSES: Final[dict[str, Any]] = {cls.__name__: cls for cls in Happened.__args__}


def to_json(event: Happened) -> str:
    """Return the event as a store keeps it."""
    return json.dumps(
        {"happened": type(event).__name__, **attrs.asdict(event)}, sort_keys=True, separators=(",", ":")
    )


def from_json(text: str) -> Happened:
    """Return the event a store kept; raises StoreTooNew. Fields a newer tokenflow added are left out."""
    fields = json.loads(text)
    cls = _CLASSES.get(name := fields.pop("happened"))
    if cls is None:
        raise StoreTooNew(f"{name} is an event this tokenflow does not know", mend="upgrade tokenflow")
    about = About(**_known(About, fields["about"]))
    event: Happened = cls(**_known(cls, fields) | {"about": about})
    return event


def _known(cls: Any, fields: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in attrs.fields(cls)}
    return {name: value for name, value in fields.items() if name in names}
