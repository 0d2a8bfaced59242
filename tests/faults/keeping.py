"""A strict token on a SQLite store and its issuer's ledger: what is kept while the disk misbehaves.

The issuer is in the process and its ledger in a file that no fault touches, so that whoever judges
afterwards knows what was given, what was presented, and whether anything was presented twice.
"""

import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs

from tokenflow import SECOND, Engine, Request, Response, Secret, Token, VirtualClock
from tokenflow.engine.keys import write_key_file
from tokenflow.engine.transports import Transport
from tokenflow.hooks.registry import Registry

KEY: Final = "k"
LOGIN: Final[Mapping[str, Any]] = {
    "lifecycle": "oauth2-rotating",
    "platform": "server",
    "payload": {"code": "c", "redirect_uri": "http://127.0.0.1:8484/callback"},
}
NOW: Final = 1_800_000_000 * SECOND
_JSON: Final = {"content-type": "application/json"}


def plain(value: str | Secret) -> str:
    """Return what goes over the wire."""
    return value.reveal() if isinstance(value, Secret) else value


@attrs.frozen
class Ledger:
    """What an issuer of rotating tokens did, a line each: `given N` and `replay N`. N counts tokens."""

    path: Path

    def add(self, what: str, number: int) -> None:
        """Write a line; it is there when this returns, whatever becomes of the process."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, f"{what} {number}\n".encode())
        finally:
            os.close(descriptor)

    def lines(self) -> list[tuple[str, int]]:
        """Return all that happened."""
        text = self.path.read_text() if self.path.exists() else ""
        return [(what, int(number)) for what, number in (line.split() for line in text.splitlines())]

    @property
    def current(self) -> int:
        """The number of the one token that is good; 0: none was given."""
        return max((number for what, number in self.lines() if what == "given"), default=0)

    @property
    def replays(self) -> int:
        """How often a token was presented that had been spent."""
        return sum(what == "replay" for what, _ in self.lines())


def _nobody(what: str) -> None:
    """Is told, and tells nobody."""


@attrs.frozen
class Issuer:
    """A transport that answers itself, strictly: a refresh token is good once, and then the next one is."""

    ledger: Ledger
    tell: Callable[[str], None] = _nobody
    """Told `given N` once a token is written down, and before it is answered."""

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Answer, and write it down first."""
        form = {name: plain(value) for name, value in (request.form or {}).items()}
        if request.url.endswith("/introspect"):
            return self._says(form["token"])
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != f"r{self.ledger.current}":
            self.ledger.add("replay", int(form["refresh_token"][1:]))
            return answer(400, {"error": "invalid_grant"})
        number = self.ledger.current + 1
        self.ledger.add("given", number)
        self.tell(f"given {number}")
        return answer(200, tokens(number))

    def _says(self, token: str) -> Response:
        alive = token[1:] == str(self.ledger.current)
        return answer(200, {"active": alive, "exp": NOW // SECOND + 3600} if alive else {"active": False})

    async def close(self) -> None:
        """Nothing is open."""


def tokens(number: int) -> Mapping[str, object]:
    """Return what an issuer says that gives the token of that number."""
    return {"access_token": f"a{number}", "refresh_token": f"r{number}", "expires_in": 3600}


def answer(status: int, body: Mapping[str, object]) -> Response:
    """Return *body* as JSON."""
    return Response(status=status, headers=_JSON, body=json.dumps(body).encode())


@cache
def _plugins() -> Registry:
    return Registry.installed()


@attrs.frozen
class Ground:
    """One store, its key and its issuer's ledger in a folder; only what is below `kept` may fail."""

    folder: Path
    options: str = ""
    """Of the store's URL, as in `?journal=wal`."""
    tell: Callable[[str], None] = _nobody
    """Told of what the issuer gives."""
    clock: VirtualClock = attrs.field(factory=lambda: VirtualClock(NOW))

    @property
    def kept(self) -> Path:
        """Where the store is."""
        return self.folder / "kept"

    @property
    def file(self) -> Path:
        """The store's file."""
        return self.kept / "tokens.db"

    @property
    def ledger(self) -> Ledger:
        """What the issuer did."""
        return Ledger(self.folder / "ledger")

    def open(self, issuer: Transport | None = None) -> Engine:
        """Open an engine; raises StoreError. *issuer*: another than the one that keeps the ledger."""
        issuer = issuer or Issuer(self.ledger, self.tell)
        # What an engine remembers of a store beside it is this one's: a copy is no rollback of another.
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_STATE_HOME"] = str(self.folder / "home")
        return Engine.open(
            ["oauth2-rotating"],
            f"sqlite:{self.file}{self.options}",
            key=f"file:{write_key_file(self.folder / 'key')}",
            clock=self.clock,
            transport=lambda: issuer,
            client_ids={"sandbox-oauth2": "shop"},
            secrets={"env:OAUTH2_CLIENT_SECRET": Secret("s")},
            issuer="http://127.0.0.1:9",
            registry=_plugins(),
        )


def number_of(token: Token) -> int:
    """Return which of the issuer's tokens this is; 0 when it holds none."""
    return 0 if token.access_token is None else int(token.access_token.reveal()[1:])
