"""What the engine does, written once: no I/O, so the sync and the async engine drive the same flows."""

from tokenflow.core.flows.acquiring import acquire, answer
from tokenflow.core.flows.adopting import adopt
from tokenflow.core.flows.deputies import demand_theirs
from tokenflow.core.flows.deriving import derive
from tokenflow.core.flows.ending import introspect, invalidate
from tokenflow.core.flows.handing import hand_over, redeem
from tokenflow.core.flows.inviting import accept, invite
from tokenflow.core.flows.logins import login_in
from tokenflow.core.flows.migrating import migrate
from tokenflow.core.flows.planned import planned
from tokenflow.core.flows.polling import poll
from tokenflow.core.flows.retiring import retire
from tokenflow.core.flows.revoking import tell
from tokenflow.core.flows.serving import Glance, attend, extend, glance, raise_event, token
from tokenflow.core.flows.using import report, use

__all__ = [
    "Glance",
    "accept",
    "acquire",
    "adopt",
    "answer",
    "attend",
    "demand_theirs",
    "derive",
    "extend",
    "glance",
    "hand_over",
    "introspect",
    "invalidate",
    "invite",
    "login_in",
    "migrate",
    "planned",
    "poll",
    "raise_event",
    "redeem",
    "report",
    "retire",
    "tell",
    "token",
    "use",
]
