"""Between a token and the row a store keeps: secrets sealed, the rest as JSON."""

import json
from typing import Any, Final

import attrs

from tokenflow.core.attending import EXPIRING, counted_as
from tokenflow.core.deadlines import due_at
from tokenflow.core.errors import StoreUnreadable, WrongKey
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.secret import Secret
from tokenflow.core.tokens import NEVER, SILENT, At, Attempt, Expiry, Never, Revoking, Token, TokenKind
from tokenflow.engine.ciphers import Cipher, binding
from tokenflow.engine.stores import Row
from tokenflow.engine.vouching import demand_vouched, has_names, tampered, vouched


def to_row(token: Token, lifecycle: Lifecycle, cipher: Cipher) -> Row:
    """Return *token* as a store keeps it; a final state is a tombstone and is never due."""
    final, what = lifecycle.states[token.state].final, counted_as(lifecycle, token)
    row = Row(
        tenant=token.tenant,
        key=token.key,
        id=token.id,
        revision=token.revision,
        generation=token.generation,
        state=token.state,
        live=not final,
        identity=json.dumps(token.identity) if token.identity else None,
        parent=token.parent,
        due_at=None if final else due_at(lifecycle, token),
        expires_at=token.expires_at,
        counted=None if what is None else f"{what} {token.issuer} {lifecycle.name}",
        counted_until=token.expires_at if what == EXPIRING else None,
        digest=token.digest,
        body=json.dumps(_facts(token), sort_keys=True, separators=(",", ":")),
        access_token=_sealed(token, "access_token", cipher),
        refresh_token=_sealed(token, "refresh_token", cipher),
        fingerprint=None
        if token.access_token is None
        else cipher.fingerprint(token.access_token, token.tenant),
    )
    return vouched(row, cipher)


def _sealed(token: Token, field: str, cipher: Cipher) -> bytes | None:
    value: Secret | None = getattr(token, field)
    if value is None:
        return None
    return cipher.seal(value, binding(token.tenant, token.id, field, token.generation))


def _facts(token: Token) -> dict[str, Any]:
    return {
        "kind": token.kind.name,
        "lifecycle": token.lifecycle,
        "issuer": token.issuer,
        "attributes": dict(token.attributes),
        "identity": list(token.identity),
        "scope": sorted(token.scope),
        "entered_at": token.entered_at,
        "issued_at": token.issued_at,
        "refreshed_at": token.refreshed_at,
        "expires": _expiry_text(token.expires),
        "estimated": token.estimated,
        "refresh_expires": _expiry_text(token.refresh_expires),
        "learned_life": token.learned_life,
        "last_used_at": token.last_used_at,
        "platform": token.platform,
        "runs_on": token.runs_on,
        "supersedes": token.supersedes,
        "reason": token.reason,
        "fired": dict(token.fired),
        "attempt": None if token.attempt is None else attrs.asdict(token.attempt),
        "handed_by": token.handed_by,
        "revoking": None if token.revoking is None else attrs.asdict(token.revoking),
    }


def _expiry_text(expiry: Expiry) -> int | str:
    if isinstance(expiry, At):
        return expiry.instant
    return "never" if isinstance(expiry, Never) else "silent"


def _expiry(value: int | str) -> Expiry:
    if isinstance(value, int):
        return At(value)
    return NEVER if value == "never" else SILENT


def from_row(row: Row, cipher: Cipher) -> Token:
    """Return the token a row keeps.

    Raises WrongKey when a value was moved, changed or sealed otherwise, TamperedRow when anything else in
    the row was, StoreUnreadable.
    """
    access_token, refresh_token = (opened(row, field, cipher) for field in ("access_token", "refresh_token"))
    demand_vouched(row, cipher)
    return _read(row, access_token, refresh_token)


_UNOPENED: Final = Secret("sealed")
"""Stands where a value is kept that nobody opened."""


def unopened(row: Row) -> Token:
    """Return the token a row keeps with its values left sealed: whoever only looks needs no key.

    Nothing is proven of it: whoever can write to the store may have written this. It may be shown, and say
    what to look at more closely; what is sent, served or removed on its word has to be read by `from_row`.
    Raises StoreUnreadable.
    """
    held = (None if one is None else _UNOPENED for one in (row.access_token, row.refresh_token))
    return _read(row, *held)


def _read(row: Row, access_token: Secret | None, refresh_token: Secret | None) -> Token:
    try:
        return _token(row, json.loads(row.body), access_token, refresh_token)
    except (ValueError, KeyError, TypeError, AttributeError):
        damaged = row.key
    raise StoreUnreadable(
        f"{damaged!r}: its row cannot be read", mend="it was changed by hand: restore a backup"
    )


def _token(
    row: Row, facts: dict[str, Any], access_token: Secret | None, refresh_token: Secret | None
) -> Token:
    attempt, revoking = facts.pop("attempt"), facts.pop("revoking", None)
    facts.pop("mac", None)
    return Token(
        key=row.key,
        tenant=row.tenant,
        id=row.id,
        kind=TokenKind(facts.pop("kind")),
        state=row.state,
        digest=row.digest,
        parent=row.parent,
        revision=row.revision,
        generation=row.generation,
        identity=tuple(facts.pop("identity")),
        scope=frozenset(facts.pop("scope")),
        expires=_expiry(facts.pop("expires")),
        refresh_expires=_expiry(facts.pop("refresh_expires")),
        attempt=None if attempt is None else Attempt(**attempt),
        revoking=None if revoking is None else Revoking(**revoking),
        access_token=access_token,
        refresh_token=refresh_token,
        **facts,
    )


def opened(row: Row, field: str, cipher: Cipher) -> Secret | None:
    """Return one value of a row, or None where it has none; raises WrongKey, TamperedRow."""
    sealed: bytes | None = getattr(row, field)
    if sealed is None:
        return None
    if not isinstance(sealed, bytes) or not has_names(row):
        raise tampered(row, f"its {field} is not one, or has no place")
    try:
        return cipher.open(sealed, binding(row.tenant, row.id, field, row.generation))
    except WrongKey as error:
        raise WrongKey(f"{row.key!r}: {str(error).splitlines()[0]}", mend=error.mend) from None
