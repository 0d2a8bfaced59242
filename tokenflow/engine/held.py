"""What an application gets: a token that shows itself only on purpose."""

from typing import Any

import attrs

from tokenflow.core.secret import Secret
from tokenflow.core.tokens import Instant, Token


@attrs.frozen
class HeldToken:
    """A usable token, as of the moment it was asked for. Ask the engine again for the next use."""

    token: Token = attrs.field(repr=False)

    def __repr__(self) -> str:
        return f"<HeldToken {self.token.key!r} {self.token.kind} {self.token.state}>"

    @property
    def key(self) -> str:
        """The application's name for it."""
        return self.token.key

    @property
    def state(self) -> str:
        """Its lifecycle's state."""
        return self.token.state

    @property
    def scope(self) -> frozenset[str]:
        """What it may do, as the issuer granted it."""
        return self.token.scope

    @property
    def attributes(self) -> dict[str, Any]:
        """Facts kept with it: user_id, perms ..."""
        return dict(self.token.attributes)

    @property
    def expires_at(self) -> Instant | None:
        """When it ends by time (UTC microseconds), or None."""
        return self.token.expires_at

    @property
    def secret(self) -> Secret:
        """The access token, still hidden: `.secret.reveal()` shows it."""
        if self.token.access_token is None:
            raise ValueError(f"{self.key}: the platform keeps this token's value; there is none here")
        return self.token.access_token

    @property
    def authorization(self) -> str:
        """The value of an Authorization header (RFC 6750 §2.1). Keep it out of logs and URLs."""
        return f"Bearer {self.secret.reveal()}"
