"""What a state of the modelled world is made of: tuples of small numbers, alike where nothing differs.

Time is counted in ticks: the product's SLACK, its MARGIN and a request's deadline are one each. It is kept
only as what is left of it or how long ago it was.
"""

from typing import Final, NamedTuple

from tokenflow.core.doubts import MARGIN, SLACK, quiet_from

TICK: Final = MARGIN
"""Microseconds."""
DEADLINE: Final = TICK
"""Microseconds a request has."""
LATEST: Final = SLACK // TICK
"""Ticks from the decision to send in which a guard lets it go."""
QUIET: Final = quiet_from(0, DEADLINE) // TICK
"""Ticks from that decision until its request can arrive no more, as the product reckons it."""
WIRE: Final = 2
"""Ticks a request can be on the wire: its deadline, and what it may take beyond."""

ANSWERED, GONE = -1, -2
"""An answer is there to be heard; none will ever come."""

NONE: Final = -3
"""No answer."""
UNCLEAR: Final = -2
"""An answer that is none: a gateway's, a broken one."""
NO: Final = -1
"""A definite no. From 0: the secret that was brought."""
BUSY: Final = -4
"""A no to the request that says nothing of the secret: 503, 429."""
HALF: Final = 1 << 12
"""Added to a secret that needs a further request before it is a value."""
FAMILY: Final = 1 << 6
"""Secrets of one login; the next login's count on from there."""

USABLE, LOST, REFUSED = 0, 1, 2
"""What a row says of its token: after the other two a person has to log in."""
ALIVE, REPLAYED, WITHDRAWN = 0, 1, 2
"""Whether the issuer still knows the family; the last was the person's own doing."""


class Intent(NamedTuple):
    """A try on record that is not settled."""

    age: int
    """Ticks since the first try in doubt was decided, up to the grace window."""
    quiet: int
    """Ticks until its request can arrive no more; below 0: since then, up to the grace window."""
    prior: bool
    """An earlier try is in doubt as well."""


class Row(NamedTuple):
    """What the store holds of one token."""

    life: int
    """Stands for its id: a new login has a new one."""
    generation: int
    secret: int
    status: int
    intent: Intent | None


class Issuer(NamedTuple):
    """What the issuer knows of one family."""

    newest: int
    used: int
    """The secret that was spent for the newest; -1: none."""
    window: int
    """Ticks for which a used secret still works."""
    family: int


class Entry(NamedTuple):
    """An answer in a journal."""

    answer: int
    named: bool
    """It is the answer to the intent on record."""


EMPTY: Final = Entry(NONE, False)


class Process(NamedTuple):
    """One process: its turn, and what its host keeps for it. All but `journal` dies with it."""

    turn: int
    """Number of the protocol's turn; 0: none."""
    token: int
    life: int
    generation: int
    """Of the row that was decided on, and is spent."""
    secret: int
    fresh: bool
    """The row is still as it was read."""
    own: bool
    """The intent on record is this turn's."""
    late: int
    """Ticks since it was decided to send, by the row or the issuer's word; 0 where that is of no account."""
    sleeps: int
    """1: until its save is tried again; 2: it is paused."""
    wire: int
    """Ticks its request may still take; ANSWERED and GONE once it takes none."""
    answer: int
    lock: bool
    journal: tuple[Entry, ...]
    """One for each token, in a file of its own."""


class Thing(NamedTuple):
    """A token, as the store has it and as the issuer does."""

    row: Row
    issuer: Issuer


class Rest(NamedTuple):
    """What belongs to no process and no token."""

    messages: tuple[tuple[int, int, int], ...]
    """Requests whose sender is gone: token, secret, ticks left."""
    faults: tuple[int, ...]
    """How many of each may still happen."""
    blamed: bool
    """One has happened that may cost a strict issuer's login."""


class State(NamedTuple):
    """All of it at one moment."""

    rest: Rest
    things: tuple[Thing, ...]
    processes: tuple[Process, ...]


class Outcome(NamedTuple):
    """What one step comes to, for the process that made it and for the others."""

    label: str
    process: Process
    row: Row
    issuer: Issuer
    fault: int = -1
    """The fault it takes; -1: none."""
    wrote: int = 0
    """1: the row was written; 2: and the intent on record is another, or gone."""
    message: int = 0
    """Ticks left of a request that is on its own from now on; 0: none."""
    zeroed: bool = False
    """The journal of the intent on record was zeroed."""
    blamed: bool = False
    """An answer may be lost by it."""
    breach: str | None = None
    """The property that it breaks."""
