"""The tickets that were given out in a story: a run that is killed finds them again."""

import json
from typing import Final

import attrs

from tokenflow.core.errors import Refused
from tokenflow.core.secret import Secret
from tokenflow.core.tickets import Ticket
from tokenflow.engine.ciphers import Cipher, binding
from tokenflow.engine.stores import Store

_SHELF: Final = "wallet"


@attrs.frozen(kw_only=True)
class Wallet:
    """What a client holds of each key: its last ticket, sealed in the run's own store."""

    store: Store
    cipher: Cipher = attrs.field(repr=False)
    run: str

    def keep(self, key: str, ticket: Ticket) -> None:
        """Hold *ticket*, instead of the last one."""
        held = {**attrs.asdict(ticket, recurse=False), "value": ticket.value.reveal()}
        sealed = self.cipher.seal(Secret(json.dumps(held)), self._place(key))
        self.store.put(_SHELF, f"{self.run}/{key}", sealed)

    def last(self, key: str) -> Ticket:
        """Return the last ticket for *key*; raises Refused (no_ticket) where none was given."""
        sealed = self.store.get(_SHELF, f"{self.run}/{key}")
        if sealed is None:
            raise Refused("no_ticket", f"nobody holds a ticket for {key!r}", mend="hand it over first")
        held = json.loads(self.cipher.open(sealed, self._place(key)).reveal())
        return Ticket(**{**held, "value": Secret(held["value"])})

    def _place(self, key: str) -> bytes:
        return binding(self.run, key, _SHELF, 0)
