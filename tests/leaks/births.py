"""Which secrets there are: whatever the product or a test makes one of is known at its birth.

Whoever writes a test need not remember to say so. Each `Secret` that is made in this process is heard, and so
is what the sandbox issues or is told, what the product draws by chance, and each canary.
"""

import functools
import re
import secrets
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from tests.leaks.encodings import SHORTEST
from tokenflow.core.secret import Secret
from tokenflow.sandbox import settings, world

VARIED: Final = 8
"""Different characters a secret has at least: `aaaaaaaaaaaaaaaa` stands in many a text by chance."""
_OPEN: Final = re.compile(r"https?://[^?#@]*|[0-9]*")
"""What a reference may lead to and is no secret: a redirect URI, the number of an app."""
TOKEN_ID: Final = 12
"""Bytes of chance in the name of a token, which is no secret."""
NO_SECRETS: Final = {
    "tokenflow.sandbox.errors": "the number of a trace, told with each refusal",
    "tokenflow.sandbox.graph.identity": "the number of an identity token, no key to anything",
    "tokenflow.engine.keys": "the name of a store",
    "tokenflow.engine.keyfiles": "the name of a file while it is written",
    "tokenflow.engine.containers": "the name of a file while it is written",
    "tokenflow.engine.anchoring": "the name of a file while it is written",
    "tokenflow.runner.private": "the name of a file while it is written",
    "tokenflow.runner.playing": "the name of a run",
    "tokenflow.runner.acting": "the state of a made-up browser, in its address by RFC 6749",
    "tokenflow.sandbox.codes": "part of a code, which is heard whole",
    "tokenflow.sandbox.oauth2.issuing": "part of a token, which is heard whole",
    "tokenflow.testing.canaries": "part of a canary, which is heard whole",
    "tokenflow_sqlite.files": "the name of a file while it is written",
}
"""Chance that a module draws and that is no secret, and why."""


@attrs.define
class Births:
    """The canaries that are alive: text -> kind."""

    lasting: dict[str, str] = attrs.field(factory=dict, repr=False)
    """Made before any test, or for several."""
    here: dict[str, str] = attrs.field(factory=dict, repr=False)
    """Made for the test that runs."""
    planted: int = 0
    depth: int = 0
    """How many makers of something for several tests are at work."""
    running: bool = False

    def add(self, kind: str, text: object) -> None:
        """Take note of a secret."""
        if not isinstance(text, str) or len(text) < SHORTEST or len(set(text)) < VARIED:
            return
        known = self.lasting if text in self.lasting or self.depth or not self.running else self.here
        if text not in known:
            self.planted += 1
        elif not known[text].startswith("chance"):  # what was drawn by chance may turn out to be more
            return
        known[text] = kind

    def alive(self) -> dict[str, str]:
        """Return all of them."""
        return {**self.lasting, **self.here}


_MINTED: Final[dict[type, Callable[[Any], Iterable[tuple[str, str | None]]]]] = {
    world.App: lambda app: (("app secret", app.app_secret), ("client token", app.client_token)),
    world.Client: lambda client: (("client secret", client.client_secret),),
    world.Token: lambda token: ((f"{token.face} {token.kind} token", token.value),),
    world.Code: lambda code: (("code", code.value),),
    world.DeviceLogin: lambda login: (("device code", login.code),),
    settings.State: lambda state: (("admin token", state.admin_token),),
}


def listen(births: Births, replace: Callable[[Any, str, Any], None]) -> None:
    """Hear of every birth in this process from now on; *replace* puts something in a name's place."""

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "tokenflow.testing.canary":
            births.add(*arguments)

    sys.addaudithook(heard)
    replace(Secret, "__init__", _secret(births, Secret.__init__))
    for cls, told in _MINTED.items():
        replace(cls, "__init__", _minted(births, told, cls.__init__))  # type: ignore[misc]
    for name in ("token_urlsafe", "token_hex"):
        replace(secrets, name, _drawn(births, getattr(secrets, name)))


def _secret(births: Births, made: Callable[..., None]) -> Callable[..., None]:
    def heard(self: Secret, value: str) -> None:
        made(self, value)
        module = _module(sys._getframe(1))
        if module != "tokenflow.engine.secrets" or not _OPEN.fullmatch(value):
            births.add(f"Secret of {module}", value)

    return heard


def _minted(births: Births, told: Callable[[Any], Any], made: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(made)
    def heard(self: Any, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        for kind, text in told(self):
            births.add(kind, text)

    return heard


def _drawn(births: Births, draw: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(draw)
    def drawn(*arguments: Any) -> str:
        text = draw(*arguments)
        module = _module(sys._getframe(1))
        named = module == "tokenflow.engine.performer" and arguments == (TOKEN_ID,)
        if module.startswith("tokenflow") and module not in NO_SECRETS and not named:
            births.add(f"chance of {module}", text)
        return text

    return drawn


def _module(frame: Any) -> str:
    return str(frame.f_globals.get("__name__"))
