"""A small issuer in this process, with its own truth: what it gave, to whom, until when, and what is dead."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from tokenflow import SECOND, IssuerUnreachable, Request, Response, Secret, VirtualClock

APP: Final = "111"
CLIENT: Final = "shop"
SHORT, LONG, ACCESS = 5400, 60 * 86_400, 3600
"""Seconds its tokens live."""
PAGES: Final = ("7001", "7002")
MODES: Final = ("well", "out", "html", "half", "cut", "busy")


@attrs.define
class Given:
    """A token it gave."""

    value: str
    key: str
    """The application's key for it, which the issuer knows here only so that a test may ask."""
    user: str
    kind: str
    expires_at: int | None
    """Microseconds; None is never."""
    long: bool = False
    dead: bool = False


@attrs.define
class Issuer:
    """Two faces, as the specs know them: `facebook`, and `oauth2` with refresh tokens."""

    clock: VirtualClock
    mode: str = "well"
    given: list[Given] = attrs.field(factory=list)
    refreshes: dict[str, str] = attrs.field(factory=dict)
    """refresh token -> user."""
    meanwhile: list[Callable[[], None]] = attrs.field(factory=list)
    """What somebody else does while the next request is answered."""
    raced: set[str] = attrs.field(factory=set)
    """Keys that were acted upon while a request was under way, until they are given anew."""

    def of(self, value: str) -> Given:
        """What is true of a token it gave."""
        return next(one for one in self.given if one.value == value)

    def last(self, key: str) -> str | None:
        """The value it gave last for *key*."""
        return next((one.value for one in reversed(self.given) if one.key == key), None)

    def kill(self, user: str) -> None:
        """A changed password: every token of that user is dead."""
        for one in self.given:
            if one.user == user:
                one.dead = True
        self.refreshes = {value: owner for value, owner in self.refreshes.items() if owner != user}

    def answer(self, request: Request) -> Response:
        """Answer in good health."""
        form = {name: _shown(value) for name, value in (request.form or {}).items()}
        bearer = "" if request.bearer is None else request.bearer.reveal()
        path = request.url.partition("://")[2].partition("/")[2].removeprefix("v23.0/")
        match path:
            case "oauth/access_token":
                return self._facebook(form)
            case "debug_token":
                return _json(self._inspected(form["input_token"]))
            case "me/accounts":
                return self._accounts(bearer)
            case "me/permissions":
                return self._removed(bearer)
            case "oauth2/token":
                return self._oauth2(form)
            case "oauth2/introspect":
                return _json({"active": self._alive(form["token"])})
            case "oauth2/revoke":
                return self._revoked(form["token"])
        return _json({"id": "me"}) if self._alive(bearer) else self._dead(bearer)

    def _give(self, key: str, user: str, kind: str, seconds: int | None, *, long: bool = False) -> Given:
        ends = None if seconds is None else self.clock() // SECOND * SECOND + seconds * SECOND
        one = Given(f"CANARY{len(self.given)}", key, user, kind, ends, long)
        self.given.append(one)
        self.raced.discard(key)
        return one

    def _alive(self, value: str) -> bool:
        found = next((one for one in self.given if one.value == value), None)
        return (
            found is not None
            and not found.dead
            and (found.expires_at is None or self.clock() < found.expires_at)
        )

    def _dead(self, value: str) -> Response:
        found = next((one for one in self.given if one.value == value), None)
        subcode = 460 if found is None or found.dead else 463
        return _json({"error": {"code": 190, "error_subcode": subcode, "message": "no"}}, 400)

    def _facebook(self, form: Mapping[str, str]) -> Response:
        if form["grant_type"] == "authorization_code":
            user = form["code"]
            one = self._give(f"fb/{user}", user, "USER", SHORT)
            return _json({"access_token": one.value, "token_type": "bearer", "expires_in": SHORT})
        old = form["fb_exchange_token"]
        if not self._alive(old):
            return self._dead(old)
        known = self.of(old)
        one = self._give(known.key, known.user, "USER", LONG, long=True)
        return _json({"access_token": one.value, "token_type": "bearer", "expires_in": LONG})

    def _inspected(self, value: str) -> dict[str, Any]:
        if not self._alive(value):
            return {"data": {"is_valid": False, "error": {"code": 190, "subcode": 463}}}
        one = self.of(value)
        return {
            "data": {
                "is_valid": True,
                "app_id": APP,
                "user_id": one.user,
                "type": one.kind,
                "scopes": ["manage_pages"],
                "expires_at": 0 if one.expires_at is None else one.expires_at // SECOND,
            }
        }

    def _accounts(self, bearer: str) -> Response:
        if not self._alive(bearer):
            return self._dead(bearer)
        parent, rows = self.of(bearer), []
        left = None if parent.long or parent.expires_at is None else parent.expires_at - self.clock()
        for page in PAGES:
            seconds = None if left is None else left // SECOND
            one = self._give(f"page/{page}/{parent.user}", parent.user, "PAGE", seconds)
            rows.append({"id": page, "name": page, "access_token": one.value, "perms": ["ADMINISTER"]})
        return _json({"data": rows})

    def _removed(self, bearer: str) -> Response:
        if not self._alive(bearer):
            return self._dead(bearer)
        self.kill(self.of(bearer).user)
        return _json({"success": True})

    def _oauth2(self, form: Mapping[str, str]) -> Response:
        user = (
            form.get("code")
            if form["grant_type"] == "authorization_code"
            else self.refreshes.get(form["refresh_token"])
        )
        if user is None:
            return _json({"error": "invalid_grant"}, 400)
        one = self._give(f"rot/{user}", user, "ACCESS", ACCESS)
        refresh = f"CANARYr{len(self.given)}"
        self.refreshes[refresh] = user
        return _json(
            {
                "access_token": one.value,
                "refresh_token": refresh,
                "token_type": "bearer",
                "expires_in": ACCESS,
            }
        )

    def _revoked(self, value: str) -> Response:
        self.refreshes.pop(value, None)
        for one in self.given:
            one.dead = one.dead or one.value == value
        return _json({})


def _shown(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _json(body: object, status: int = 200) -> Response:
    return Response(
        status=status, headers={"content-type": "application/json"}, body=json.dumps(body).encode()
    )


@attrs.frozen
class ScriptedTransport:
    """Takes requests to that issuer, through whatever weather it has just now."""

    issuer: Issuer

    async def send(self, request: Request, *, step: str | None = None) -> Response:
        """Answer as the issuer would, or fail as a network would."""
        issuer = self.issuer
        response = self._weather(request)
        while issuer.meanwhile:
            act = issuer.meanwhile.pop()
            await asyncio.to_thread(act)
            issuer.raced |= {one.key for one in issuer.given}
        return response

    def _weather(self, request: Request) -> Response:
        match self.issuer.mode:
            case "out":
                return Response(status=503)
            case "busy":
                return Response(status=429, headers={"retry-after": "30"})
            case "html":
                return Response(status=200, headers={"content-type": "text/html"}, body=b"<h1>Sorry</h1>")
            case "half":
                return Response(status=200, body=b'{"access_token": "CANARY')
            case "cut":
                raise IssuerUnreachable("the connection was cut", sent=True)
        return self.issuer.answer(request)

    async def close(self) -> None:
        """Nothing is open."""
