"""Tokens off a device image and onto one: what a platform's SDK keeps, as the engine's own.

Off one, they arrive as from that platform: its acquirer reads them and the issuer is asked whose they are.
Onto one goes only what may live on a client, and what such a client could have been given.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenflow.core.errors import PayloadError, Refused
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.policies import check_custody
from tokenflow.core.tokens import SECOND, Instant, Token
from tokenflow.engine.held import HeldToken
from tokenflow.hooks.records import Format
from tokenflow.hooks.registry import Registry
from tokenflow.runner.private import write_private

LARGEST: Final = 1024 * 1024
"""Bytes of a file a token is lifted from, or put into."""
_NEVER_ON_A_CLIENT: Final = frozenset({"app", "system_user"})
"""Kinds that no spec's custody makes fit for a device: they open the app, or a business."""


def lifted(path: Path) -> bytes:
    """Return what a platform's acquirer is to take; raises PayloadError when it is too large, OSError."""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise PayloadError("malformed", f"{path} is over {LARGEST} bytes, and no store of a token is")
    return data


def writable(registry: Registry, name: str) -> Format:
    """Return the form *name*; raises UnknownCapability, Refused when no device keeps such a file."""
    found = registry.format(name)
    if found.write is None:
        can = ", ".join(sorted(one.name for one in registry.formats().values() if one.write is not None))
        raise Refused("not_writable", f"{name} is read and not written", mend=f"there is: {can}")
    return found


def demand_may_leave(token: Token, lifecycle: Lifecycle) -> None:
    """Raise Refused when *token* may not live on a device."""
    if token.kind.name in _NEVER_ON_A_CLIENT:
        raise Refused("custody", f"{token.key!r} is of kind {token.kind}, which never goes onto a device")
    check_custody(lifecycle, "client")


def put(held: HeldToken, form: Format, path: Path, *, client_id: str, now: Instant) -> None:
    """Write *held* to *path*, 0600, as *form*; what else the file holds stays.

    Raises PayloadError when what is there cannot be read, or the token lacks what the form needs.
    """
    assert form.write is not None, "it was looked for among those that write"
    into = lifted(path) if path.exists() else None
    write_private(path, form.write(_issued(held, client_id), now, into))


def _issued(held: HeldToken, client_id: str) -> Mapping[str, Any]:
    """Return what the issuer gave, as the forms take it: ends in seconds since 1970, 0 never."""
    facts = held.attributes
    if "user_id" not in facts:
        raise PayloadError(
            "malformed",
            f"{held.key!r} does not say which user it is of, and a device's store has to",
            mend="have it verified first: its lifecycle's `verify` brings the user id",
        )
    ends = held.expires_at
    return {
        "access_token": held.secret.reveal(),
        "app_id": str(facts.get("app_id") or client_id),
        "user_id": str(facts["user_id"]),
        "granted_scopes": sorted(held.scope),
        "declined_scopes": facts.get("declined_scopes"),
        "expired_scopes": facts.get("expired_scopes"),
        "graph_domain": facts.get("graph_domain"),
        "expires_at": 0 if ends is None else ends // SECOND,
        "data_access_expiration_time": (facts.get("data_access_expires_at") or 0) // SECOND,
    }
