"""The OAuth face, by the RFCs."""

import base64
import json

import httpx2
import pytest

from tests.sandbox.ground import ADA, CALLBACK, Ground, answer_of
from tokenflow.sandbox import AdminRefused
from tokenflow.sandbox.signing import s256

VERIFIER = "v" * 43
BASIC = ("web", "s3cret")


@pytest.fixture
def oauth(ground: Ground) -> Ground:
    """A confidential and a public client."""
    ground.admin.client("web", client_secret="s3cret", redirect_uris=[CALLBACK], rotation="strict")
    ground.admin.client("spa", client_secret=None, redirect_uris=[CALLBACK], rotation="none", scopes=["read"])
    return ground


def authorize(ground: Ground, client_id: str = "web", **params: str) -> str:
    """Return the URL of an authorization request."""
    asked = {"response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, **params}
    return str(httpx2.URL(f"{ground.running.url}/oauth2/authorize", params=asked))


def code(ground: Ground, client_id: str = "web", **params: str) -> str:
    """Log in as Ada and return the code."""
    return answer_of(ground.admin.approve(ADA, authorize(ground, client_id, **params)))["code"]


def token(ground: Ground, auth: tuple[str, str] | None = BASIC, **form: str) -> httpx2.Response:
    """Call the token endpoint."""
    url = f"{ground.running.url}/oauth2/token"
    return ground.http.post(url, data=form) if auth is None else ground.http.post(url, data=form, auth=auth)


def exchanged(ground: Ground, value: str, **form: str) -> httpx2.Response:
    """Exchange a code as the confidential client."""
    asked = {"grant_type": "authorization_code", "code": value, "redirect_uri": CALLBACK, **form}
    return token(ground, BASIC, **asked)


def active(ground: Ground, value: str) -> bool:
    """Introspect."""
    answer = ground.http.post(f"{ground.running.url}/oauth2/introspect", data={"token": value}, auth=BASIC)
    return bool(answer.json()["active"])


@pytest.mark.parametrize(
    "path", [".well-known/oauth-authorization-server/oauth2", "oauth2/.well-known/openid-configuration"]
)
def test_discovery_is_found_in_both_places(oauth: Ground, path: str) -> None:
    found = oauth.get(path).json()

    assert found["issuer"] == f"{oauth.running.url}/oauth2"
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert oauth.get(found["jwks_uri"].removeprefix(f"{oauth.running.url}/")).json()["keys"]


def test_a_code_is_exchanged_for_both_tokens(oauth: Ground) -> None:
    body = exchanged(oauth, code(oauth, scope="read write")).json()

    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "read write")
    assert active(oauth, body["access_token"])
    assert active(oauth, body["refresh_token"])


def test_the_answer_names_its_issuer(oauth: Ground) -> None:
    answer = answer_of(oauth.admin.approve(ADA, authorize(oauth, state="a b&c")))
    denied = answer_of(oauth.admin.approve(ADA, authorize(oauth, state="s"), deny=True))

    assert (answer["iss"], answer["state"]) == (f"{oauth.running.url}/oauth2", "a b&c")
    assert (denied["error"], denied["iss"]) == ("access_denied", f"{oauth.running.url}/oauth2")


def test_the_same_form_decides_here(oauth: Ground) -> None:
    url = authorize(oauth, scope="read")
    page = oauth.http.get(url, headers={"Accept": "text/html"})
    sent = oauth.http.post(url, data={"person": ADA, "decision": "approve", "decline": "read"})

    assert "Ada Lovelace" in page.text
    assert "scope" not in exchanged(oauth, answer_of(sent.headers["location"])["code"]).json()


@pytest.mark.parametrize(
    ("client_id", "params", "error"),
    [
        ("web", {"response_type": "token"}, "unsupported_response_type"),
        ("web", {"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request"),
        ("web", {"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ("spa", {}, "invalid_request"),
        (
            "spa",
            {"code_challenge": "x" * 43, "code_challenge_method": "S256", "scope": "all"},
            "invalid_scope",
        ),
    ],
)
def test_a_bad_request_is_answered_by_redirect(
    oauth: Ground, client_id: str, params: dict[str, str], error: str
) -> None:
    sent = oauth.http.get(authorize(oauth, client_id, **params))

    assert sent.status_code == 302
    assert answer_of(sent.headers["location"])["error"] == error


@pytest.mark.parametrize("params", [{"redirect_uri": "http://localhost/other"}, {"client_id": "nobody"}])
def test_a_bad_client_or_redirect_uri_is_never_redirected(oauth: Ground, params: dict[str, str]) -> None:
    asked = {"client_id": "web", "redirect_uri": CALLBACK, "response_type": "code", **params}

    assert oauth.get("oauth2/authorize", **asked).status_code == 400
    with pytest.raises(AdminRefused) as refused:
        oauth.admin.approve(ADA, str(httpx2.URL(f"{oauth.running.url}/oauth2/authorize", params=asked)))
    assert refused.value.status == 400


def test_a_public_client_proves_itself_by_pkce(oauth: Ground) -> None:
    asked = {"code_challenge": s256(VERIFIER), "code_challenge_method": "S256"}
    form = {"grant_type": "authorization_code", "client_id": "spa", "redirect_uri": CALLBACK}
    value = code(oauth, "spa", **asked)

    assert token(oauth, None, **form, code=value, code_verifier="w" * 43).json()["error"] == "invalid_grant"
    assert token(oauth, None, **form, code=value, code_verifier=VERIFIER).status_code == 200


@pytest.mark.proves("C4")
def test_a_verifier_without_a_challenge_is_refused(oauth: Ground) -> None:
    assert exchanged(oauth, code(oauth), code_verifier=VERIFIER).json()["error"] == "invalid_grant"


def test_a_replayed_code_revokes_what_it_gave(oauth: Ground) -> None:
    value = code(oauth)
    body = exchanged(oauth, value).json()

    assert exchanged(oauth, value).json()["error"] == "invalid_grant"
    assert not active(oauth, body["access_token"])
    assert not active(oauth, body["refresh_token"])


def test_a_code_dies_of_age(oauth: Ground) -> None:
    value = code(oauth)
    oauth.admin.advance(600)

    assert exchanged(oauth, value).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("auth", "form", "status", "error"),
    [
        (("web", "wrong"), {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (None, {"grant_type": "client_credentials", "client_id": "web"}, 401, "invalid_client"),
        (None, {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (None, {"grant_type": "client_credentials", "client_id": "spa"}, 400, "unauthorized_client"),
        (BASIC, {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (BASIC, {}, 400, "invalid_request"),
        (BASIC, {"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
        (BASIC, {"grant_type": "authorization_code", "code": "x"}, 400, "invalid_grant"),
    ],
)
def test_refusals_are_in_the_rfc_s_shape(
    oauth: Ground, auth: tuple[str, str] | None, form: dict[str, str], status: int, error: str
) -> None:
    answer = token(oauth, auth, **form)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert ("www-authenticate" in answer.headers) is (status == 401)


def test_client_credentials_give_no_refresh_token(oauth: Ground) -> None:
    form = {"grant_type": "client_credentials", "client_id": "web", "client_secret": "s3cret", "scope": "a b"}
    body = token(oauth, None, **form).json()

    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert active(oauth, body["access_token"])


def test_lifetimes_are_the_client_s_own(oauth: Ground) -> None:
    oauth.admin.change_client("web", expires_in=10, refresh_expires_in=20)
    body = exchanged(oauth, code(oauth)).json()
    oauth.admin.advance(10)
    assert not active(oauth, body["access_token"])

    oauth.admin.advance(10)
    refreshed = token(oauth, grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert refreshed.json()["error"] == "invalid_grant"


def test_no_lifetime_means_no_expires_in(oauth: Ground) -> None:
    oauth.admin.change_client("web", expires_in=None)
    body = exchanged(oauth, code(oauth)).json()
    oauth.admin.advance(10**9)

    assert "expires_in" not in body
    assert active(oauth, body["access_token"])


def test_a_refresh_may_narrow_the_scope_and_not_widen_it(oauth: Ground) -> None:
    body = exchanged(oauth, code(oauth, scope="read write")).json()
    form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}

    assert token(oauth, **form, scope="all").json()["error"] == "invalid_scope"
    assert token(oauth, **form, scope="read").json()["scope"] == "read"


def test_revoking_the_refresh_token_ends_the_family_and_the_unknown_is_no_error(oauth: Ground) -> None:
    body = exchanged(oauth, code(oauth)).json()
    url = f"{oauth.running.url}/oauth2/revoke"
    assert oauth.http.post(url, data={"token": body["access_token"]}, auth=BASIC).status_code == 200
    assert (active(oauth, body["access_token"]), active(oauth, body["refresh_token"])) == (False, True)

    again = exchanged(oauth, code(oauth)).json()
    oauth.http.post(url, data={"token": again["refresh_token"]}, auth=BASIC)
    assert (active(oauth, again["access_token"]), active(oauth, again["refresh_token"])) == (False, False)
    assert oauth.http.post(url, data={"token": "unknown"}, auth=BASIC).status_code == 200


def test_introspection_tells_who_and_what(oauth: Ground) -> None:
    body = exchanged(oauth, code(oauth, scope="read")).json()
    url = f"{oauth.running.url}/oauth2/introspect"
    data = oauth.http.post(url, data={"token": body["access_token"]}, auth=BASIC).json()

    assert (data["sub"], data["client_id"], data["scope"], data["token_type"]) == (
        ADA,
        "web",
        "read",
        "Bearer",
    )
    assert data["exp"] - data["iat"] == 3600
    assert oauth.http.post(url, data={"token": "x", "client_id": "spa"}).status_code == 400


def test_openid_adds_an_identity_token_and_userinfo(oauth: Ground) -> None:
    body = exchanged(oauth, code(oauth, scope="openid email", nonce="n")).json()
    payload = body["id_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    headers = {"Authorization": f"Bearer {body['access_token']}"}

    assert (claims["iss"], claims["aud"], claims["sub"]) == (f"{oauth.running.url}/oauth2", "web", ADA)
    assert claims["nonce"] == "n"
    assert oauth.http.get(f"{oauth.running.url}/oauth2/userinfo", headers=headers).json()["sub"] == ADA


def test_the_faces_do_not_take_each_other_s_tokens(oauth: Ground) -> None:
    body = exchanged(oauth, code(oauth)).json()

    assert oauth.refused(body["access_token"]) == (190, None)
    assert not active(oauth, oauth.user_token())
    assert oauth.get("oauth2/nothing").status_code == 404
    assert oauth.get("oauth2/token").status_code == 405


def test_removing_the_client_ends_what_it_had(oauth: Ground) -> None:
    body = exchanged(oauth, code(oauth)).json()
    oauth.admin.remove_app(ADA, "web")

    assert not active(oauth, body["refresh_token"])
