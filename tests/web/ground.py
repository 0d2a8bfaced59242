"""What the web room's tests stand on: a sandbox, an engine, an application, and browsers that come to it."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import httpx2
from starlette.requests import Request
from starlette.types import ASGIApp

from tests.engine.ground import Ground
from tokenflow import Engine
from tokenflow.web import application

SITE: Final = "https://app.example"
SCRIPT: Final = b"window.tokenflow = {};"
HOME: Final = {"x-session": "ada"}
"""The application's own session; what proves it is none of the web room's business."""


def key_of(request: Request) -> str | None:
    """Whose token a request is about, as an application's session says."""
    return request.headers.get("x-session")


@attrs.frozen
class Web:
    """An application of the web room over an engine of the ground's."""

    ground: Ground
    engine: Engine
    app: ASGIApp
    url: str = SITE

    def browser(self, session: str | None = "ada", **headers: str) -> "Browser":
        """A browser with no cookies yet, signed in at the application."""
        said = {"origin": urlsplit(self.url)._replace(path="").geturl(), **headers}
        if session is not None:
            said["x-session"] = session
        return Browser(self, said, {})


@attrs.frozen
class Browser:
    """Keeps cookies as a browser does, and follows nothing by itself."""

    web: Web
    headers: dict[str, str]
    cookies: dict[str, str]

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send one request to the application."""
        headers = {**self.headers, **more.pop("headers", {})}
        if self.cookies and "cookie" not in headers:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        transport = httpx2.ASGITransport(app=self.web.app)
        async with httpx2.AsyncClient(transport=transport, base_url=self.web.url, trust_env=False) as client:
            said = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
            answer = await client.request(method, path, headers=said, **more)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if "Max-Age=0" not in line:
                self.cookies[name] = value
        return answer

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        """GET."""
        return await self.ask("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx2.Response:
        """POST."""
        return await self.ask("POST", path, **more)

    async def begin(self, return_to: str = "/account?tab=2") -> str:
        """Begin a login; return the address of the issuer's dialog."""
        answer = await self.get("/login/web", params={"return_to": return_to})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def back(self, params: Mapping[str, str]) -> httpx2.Response:
        """Come back from the issuer."""
        return await self.get("/callback", params=dict(params))

    async def ticket(self) -> str:
        """Be invited to hand off."""
        answer = await self.post("/invitations")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ticket"])

    async def hand_off(self, payload: Any, ticket: str | None = None, **more: Any) -> httpx2.Response:
        """Post what the SDK says, as tokenflow.js does."""
        ticket = await self.ticket() if ticket is None else ticket
        headers = {"content-type": "application/json", "tokenflow-ticket": ticket, **more}
        return await self.post("/hand-off", content=payload, headers=headers)


def web_of(ground: Ground, engine: Engine, url: str = SITE, **more: Any) -> Web:
    """An application for Facebook logins."""
    how: dict[str, Any] = {"key_of": key_of, "lifecycle": "facebook-user", "script": SCRIPT, **more}
    return Web(ground, engine, application(engine, public_url=url, **how), url)


def opened(ground: Ground, url: str = SITE, **options: Any) -> Engine:
    """An engine whose logins come back to the application at *url*."""
    callback = f"{url}/callback"
    ground.admin.change_app("111", redirect_uris=[callback])
    return ground.open(redirect_uri=callback, **options)


def bogus(real: str) -> list[str]:
    """What is not *real*: nothing, cut, grown, turned, another's."""
    return ["", real[:-1], real[1:], real[: len(real) // 2], f"{real}A", real[::-1], "x" * len(real), "é"]
