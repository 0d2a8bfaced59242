"""fastapi-sso 0.23.0: its Facebook login, pointed at the sandbox by its discovery document."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi_sso.sso.base import DiscoveryDocument
from fastapi_sso.sso.facebook import FacebookSSO
from starlette.requests import Request

from tests.acceptance.clients.authority import Authority, Somebody
from tests.acceptance.clients.browser import decide


@pytest.fixture
def sso(authority: Authority) -> Any:
    """Return the login of an application."""

    class Here(FacebookSSO):
        async def get_discovery_document(self) -> DiscoveryDocument:
            return {
                "authorization_endpoint": f"{authority.url}/v19.0/dialog/oauth",
                "token_endpoint": f"{authority.url}/v19.0/oauth/access_token",
                "userinfo_endpoint": f"{authority.url}/v19.0/me?fields=id,name,email,picture",
            }

    return Here(authority.app_id, authority.app_secret, authority.callback, allow_insecure_http=True)


async def _logged_in(sso: Any, decision: Any) -> Any:
    async with sso:
        response = await sso.get_login_redirect(state="a-state")
    async with sso:
        back = urlsplit(decision(response.headers["location"]))
        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "server": ("localhost", 80),
            "path": back.path,
            "query_string": back.query.encode(),
            "headers": [(b"cookie", response.headers.get("set-cookie", "").partition(";")[0].encode())],
        }
        return await sso.verify_and_process(Request(scope))


def test_a_person_logs_in(authority: Authority, person: Somebody, sso: Any) -> None:
    """Their id, name and address come as one OpenID value."""
    found = asyncio.run(_logged_in(sso, lambda url: decide(url, person.id)))
    assert (found.id, found.display_name, found.email) == (person.id, person.name, person.email)
    assert found.provider == "facebook"


def test_an_address_that_is_held_back_is_none(authority: Authority, person: Somebody, sso: Any) -> None:
    """Nothing is made up for what the person did not grant."""
    found = asyncio.run(_logged_in(sso, lambda url: decide(url, person.id, hold_back=["email"])))
    assert (found.id, found.email) == (person.id, None)


def test_a_no_logs_nobody_in(authority: Authority, person: Somebody, sso: Any) -> None:
    """The deny button is an error of this library's, never a login."""
    with pytest.raises(Exception, match=r"(?i)denied|code"):
        asyncio.run(_logged_in(sso, lambda url: decide(url, person.id, decision="deny")))
