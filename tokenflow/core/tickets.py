"""Tickets: a token changes hands without being sent. One use, 60 seconds, one audience (security.md D3).

A ticket is 256 random bits; its SHA-256 names a sealed record of what it is good for. The record is torn
off at its first use. A stub stays a while, so that a second use is known for what it is.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from tokenflow.core.errors import Refused
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import SECOND, Instant, frozen_mapping

TICKET_LIVES: Final = 60 * SECOND
"""How long a ticket is good, microseconds."""
STUB_LIVES: Final = 10 * 60 * SECOND
"""How long after its end a second use of a ticket is still told, microseconds."""
RANDOM_BYTES: Final = 32

_TICKET: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.([0-9]{1,18})")
_ORIGIN: Final = re.compile(
    r"https://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?"
)
_AT_HOME: Final = re.compile(r"http(?=://(?:127\.0\.0\.1|\[::1\])(?::[0-9]+)?\Z)")


@attrs.frozen(kw_only=True)
class Ticket:
    """Good once, until an instant, for whoever shows it at one audience. Keep it as you keep the token."""

    value: Secret
    until: Instant
    audience: str
    """The https origin it was made for."""
    to: str
    """client or server: where what it brings will live."""


@attrs.frozen(kw_only=True)
class Terms:
    """What a ticket for a held token is good for, as it is kept."""

    tenant: str
    key: str
    to: str
    audience: str
    until: Instant
    token_id: str
    revision: int
    generation: int


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@attrs.frozen(kw_only=True)
class Invitation:
    """What a ticket for a token that is still to come is good for, as it is kept."""

    tenant: str
    key: str
    audience: str
    until: Instant
    lifecycle: str
    platform: str
    attributes: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    scope: tuple[str, ...] = attrs.field(default=(), converter=_names)
    session: str | None = None
    """Digest of the session it is bound to; None: of no session."""


@attrs.frozen(kw_only=True)
class Handed:
    """What a ticket brought: a token, or a code for a token of the bearer's own."""

    access_token: Secret | None = None
    code: Secret | None = None
    """An authorization code in the token's place, where the lifecycle says so."""
    redirect_uri: str | None = None
    """Goes with the code to the token endpoint (RFC 6749 §4.1.3)."""
    client_id: str
    token_type: str = "bearer"  # noqa: S105  # RFC 6750's word
    kind: str
    scope: frozenset[str]
    expires_in: int | None
    """Seconds from now; None: it does not end by time."""
    issuer: str
    lifecycle: str
    """name@version of the spec it is kept by where it comes from."""

    def form(self) -> dict[str, str]:
        """Return what its new holder is sent, revealed: into the body of an answer and nowhere else."""
        said = {"kind": self.kind, "issuer": self.issuer, "lifecycle": self.lifecycle}
        if self.code is not None:
            given = {"code": self.code.reveal(), "client_id": self.client_id}
            return said | given | {"redirect_uri": self.redirect_uri or ""}
        assert self.access_token is not None, "a token or a code"
        said |= {"access_token": self.access_token.reveal(), "token_type": self.token_type}
        said["scope"] = " ".join(sorted(self.scope))
        return said if self.expires_in is None else said | {"expires_in": str(self.expires_in)}


def written(random: str, until: Instant) -> Secret:
    """Return a ticket's text: its end stands in it, so that a store can be tidied by names alone."""
    return Secret(f"{random}.{until}")


def place_of(ticket: Secret) -> str | None:
    """Return the name a ticket's record is kept under, the earliest end first; None when it is no ticket."""
    text = ticket.reveal()
    found = _TICKET.fullmatch(text)
    if found is None:
        return None
    return f"{int(found[1]):018d}-{hashlib.sha256(text.encode()).hexdigest()}"


def is_over(place: str, now: Instant) -> bool:
    """Return whether even the stub at *place* has served its time."""
    return int(place.partition("-")[0]) + STUB_LIVES < now


def mark_of(place: str) -> str:
    """Return the event id under which what became of a ticket is remembered."""
    return f"ticket/{place.partition('-')[2][:16]}"


def digest_of(session: str) -> str:
    """Return the form in which a session is kept."""
    return hashlib.sha256(session.encode()).hexdigest()


def same(kept: str | None, shown: str | None) -> bool:
    """Return whether what was shown is what was kept, in constant time; None is nothing but None."""
    return (kept is None) == (shown is None) and hmac.compare_digest(
        (kept or "").encode(), (shown or "").encode("utf-8", "surrogatepass")
    )


def demand_origin(audience: str) -> None:
    """Raise Refused unless *audience* is an https origin as a browser writes it (RFC 6454 §6.1).

    Loopback is no exception to HTTPS (ruling 28).
    """
    if not audience.startswith("https://"):
        raise Refused("transport_not_allowed", "a token moves over HTTPS only", mend="name an https origin")
    found = _ORIGIN.fullmatch(audience)
    if found is None or found[1] == "443" or int(found[1] or 1) > 65_535:
        raise Refused(
            "bad_audience",
            "the audience is no origin: https, a host, and a port where it is not 443",
            mend="write it as a browser does in Origin: https://app.example, in lower case, no path",
        )


def demand_page(audience: str) -> None:
    """Raise Refused unless *audience* may be a page's origin: as a ticket's, or plain HTTP on loopback.

    What such a page sends up stays on its machine. The address is a literal (RFC 8252 §8.3): `localhost` may
    be anything.
    """
    demand_origin(_AT_HOME.sub("https", audience, count=1))


def not_good() -> Refused:
    """Return the one no that is said to whoever shows a ticket: it does not tell why (security.md §2.2 I)."""
    return Refused("ticket_refused", "this ticket is not good here, or no more", mend="ask for a new ticket")
