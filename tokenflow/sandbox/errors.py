"""The two ways the sandbox refuses: in Graph's shape and in RFC 6749's.

A client of one face cannot read the other's (12 of 24 Facebook clients break on an RFC 6749 body), so
the two never share a path.
"""

import secrets
from urllib.parse import quote

from tokenflow.sandbox.wire import Pairs, Reply, json_reply


class GraphError(Exception):
    """A refusal of the Graph face: `{"error": {...}}`, HTTP 400 (facebook.md §6)."""

    def __init__(
        self,
        message: str,
        *,
        code: int,
        subcode: int | None = None,
        kind: str = "OAuthException",
        status: int = 400,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.subcode = subcode
        self.kind = kind
        self.status = status

    def body(self) -> dict[str, object]:
        """Return the JSON body; `fbtrace_id` is new each time, as at Facebook."""
        error: dict[str, object] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.code in {1, 2}:
            error["is_transient"] = self.code == 2
        error["fbtrace_id"] = secrets.token_urlsafe(15)[:20]
        return {"error": error}

    @property
    def mark(self) -> str:
        """What the ledger writes: `190/463`."""
        return str(self.code) if self.subcode is None else f"{self.code}/{self.subcode}"

    def reply(self) -> Reply:
        """Return the whole answer; 190 also challenges, in Facebook's words (facebook.md §1.0)."""
        headers: Pairs = ()
        if self.code == 190:
            text = quote(self.message, safe=" :.,-'#/()")
            headers = (("www-authenticate", f'OAuth "Facebook Platform" "invalid_token" "{text}"'),)
        return json_reply(self.body(), self.status, headers=headers, error=self.mark)


class OAuthError(Exception):
    """A refusal of the OAuth face: `{"error", "error_description"}` (RFC 6749 §5.2)."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status

    def body(self) -> dict[str, object]:
        """Return the JSON body."""
        return {"error": self.error, "error_description": self.description}

    def reply(self) -> Reply:
        """Return the whole answer; 401 carries the challenge that RFC 6749 §5.2 asks for."""
        headers: Pairs = (("www-authenticate", 'Basic realm="oauth2"'),) if self.status == 401 else ()
        return json_reply(self.body(), self.status, headers=headers, error=self.error)


class AdminError(Exception):
    """The admin asked for something that is not there, or in a way that cannot be read."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status

    def reply(self) -> Reply:
        """Return the whole answer."""
        return json_reply({"error": self.message}, self.status)
