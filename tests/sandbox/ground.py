"""What most sandbox tests stand on: one app, two people, two pages, and short ways to ask."""

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from attrs import frozen

from tokenflow.sandbox import AdminClient, Running
from tokenflow.testing import canary

APP, SECRET, CLIENT_TOKEN = "111", canary("app-secret"), canary("client-token")
ADA, BOB = "100", "200"
ENGINES, LOOMS = "7001", "7002"
CALLBACK = "http://localhost/cb"
NOW = 1_800_000_000_000_000
DAY = 86_400


@frozen
class Ground:
    """A running sandbox, its admin, and a plain HTTP client."""

    running: Running
    admin: AdminClient
    http: httpx2.Client

    def get(self, path: str, **params: Any) -> httpx2.Response:
        return self.http.get(f"{self.running.url}/{path}", params=params)

    def post(self, path: str, **form: Any) -> httpx2.Response:
        return self.http.post(f"{self.running.url}/{path}", data=form)

    def delete(self, path: str, **params: Any) -> httpx2.Response:
        return self.http.delete(f"{self.running.url}/{path}", params=params)

    def dialog(self, **params: Any) -> str:
        """Return the URL of the Graph dialog."""
        asked = {"client_id": APP, "redirect_uri": CALLBACK, **params}
        return f"{self.running.url}/v25.0/dialog/oauth?{urlencode(asked)}"

    def code(self, person: str = ADA, **params: Any) -> str:
        """Log in and return the code."""
        return answer_of(self.admin.approve(person, self.dialog(**params)))["code"]

    def exchange(self, code: str, **params: Any) -> httpx2.Response:
        """Exchange a code as a server does."""
        asked = {"client_id": APP, "client_secret": SECRET, "redirect_uri": CALLBACK, "code": code}
        return self.get("oauth/access_token", **{**asked, **params})

    def user_token(self, person: str = ADA, scope: str = "email,manage_pages", **params: Any) -> str:
        """Return a short-lived user token of a web login."""
        return str(self.exchange(self.code(person, scope=scope, **params)).json()["access_token"])

    def extended(self, token: str, **params: Any) -> httpx2.Response:
        """Ask for a long-lived token."""
        asked = {"client_id": APP, "client_secret": SECRET, "grant_type": "fb_exchange_token"}
        return self.get("oauth/access_token", **{**asked, "fb_exchange_token": token, **params})

    def long_token(self, person: str = ADA, scope: str = "email,manage_pages") -> str:
        """Return a long-lived user token."""
        return str(self.extended(self.user_token(person, scope)).json()["access_token"])

    def page_token(self, user_token: str, page: str = ENGINES) -> str:
        """Return the token of a page the user administers."""
        rows = self.get("me/accounts", access_token=user_token).json()["data"]
        return str(next(row["access_token"] for row in rows if row["id"] == page))

    def debug(self, token: str) -> dict[str, Any]:
        """Inspect a token with the app's own."""
        answer = self.get("debug_token", input_token=token, access_token=f"{APP}|{SECRET}")
        data: dict[str, Any] = answer.json()["data"]
        return data

    def refused(self, token: str, path: str = "me") -> tuple[int, int | None]:
        """Return (code, subcode) of the refusal that *token* gets."""
        return fault_of(self.get(path, access_token=token))


def fault_of(answer: httpx2.Response) -> tuple[int, int | None]:
    """Return (code, subcode) of a Graph refusal."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    return error["code"], error.get("error_subcode")


def answer_of(location: str) -> dict[str, str]:
    """Return the parameters a redirect carries, in its query or its fragment."""
    parts = urlsplit(location)
    query, fragment = (parse_qs(part, keep_blank_values=True) for part in (parts.query, parts.fragment))
    return {name: values[0] for name, values in (query | fragment).items()}


def proof_of(token: str, secret: str = SECRET) -> str:
    """Return the appsecret_proof of a token."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()
