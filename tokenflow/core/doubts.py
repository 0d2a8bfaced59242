"""What to do about a command whose outcome nobody knows (rule F3): pure, one table.

A request was sent and no answer came, or the process died that awaited it. The issuer may have carried
it out, and then the refresh token it was sent with is spent: presenting it again can end every token of
the person (RFC 9700 §4.14.2). So it is asked about, by the issuer's introspection, before it is sent
again; and where nobody can say, the held access token serves to its end and a person has to log in.

    command           issuer, on a lost answer       what it says of the token    verdict
    --------------    ----------------------------   --------------------------   -------
    idempotent, or    whatever                       not asked                    REPEAT
    brings no value
    any other         repeat                         not asked                    REPEAT
                      repeat, contract grace         not asked, and it arrives
                                                     within grace                 REPEAT
                      contract grace                 not asked, and grace may
                                                     not be over yet              LATER
                                                     over: it is as for strict    as for probe
                      reconsent                      not asked                    NEVER
                      probe, none to ask             -                            NEVER
                      probe                          not asked yet                ASK
                                                     alive: it was never spent    REPEAT
                                                     dead: it was spent           NEVER
                                                     nothing just now             LATER
                                                     it will not say              NEVER
"""

from enum import Enum
from typing import Final

import attrs

from tokenflow.core.effects import Issuer
from tokenflow.core.errors import (
    AnswerNotUnderstood,
    IssuerError,
    IssuerRefused,
    IssuerUnreachable,
    TokenflowError,
)
from tokenflow.core.events import About, Happened, Notified, OutcomeUnknown
from tokenflow.core.lifecycles import CommandSpec, Lifecycle
from tokenflow.core.tokens import SECOND, Attempt, Instant, Token

DEADLINE: Final = 20 * SECOND
"""What an exchange may take whose command does not say."""
MARGIN: Final = SECOND
"""What a request may take beyond its deadline until it can arrive no more: the bound of quiescence."""
SLACK: Final = SECOND
"""What may pass from the decision to send until it is sent; what took longer is decided again."""
_SHORTEST: Final = 5 * SECOND


class Said(Enum):
    """What the issuer says of the token that the command was sent with."""

    ALIVE = "alive"
    DEAD = "dead"
    NOT_NOW = "not now"
    """It could not be asked just now."""
    NOTHING = "nothing"
    """It does not answer that question."""


class Verdict(Enum):
    """What is to be done."""

    REPEAT = "repeat"
    ASK = "ask"
    """Ask the issuer about the token, then decide again."""
    LATER = "later"
    """Keep what is held, and ask again later."""
    NEVER = "never"
    """Keep what is held to its end, and send nothing more."""


@attrs.frozen(kw_only=True)
class Doubt:
    """A command that was sent, and whose outcome is not known."""

    idempotent: bool
    lost_answer: str
    """repeat, probe or reconsent."""
    grace: int | None
    """Microseconds a used refresh token still works, where the contract says so; None: no such bound."""
    since: Instant
    """When the first try in doubt was sent."""
    last: Instant | None = None
    """When the last one can have arrived; None: it is of no account."""
    lasts: int = 0
    """Microseconds from a decision to repeat it until that can arrive no more."""
    can_ask: bool
    """Whether there is a call that says which token is alive."""
    harmless: bool = False
    """Nothing is spent by it: a second request, and a late one, change nothing."""


def doubt_of(command: CommandSpec, issuer: Issuer, since: Instant, *, can_ask: bool) -> Doubt:
    """Return the doubt about *command*, sent to *issuer* at *since*."""
    return Doubt(
        idempotent=command.idempotent or not brings(command),
        lost_answer=issuer.lost_answer,
        grace=issuer.grace if issuer.rotation == "grace" else None,
        since=since,
        lasts=lasting(command, issuer),
        can_ask=can_ask,
        harmless=command.idempotent or not brings(command) or issuer.rotation == "none",
    )


def exchange_time(command: CommandSpec, issuer: Issuer) -> int:
    """Return how many microseconds an exchange of *command* may take.

    Under a grace contract a third of the window at most: so long until it is quiet, and so long for a repeat.
    """
    asked = command.timeout or DEADLINE
    if issuer.rotation != "grace" or not brings(command):
        return asked
    return min(asked, max(_SHORTEST, issuer.grace // 3 - SLACK - MARGIN))


def lasting(command: CommandSpec, issuer: Issuer) -> int:
    """Return from how many microseconds after the decision to send it a request can arrive no more."""
    return quiet_from(0, exchange_time(command, issuer))


def quiet_from(decided_at: Instant, deadline: int) -> Instant:
    """Return from when a request can arrive no more; *deadline* is of the exchange, in microseconds."""
    return decided_at + SLACK + deadline + MARGIN


def resolve(doubt: Doubt, now: Instant, said: Said | None = None) -> Verdict:
    """Return what the table says; *said* is the issuer's word, None while it has not been asked."""
    if doubt.idempotent:
        return Verdict.REPEAT
    if doubt.lost_answer == "reconsent":
        return Verdict.NEVER
    arrives = doubt.grace is None or now + doubt.lasts < doubt.since + doubt.grace
    if doubt.lost_answer == "repeat" and arrives:
        return Verdict.REPEAT
    if not doubt.can_ask:
        return Verdict.NEVER
    if doubt.grace is not None and doubt.last is not None and now < doubt.last + doubt.grace:
        return Verdict.LATER  # what is used up is called alive until then
    match said:
        case None:
            return Verdict.ASK
        case Said.ALIVE:
            return Verdict.REPEAT
        case Said.NOT_NOW:
            return Verdict.LATER
    return Verdict.NEVER


def brings(command: CommandSpec) -> bool:
    """Return whether a command brings a value: then a second one may not be the first."""
    return command.rotates or command.produces is not None


def in_doubt(lifecycle: Lifecycle, attempt: Attempt | None) -> Instant | None:
    """Return since when it is not known whether the issuer has spent what a token holds; None: it has not."""
    if attempt is None or attempt.unknown_since is not None or not attempt.open:
        return None if attempt is None else attempt.unknown_since
    command = lifecycle.commands.get(attempt.command)
    return attempt.started_at if command is None or brings(command) else None


def leaves_doubt(command: CommandSpec, error: TokenflowError, *, known: bool = False) -> bool:
    """Return whether the issuer may have carried *command* out though it failed with *error*.

    An answer that is none, or another's, came from somewhere behind a request that did arrive; so did a 5xx,
    unless it is 503, which says that nothing was done (RFC 9110 §15.6.4), or its meaning is *known* to the
    spec. Any other no is an answer. What changes nothing at the issuer leaves nothing in doubt.
    """
    if not brings(command):
        return False
    if isinstance(error, IssuerUnreachable):
        return error.sent
    if isinstance(error, IssuerRefused):
        return error.status >= 500 and error.status != 503 and not known
    return isinstance(error, AnswerNotUnderstood)


def on_the_wire(error: TokenflowError) -> bool:
    """Return whether the request may still arrive: then it is too early to ask what became of it."""
    return isinstance(error, IssuerUnreachable) and error.sent


def said_by(error: TokenflowError, kind: str) -> Said:
    """Return what a question that failed comes to; *kind* is the class of the failure."""
    if isinstance(error, IssuerRefused):
        return Said.NOT_NOW if kind in ("transient", "rate_limited") else Said.NOTHING
    return Said.NOT_NOW if isinstance(error, IssuerError) else Said.NOTHING


def precious(command: CommandSpec, issuer: Issuer) -> bool:
    """Return whether an answer is the only copy of what it brings: it is journaled before it is read (F2)."""
    if command.rotates:
        return True
    return command.produces is not None and not command.idempotent and issuer.rotation != "none"


def spent_by(token: Token) -> Token:
    """Return *token* as a question about what a command spends: its refresh token, where it has one.

    RFC 7662 §2.1 answers for both.
    """
    return token if token.refresh_token is None else attrs.evolve(token, access_token=token.refresh_token)


def uncertain(token: Token, now: Instant) -> tuple[Happened, ...]:
    """Return what is said of a *token* whose attempt has become uncertain."""
    assert token.attempt is not None, "only an attempt is uncertain"
    about, attempt = About.of(token, now), token.attempt
    said = OutcomeUnknown(
        about=about,
        event=attempt.event,
        command=attempt.command,
        number=attempt.number,
        asks_again_at=attempt.retry_at,
    )
    return said, Notified(about=about.to_deliver(), name="token.uncertain")
