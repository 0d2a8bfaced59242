"""requests-oauthlib 2.0.0 with its own fix for Facebook, pointed at the sandbox by two addresses."""

from typing import Any

import pytest
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error, MismatchingStateError
from requests.exceptions import ConnectionError
from requests_oauthlib import OAuth2Session
from requests_oauthlib.compliance_fixes import facebook_compliance_fix

from tests.acceptance.clients.authority import Authority, Later, Somebody
from tests.acceptance.clients.browser import decide

HOUR = 3600


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let oauthlib speak plain HTTP, as its own documentation says for a local server."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def session(authority: Authority) -> Any:
    """Return the session of an application."""
    made = OAuth2Session(authority.app_id, redirect_uri=authority.callback, scope=["email"], pkce="S256")
    return facebook_compliance_fix(made)


def fetched(session: Any, authority: Authority, back: str) -> dict[str, Any]:
    """Exchange what came back, as the library's documentation does it for Facebook."""
    token: dict[str, Any] = session.fetch_token(
        f"{authority.url}/v23.0/oauth/access_token",
        client_secret=authority.app_secret,
        authorization_response=back,
        include_client_id=True,
    )
    return token


def test_a_person_logs_in_and_is_read(
    authority: Authority, person: Somebody, session: Any, later: Later
) -> None:
    """With PKCE and state; the session carries the token until its hour or two are over."""
    url, _ = session.authorization_url(f"{authority.url}/v23.0/dialog/oauth")
    token = fetched(session, authority, decide(url, person.id))
    me = session.get(f"{authority.url}/v23.0/me?fields=id,email").json()
    assert (me, token["token_type"]) == ({"id": person.id, "email": person.email}, "bearer")
    assert HOUR <= token["expires_in"] <= 2 * HOUR
    with later(2 * HOUR):
        over = session.get(f"{authority.url}/v23.0/me")
    assert (over.status_code, over.json()["error"]["error_subcode"]) == (400, 463)


def test_another_state_is_not_taken(authority: Authority, person: Somebody, session: Any) -> None:
    """The state comes back to the byte, and only with its own session."""
    url, state = session.authorization_url(f"{authority.url}/dialog/oauth")
    back = authority.admin.approve(person.id, url)
    assert f"state={state}" in back
    with pytest.raises(MismatchingStateError):
        fetched(session, authority, back.replace(state, "another"))


def test_a_code_works_once(authority: Authority, person: Somebody, session: Any) -> None:
    """The second exchange is an error that holds Graph's numbers."""
    url, _ = session.authorization_url(f"{authority.url}/dialog/oauth")
    back = authority.admin.approve(person.id, url)
    fetched(session, authority, back)
    with pytest.raises(CustomOAuth2Error, match="36009"):
        fetched(session, authority, back)


def test_a_lost_answer_is_a_connection_error(authority: Authority, person: Somebody, session: Any) -> None:
    """Before the code was taken, it still works; after that, it is used."""
    url, _ = session.authorization_url(f"{authority.url}/dialog/oauth")
    back = authority.admin.approve(person.id, url)
    authority.admin.fault("oauth/access_token", "drop", times=1)
    with pytest.raises(ConnectionError):
        fetched(session, authority, back)
    authority.admin.fault("oauth/access_token", "drop_after", times=1)
    with pytest.raises(ConnectionError):
        fetched(session, authority, back)
    with pytest.raises(CustomOAuth2Error, match="36009"):
        fetched(session, authority, back)
