"""What tests of tenants stand on: an issuer that answers at once and takes no connection, and every verb."""

import json
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from tokenflow import Call, Engine, Request, Response, Secret, VirtualClock

NOW: Final = 1_800_000_000_000_000
SPEC: Final = Path(__file__).with_name("movable.yaml")


class Issuing:
    """A transport whose issuer gives a new token to whoever asks, and says yes to everything else."""

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self._numbers = count()

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        self.sent.append(request)
        said: dict[str, Any] = {"active": True}
        if (request.form or {}).get("grant_type") == "client_credentials":
            said = {"access_token": f"at-{next(self._numbers)}-{'x' * 24}", "token_type": "Bearer"}
            said["expires_in"] = 3600
        headers = {"content-type": "application/json"}
        return Response(status=200, headers=headers, body=json.dumps(said).encode())

    async def close(self) -> None:
        return


def options(issuing: Issuing) -> dict[str, Any]:
    """What an engine is opened with here; nothing is sent to anybody."""
    return {
        "clock": VirtualClock(NOW),
        "transport": lambda: issuing,
        "issuer": "https://issuer.example",
        "client_ids": {"sandbox-oauth2": "shop", "facebook": "111"},
        "redirect_uri": "http://localhost/cb",
        "secrets": {"env:OAUTH2_CLIENT_SECRET": Secret("CANARY-client-secret")},
    }


def opened(issuing: Issuing, store: Any = "memory") -> Engine:
    """An engine on that issuer."""
    return Engine.open([SPEC, "facebook-page"], store, **options(issuing))


def acquire(handle: Any, key: str) -> Any:
    """Get a token for *key*."""
    return handle.acquire(key, lifecycle="movable", platform="server")


SAID: Final = Response(status=200, body=b"{}")
KEYED: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "token": lambda handle, key: handle.token(key),
    "use": lambda handle, key: handle.use(key, Call(path="https://issuer.example/oauth2/userinfo")),
    "explain": lambda handle, key: handle.explain(key),
    "introspect": lambda handle, key: handle.introspect(key),
    "report": lambda handle, key: handle.report(key, SAID),
    "hand_over": lambda handle, key: handle.hand_over(key, to="server", audience="https://b.example"),
    "extend": lambda handle, key: handle.extend(key),
    "derive": lambda handle, key: handle.derive(key, lifecycle="facebook-page", key="child"),
    "send": lambda handle, key: handle.send(key, "expiring_soon"),
    "invalidate": lambda handle, key: handle.invalidate(key),
    "revoke": lambda handle, key: handle.revoke(key),
}
"""The verbs that raise TokenNotFound for a key that is not there, as a handle is asked them."""
