"""What is explored: an issuer's contract, hosts, and the faults that may happen on the way."""

from typing import Final

import attrs

from tests.model.values import DEADLINE, QUIET, TICK, WIRE
from tokenflow.core.doubts import Doubt, doubt_of
from tokenflow.core.effects import Issuer
from tokenflow.core.lifecycles import CommandSpec

CRASH, PAUSE, LOSS, SAVE, JOURNAL, FULL, GARBLE, WITHDRAW, LOGIN = range(9)
FAULTS: Final = ("crash", "pause", "loss", "save", "journal", "full", "garble", "withdraw", "login")

COMMAND: Final = CommandSpec(
    name="refresh", use="x.refresh", produces="access", rotates=True, timeout=DEADLINE
)


@attrs.frozen(kw_only=True)
class Setup:
    """One world to explore."""

    contract: str = "strict"
    """none, grace, idempotent or strict."""
    lost_answer: str = "probe"
    """repeat, probe or reconsent."""
    can_ask: bool = True
    several: bool = False
    """Each process has a host, a journal and a lease of its own; else one host and one lock that dies."""
    processes: int = 2
    tokens: int = 1
    """More than one share a lock: their stripes collide."""
    goal: int = 2
    """Generations to be reached."""
    grace: int = 2 * QUIET + 1
    """Ticks that a used secret works under grace: so long until it is quiet, and so long for a repeat."""
    wire: int = WIRE
    """Ticks that a request lives; longer than the product reckons with, as a control."""
    further: bool = False
    """The command needs a second request to come to its value."""
    gap: bool = False
    """A process may be paused between the guard and the send, as a control."""
    crash: int = 0
    pause: int = 0
    loss: int = 0
    """A request or an answer that is lost or late, an issuer out of reach or that will not say just now."""
    save: int = 0
    journal: int = 0
    full: int = 0
    garble: int = 0
    """A gateway's 502, whether or not the request went through; a 503, and it did not."""
    withdraw: int = 0
    """A person takes the consent back."""
    login: int = 0
    """A person logs in anew."""

    @property
    def faults(self) -> tuple[int, ...]:
        """How many of each may happen."""
        return tuple(getattr(self, name) for name in FAULTS)

    @property
    def doubt(self) -> Doubt:
        """The contract as the product sees it."""
        window = self.grace * TICK
        issuer = Issuer(
            name="x", client_id="", rotation=self.contract, grace=window, lost_answer=self.lost_answer
        )
        return doubt_of(COMMAND, issuer, since=0, can_ask=self.can_ask)

    @property
    def repeats(self) -> int:
        """For how many ticks after the first try a lost answer is made good by a repeat, under grace."""
        return self.grace - QUIET

    @property
    def overtakes(self) -> bool:
        """Whether a host repeats what another has an answer to, and ends that answer by it."""
        return self.several and self.contract == "grace"

    @property
    def unasked(self) -> bool:
        """Whether nobody is asked about a doubt: then any of them costs a login."""
        repeats = self.lost_answer == "repeat"
        return not repeats and (self.lost_answer == "reconsent" or not self.can_ask)


def described(setup: Setup) -> str:
    """Return what differs in *setup* from a world without faults."""
    plain = Setup()
    told = [
        f"{field.name}={getattr(setup, field.name)}"
        for field in attrs.fields(Setup)
        if field.name not in ("contract", "lost_answer", "several")
        and getattr(setup, field.name) != getattr(plain, field.name)
    ]
    where = "several hosts" if setup.several else "one host"
    return f"{where}, {setup.contract}/{setup.lost_answer}: {' '.join(told)}"
