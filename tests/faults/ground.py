"""What a round stands on: a sandbox in its own process, one SQLite file, and tokens of four contracts."""

import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

from tests.faults.children import forked
from tests.faults.points import Labelled, Reached, put
from tokenflow import Engine, HttpTransport, Request, Secret
from tokenflow.engine import opening
from tokenflow.engine.keyfiles import write_key_file
from tokenflow.hooks.registry import Registry
from tokenflow.sandbox import AdminClient, Sandbox, run_forever
from tokenflow.spec import Document, load

CONTRACTS: Final = ("none", "grace", "idempotent", "strict")
SPECS: Final = Path(__file__).parent / "specs"
CALLBACK, CLIENT_SECRET = "http://localhost/cb", "faults-client-secret"
LEASE: Final = 2.0
"""Seconds, as the specs have it; an exchange may take half of it."""
_REGISTRY: Final = Registry.installed()


@attrs.frozen(kw_only=True)
class Ground:
    """Where the issuer is, and where the tokens are."""

    url: str
    """As the engines reach it; the admin is never led astray by a proxy."""
    admin: AdminClient
    folder: Path
    journal: str
    keys: tuple[str, ...]
    lease: float = LEASE
    """Seconds."""

    @property
    def path(self) -> Path:
        return self.folder / "store" / "tokens.db"

    def store(self) -> Reached:
        """Open the file; it is made on first use."""
        return Reached(self.path, options={"journal": self.journal})

    def open(self, store: Any, **changes: Any) -> Engine:
        """An engine on it, whose requests say what they present."""
        options: dict[str, Any] = {
            "key": f"file:{write_key_file(self.folder / 'key')}",
            "issuer": self.url,
            "client_ids": {f"faults-{one}": f"client-{one}" for one in CONTRACTS},
            "redirect_uri": CALLBACK,
            "secrets": {"env:OAUTH2_CLIENT_SECRET": Secret(CLIENT_SECRET)},
            "transport": Labelled,
            "trust_cache": 0.0,
            "registry": _REGISTRY,
            **changes,
        }
        return Engine.open(self._specs(), store, **options)

    def _specs(self) -> list[str]:
        """Return the specs of every contract, with this round's times."""
        times = {"timeout: 1s": self.lease / 2, "lease: 2s": self.lease}
        for name in (f"{kind}{one}.yaml" for one in CONTRACTS for kind in ("issuer-", "")):
            text = (SPECS / name).read_text()
            for said, seconds in times.items():
                text = text.replace(said, f"{said.partition(' ')[0]} {round(seconds * 1000)}ms")
            if not (self.folder / name).exists():
                (self.folder / name).write_text(text)
        return [str(self.folder / f"{kind}{one}.yaml") for one in CONTRACTS for kind in ("issuer-", "")]

    def log_in(self, engine: Engine, key: str) -> None:
        """Let the person behind *key* log in, as one who is sent the link would."""
        client = f"client-{contract_of(key)}"
        query = {"client_id": client, "redirect_uri": CALLBACK, "response_type": "code", "scope": "email"}
        back = self.admin.approve(key, f"{self.admin.url}/oauth2/authorize?{urlencode(query)}")
        payload = {"code": dict(parse_qsl(urlsplit(back).query))["code"], "redirect_uri": CALLBACK}
        engine.acquire(key, lifecycle=f"faults-{contract_of(key)}", platform="server", payload=payload)


def contract_of(key: str) -> str:
    """Return the contract of the client that *key* is of."""
    return key.partition("-")[0]


def read_once() -> None:
    """Read specs and certificates once in a process and its forks."""
    known: dict[str, Document] = {}

    def remembered(spec: Any, **names: Any) -> Document:
        if str(spec) not in known:
            known[str(spec)] = load(spec, **names)
        return known[str(spec)]

    put(opening, "load", remembered)
    trust = ssl.create_default_context()
    put(ssl, "create_default_context", lambda **_: trust)


async def warm(url: str) -> None:
    """Send one request, so that what is imported by the first one is there before a process forks."""
    transport = HttpTransport()
    await transport.send(Request(method="GET", url=f"{url}/oauth2/jwks"))
    await transport.close()


@contextmanager
def ground(
    folder: Path, tokens: Mapping[str, int], journal: str = "truncate", lease: float = LEASE
) -> Iterator[Ground]:
    """Run a sandbox in a forked process for as long as the block lasts; *tokens* are counted by contract."""
    readable, writable = os.pipe()

    def serve() -> None:
        os.dup2(writable, sys.stdout.fileno())
        os.close(readable)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        run_forever(Sandbox(real_time=True), 0)

    child = forked(serve)
    os.close(writable)
    try:
        with os.fdopen(readable) as pipe:
            ready = json.loads(pipe.readline())
        admin = AdminClient(ready["url"], ready["admin_token"])
        for contract in CONTRACTS:
            settings: dict[str, Any] = {"rotation": contract, "grace": 60, "redirect_uris": [CALLBACK]}
            admin.client(f"client-{contract}", client_secret=CLIENT_SECRET, **settings)
        keys = tuple(f"{contract}-{n}" for contract, count in tokens.items() for n in range(count))
        for key in keys:
            admin.person(key, key)
        yield Ground(url=ready["url"], admin=admin, folder=folder, journal=journal, keys=keys, lease=lease)
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def instant() -> int:
    """Return now, UTC microseconds."""
    return time.time_ns() // 1000
