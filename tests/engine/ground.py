"""What engine tests stand on: a sandbox with people, clients and a clock, and engines opened on it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

from tokenflow import (
    SECOND,
    AsyncEngine,
    Engine,
    HeldToken,
    HttpTransport,
    Secret,
    Store,
    Token,
    VirtualClock,
)
from tokenflow.engine.keys import write_key_file
from tokenflow.sandbox import AdminClient, Running
from tokenflow.testing import canary
from tokenflow_android import encode_login as android_login
from tokenflow_ios import encode_login as ios_login
from tokenflow_javascript import encode_login as javascript_login

NOW: Final = 1_800_000_000 * SECOND
APP, APP_SECRET = "111", canary("app-secret")
CLIENT, CLIENT_SECRET = "shop", canary("client-secret")
ADA, BOB = "100", "200"
CALLBACK = "http://localhost/cb"
SPECS: Final = ("oauth2-rotating", "oauth2-app", "facebook-user", "facebook-page", "facebook-app")
HOUR, DAY = 3600, 86_400
"""Seconds."""
ENCODERS: Final = {"javascript": javascript_login, "android": android_login, "ios": ios_login}


@attrs.frozen
class Ground:
    """A running sandbox and everything a test does to it."""

    running: Running
    admin: AdminClient
    clock: VirtualClock
    folder: Path

    def options(self, **changes: Any) -> dict[str, Any]:
        """What an engine is opened with here."""
        return {
            "clock": self.clock,
            "issuer": self.running.url,
            "client_ids": {"facebook": APP, "sandbox-oauth2": CLIENT},
            "redirect_uri": CALLBACK,
            "secrets": {
                "env:FB_APP_SECRET": Secret(APP_SECRET),
                "env:FB_CLIENT_TOKEN": Secret(self.running.client_token),
                "env:OAUTH2_CLIENT_SECRET": Secret(CLIENT_SECRET),
            },
            "trust_cache": 0.0,
            **changes,
        }

    def sqlite(self, name: str = "tokens.db") -> tuple[str, str]:
        """A store's URL in this test's folder, and the reference of its key."""
        return f"sqlite:{self.folder / name}", f"file:{write_key_file(self.folder / f'{name}.key')}"

    def open(self, store: Any = "memory", specs: Any = SPECS, **changes: Any) -> Engine:
        """An engine on this sandbox."""
        return Engine.open(specs, store, **self.options(**changes))

    async def aopen(self, store: Any = "memory", specs: Any = SPECS, **changes: Any) -> AsyncEngine:
        """The same, awaited."""
        return await AsyncEngine.open(specs, store, **self.options(**changes))

    def durable(self, **changes: Any) -> Engine:
        """An engine on this test's SQLite file."""
        store, key = self.sqlite()
        return self.open(store, key=key, **changes)

    @staticmethod
    def renewed(engine: Engine, key: str) -> HeldToken:
        """Ask for a token, wait for the newer one that is had behind it if it is stale, and return that."""
        engine.token(key)
        engine.desk.landed().result(60)
        return engine.token(key)

    def pass_time(self, seconds: float) -> None:
        """Let time pass here and at the issuer."""
        self.clock.advance(int(seconds * SECOND))
        self.admin.advance(seconds)

    def approve(self, url: str, person: str = ADA, **how: Any) -> dict[str, str]:
        """Let a person say yes in the dialog; return what comes back."""
        return dict(parse_qsl(urlsplit(self.admin.approve(person, url, **how)).query))

    def code(self, person: str = ADA, scope: str = "email") -> dict[str, str]:
        """What an application's own backend holds after a login at the OAuth face."""
        query = {"client_id": CLIENT, "redirect_uri": CALLBACK, "response_type": "code", "scope": scope}
        back = self.approve(f"{self.running.url}/oauth2/authorize?{urlencode(query)}", person)
        return {"code": back["code"], "redirect_uri": CALLBACK}

    def rotating(self, engine: Engine, key: str = "k", person: str = ADA) -> Token:
        """Log a person in at the OAuth face, with a refresh token."""
        return engine.acquire(key, lifecycle="oauth2-rotating", platform="server", payload=self.code(person))

    def payload(self, platform: str, person: str = ADA, **how: Any) -> Any:
        """What a platform's SDK hands over after a login."""
        issued = self.admin.issue(person, APP, platform, ["email", "manage_pages"], **how)
        return ENCODERS[platform](issued, self.clock() // SECOND)

    def facebook(self, engine: Engine, key: str = "ada", platform: str = "javascript") -> Token:
        """Log Ada in at Facebook's face."""
        return engine.acquire(
            key, lifecycle="facebook-user", platform=platform, payload=self.payload(platform)
        )

    def calls(self, path: str = "/oauth2/token", grant: str | None = None) -> int:
        """How many requests the issuer saw on *path*."""
        return sum(
            1
            for row in self.admin.ledger()["requests"]
            if row["path"] == path and grant in (None, row["grant_type"])
        )

    def requests(self) -> int:
        """How many requests the issuer saw at all."""
        return len(self.admin.ledger()["requests"])


def state(store: Store, key: str) -> str | None:
    """The state a store keeps for a key: nobody looked at it, so nothing was settled meanwhile."""
    row = store.load("default", key)
    return None if row is None else row.state


@contextmanager
def opened(ground: Ground, **changes: Any) -> Iterator[Engine]:
    """An engine on a store in memory."""
    with ground.open(**changes) as engine:
        yield engine


def quick(deadline: float = 0.5) -> Any:
    """A transport that soon gives up."""
    return lambda: HttpTransport(deadline=deadline)


def altered(payload: Any, **changes: Any) -> str:
    """A JSON payload with some of its fields changed."""
    fields: Mapping[str, Any] = json.loads(payload)
    return json.dumps({**fields, **changes})
