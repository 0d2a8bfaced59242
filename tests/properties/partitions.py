"""One span of time, cut into wake-ups in any way: who looks, when, and whether the process lived on.

A token of a rotating lifecycle lives through a script of an issuer's moods. What is compared is where it
stands at the end, what happened to it on the way, and what was sent, at which instant.

An engine's guard, which leaves an ailing issuer alone for a while, is open here: what it has learnt is
a process's own memory, by chance and by design, and goes with the process.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import attrs

from tests.properties.issuing import CLIENT
from tokenflow import (
    SECOND,
    Engine,
    IssuerUnreachable,
    MemoryStore,
    Request,
    Response,
    Secret,
    VirtualClock,
)
from tokenflow.engine.guards import Gate

NOW: Final = 1_800_000_000 * SECOND
MINUTE, HOUR, DAY = 60, 3600, 86_400
"""Seconds."""
ACCESS, REFRESH = HOUR, 6 * HOUR
SPEC: Final = """
apiVersion: tokenflow/v1
kind: Lifecycle
metadata: {name: fading, version: 1.0.0}
extends: builtin:oauth2-rotating
commands:
  extend: {retry: {attempts: 2, first: 20s}}
events:
  fade: {from: [timer], description: Little of its life is left.}
states:
  issued:
    transitions: {fade: {to: fading}}
    timers:
      renew: {at: expires - 20%, every: 10m, raise: extend}
      fade: {at: expires - 5m, raise: fade}
  extended:
    transitions: {fade: {to: fading}}
    timers:
      renew: {at: expires - 20%, every: 10m, raise: extend}
      fade: {at: expires - 5m, raise: fade}
  fading:
    description: Not refreshed in time; it is tried every minute.
    usable: true
    lifetime: access
    transitions:
      extend: {do: extend, to: extended, on_error: {revoked: invalidate}}
      expire: {to: awaiting_refresh}
    timers:
      renew: {at: entered + 1m, every: 1m, raise: extend}
      expire: {at: expires, raise: expire, hard: true}
"""
MOODS: Final = ("well", "out", "busy", "html", "cut", "lost", "no", "slow", "slow and out", "slow and cut")
"""What the issuer does with a request; `lost` answers into a cut connection, `slow` takes its time."""
SLOW: Final = 55
"""Seconds; within the minute that the spec's lease lasts."""
TOUCHES: Final = ("sweep", "look", "restart")


@attrs.frozen
class Touch:
    """Something done at an instant when nothing need be done."""

    after: int
    """Seconds since the beginning."""
    act: str


@attrs.frozen(kw_only=True)
class Partition:
    """How one span is lived through."""

    touches: tuple[Touch, ...] = ()
    asleep: tuple[tuple[int, int], ...] = ()
    """Spans in which nobody looks, (from, to) in seconds since the beginning."""
    meddles: bool = False
    """Whether a second engine looks at the token while a request is on its way."""


@attrs.define
class StrictIssuer:
    """Issues refresh tokens that are good once, and tells which are."""

    clock: VirtualClock
    moods: list[str]
    meanwhile: Callable[[], None] = lambda: None
    newest: int = 0
    over: bool = False
    sent: list[tuple[int, str]] = attrs.field(factory=list)

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Answer as the next mood has it; when the script is through, well."""
        path = request.url.rpartition("/")[2]
        form = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in (request.form or {}).items()
        }
        if form.get("grant_type") == "authorization_code":
            return self._granted()
        mood = self.moods.pop(0) if self.moods else "well"
        self.sent.append((self.clock() - NOW, f"{path} {mood}"))
        if mood.startswith("slow"):
            self.clock.advance((SLOW - 1) * SECOND)
            await asyncio.to_thread(self.meanwhile)
            self.clock.advance(SECOND)
        if mood.endswith("out"):
            return Response(status=503)
        if mood == "busy":
            return Response(status=429, headers={"retry-after": "120"})
        if mood == "html":
            return Response(status=200, headers={"content-type": "text/html"}, body=b"<h1>Sorry</h1>")
        if mood.endswith("cut"):
            raise IssuerUnreachable("the connection was cut", sent=True)
        answer = self._answer(path, form)
        if mood == "lost":
            raise IssuerUnreachable("the answer was lost", sent=True)
        return _json({"error": "invalid_request"}, 400) if mood == "no" else answer

    def _answer(self, path: str, form: dict[str, str]) -> Response:
        if path == "introspect":
            return _json({"active": not self.over and form["token"].endswith(f"-{self.newest}")})
        if self.over or form["refresh_token"] != f"refresh-{self.newest}":
            self.over = True
            return _json({"error": "invalid_grant"}, 400)
        return self._granted()

    def _granted(self) -> Response:
        self.newest += 1
        return _json(
            {
                "access_token": f"access-{self.newest}",
                "refresh_token": f"refresh-{self.newest}",
                "token_type": "bearer",
                "expires_in": ACCESS,
                "refresh_expires_in": REFRESH,
            }
        )

    async def close(self) -> None:
        """Nothing is open."""


def _json(body: object, status: int = 200) -> Response:
    text = json.dumps(body).encode()
    return Response(status=status, headers={"content-type": "application/json"}, body=text)


@attrs.frozen(kw_only=True)
class Ending:
    """How a span ended."""

    token: dict[str, Any]
    """Everything stored of it, but for who made the last attempt, and what vouches for it all."""
    history: list[str]
    sent: list[tuple[int, str]]

    @property
    def state(self) -> str:
        """The state it is in."""
        return str(self.token["state"])


class Span:
    """One life in one partition of its time."""

    def __init__(self, spec: Path, moods: list[str], partition: Partition) -> None:
        self._spec, self._partition = spec, partition
        self.clock = VirtualClock(NOW)
        self.store = MemoryStore()
        self.issuer = StrictIssuer(self.clock, list(moods))
        if partition.meddles:
            self.issuer.meanwhile = self._meddle

    def lived(self, seconds: int) -> Ending:
        """Live for a span, awake at every deadline but for the sleeps, and say how it ended."""
        numbers = count()
        # Jitter follows from a token's random id, so that both lives need the same.
        with (
            patch("tokenflow.engine.performer.secrets.token_urlsafe", lambda size: f"n{next(numbers)}"),
            patch.object(Gate, "waits", lambda *_, **__: 0),
            patch.object(Gate, "take", lambda *_, **__: 0),
        ):
            self._engine = self._open()
            try:
                payload = {"code": "c", "redirect_uri": "https://app.example/back"}
                self._engine.acquire("k", lifecycle="fading", platform="server", payload=payload)
                for at, act in self._wakings(seconds):
                    self.clock.advance(max(0, NOW + at - self.clock()))
                    self._act(act)
                return self._ending()
            finally:
                self._engine.close()

    def _wakings(self, seconds: int) -> Iterator[tuple[int, str]]:
        """Yield (microseconds since the beginning, act): each touch and each deadline, then the end."""
        touches = sorted(self._partition.touches, key=lambda touch: touch.after)
        end = seconds * SECOND
        while (now := self.clock() - NOW) < end:
            due = [row.due_at - NOW for row in self.store.due("default", 2**62, 1) if row.due_at is not None]
            deadline = self._awake(max(min(due, default=end), now))
            if touches and touches[0].after * SECOND <= min(deadline, end):
                touch = touches.pop(0)
                yield touch.after * SECOND, touch.act
            else:
                yield min(deadline, end), "sweep"
        yield end, "sweep"

    def _awake(self, at: int) -> int:
        """Return *at*, or when the sleep it falls into ends."""
        return next(
            (to * SECOND for since, to in self._partition.asleep if since * SECOND <= at < to * SECOND), at
        )

    def _act(self, act: str) -> None:
        if act == "restart":
            self._engine.close()
            self._engine = self._open()
            restarted()
        elif act == "look":
            self._engine.explain("k")
        else:
            for _ in range(9):
                self._engine.sweep()
                if not self.store.due("default", self.clock(), 1):
                    return
            raise AssertionError("nine sweeps did not bring it to rest")

    def _meddle(self) -> None:
        with self._open() as other:
            other.sweep()
            other.explain("k")

    def _open(self) -> Engine:
        return Engine.open(
            [str(self._spec)],
            self.store,
            clock=self.clock,
            transport=lambda: self.issuer,
            issuer="https://issuer.example",
            client_ids={"sandbox-oauth2": CLIENT},
            redirect_uri="https://app.example/back",
            secrets={"env:OAUTH2_CLIENT_SECRET": Secret("s")},
            trust_cache=0.0,
        )

    def _ending(self) -> Ending:
        row = self.store.load("default", "k")
        assert row is not None
        facts = {**json.loads(row.body), "state": row.state, "revision": row.revision, "due_at": row.due_at}
        facts.pop("mac", None)  # under a key that each life has anew
        if facts["attempt"] is not None:
            del facts["attempt"]["worker"]
        history = [entry.happened for entry in self.store.history("default", "k")]
        return Ending(token=facts, history=history, sent=self.issuer.sent)


def restarted() -> None:
    """Called after each restart: where a planted bug may lose what was only in memory."""
