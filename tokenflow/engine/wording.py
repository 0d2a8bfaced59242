"""What a line of the audit trail says: who, when, what, because of which rule, and how it was answered.

A line is JSON in one line, and behind it what is personal, sealed. Every control character is escaped
(CWE-117), so that no name breaks a line. A field is said in the open only if it is on the list here;
an issuer's own words are not kept at all: the class, the status and the code of an answer are.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import attrs

from tokenflow.core.errors import WrongKey
from tokenflow.core.events import Happened
from tokenflow.core.tokens import Instant
from tokenflow.engine.ciphers import binding
from tokenflow.engine.trails import AuditLine
from tokenflow.engine.witnessing import Veil

_OPEN: Final = frozenset(
    {
        "act",
        "active",
        "again_at",
        "answer",
        "as_code",
        "asks_again_at",
        "cause",
        "code",
        "command",
        "error",
        "event",
        "expires_at",
        "from_lifecycle",
        "how",
        "lifetime",
        "name",
        "number",
        "platform",
        "retry_at",
        "rule",
        "source",
        "state",
        "status",
        "timer",
        "to",
        "to_lifecycle",
        "tries",
        "until",
        "why",
    }
)
"""Fields of an event that are words of a spec, of this program, or a time."""
_VEILED: Final = frozenset(
    {"audience", "gained", "handed_by", "lost", "parent", "parent_reason", "reason", "supersedes"}
)
"""Fields that may tell of a person. What is on neither list (an issuer's message, a path) is left out."""
_LONGEST: Final = 200
"""Characters a value in a line may have."""


@attrs.frozen(kw_only=True)
class Said:
    """One line, read."""

    chain: int
    number: int
    at: Instant
    """When it was written."""
    act: str
    """save, refuse, or the act of an operator: forget, prune ..."""
    of: str
    """The pseudonym of the token it tells of; empty: of the installation."""
    by: str
    """user@host of the process."""
    worker: str
    revision: int | None
    did: tuple[Mapping[str, Any], ...]
    """What happened, in order: `happened`, and the facts of it that are no secret."""
    facts: Mapping[str, Any]
    """What an act is about, where it is no change of a token."""
    hidden: Mapping[str, Any] | None
    """tenant, key, id, and what else may be personal; None: it was erased, or the key is another."""


def facts_of(event: Happened) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what may be said of an event in the open, and what only under a veil."""
    about = event.about
    told = {"happened": type(event).__name__, "at": about.at, **_some(event, _OPEN)}
    veiled = _some(event, _VEILED)
    if about.event_id is not None:
        veiled["event_id"] = _cut(about.event_id)
    return told, veiled


def worded(said: Mapping[str, Any], hidden: Mapping[str, Any], veil: Veil) -> bytes:
    """Return a line's body: *said* in the open, *hidden* under the veil."""
    sealed = veil.cipher.seal(_json(hidden).encode(), _place(said["of"])) if hidden else b""
    return _json(said).encode() + b"\n" + sealed


def read(line: AuditLine, veil: Veil | None) -> Said:
    """Return what a line says, with what is hidden in it where *veil* is its own."""
    text, _, sealed = line.body.partition(b"\n")
    said = json.loads(text)
    return Said(
        chain=line.chain,
        number=line.number,
        at=said["at"],
        act=said["act"],
        of=said["of"],
        by=said["by"],
        worker=said.get("worker", ""),
        revision=said.get("revision"),
        did=tuple(said.get("did", ())),
        facts=said.get("facts", {}),
        hidden=_opened(sealed, said["of"], veil),
    )


def at_of(line: AuditLine) -> Instant:
    """Return when a line was written."""
    at: Instant = json.loads(line.body.partition(b"\n")[0])["at"]
    return at


def _opened(sealed: bytes, of: str, veil: Veil | None) -> Mapping[str, Any] | None:
    if not sealed:
        return {}
    if veil is None:
        return None
    try:
        hidden: Mapping[str, Any] = json.loads(veil.cipher.open(sealed, _place(of)))
    except WrongKey:
        return None
    return hidden


def _place(of: str) -> bytes:
    return binding("", of, "line", 0, kind="audit")


def _some(event: Happened, names: frozenset[str]) -> dict[str, Any]:
    kind: Any = type(event)
    found = {name: getattr(event, name) for name in _names(kind) if name in names}
    return {name: _cut(value) for name, value in found.items() if value not in (None, (), "")}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """Return the names of an event's fields; a class's are asked for once."""
    return tuple(field.name for field in attrs.fields(kind))


def _cut(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
