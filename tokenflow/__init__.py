"""Access tokens, kept alive: declare in YAML how a token lives, and tokenflow keeps it so.

This is the front door: every public name, and nothing else. Each is imported when it is first used.
"""

from __future__ import annotations

from tokenflow._version import __version__

TYPE_CHECKING = False  # `typing` is a third of a bare start, and `tokenflow --version` comes through here
if TYPE_CHECKING:
    from typing import Any, Final

    from tokenflow.core.answers import body_of, epoch, grant_of, lifetime, refusal, scope_of
    from tokenflow.core.conditions import View
    from tokenflow.core.deletions import Deletion, confirmation_code
    from tokenflow.core.effects import (
        Call,
        Code,
        Exchange,
        Flow,
        Issuer,
        Order,
        Prompt,
        Request,
        Response,
        ask,
        nonce,
        now,
        published,
        secret,
        send,
    )
    from tokenflow.core.errors import (
        AlreadyLive,
        AnswerNotUnderstood,
        Busy,
        ClockHeld,
        Closed,
        ConsentDenied,
        DuplicateCapability,
        IssuerError,
        IssuerRefused,
        IssuerUnreachable,
        MissingExtra,
        NotRevoked,
        PayloadError,
        PersonNeeded,
        PluginError,
        PromptExpired,
        PromptPending,
        Refused,
        Rejected,
        RevisionConflict,
        SecretNotFound,
        SpecError,
        StoreError,
        StoreTooNew,
        StoreUnreadable,
        TamperedRow,
        TokenflowError,
        TokenNotFound,
        UnknownCapability,
        WrongKey,
    )
    from tokenflow.core.events import Happened
    from tokenflow.core.flows.adopting import Adopted
    from tokenflow.core.issuers import Requests, Shape
    from tokenflow.core.lifecycles import Lifecycle
    from tokenflow.core.migrating import Migration
    from tokenflow.core.news import Heard, Message, News, Received
    from tokenflow.core.payloads import payload_fields
    from tokenflow.core.polling import Later, Shown, polled, shown_of
    from tokenflow.core.proofs import proof
    from tokenflow.core.revoking import Outcome, Revocation
    from tokenflow.core.secret import Secret
    from tokenflow.core.signed_request import is_signed, sign_request, signed_payload
    from tokenflow.core.skews import by_our_clock
    from tokenflow.core.tickets import Handed, Ticket
    from tokenflow.core.tokens import (
        DAY,
        NEVER,
        SECOND,
        SILENT,
        At,
        Expiry,
        Grant,
        Inspection,
        Instant,
        Never,
        Silent,
        Token,
        TokenKind,
    )
    from tokenflow.engine.access import AsyncHandle, Handle
    from tokenflow.engine.adopting import Adoption
    from tokenflow.engine.aio import AsyncEngine
    from tokenflow.engine.clocks import Clock, SystemClock, VirtualClock
    from tokenflow.engine.explanations import Explanation
    from tokenflow.engine.findings import Finding
    from tokenflow.engine.guards import IssuerHealth
    from tokenflow.engine.handles import AsyncKeeping, Keeping
    from tokenflow.engine.health import Counted, Health
    from tokenflow.engine.held import HeldToken
    from tokenflow.engine.memory import MemoryStore
    from tokenflow.engine.opening import Options
    from tokenflow.engine.reaping import Harvest, Reaped
    from tokenflow.engine.rollback import Suspicion
    from tokenflow.engine.stores import Entry, Place, Reseal, Row, Store, Write
    from tokenflow.engine.sweeping import Swept
    from tokenflow.engine.switches import Stopped
    from tokenflow.engine.sync import Engine
    from tokenflow.engine.trails import AuditChain, AuditLine, AuditRecord
    from tokenflow.engine.transports import HttpTransport, Transport
    from tokenflow.engine.wishes import Kept, Wanted
    from tokenflow.hooks.formats import Description, Refusal, Specimen
    from tokenflow.hooks.records import (
        ANYWHERE,
        CLIENT,
        SERVER,
        Acquirer,
        Callback,
        CodeExchange,
        Command,
        Deriver,
        Format,
        Guard,
        KeyOrder,
        KeyService,
        SecretSource,
        StoreBackend,
        StoreOrder,
    )
    from tokenflow.hooks.registry import Registry
    from tokenflow.hooks.specs import hookimpl

__all__ = [
    "ANYWHERE",
    "CLIENT",
    "DAY",
    "NEVER",
    "SECOND",
    "SERVER",
    "SILENT",
    "Acquirer",
    "Adopted",
    "Adoption",
    "AlreadyLive",
    "AnswerNotUnderstood",
    "AsyncEngine",
    "AsyncHandle",
    "AsyncKeeping",
    "At",
    "AuditChain",
    "AuditLine",
    "AuditRecord",
    "Busy",
    "Call",
    "Callback",
    "Clock",
    "ClockHeld",
    "Closed",
    "Code",
    "CodeExchange",
    "Command",
    "ConsentDenied",
    "Counted",
    "Deletion",
    "Deriver",
    "Description",
    "DuplicateCapability",
    "Engine",
    "Entry",
    "Exchange",
    "Expiry",
    "Explanation",
    "Finding",
    "Flow",
    "Format",
    "Grant",
    "Guard",
    "Handed",
    "Handle",
    "Happened",
    "Harvest",
    "Health",
    "Heard",
    "HeldToken",
    "HttpTransport",
    "Inspection",
    "Instant",
    "Issuer",
    "IssuerError",
    "IssuerHealth",
    "IssuerRefused",
    "IssuerUnreachable",
    "Keeping",
    "Kept",
    "KeyOrder",
    "KeyService",
    "Later",
    "Lifecycle",
    "MemoryStore",
    "Message",
    "Migration",
    "MissingExtra",
    "Never",
    "News",
    "NotRevoked",
    "Options",
    "Order",
    "Outcome",
    "PayloadError",
    "PersonNeeded",
    "Place",
    "PluginError",
    "Prompt",
    "PromptExpired",
    "PromptPending",
    "Reaped",
    "Received",
    "Refusal",
    "Refused",
    "Registry",
    "Rejected",
    "Request",
    "Requests",
    "Reseal",
    "Response",
    "RevisionConflict",
    "Revocation",
    "Row",
    "Secret",
    "SecretNotFound",
    "SecretSource",
    "Shape",
    "Shown",
    "Silent",
    "SpecError",
    "Specimen",
    "Stopped",
    "Store",
    "StoreBackend",
    "StoreError",
    "StoreOrder",
    "StoreTooNew",
    "StoreUnreadable",
    "Suspicion",
    "Swept",
    "SystemClock",
    "TamperedRow",
    "Ticket",
    "Token",
    "TokenKind",
    "TokenNotFound",
    "TokenflowError",
    "Transport",
    "UnknownCapability",
    "View",
    "VirtualClock",
    "Wanted",
    "Write",
    "WrongKey",
    "__version__",
    "ask",
    "body_of",
    "by_our_clock",
    "confirmation_code",
    "epoch",
    "grant_of",
    "hookimpl",
    "is_signed",
    "lifetime",
    "nonce",
    "now",
    "payload_fields",
    "polled",
    "proof",
    "published",
    "refusal",
    "scope_of",
    "secret",
    "send",
    "shown_of",
    "sign_request",
    "signed_payload",
]

_WHERE: Final = {
    "tokenflow.core.answers": (
        "body_of",
        "epoch",
        "grant_of",
        "lifetime",
        "refusal",
        "scope_of",
    ),
    "tokenflow.core.conditions": ("View",),
    "tokenflow.core.deletions": ("Deletion", "confirmation_code"),
    "tokenflow.core.effects": (
        "Call",
        "Code",
        "Exchange",
        "Flow",
        "Issuer",
        "Order",
        "Prompt",
        "Request",
        "Response",
        "ask",
        "nonce",
        "now",
        "published",
        "secret",
        "send",
    ),
    "tokenflow.core.errors": (
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
    ),
    "tokenflow.core.events": ("Happened",),
    "tokenflow.core.flows.adopting": ("Adopted",),
    "tokenflow.core.issuers": ("Requests", "Shape"),
    "tokenflow.core.lifecycles": ("Lifecycle",),
    "tokenflow.core.migrating": ("Migration",),
    "tokenflow.core.news": ("Heard", "Message", "News", "Received"),
    "tokenflow.core.payloads": ("payload_fields",),
    "tokenflow.core.polling": (
        "Later",
        "Shown",
        "polled",
        "shown_of",
    ),
    "tokenflow.core.proofs": ("proof",),
    "tokenflow.core.revoking": ("Outcome", "Revocation"),
    "tokenflow.core.secret": ("Secret",),
    "tokenflow.core.signed_request": (
        "is_signed",
        "sign_request",
        "signed_payload",
    ),
    "tokenflow.core.skews": ("by_our_clock",),
    "tokenflow.core.tickets": (
        "Handed",
        "Ticket",
    ),
    "tokenflow.core.tokens": (
        "At",
        "DAY",
        "Expiry",
        "Grant",
        "Inspection",
        "Instant",
        "NEVER",
        "Never",
        "SECOND",
        "SILENT",
        "Silent",
        "Token",
        "TokenKind",
    ),
    "tokenflow.engine.access": ("AsyncHandle", "Handle"),
    "tokenflow.engine.adopting": ("Adoption",),
    "tokenflow.engine.aio": ("AsyncEngine",),
    "tokenflow.engine.clocks": (
        "Clock",
        "SystemClock",
        "VirtualClock",
    ),
    "tokenflow.engine.explanations": ("Explanation",),
    "tokenflow.engine.findings": ("Finding",),
    "tokenflow.engine.guards": ("IssuerHealth",),
    "tokenflow.engine.handles": (
        "AsyncKeeping",
        "Keeping",
    ),
    "tokenflow.engine.health": ("Counted", "Health"),
    "tokenflow.engine.held": ("HeldToken",),
    "tokenflow.engine.memory": ("MemoryStore",),
    "tokenflow.engine.opening": ("Options",),
    "tokenflow.engine.reaping": ("Harvest", "Reaped"),
    "tokenflow.engine.rollback": ("Suspicion",),
    "tokenflow.engine.stores": (
        "Entry",
        "Place",
        "Reseal",
        "Row",
        "Store",
        "Write",
    ),
    "tokenflow.engine.sweeping": ("Swept",),
    "tokenflow.engine.switches": ("Stopped",),
    "tokenflow.engine.sync": ("Engine",),
    "tokenflow.engine.trails": (
        "AuditChain",
        "AuditLine",
        "AuditRecord",
    ),
    "tokenflow.engine.transports": (
        "HttpTransport",
        "Transport",
    ),
    "tokenflow.engine.wishes": (
        "Kept",
        "Wanted",
    ),
    "tokenflow.hooks.formats": (
        "Description",
        "Refusal",
        "Specimen",
    ),
    "tokenflow.hooks.records": (
        "ANYWHERE",
        "Acquirer",
        "CLIENT",
        "Callback",
        "CodeExchange",
        "Command",
        "Deriver",
        "Format",
        "Guard",
        "KeyOrder",
        "KeyService",
        "SERVER",
        "SecretSource",
        "StoreBackend",
        "StoreOrder",
    ),
    "tokenflow.hooks.registry": ("Registry",),
    "tokenflow.hooks.specs": ("hookimpl",),
}
_MODULE: Final = {name: module for module, names in _WHERE.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from the room it lives in (PEP 562)."""
    if name not in _MODULE:
        raise AttributeError(f"module 'tokenflow' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_MODULE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
