"""Authlib 1.9.10, its generic client as its documentation sets it up for Facebook."""

from typing import Any

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749.errors import MissingCodeException

from tests.acceptance.clients.authority import Authority, Somebody
from tests.acceptance.clients.browser import decide

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.fixture
def session(authority: Authority) -> Any:
    """Return the client of an application: its secret in the form, as Facebook documents it."""
    return OAuth2Session(
        authority.app_id,
        authority.app_secret,
        scope="email",
        redirect_uri=authority.callback,
        token_endpoint_auth_method="client_secret_post",
        code_challenge_method="S256",
    )


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_a_person_logs_in(authority: Authority, person: Somebody, session: Any, method: str) -> None:
    """By form and by Basic, with PKCE; the token is carried in Authorization."""
    session.token_endpoint_auth_method = method
    url, state = session.create_authorization_url(
        f"{authority.url}/v23.0/dialog/oauth", code_verifier=VERIFIER
    )
    token = session.fetch_token(
        f"{authority.url}/v23.0/oauth/access_token",
        authorization_response=decide(url, person.id),
        state=state,
        code_verifier=VERIFIER,
    )
    me = session.get(f"{authority.url}/v23.0/me?fields=id,email").json()
    assert me == {"id": person.id, "email": person.email}
    assert token["expires_at"] > token["expires_in"] > 0


def test_a_long_lived_token_is_another_grant(authority: Authority, person: Somebody, session: Any) -> None:
    """The exchange is a grant type of Facebook's own, fetched like any other."""
    issued = authority.admin.issue(person.id, authority.app_id, "web", ["email"])
    token = session.fetch_token(
        f"{authority.url}/oauth/access_token",
        grant_type="fb_exchange_token",
        fb_exchange_token=issued["access_token"],
    )
    assert token["access_token"] != issued["access_token"]
    assert session.get(f"{authority.url}/me").json()["id"] == person.id


def test_the_app_s_own_token_inspects(authority: Authority, person: Somebody, session: Any) -> None:
    """By client credentials; no end is named, and none is made up."""
    issued = authority.admin.issue(person.id, authority.app_id, "web", ["email"])
    app = session.fetch_token(f"{authority.url}/oauth/access_token", grant_type="client_credentials")
    found = session.get(f"{authority.url}/debug_token?input_token={issued['access_token']}").json()["data"]
    assert "expires_in" not in app
    assert (found["is_valid"], found["user_id"]) == (True, person.id)


def test_a_no_and_a_wrong_secret(authority: Authority, person: Somebody, session: Any) -> None:
    """A person's no brings no code; a wrong secret is refused and harms no code."""
    url, state = session.create_authorization_url(f"{authority.url}/dialog/oauth", code_verifier=VERIFIER)
    with pytest.raises(MissingCodeException):
        session.fetch_token(
            f"{authority.url}/oauth/access_token",
            authorization_response=decide(url, person.id, decision="deny"),
            state=state,
        )
    back = authority.admin.approve(person.id, url)
    session.client_secret = "wrong"
    with pytest.raises(OAuthError):
        session.fetch_token(
            f"{authority.url}/oauth/access_token", authorization_response=back, code_verifier=VERIFIER
        )
    session.client_secret = authority.app_secret
    assert session.fetch_token(
        f"{authority.url}/oauth/access_token", authorization_response=back, code_verifier=VERIFIER
    )["access_token"]
