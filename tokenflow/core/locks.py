"""What a flow asks about the token it is about to spend: its lock, and who goes on when a save fails.

The lock dies with the process that holds it, so what it guards is never left to a guess about time. A
store that has none to offer says so, and then the leases written into the rows tell (rule T11).
"""

from collections.abc import Generator
from enum import Enum
from typing import Any, TypeAlias

import attrs

from tokenflow.core.tokens import Instant, Token


class Hold(Enum):
    """What came of asking for a token's lock."""

    FIRM = "firm"
    """It is ours, and nobody else's: whoever left an attempt open under it is gone."""
    LEASED = "leased"
    """It is ours among this engine's errands; elsewhere only leases tell who is at work."""
    BUSY = "busy"
    """Another errand holds it, here or in another process."""


@attrs.frozen
class Lock:
    """Ask for the lock of a token, held until the errand ends; answered by a Hold."""

    key: str
    patient: bool = True
    """Wait for it, as long as an exchange may take; else BUSY is said at once."""


@attrs.frozen(kw_only=True)
class Guard:
    """Ask, right before a send, whether the lock is still held and the decision is still good."""

    key: str
    since: Instant | None
    """When it was decided to send; what took longer than SLACK is decided again. None: it spends nothing."""


@attrs.frozen
class Strand:
    """Ask the engine to go on by itself with a save that failed, and to serve what is in hand meanwhile.

    The token's lock is held until `again` has ended: nobody spends what may be spent already.
    """

    token: Token
    because: str
    """The code of the store's error."""
    again: Generator[Any, Any, Token] = attrs.field(repr=False, eq=False)
    """The flow that saves it, for ever if need be."""


@attrs.frozen
class Pause:
    """Ask to be woken after a while of real time, in microseconds."""

    length: int


OnLock: TypeAlias = Lock | Guard | Strand | Pause
