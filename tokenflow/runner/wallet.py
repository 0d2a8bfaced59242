"""What clients hold in a story, tickets and logins: a run that is killed finds them again."""

import base64
import json
from typing import Any, Final

import attrs

from tokenflow.core.errors import Refused
from tokenflow.core.secret import Secret
from tokenflow.core.tickets import Ticket
from tokenflow.engine.ciphers import Cipher, shelved
from tokenflow.engine.stores import Store

_SHELF: Final = "wallet"


@attrs.frozen(kw_only=True)
class Wallet:
    """What a client holds of each key, sealed in the run's own store: its last ticket, its last login."""

    store: Store
    cipher: Cipher = attrs.field(repr=False)
    run: str

    def keep(self, key: str, ticket: Ticket) -> None:
        """Hold *ticket*, instead of the last one."""
        held = {**attrs.asdict(ticket, recurse=False), "value": ticket.value.reveal()}
        self._put(key, held)

    def last(self, key: str) -> Ticket:
        """Return the last ticket for *key*; raises Refused (no_ticket) where none was given."""
        held = self._take(key)
        if held is None:
            raise Refused("no_ticket", f"nobody holds a ticket for {key!r}", mend="hand it over first")
        return Ticket(**{**held, "value": Secret(held["value"])})

    def bring(self, key: str, payload: Any) -> None:
        """Hold what a login of *key* brought: bytes as an SDK keeps them, or what JSON has."""
        is_bytes = isinstance(payload, bytes)
        self._put(
            f"{key} login", {"bytes": base64.b64encode(payload).decode()} if is_bytes else {"json": payload}
        )

    def brought(self, key: str) -> Any:
        """Return it; raises Refused (no_login) where nothing was brought."""
        held = self._take(f"{key} login")
        if held is None:
            raise Refused("no_login", f"nobody brought a login for {key!r}", mend="acquire it first")
        return base64.b64decode(held["bytes"]) if "bytes" in held else held["json"]

    def _put(self, name: str, held: Any) -> None:
        called, identity = shelved(_SHELF, self.run, name)
        self.store.put(_SHELF, called, self.cipher.seal(Secret(json.dumps(held)), identity))

    def _take(self, name: str) -> Any:
        called, identity = shelved(_SHELF, self.run, name)
        sealed = self.store.get(_SHELF, called)
        return None if sealed is None else json.loads(self.cipher.open(sealed, identity).reveal())
