"""social-auth-core 7.0.0: its Facebook backend, pointed at the sandbox by the addresses of its class."""

import warnings
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.acceptance.clients.authority import Authority, Somebody
from tests.acceptance.clients.browser import decide

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its OpenID library tries an XML reader that is deprecated
    from social_core.backends.facebook import FacebookOAuth2
    from social_core.exceptions import AuthCanceled, AuthException, AuthProviderError
    from social_core.storage import BaseStorage, NonceMixin, UserMixin
    from social_core.strategy import BaseStrategy

DAY: Final = 24 * 3600


class _Users(UserMixin):
    """No user is ever looked up here: the pipeline is empty."""


class _Nonces(NonceMixin):
    """A state is made once and comes back once."""

    known: ClassVar[set[tuple[str, int, str]]] = set()

    @classmethod
    def use(cls, server_url: str, timestamp: int, salt: str) -> bool:
        new = (server_url, timestamp, salt) not in cls.known
        cls.known.add((server_url, timestamp, salt))
        return new

    @classmethod
    def consume(cls, server_url: str, timestamp: int, salt: str) -> bool:
        known = (server_url, timestamp, salt) in cls.known
        cls.known.discard((server_url, timestamp, salt))
        return known


class _Storage(BaseStorage):
    user = _Users
    nonce = _Nonces


class _Strategy(BaseStrategy[Any]):
    """The least a framework has to give: settings, one session and one request."""

    def __init__(self, settings: dict[str, Any], request: dict[str, str]) -> None:
        super().__init__(storage=_Storage)
        self.settings, self.request = settings, request
        self.session: dict[str, Any] = {}

    def get_setting(self, name: str) -> Any:
        return self.settings[name]

    def request_data(self, merge: bool = True) -> dict[str, str]:
        return self.request

    def redirect(self, url: str) -> str:
        return url

    def session_get(self, name: str, default: Any = None) -> Any:
        return self.session.get(name, default)

    def session_set(self, name: str, value: Any) -> None:
        self.session[name] = value

    def session_pop(self, name: str) -> Any:
        return self.session.pop(name, None)

    def build_absolute_uri(self, path: str | None = None) -> str:
        return path or ""

    def authenticate(self, backend: Any, *args: Any, **kwargs: Any) -> Any:
        return kwargs["response"]


def backend(authority: Authority, **settings: Any) -> Any:
    """Return the backend of an application, its addresses the sandbox's."""

    class Here(FacebookOAuth2[Any]):
        AUTHORIZATION_URL = f"{authority.url}/v{{version}}/dialog/oauth"
        ACCESS_TOKEN_URL = f"{authority.url}/v{{version}}/oauth/access_token"
        REVOKE_TOKEN_URL = f"{authority.url}/v{{version}}/{{uid}}/permissions"
        USER_DATA_URL = f"{authority.url}/v{{version}}/me"

    given = {
        "SOCIAL_AUTH_FACEBOOK_KEY": authority.app_id,
        "SOCIAL_AUTH_FACEBOOK_SECRET": authority.app_secret,
        "SOCIAL_AUTH_FACEBOOK_SCOPE": ["email", "pages_show_list"],
        "SOCIAL_AUTH_FACEBOOK_PROFILE_EXTRA_PARAMS": {"fields": "id,name,email"},
    }
    return Here(_Strategy({**given, **settings}, {}), redirect_uri=authority.callback)


def came_back(client: Any, location: str) -> Any:
    """Let the browser come back to the application at *location*, and complete the login."""
    client.data = dict(parse_qsl(urlsplit(location).query))
    return client.auth_complete()


def test_a_person_logs_in_with_what_they_granted(authority: Authority, person: Somebody) -> None:
    """The profile is read with a proof, and what was granted and declined comes with the redirect."""
    client = backend(authority)
    found = came_back(client, decide(client.auth_url(), person.id, hold_back=["pages_show_list"]))
    assert (found["id"], found["email"]) == (person.id, person.email)
    assert "email" in found["granted_scopes"]
    assert found["denied_scopes"] == ["pages_show_list"]
    assert found["expires_in"] > 0


def test_a_stored_token_is_extended(authority: Authority, person: Somebody) -> None:
    """What this backend calls a refresh is Facebook's exchange for a long-lived token."""
    client = backend(authority)
    found = came_back(client, authority.admin.approve(person.id, client.auth_url()))
    longer = client.refresh_token(found["access_token"])
    assert longer["access_token"] != found["access_token"]
    assert 59 * DAY < longer["expires_in"] <= 60 * DAY
    assert client.user_data(longer["access_token"])["id"] == person.id


def test_a_login_is_taken_back(authority: Authority, person: Somebody) -> None:
    """After the revocation the token opens nothing: 190."""
    client = backend(authority)
    token = came_back(client, authority.admin.approve(person.id, client.auth_url()))["access_token"]
    client.revoke_token(token, person.id)
    with pytest.raises(AuthException):
        client.user_data(token)


def test_a_no_is_a_cancelled_login(authority: Authority, person: Somebody) -> None:
    """The deny button raises AuthCanceled."""
    client = backend(authority)
    with pytest.raises(AuthCanceled):
        came_back(client, decide(client.auth_url(), person.id, decision="deny"))


def test_an_app_in_development_is_an_error_without_an_error_key(authority: Authority) -> None:
    """Facebook's `error_code` alone is understood as the provider's error."""
    client = backend(authority)
    with pytest.raises(AuthProviderError) as failed:
        came_back(client, "https://x/?error_code=901&error_message=This+app+is+in+sandbox+mode")
    assert failed.value.provider_code == "901"


@pytest.mark.parametrize(
    ("status", "known_as"), [(429, "rate_limited"), (503, None)], ids=["too many calls", "server down"]
)
def test_a_tired_server_is_told_apart_from_a_refusal(
    authority: Authority, person: Somebody, status: int, known_as: str | None
) -> None:
    """A rate limit is known by its code 4; anything else is a provider's error."""
    client = backend(authority)
    token = came_back(client, authority.admin.approve(person.id, client.auth_url()))["access_token"]
    authority.admin.fault("me", "status", status=status, times=1)
    with pytest.raises(AuthProviderError) as failed:
        client.user_data(token)
    assert (failed.value.code == "rate_limited") is (known_as == "rate_limited")
    assert failed.value.status_code == status
