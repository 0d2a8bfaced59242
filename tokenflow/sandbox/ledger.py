"""What was asked and what was issued: enough to check a client by, and never a token, code or secret."""

import hashlib

from attrs import asdict, frozen

from tokenflow.sandbox.callbacks import Delivery
from tokenflow.sandbox.wire import Call
from tokenflow.sandbox.world import Token, World

from . import tokens

_GRANT_TYPES = frozenset(
    {"authorization_code", "client_credentials", "refresh_token", "password"}
    | {"fb_exchange_token", "fb_extend_sso_token", "fb_attenuate_token", "fb_exchange_nonce"}
)


@frozen(kw_only=True)
class Entry:
    """One request as it was answered. `status` is None when the answer was lost on the way."""

    n: int
    #: Microseconds.
    at: int
    method: str
    #: Without the version.
    path: str
    #: `graph` or `oauth2`.
    face: str
    status: int | None
    #: The caller's `X-Request-Id`.
    step: str | None
    grant_type: str | None
    error: str | None


class Ledger:
    """The requests of a run, in order. Calls inside a batch follow the batch."""

    __slots__ = ("deliveries", "entries")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        #: What the authority told apps by itself, in order.
        self.deliveries: list[Delivery] = []

    def write(self, at: int, call: Call, path: str, face: str, status: int | None, error: str | None) -> None:
        """Add one line. The query is left out whole: it may carry anything."""
        self.entries.append(
            Entry(
                n=len(self.entries) + 1,
                at=at,
                method=call.method,
                path=path,
                face=face,
                status=status,
                step=call.headers.get("x-request-id"),
                grant_type=_grant_type(call),
                error=error,
            )
        )

    def rows(self) -> list[dict[str, object]]:
        """Return the lines as the admin reads them."""
        return [asdict(entry) for entry in self.entries]


def delivery_rows(ledger: Ledger) -> list[dict[str, object]]:
    """Return what apps were told, as the admin reads it."""
    return [asdict(each) for each in ledger.deliveries]


def token_rows(world: World) -> list[dict[str, object]]:
    """Return every token issued, by fingerprint."""
    return [_row(world, token) for token in (*world.tokens.values(), *world.identities)]


def fingerprint(value: str) -> str:
    """Return the first 16 hex digits of a token's SHA-256: enough to know it again, not to use it."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _row(world: World, token: Token) -> dict[str, object]:
    death = tokens.death_of(world, token)
    owner = "client_id" if token.face == "oauth2" else "app_id"
    return {
        "id": token.id,
        "face": token.face,
        "kind": token.kind,
        owner: token.app_id,
        "user_id": token.user_id,
        "page_id": token.page_id,
        "live": death is None,
        "reason": None if death is None else death.reason,
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "scope": list(tokens.live_scope(world, token)),
        "fingerprint": fingerprint(token.value),
    }


def _grant_type(call: Call) -> str | None:
    named = call.get("grant_type")
    if named is None and call.path == "oauth/access_token" and call.get("code") is not None:
        return "authorization_code"
    # Only names we know are written down: a confused caller may put a token here.
    return named if named is None or named in _GRANT_TYPES else "other"
