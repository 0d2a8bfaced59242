"""What the engine does, written once: no I/O, so the sync and the async engine drive the same flows."""

from tokenflow.core.flows.acquiring import acquire, answer
from tokenflow.core.flows.deriving import derive
from tokenflow.core.flows.ending import introspect, invalidate, revoke
from tokenflow.core.flows.migrating import migrate
from tokenflow.core.flows.moving import hand_over
from tokenflow.core.flows.planned import planned
from tokenflow.core.flows.serving import attend, extend, raise_event, token
from tokenflow.core.flows.using import report, use

__all__ = [
    "acquire",
    "answer",
    "attend",
    "derive",
    "extend",
    "hand_over",
    "introspect",
    "invalidate",
    "migrate",
    "planned",
    "raise_event",
    "report",
    "revoke",
    "token",
    "use",
]
