"""Everything tokenflow raises: the branch names the remedy, the leaf the cause.

TokenflowError
├── SpecError                 mend the file (tokenflow.spec fills in where)
├── PluginError               mend the installation
│   ├── UnknownCapability         no plugin offers that name
│   ├── DuplicateCapability       two plugins offer it
│   └── MissingExtra              an optional dependency is not installed
├── TokenNotFound             acquire the key first
├── Rejected                  the lifecycle has no such step from here
├── Refused                   a rule, a custody or a transport forbids it
├── PersonNeeded              a person has to act
│   ├── PromptPending             open the link; the login is parked
│   ├── PromptExpired             begin the login again
│   └── ConsentDenied             the person said no
├── IssuerError               the issuer said no, or nothing that could be understood
│   ├── IssuerUnreachable         no answer came; try again later
│   ├── IssuerRefused             a definite no, with its meaning
│   ├── AnswerNotUnderstood       an answer that is not one
│   └── NotRevoked                it has not confirmed that a token ended; it is told again
├── PayloadError              what a platform handed over cannot be taken
├── StoreError                the store needs attention; nothing in it was changed
│   ├── RevisionConflict          somebody saved first
│   ├── AlreadyLive               another key holds a live token of that identity
│   ├── StoreUnreadable           missing rights, not a store, locked, or damaged
│   ├── StoreTooNew               written by a newer tokenflow
│   ├── WrongKey                  the sealing key does not open this store
│   └── TamperedRow               somebody else wrote to the store
├── SecretNotFound            a reference leads nowhere
├── ClockHeld                 the clock cannot be trusted just now
├── Busy                      another process works on that token just now; try again
└── Closed                    the engine was closed

Every error has a `code`, stable text for programs (`expect_error` in a scenario), and none ever
holds a secret: what goes into a message is names, states, numbers and the issuer's own codes.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

_CODE = re.compile(r"[a-z_]{1,40}|[0-9]{1,9}")
"""What a code of an issuer looks like: a sentence, a token or a name does not."""

__all__ = [
    "AlreadyLive",
    "AnswerNotUnderstood",
    "Busy",
    "ClockHeld",
    "Closed",
    "ConsentDenied",
    "DuplicateCapability",
    "IssuerError",
    "IssuerRefused",
    "IssuerUnreachable",
    "MissingExtra",
    "NotRevoked",
    "PayloadError",
    "PersonNeeded",
    "PluginError",
    "PromptExpired",
    "PromptPending",
    "Refused",
    "Rejected",
    "RevisionConflict",
    "SecretNotFound",
    "SpecError",
    "StoreError",
    "StoreTooNew",
    "StoreUnreadable",
    "TamperedRow",
    "TokenNotFound",
    "TokenflowError",
    "UnknownCapability",
    "WrongKey",
]


class TokenflowError(Exception):
    """Whatever tokenflow raises on purpose."""

    code = "tokenflow_error"

    def __init__(self, message: str, *, mend: str | None = None) -> None:
        super().__init__(message if mend is None else f"{message}\n  help: {mend}")
        self.mend = mend


class SpecError(TokenflowError):
    """A spec file cannot be used as it stands."""

    code = "spec_error"


class PluginError(TokenflowError):
    """A plugin is missing, doubled, broken or misdeclared."""

    code = "plugin_error"


class UnknownCapability(PluginError):
    """No plugin offers that name."""

    code = "unknown_capability"


class DuplicateCapability(PluginError):
    """Two plugins offer the same name."""

    code = "duplicate_capability"


class MissingExtra(PluginError):
    """An optional dependency is not installed."""

    code = "missing_extra"


class TokenNotFound(TokenflowError):
    """The key was never acquired, or belongs to another tenant."""

    code = "token_not_found"

    def __init__(self, key: str, *, among: Iterable[str] = ()) -> None:
        from difflib import get_close_matches

        near = get_close_matches(key, among, n=1)
        acquire = "acquire it first: engine.acquire(key, lifecycle=..., platform=...)"
        super().__init__(
            f"no token is kept under {key!r}", mend=f"did you mean {near[0]!r}?" if near else acquire
        )
        self.key = key


class Rejected(TokenflowError):
    """The lifecycle does not take this event from this state; nothing changed (rule E3).

    `code` is one of unknown_event, not_accepted, final_state, guard_failed, guard_error.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        event: str,
        state: str,
        legal: Sequence[str] = (),
        mend: str | None = None,
    ) -> None:
        takes = f"\n  it can take: {', '.join(legal)}" if legal else ""
        super().__init__(message + takes, mend=mend)
        self.code, self.event, self.state, self.legal = code, event, state, tuple(legal)


class Refused(TokenflowError):
    """A rule, a custody or a transport forbids it; nothing was sent.

    `code` is the rule's id, or custody, secret_not_allowed_here, transport_not_allowed,
    derive_not_allowed, not_usable, not_verified.
    """

    def __init__(self, code: str, message: str, *, mend: str | None = None) -> None:
        super().__init__(message, mend=mend)
        self.code = code


class PersonNeeded(TokenflowError):
    """A person has to act before there is a token."""

    code = "person_needed"


class PromptPending(PersonNeeded):
    """The login waits for a person: open `url`, then call `engine.answer(key, params)`.

    Where `user_code` is one, it is entered at `url`, and `engine.answer(key)` asks the issuer whether the
    person has decided: not before `poll` microseconds have passed. The login is parked in the store, so
    another process may finish it. `url`, which may hold the login's `state`, and `user_code` are shown to
    the person only.
    """

    code = "prompt_pending"

    def __init__(self, key: str, url: str, user_code: str | None = None, poll: int | None = None) -> None:
        mend = (
            "open .url, then call engine.answer(key, params)"
            if poll is None
            else "open .url and enter .user_code, then call engine.answer(key)"
        )
        super().__init__(f"{key}: a person has to log in", mend=mend)
        self.key, self.url, self.user_code, self.poll = key, url, user_code, poll


class PromptExpired(PersonNeeded):
    """The login was never begun, was finished already, or waited longer than it lives."""

    code = "prompt_expired"


class ConsentDenied(PersonNeeded):
    """The person, or the issuer on the person's behalf, said no."""

    code = "consent_denied"


class IssuerError(TokenflowError):
    """The issuer said no, or nothing that could be understood."""

    code = "issuer_error"


class IssuerUnreachable(IssuerError):
    """No answer came. `sent` says whether the request may have arrived."""

    code = "issuer_unreachable"

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message, mend="nothing was lost; it will be tried again")
        self.sent = sent


class IssuerRefused(IssuerError):
    """The issuer answered no.

    `status` is the HTTP status; `facts` holds the issuer's own words for it: error (RFC 6749 §5.2),
    code and subcode (Graph); beside them, in the spec's own words, what its error meanings look at:
    noticed, wait (microseconds) and until (instants). `retry_after` is in seconds.
    """

    code = "issuer_refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        facts: dict[str, Any],
        retry_after: int | None = None,
        mend: str | None = None,
    ) -> None:
        super().__init__(message, mend=mend)
        self.status, self.facts, self.retry_after = status, facts, retry_after

    @property
    def answer(self) -> str:
        """Status and codes, as `400 invalid_grant` or `400 190 460`: what looks like a code, nothing else."""
        codes = (str(self.facts.get(name, "")) for name in ("error", "code", "subcode"))
        return " ".join([str(self.status), *(one for one in codes if _CODE.fullmatch(one))])


class AnswerNotUnderstood(IssuerError):
    """The issuer answered what is not an answer: HTML, nothing, half a JSON, another user's token."""

    code = "answer_not_understood"


class NotRevoked(IssuerError):
    """The issuer has not confirmed that a token ended; it is used for nothing, and the issuer told again."""

    code = "not_revoked"


class PayloadError(TokenflowError):
    """What a platform handed over cannot be taken; nothing was stored.

    `code` is one of truncated, unknown_version, other_app, other_kind, other_user, expired,
    forged, malformed.
    """

    def __init__(self, code: str, message: str, *, mend: str | None = None) -> None:
        super().__init__(message, mend=mend)
        self.code = code


class StoreError(TokenflowError):
    """The store needs attention; nothing in it was changed."""

    code = "store_error"


class RevisionConflict(StoreError):
    """Somebody saved this key first."""

    code = "revision_conflict"


class AlreadyLive(StoreError):
    """Another key holds a live token of the same identity."""

    code = "already_live"


class StoreUnreadable(StoreError):
    """The file cannot be opened as a store: rights, another format, or damage."""

    code = "store_unreadable"


class StoreTooNew(StoreError):
    """The store was written by a newer tokenflow."""

    code = "store_too_new"


class WrongKey(StoreError):
    """The sealing key does not open this row, or the row was moved or changed."""

    code = "wrong_key"


class TamperedRow(StoreError):
    """A row is not as it was saved, or not where: what it says of its token is not believed."""

    code = "tampered_row"


class SecretNotFound(TokenflowError):
    """A secret's reference leads nowhere."""

    code = "secret_not_found"


class ClockHeld(TokenflowError):
    """The clock went back, or leapt, further than can be trusted; acquiring and extending wait."""

    code = "clock_held"


class Busy(TokenflowError):
    """Another process works on the token, or its store does not take what came; nothing was sent."""

    code = "busy"


class Closed(TokenflowError):
    """The engine was closed."""

    code = "closed"
