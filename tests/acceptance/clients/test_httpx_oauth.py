"""httpx-oauth 0.17.0: its Facebook client on the Graph face, its generic ones on the OAuth face."""

import asyncio
import base64
import itertools
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from httpx_oauth.clients import facebook
from httpx_oauth.clients.facebook import FacebookOAuth2, GetLongLivedAccessTokenError
from httpx_oauth.clients.openid import OpenID, OpenIDConfigurationError
from httpx_oauth.exceptions import GetIdEmailError, GetProfileError
from httpx_oauth.oauth2 import (
    GetAccessTokenError,
    OAuth2,
    OAuth2RequestError,
    RefreshTokenError,
    RefreshTokenNotSupportedError,
    RevokeTokenError,
    RevokeTokenNotSupportedError,
)

from tests.acceptance.clients.authority import Authority, Later, Somebody
from tests.acceptance.clients.browser import PLAIN, answered, decide

HOUR = 3600
DAY = 24 * HOUR
SECRET = "the-client-s-secret"
#: The example of RFC 7636 (appendix B).
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

T = TypeVar("T")

_NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Spare the client reading every known certificate for each call: it speaks plain HTTP here."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


def done(work: Coroutine[Any, Any, T]) -> T:
    """Wait for one call of the client, which knows only coroutines."""
    return asyncio.run(work)


def refused(kind: type[Exception], work: Coroutine[Any, Any, object]) -> dict[str, Any]:
    """Return the body of the answer that the client took for a refusal of that kind."""
    with pytest.raises(kind) as caught:
        done(work)
    response = getattr(caught.value, "response", None)
    assert response is not None
    assert 400 <= response.status_code < 500
    body: dict[str, Any] = response.json()
    return body


def lost(kind: type[OAuth2RequestError], work: Coroutine[Any, Any, object]) -> None:
    """Take a failure of that kind in which nobody answered."""
    with pytest.raises(kind) as caught:
        done(work)
    assert caught.value.response is None


class TestFacebook:
    """The Facebook client, moved to the sandbox by its two endpoints and its profile's address."""

    @pytest.fixture
    def client(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Return the client as an application would make it."""
        monkeypatch.setattr(facebook, "PROFILE_ENDPOINT", f"{authority.url}/v5.0/me")
        made = FacebookOAuth2(authority.app_id, authority.app_secret)
        made.authorize_endpoint = f"{authority.url}/v5.0/dialog/oauth"
        made.access_token_endpoint = f"{authority.url}/v5.0/oauth/access_token"
        return made

    @pytest.fixture
    def code(self, authority: Authority, person: Somebody, client: Any) -> str:
        """Return the code of a login that asked for what the client asks by itself."""
        url = done(client.get_authorization_url(authority.callback))
        return answered(authority.admin.approve(person.id, url))["code"]

    def test_a_person_logs_in_through_the_page(
        self, authority: Authority, person: Somebody, client: Any
    ) -> None:
        """The form, filled by hand, gives a code whose token tells who they are and where to write."""
        url = done(client.get_authorization_url(authority.callback, state="a b&c"))

        back = answered(decide(url, person.id))
        token = done(client.get_access_token(back["code"], authority.callback))

        assert back["state"] == "a b&c"
        assert token["token_type"] == "bearer"
        assert not token.is_expired()
        assert done(client.get_id_email(token["access_token"])) == (person.id, person.email)

    def test_the_code_is_bound_to_the_verifier(
        self, authority: Authority, person: Somebody, client: Any
    ) -> None:
        """With PKCE the code is worth nothing to whoever lacks the verifier, or has another."""
        url = done(client.get_authorization_url(authority.callback, None, None, CHALLENGE, "S256"))
        code = answered(authority.admin.approve(person.id, url))["code"]

        without = refused(GetAccessTokenError, client.get_access_token(code, authority.callback))
        wrong = refused(
            GetAccessTokenError, client.get_access_token(code, authority.callback, VERIFIER[::-1])
        )

        assert without["error"]["code"] == wrong["error"]["code"] == 100
        token = done(client.get_access_token(code, authority.callback, VERIFIER))
        assert done(client.get_id_email(token["access_token"]))[0] == person.id

    def test_a_token_is_extended(
        self, authority: Authority, person: Somebody, client: Any, code: str, later: Later
    ) -> None:
        """The long-lived token is another, of about 60 days, and works when the short one is over."""
        short = done(client.get_access_token(code, authority.callback))

        long = done(client.get_long_lived_access_token(short["access_token"]))

        assert long["access_token"] != short["access_token"]
        assert 59 * DAY < long["expires_in"] <= 60 * DAY
        assert long["expires_at"] - short["expires_at"] > 59 * DAY
        with later(2 * HOUR):
            over = refused(GetProfileError, client.get_profile(short["access_token"]))
            assert (over["error"]["code"], over["error"]["error_subcode"]) == (190, 463)
            assert done(client.get_profile(long["access_token"])) == {"id": person.id, "email": person.email}

    def test_a_replayed_code_is_refused(self, authority: Authority, client: Any, code: str) -> None:
        """A second exchange, another redirect URI and a wrong secret are errors in Graph's shape."""
        elsewhere = refused(GetAccessTokenError, client.get_access_token(code, "http://localhost/elsewhere"))
        stranger = FacebookOAuth2(authority.app_id, "wrong")
        stranger.access_token_endpoint = client.access_token_endpoint
        wrong = refused(GetAccessTokenError, stranger.get_access_token(code, authority.callback))
        done(client.get_access_token(code, authority.callback))

        again = refused(GetAccessTokenError, client.get_access_token(code, authority.callback))

        assert elsewhere["error"]["error_subcode"] == 36008
        assert wrong["error"]["code"] == 1
        assert (again["error"]["code"], again["error"]["error_subcode"]) == (100, 36009)

    def test_a_token_that_ended_neither_extends_nor_tells(
        self, authority: Authority, person: Somebody, client: Any, code: str
    ) -> None:
        """After a password change the exchange and the profile are refused with 190/460."""
        token = done(client.get_access_token(code, authority.callback))["access_token"]

        authority.admin.password(person.id)

        for kind, call in (
            (GetLongLivedAccessTokenError, client.get_long_lived_access_token),
            (GetProfileError, client.get_profile),
            (GetIdEmailError, client.get_id_email),
        ):
            error = refused(kind, call(token))["error"]
            assert (error["code"], error["error_subcode"]) == (190, 460)

    def test_who_holds_the_address_back_has_none(
        self, authority: Authority, person: Somebody, client: Any
    ) -> None:
        """A declined e-mail is None, not an error."""
        url = done(client.get_authorization_url(authority.callback))
        code = answered(decide(url, person.id, hold_back=("email",)))["code"]

        token = done(client.get_access_token(code, authority.callback))["access_token"]

        assert done(client.get_id_email(token)) == (person.id, None)

    def test_facebook_has_no_refresh_tokens(self, authority: Authority, client: Any, code: str) -> None:
        """The answer brings none, and the client says that it neither refreshes nor revokes there."""
        token = done(client.get_access_token(code, authority.callback))

        assert "refresh_token" not in token
        with pytest.raises(RefreshTokenNotSupportedError):
            done(client.refresh_token("any"))
        with pytest.raises(RevokeTokenNotSupportedError):
            done(client.revoke_token(token["access_token"]))

    def test_answers_get_lost(self, authority: Authority, client: Any, code: str) -> None:
        """Half an answer and a cut connection are failures; a code that was not used holds."""
        authority.admin.fault("oauth/access_token", "drop", times=1)
        lost(GetAccessTokenError, client.get_access_token(code, authority.callback))

        token = done(client.get_access_token(code, authority.callback))["access_token"]

        authority.admin.fault("oauth/access_token", "half_json", times=1)
        with pytest.raises(GetLongLivedAccessTokenError, match="Invalid JSON"):
            done(client.get_long_lived_access_token(token))


class TestOAuth:
    """The generic clients: one that is told the endpoints, and one that discovers them."""

    @pytest.fixture
    def client_id(self, authority: Authority) -> str:
        """Return a confidential client that nobody used before, with strict rotation."""
        made = f"client-{next(_NUMBERS)}"
        authority.admin.client(made, client_secret=SECRET, redirect_uris=[authority.callback])
        return made

    @pytest.fixture(params=["told", "discovered"])
    def client(self, request: pytest.FixtureRequest, authority: Authority, client_id: str) -> Any:
        """Return the client: credentials by form for the one, by Basic for the other."""
        here = f"{authority.url}/oauth2"
        if request.param == "discovered":
            found = OpenID(client_id, SECRET, f"{here}/.well-known/openid-configuration")
            assert found.token_endpoint_auth_method == "client_secret_basic"
            return found
        return OAuth2(
            client_id,
            SECRET,
            f"{here}/authorize",
            f"{here}/token",
            f"{here}/token",
            f"{here}/revoke",
            base_scopes=["openid", "email"],
            revocation_endpoint_auth_method="client_secret_post",
        )

    @pytest.fixture
    def token(self, authority: Authority, person: Somebody, client: Any) -> Any:
        """Return what a login without PKCE gave."""
        url = done(client.get_authorization_url(authority.callback))
        code = answered(authority.admin.approve(person.id, url))["code"]
        return done(client.get_access_token(code, authority.callback))

    def _active(self, authority: Authority, client: Any, token: str) -> bool:
        """Introspect, which this client does not offer."""
        answer = httpx2.post(
            f"{authority.url}/oauth2/introspect",
            data={"token": token},
            auth=(client.client_id, client.client_secret),
            verify=PLAIN,
            trust_env=False,
        )
        return bool(answer.json()["active"])

    def test_a_person_logs_in_with_pkce(self, authority: Authority, person: Somebody, client: Any) -> None:
        """The code is bound to its challenge and the identity token to its nonce; `iss` comes back too."""
        url = done(
            client.get_authorization_url(
                authority.callback, "a b&c", None, CHALLENGE, "S256", extras_params={"nonce": "n-1"}
            )
        )

        back = answered(decide(url, person.id))
        wrong = refused(
            GetAccessTokenError, client.get_access_token(back["code"], authority.callback, VERIFIER[::-1])
        )
        token = done(client.get_access_token(back["code"], authority.callback, VERIFIER))

        assert (back["state"], back["iss"]) == ("a b&c", f"{authority.url}/oauth2")
        assert wrong["error"] == "invalid_grant"
        assert (token["token_type"], token["scope"]) == ("Bearer", "openid email")
        assert 0 < token["expires_in"] <= HOUR
        payload = token["id_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert (claims["iss"], claims["aud"]) == (back["iss"], client.client_id)
        assert (claims["sub"], claims["email"], claims["nonce"]) == (person.id, person.email, "n-1")

    def test_a_refresh_token_is_used_once(self, authority: Authority, client: Any, token: Any) -> None:
        """Each refresh gives the next refresh token; an old one, used again, ends the whole family."""
        second = done(client.refresh_token(token["refresh_token"]))
        third = done(client.refresh_token(second["refresh_token"]))

        assert len({each["refresh_token"] for each in (token, second, third)}) == 3
        assert len({each["access_token"] for each in (token, second, third)}) == 3
        assert self._active(authority, client, third["access_token"])
        reused = refused(RefreshTokenError, client.refresh_token(token["refresh_token"]))
        last = refused(RefreshTokenError, client.refresh_token(third["refresh_token"]))
        assert reused["error"] == last["error"] == "invalid_grant"
        assert not self._active(authority, client, third["access_token"])

    def test_a_server_may_keep_its_refresh_token(self, authority: Authority, client: Any, token: Any) -> None:
        """Without rotation the answer brings no refresh token, and the old one goes on working."""
        authority.admin.change_client(client.client_id, rotation="none")

        answers = [done(client.refresh_token(token["refresh_token"])) for _ in range(2)]

        assert not any("refresh_token" in each for each in answers)
        assert answers[0]["access_token"] != answers[1]["access_token"]

    def test_a_token_ends_of_time_and_a_refresh_gives_another(
        self, authority: Authority, client: Any, token: Any, later: Later
    ) -> None:
        """After its hour the access token is inactive, and the refresh token still works."""
        with later(HOUR + 1):
            assert not self._active(authority, client, token["access_token"])
            renewed = done(client.refresh_token(token["refresh_token"]))
            assert self._active(authority, client, renewed["access_token"])

    @pytest.mark.parametrize("hint", [None, "access_token", "refresh_token"])
    def test_an_access_token_is_revoked_alone(
        self, authority: Authority, client: Any, token: Any, hint: str | None
    ) -> None:
        """Whatever the hint says, that token is over and the refresh token goes on."""
        done(client.revoke_token(token["access_token"], hint))

        assert not self._active(authority, client, token["access_token"])
        renewed = done(client.refresh_token(token["refresh_token"]))
        assert self._active(authority, client, renewed["access_token"])

    def test_a_revoked_refresh_token_takes_its_family_along(
        self, authority: Authority, client: Any, token: Any
    ) -> None:
        """Both tokens are over, and revoking them again, or one that never was, is no error (RFC 7009)."""
        done(client.revoke_token(token["refresh_token"], "refresh_token"))

        assert not self._active(authority, client, token["access_token"])
        gone = refused(RefreshTokenError, client.refresh_token(token["refresh_token"]))
        assert gone["error"] == "invalid_grant"
        done(client.revoke_token(token["refresh_token"]))
        done(client.revoke_token("never-was"))

    def test_a_replayed_code_ends_what_it_gave(
        self, authority: Authority, person: Somebody, client: Any
    ) -> None:
        """The second exchange is refused, and the tokens of the first are revoked."""
        url = done(client.get_authorization_url(authority.callback))
        code = answered(authority.admin.approve(person.id, url))["code"]
        token = done(client.get_access_token(code, authority.callback))

        again = refused(GetAccessTokenError, client.get_access_token(code, authority.callback))

        assert again["error"] == "invalid_grant"
        assert not self._active(authority, client, token["access_token"])

    def test_a_no_comes_back_in_the_standard_s_words(
        self, authority: Authority, person: Somebody, client: Any
    ) -> None:
        """The deny button sends `access_denied` with the state."""
        url = done(client.get_authorization_url(authority.callback, "mine"))

        back = answered(decide(url, person.id, decision="deny"))

        assert (back["error"], back["state"]) == ("access_denied", "mine")
        assert "code" not in back

    def test_a_wrong_secret_opens_nothing(self, client: Any, token: Any) -> None:
        """Refresh and revocation are refused with `invalid_client`, and the token is not harmed."""
        client.client_secret = "wrong"
        refresh = refused(RefreshTokenError, client.refresh_token(token["refresh_token"]))
        revoke = refused(RevokeTokenError, client.revoke_token(token["refresh_token"]))
        client.client_secret = SECRET

        assert refresh["error"] == revoke["error"] == "invalid_client"
        assert done(client.refresh_token(token["refresh_token"]))["access_token"]

    def test_the_token_tells_who_logged_in(
        self, authority: Authority, person: Somebody, client_id: str
    ) -> None:
        """Userinfo is found by discovery; after the person removes the client it is refused."""
        client = OpenID(client_id, SECRET, f"{authority.url}/oauth2/.well-known/openid-configuration")
        url = done(client.get_authorization_url(authority.callback, scope=["openid", "email", "profile"]))
        code = answered(decide(url, person.id))["code"]
        token = done(client.get_access_token(code, authority.callback))["access_token"]

        profile = done(client.get_profile(token))

        assert (profile["sub"], profile["name"]) == (person.id, person.name)
        assert done(client.get_id_email(token)) == (person.id, person.email)
        authority.admin.remove_app(person.id, client_id)
        assert refused(GetIdEmailError, client.get_id_email(token))["error"] == "invalid_token"

    def test_nothing_is_discovered_where_nothing_is(self, authority: Authority) -> None:
        """A wrong address of the metadata is a configuration error, with the answer that was given."""
        with pytest.raises(OpenIDConfigurationError) as caught:
            OpenID("any", SECRET, f"{authority.url}/oauth2/not-there")

        assert caught.value.response is not None
        assert caught.value.response.status_code == 404
