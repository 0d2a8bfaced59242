"""The dialog: what an app may ask, what a person may answer, and where the answer goes."""

import base64
import json
from urllib.parse import urlsplit

import pytest

from tests.sandbox.ground import ADA, APP, BOB, CALLBACK, CLIENT_TOKEN, SECRET, Ground, answer_of, fault_of
from tokenflow.sandbox import AdminClient, AdminRefused, Sandbox, serve
from tokenflow.sandbox.signing import s256

VERIFIER = "v" * 43


def test_the_form_lists_the_people_and_works_without_script(ground: Ground) -> None:
    page = ground.http.get(ground.dialog(scope="email"), headers={"Accept": "text/html"})

    assert "<script" not in page.text
    assert "Ada Lovelace" in page.text
    assert 'value="approve"' in page.text
    assert 'value="deny"' in page.text


def test_what_the_page_shows_is_escaped(ground: Ground) -> None:
    ground.admin.person("300", "<b>Eve</b>")
    page = ground.http.get(ground.dialog(scope="<script>"), headers={"Accept": "text/html"})

    assert "<b>Eve" not in page.text
    assert "<script>" not in page.text


def test_the_person_and_the_decision_come_from_the_form(ground: Ground) -> None:
    url = ground.dialog(scope="email,user_birthday")
    sent = ground.http.post(url, data={"person": BOB, "decision": "approve", "decline": "user_birthday"})
    token = ground.exchange(answer_of(sent.headers["location"])["code"]).json()["access_token"]

    assert sent.status_code == 302
    assert ground.get("me", access_token=token).json()["id"] == BOB
    assert ground.debug(token)["scopes"] == ["email", "public_profile"]


def test_a_no_is_told_in_facebook_s_words(ground: Ground) -> None:
    sent = ground.http.post(ground.dialog(state="s"), data={"person": ADA, "decision": "deny"})

    assert urlsplit(sent.headers["location"]).query == (
        "error=access_denied&error_code=200&error_reason=user_denied"
        "&error_description=Permissions+error&state=s"
    )
    assert sent.headers["location"] == ground.admin.approve(ADA, ground.dialog(state="s"), deny=True)


def test_an_error_of_the_dialog_reaches_the_admin_with_its_body(ground: Ground) -> None:
    with pytest.raises(AdminRefused) as refused:
        ground.admin.approve(ADA, ground.dialog(redirect_uri="https://elsewhere.example/"))

    assert (refused.value.status, refused.value.body["error"]["code"]) == (400, 191)


@pytest.mark.parametrize(
    ("response_type", "in_fragment", "names"),
    [
        ("code", False, {"code"}),
        ("token", True, {"access_token", "expires_in", "data_access_expiration_time"}),
        ("code token", True, {"code", "access_token"}),
        (
            "token,signed_request,graph_domain,granted_scopes",
            True,
            {"access_token", "signed_request", "graph_domain"},
        ),
        ("code,signed_request,graph_domain", True, {"code", "signed_request", "graph_domain"}),
        ("id_token,token,graph_domain", True, {"id_token", "access_token"}),
        ("code,granted_scopes", False, {"code", "granted_scopes", "denied_scopes"}),
    ],
)
def test_response_type_says_what_comes_and_where(
    ground: Ground, response_type: str, in_fragment: bool, names: set[str]
) -> None:
    location = ground.admin.approve(ADA, ground.dialog(response_type=response_type, nonce="n"))

    assert names <= set(answer_of(location))
    assert bool(urlsplit(location).fragment) is in_fragment


def test_return_scopes_tells_what_was_granted_and_what_not(ground: Ground) -> None:
    url = ground.dialog(scope="email user_likes", return_scopes="true")
    answer = answer_of(ground.admin.approve(ADA, url, decline=["user_likes"]))

    assert answer["granted_scopes"] == "email,public_profile"
    assert answer["denied_scopes"] == "user_likes"


def test_what_was_declined_is_asked_again_only_on_request(ground: Ground) -> None:
    ground.admin.approve(ADA, ground.dialog(scope="email"), decline=["email"])
    plain = answer_of(ground.admin.approve(ADA, ground.dialog(scope="email", return_scopes="true")))
    asked = ground.dialog(scope="email", return_scopes="true", auth_type="rerequest")

    assert plain["granted_scopes"] == "public_profile"
    assert "email" in answer_of(ground.admin.approve(ADA, asked))["granted_scopes"]


def test_pkce_stands_in_for_the_secret(ground: Ground) -> None:
    code = ground.code(code_challenge=s256(VERIFIER), code_challenge_method="S256")
    asked = {"client_id": APP, "redirect_uri": CALLBACK, "code": code}

    assert fault_of(ground.get("oauth/access_token", **asked, code_verifier="w" * 43)) == (100, None)
    assert ground.get("oauth/access_token", **asked, code_verifier=VERIFIER).status_code == 200


@pytest.mark.proves("C4")
def test_a_bound_code_wants_its_verifier_even_with_the_secret(ground: Ground) -> None:
    assert fault_of(ground.exchange(ground.code(code_challenge=s256(VERIFIER)))) == (100, None)


@pytest.mark.proves("C4")
def test_a_verifier_without_a_challenge_is_refused(ground: Ground) -> None:
    assert fault_of(ground.exchange(ground.code(), code_verifier=VERIFIER)) == (100, None)


def test_a_code_dies_of_age_and_of_another_redirect_uri(ground: Ground) -> None:
    code = ground.code()
    assert fault_of(ground.exchange(code, redirect_uri="http://localhost/other")) == (100, 36008)

    ground.admin.advance(600)
    assert fault_of(ground.exchange(code)) == (100, 36007)


def test_a_code_alone_is_not_enough(ground: Ground) -> None:
    asked = {"client_id": APP, "redirect_uri": CALLBACK, "code": ground.code()}

    assert fault_of(ground.get("oauth/access_token", **asked)) == (1, None)


def test_the_identity_token_verifies_against_the_published_keys(ground: Ground) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    location = ground.admin.approve(ADA, ground.dialog(response_type="id_token", nonce="n1", scope="email"))
    head, payload, signature = answer_of(location)["id_token"].split(".")
    key = ground.get(".well-known/oauth/openid/jwks/").json()["keys"][0]
    numbers = rsa.RSAPublicNumbers(*(int.from_bytes(_decoded(key[each])) for each in ("e", "n")))
    claims = json.loads(_decoded(payload))

    numbers.public_key().verify(
        _decoded(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("https://www.facebook.com", APP, ADA)
    assert claims["nonce"] == "n1"
    assert not claims["email"].endswith((".test", ".example", ".invalid"))


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("http://127.0.0.1:9/x", True),
        ("http://localhost:3000/cb?a=1", True),
        ("http://[::1]/", True),
        (f"fb{APP}://authorize", True),
        (f"fb{APP}://authorize/", True),
        ("fbconnect://success", True),
        ("https://staticxx.facebook.com/x/connect/xd_arbiter/?version=46#cb=f1&domain=localhost", True),
        ("fb999://authorize", False),
        ("http://localhost.evil.example/", False),
        ("http://localhost@evil.example/", False),
        ("https://staticxx.facebook.com/x/connect/xd_arbiter/../../evil", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_a_run_may_allow_loopback_and_the_sdks_own_addresses(uri: str, allowed: bool) -> None:
    from tokenflow.sandbox.redirects import allowed_for_app

    world = Sandbox(app_id=APP, any_loopback_redirect=True).state().world

    assert allowed_for_app(world, world.apps[APP], uri) is allowed
    assert not allowed_for_app(Sandbox(app_id=APP).state().world, world.apps[APP], uri)


def test_a_fragment_is_continued_and_a_private_scheme_kept() -> None:
    settings = Sandbox(app_id=APP, any_loopback_redirect=True, app_secret=SECRET, client_token=CLIENT_TOKEN)
    with serve(settings) as running:
        admin = AdminClient(running.url, running.admin_token)
        admin.person(ADA, "Ada")
        start = f"{running.url}/dialog/oauth?app_id={APP}&response_type=token&redirect_uri="
        arbiter = "https%3A%2F%2Fstaticxx.facebook.com%2Fx%2Fconnect%2Fxd_arbiter%2F%3Fv%3D4%23cb%3Df1"

        assert "?v=4#cb=f1&access_token=" in admin.approve(ADA, start + arbiter)
        mobile = admin.approve(ADA, f"{start}fb{APP}%3A%2F%2Fauthorize")
        assert mobile.startswith(f"fb{APP}://authorize#access_token=")
        assert answer_of(mobile)["expires_in"] == "5184000"


def test_auto_approve_needs_no_form_and_takes_the_person_named() -> None:
    import httpx2

    settings = Sandbox(app_id=APP, auto_approve=True, any_loopback_redirect=True)
    with serve(settings) as running, httpx2.Client(trust_env=False) as http:
        url = f"{running.url}/dialog/oauth?client_id={APP}&redirect_uri=http://localhost/&response_type=token"
        first = http.get(url).headers["location"]
        AdminClient(running.url, running.admin_token).person(BOB, "Bob")
        named = http.get(f"{url}&sandbox_person={BOB}").headers["location"]

        ids = [
            http.get(f"{running.url}/me", params={"access_token": answer_of(each)["access_token"]}).json()[
                "id"
            ]
            for each in (first, named)
        ]
        assert ids[1] == BOB
        assert ids[0] != BOB


def test_s256_is_the_rfc_s_own_example() -> None:
    """RFC 7636 Appendix B."""
    assert (
        s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
